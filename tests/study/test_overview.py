"""What a study consists of, from its file and its records: planned and done, every run, machines and versions."""

import pytest

from smallbatch.errors import UserError
from smallbatch.study import integrity
from smallbatch.study.file import load_study
from smallbatch.study.overview import Overview, varied

STUDY = """
title: Made up
defaults: {dataset: digits, n_train: 40, image_size: 107, width: 0.125, depth: 0.1, epochs: 2}
experiments:
  first:
    title: Batch sizes
    grid: {batch_size: [4, 20], seed: [0, 1, 2]}
  second:
    fixed: {batch_size: 4}
    grid:
      remedy: [{}, {dropout: 0.2}]
      seed: [0, 1, 2]
  third:
    notebook: wilson_martinez
    grid: {dataset: [iris, wine]}
showcase: {batch_size: 20, seed: 0}
"""


def record_of(run, config, processor="a processor", instructions=None):
    accuracies = {name: {s: {"accuracy": 0.75} for s in ("train", "test")} for name in ("moving", "recalibrated")}
    return {
        "run": run,
        "parameters": config.identity(),
        "outcome": "diverged" if config.seed == 2 else "finished",
        "used": {},
        "metrics": accuracies,
        "images": {"train": 40, "test": 40},
        "epochs": 1,
        "kept_epoch": 1,
        "steps": 20,
        "seconds": {"training": 90.0},
        "memory_peak_mib": 900,
        "environment": {
            "processor": processor, "cores": 2, "accelerators": [], "system": "Linux", "python": "3.12.1",
            "backend": None, "packages": {"keras": "3.15.1", "jax": None},
            **({"instructions": instructions} if instructions else {}),
        },
        "code": {},
        "finished": f"2026-11-0{1 + config.seed}T12:00:00Z",
    }  # fmt: skip


def write(folder, record, table):
    folder.mkdir(parents=True)
    text = b"epoch\n1\n"
    (folder / "record.json").write_bytes(integrity.sealed(record, {table: text}, {table: 1}))
    (folder / table).write_bytes(text)


@pytest.fixture
def overview(tmp_path, monkeypatch):
    """A study of eleven runs: all of `first`, one run of `second` that `first` lacks, one of `third` have a record."""
    for name in ("studies", "notebooks"):
        (tmp_path / name).mkdir()
    (tmp_path / "studies" / "made-up.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    study = load_study("made-up")
    runs = tmp_path / "results" / "made-up" / "runs"
    extra = [run for run in study.experiments["second"] if run not in study.experiments["first"]]
    for run in [*study.experiments["first"], extra[0]]:
        config = study.runs[run]
        machine = ("another", "X86_V4") if config.seed == 2 else ("a processor",)
        write(runs / run, record_of(run, config, *machine), "history.csv")
    measured = study.experiments["third"][0]
    record = record_of(measured, study.runs[measured])
    record |= {"notebook": "wilson_martinez", "summary": {}, "seconds": {"measuring": 60}}
    del record["metrics"], record["outcome"], record["steps"]
    write(runs / measured, record, "measurements.csv")
    return Overview("made-up")


def test_planned_and_done_are_counted_and_shared_runs_count_in_each_experiment(overview):
    assert (overview.n_planned, overview.n_done) == (11, 8)
    table = overview.experiments().set_index("experiment")
    assert table[["planned", "done"]].to_numpy().tolist() == [[6, 6], [6, 4], [2, 1]]
    assert table["title"].tolist() == ["Batch sizes", "second", "third"]
    assert table["notebook"].tolist() == ["retrain", "retrain", "wilson_martinez"]
    assert table.loc["first", "varied"] == "batch_size: 4, 20; seed: 0 to 2"


def test_every_record_is_a_row_with_what_it_changed(overview):
    runs = overview.runs()
    assert runs["run"].tolist() == list(overview.records)
    training = runs[runs["experiments"] != "third"].set_index("run")
    assert (training["test_error"] == 25).all() and (training["minutes"] == 1.5).all()
    assert training.query("seed == 2")["outcome"].tolist() == ["diverged"] * 2
    assert training.query("batch_size == 4 and changed == ''")["experiments"].tolist() == ["first second"] * 3
    assert training["changed"].tolist().count("dropout = 0.2") == 1
    assert set(training["changed"]) == {"", "dropout = 0.2"}
    measured = runs[runs["experiments"] == "third"].iloc[0]
    assert measured[["outcome", "minutes"]].tolist() == ["finished", 1.0]
    assert measured[["test_error", "steps", "batch_size"]].isna().all()


def test_machines_and_versions_are_grouped(overview):
    table = overview.environments()
    machines = ["a processor, 2 cores, no accelerator", "another (X86_V4), 2 cores, no accelerator"]
    assert table["runs"].tolist() == [6, 2]
    assert table["machine"].tolist() == machines
    assert set(table["versions"]) == {"Python 3.12.1, keras 3.15.1"}
    assert table[["first", "last"]].to_numpy().tolist() == [["2026-11-01", "2026-11-02"], ["2026-11-03"] * 2]


def test_a_study_without_records_and_one_that_is_not_there(overview, tmp_path):
    (tmp_path / "studies" / "planned.yaml").write_text(STUDY)
    planned = Overview("planned")
    assert (planned.n_planned, planned.n_done) == (11, 0)
    assert planned.runs().empty and planned.environments().empty
    assert (planned.experiments()["done"] == 0).all()
    with pytest.raises(UserError, match="no file studies/missing"):
        assert Overview("missing").n_planned


def test_runs_that_left_no_result_are_told_apart(overview, tmp_path):
    runs = tmp_path / "results" / "made-up" / "runs"
    damaged, ended = sorted(folder.name for folder in runs.iterdir())[:2]
    (runs / damaged / "record.json").write_text("{")
    (runs / ended).rename(tmp_path / "elsewhere")
    (tmp_path / "results" / "made-up" / "out-of-memory").mkdir()
    (tmp_path / "results" / "made-up" / "out-of-memory" / f"{ended}.json").write_text("{}")
    assert (overview.damaged, overview.out_of_memory, overview.n_done) == ([damaged], [ended], 6)
    last = overview.runs().iloc[-1]
    assert last["run"] == ended and last["outcome"] == "out of memory" and last["experiments"]
    assert last[["test_error", "minutes"]].isna().all()


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ({"seed": [0, 1, 2, 3]}, "seed: 0 to 3"),
        ({"seed": [0, 1]}, "seed: 0, 1"),
        ({"batch_size": [32, 16]}, "batch_size: 32, 16"),
        ({"gradient": ["mean", "sum", "last"]}, "gradient: mean, sum, last"),
        ({"patience": [None, 60]}, "patience: none, 60"),
        ({"remedy": [{}, {"a": 1, "b": 2}]}, "remedy: plain, a = 1 and b = 2"),
    ],
)
def test_what_is_varied_in_words(grid, words):
    assert varied(grid) == words
