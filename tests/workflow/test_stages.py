"""`make study` and `make book` end to end on a tiny study: resumed after a kill, idle when nothing changed."""

import os
import re
import shutil
import signal
import subprocess
import time

import nbformat
import pandas as pd
import pytest

from smallbatch.study import records as results
from smallbatch.study import tables
from tests.conftest import TINY

pytestmark = pytest.mark.slow


def records(copy, study="tiny"):
    folder = copy.folder / "results" / study / "runs"
    found = {f.name: results.read_record(f) for f in folder.iterdir() if not f.name.startswith(".")}
    return {name: record for name, record in found.items() if record}


def metrics(copy):
    return {name: (record["metrics"], record["steps"]) for name, record in records(copy).items()}


def test_the_book_is_built_from_runs_of_its_own(built):
    assert "Study tiny: 4 runs, 0 done, 4 to do" in built.said
    assert "epoch 2 of 2" in built.said and "4 of 4 runs done" in built.said
    assert built.said.rstrip().endswith("_build/html/index.html")
    assert (built.folder / "_build/html/index.html").is_file()
    assert "training" in built.said and "building" in built.said
    assert len(records(built)) == 4
    runs = pd.read_csv(built.folder / "results/tiny/runs.csv")
    assert set(runs["run"]) == set(records(built))


def test_nothing_is_done_twice(built):
    before = {f: f.stat().st_mtime_ns for f in (built.folder / "results/tiny").rglob("*") if f.is_file()}
    start = time.monotonic()
    again = built.run("book", "tiny")
    assert again.returncode == 0 and time.monotonic() - start < 60
    assert "4 done, 0 to do" in again.stdout and "epoch" not in again.stdout
    assert "The book is up to date." in again.stdout
    assert before == {f: f.stat().st_mtime_ns for f in (built.folder / "results/tiny").rglob("*") if f.is_file()}


def test_published_records_count_as_done_whatever_their_times(built, copy):
    source, target = built.folder / "results/tiny", copy.folder / "results/tiny"
    shutil.copytree(source, target)
    for file in target.rglob("*"):
        os.utime(file, (0, 0))
    # Nor does the notebook of a run that was killed here take the place of the published one.
    (copy.folder / "logs/tiny").mkdir(parents=True)
    shutil.copy2(copy.folder / "notebooks/retrain.ipynb", copy.folder / "logs/tiny/b20-s0-4e20653c.ipynb")
    assert (target / "runs/b20-s0-4e20653c").is_dir()
    done = copy.run("study", "tiny")
    assert done.returncode == 0 and "4 done, 0 to do" in done.stdout
    assert (target / "one-run.ipynb").read_text() == (source / "one-run.ipynb").read_text()


def test_a_run_whose_notebook_was_lost_is_shown_again_with_the_same_record(built, copy):
    shutil.copytree(built.folder / "results/tiny", copy.folder / "results/tiny")
    (copy.folder / "results/tiny/one-run.ipynb").unlink()
    done = copy.run("book", "tiny")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Running b20-s0-4e20653c once more" in done.stdout
    assert metrics(copy) == metrics(built)
    assert "epoch 2 of 2" in (copy.folder / "_build/html/book/one-run.html").read_text()


@pytest.mark.parametrize("victims", ["all", "parent"])
def test_a_killed_study_goes_on_and_ends_with_the_same_records(built, copy, victims):
    log = (copy.folder / "log").open("w")
    process = subprocess.Popen(
        copy.command("study", "tiny"), cwd=copy.folder, env=copy.environment, stdout=log, stderr=log,
        start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: "finished: " in (copy.folder / "log").read_text())
    done_before = records(copy)
    if victims == "all":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()  # Snakemake and its jobs go on
    process.wait()
    again = copy.run("study", "tiny")
    assert again.returncode == 0, again.stdout + again.stderr
    assert metrics(copy) == metrics(built)
    after = records(copy)
    assert all(after[name] == record for name, record in done_before.items())
    if victims == "parent":
        assert "is being trained by another process; waiting for it" in again.stdout
        assert "epoch" not in again.stdout  # the orphans finished; nothing was trained twice


def wait_for(condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.2)


def test_a_failed_run_is_named_its_notebook_kept_and_the_others_go_on(copy, image_tree):
    from tests.training.data.test_data import damage

    damage(image_tree, "corrupt")
    own = f"""experiments:
  own:
    fixed: {{dataset: folder, n_train: 12, data_folder: {image_tree}}}
    grid: {{batch_size: [4]}}"""
    study = TINY.replace("experiments:", own).replace("seed: [0, 1]", "seed: [0]")
    (copy.folder / "studies/mixed.yaml").write_text(study)
    done = copy.run("study", "mixed")
    assert done.returncode == 1
    assert "cannot be read as an image" in done.stderr and "1 of 3 runs of study mixed have no record" in done.stderr
    kept = done.stderr.split("Its notebook is kept: ")[1].splitlines()[0]
    assert "cannot be read as an image" in (copy.folder / kept).read_text()
    assert len(records(copy, "mixed")) == 2
    assert len(pd.read_csv(copy.folder / "results/mixed/runs.csv")) == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch_size: [4, 20]", "batch_sise: [4]", "Did you mean batch_size?"),
        ("batch_size: [4, 20]", "batch_size: [4000]", "batch_size = 4000 is larger than the training set"),
        (
            "dataset: digits",
            "dataset: folder, data_folder: /none",
            "data_folder = '/none': there is no such folder",
        ),
        ("epochs: 2", "learning_rate: 1e-5", "in YAML write 1.0e-5"),
    ],
)
def test_a_mistake_in_a_study_ends_it_before_any_training(copy, old, new, message):
    (copy.folder / "studies/bad.yaml").write_text(TINY.replace(old, new))
    start = time.monotonic()
    done = copy.run("book", "bad")
    assert done.returncode == 1 and time.monotonic() - start < 30
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not (copy.folder / "results/bad").exists()


COIN = """
from typing import ClassVar

from smallbatch.parameters import Parameters, parameter


class Config(Parameters):
    NOTEBOOK: ClassVar[str] = "coin"
    throws: int = parameter(10, "Throws of one coin.", "throws", ge=1)
"""
COIN_CELLS = (
    "throws = 10\nseed = 0\nrecord_folder = 'results/my-runs'",
    """
import numpy as np
import pandas as pd

from smallbatch.measurements.coin.parameters import Config
from smallbatch.study import records

config = Config.from_notebook(globals())
heads = np.random.default_rng(config.seed).integers(0, 2, config.throws)
record = records.make_measurement(config, {"share": {"heads": heads.mean()}}, {"measuring": 0.5})
records.write_measurement(config, record, pd.DataFrame({"heads": heads}))
""",
)


@pytest.fixture
def with_coin(copy):
    """A copy with one more measurement notebook, added by the three steps that `smallbatch.study.notebooks` gives."""
    (copy.folder / "smallbatch/measurements/coin").mkdir()
    (copy.folder / "smallbatch/measurements/coin/parameters.py").write_text(COIN)
    registry = copy.folder / "smallbatch/study/notebooks.py"
    coin, gone = "smallbatch.measurements.coin.parameters.Config", "no_such_module.Config"
    added = f'CONFIGS = {{\n    "coin": "{coin}",\n    "gone": "{gone}",'
    assert registry.read_text().count("CONFIGS = {") == 1
    registry.write_text(registry.read_text().replace("CONFIGS = {", added))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in COIN_CELLS])
    notebook.cells[0].metadata.tags = ["parameters"]
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, copy.folder / "notebooks/coin.ipynb")
    return copy


def test_a_study_of_measurements_runs_by_priority_and_seed_and_leaves_its_tables(with_coin):
    (with_coin.folder / "studies/coins.yaml").write_text("""
title: Coins
experiments:
  three: {notebook: coin, grid: {throws: [3], seed: [0, 1]}}
  four: {notebook: coin, grid: {throws: [4], seed: [0]}}
  many: {notebook: coin, priority: 1, grid: {throws: [50], seed: [1]}}
""")
    with_coin.environment["CORES"] = "1"
    done = with_coin.run("study", "coins")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Study coins: 4 runs, 0 done, 4 to do" in done.stdout
    assert "Tables in results/coins: coin-summary.csv, coin.csv" in done.stdout
    folder = with_coin.folder / "results/coins"
    points, summary = tables.read_measurements(folder, "coin")
    started = re.findall(r"run (coin-\S+) finished", done.stdout)
    order = summary.set_index("run").loc[started, ["throws", "seed"]]
    assert order.to_numpy().tolist() == [[50, 1], [3, 0], [4, 0], [3, 1]]
    assert len(points) == 3 + 3 + 4 + 50 and summary["backend"].isna().all()  # no network, no Keras
    # Half a record counts as none: that run alone is measured again, with the same result.
    (folder / "runs" / started[0] / "measurements.csv").unlink()
    again = with_coin.run("study", "coins")
    assert again.returncode == 0 and "3 done, 1 to do" in again.stdout
    assert re.findall(r"run (coin-\S+) finished", again.stdout) == started[:1]
    pd.testing.assert_frame_equal(tables.read_measurements(folder, "coin")[0], points)
    book = with_coin.run("book", "coins")
    assert book.returncode == 1 and "studies/coins.yaml has no run of retrain" in book.stderr


def test_measurements_join_a_study_of_training_runs(built, with_coin):
    shutil.copytree(built.folder / "results/tiny", with_coin.folder / "results/tiny")
    coins = "experiments:\n  coins: {notebook: coin, grid: {seed: [0]}}"
    (with_coin.folder / "studies/tiny.yaml").write_text(TINY.replace("experiments:", coins))
    done = with_coin.run("study", "tiny")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Study tiny: 5 runs, 4 done, 1 to do" in done.stdout
    runs, _ = tables.read_tables(with_coin.folder / "results/tiny")
    assert len(runs) == 4 and set(runs["experiments"]) == {"batch_size"}
    assert len(tables.read_measurements(with_coin.folder / "results/tiny", "coin")[0]) == 10
    # Without the experiment its tables go.
    (with_coin.folder / "studies/tiny.yaml").write_text(TINY)
    assert with_coin.run("study", "tiny").returncode == 0
    assert not list((with_coin.folder / "results/tiny").glob("coin*.csv"))
