"""Records of measurement notebooks: whole or not at all; tables with the parameters that tell runs apart."""

import json

import numpy as np
import pandas as pd
import pytest

from smallbatch.study import records, tables
from tests.measuring import Coin, Probe
from tests.study.test_records import write as write_training_run

pytestmark = pytest.mark.usefixtures("measuring")
POINTS = pd.DataFrame({"throw": [1, 2, 3], "heads": [1, 0, 1], "face": ["none", "b", None]})


def measure(folder, kind=Coin, table=POINTS, summary=None, **parameters):
    config = kind.create(record_folder=str(folder), **parameters)
    record = records.make_measurement(config, summary or {"heads": {"share": 2 / 3, "n": 2}}, {"measuring": 1.23456})
    return config.run_id(), records.write_measurement(config, record, table)


def gather(folder, runs, experiments=None):
    tables.gather(folder, runs, experiments or {})
    return {file.name for file in folder.glob("*.csv")}


def test_a_record_holds_what_is_needed_to_repeat_and_judge_the_measurement(tmp_path):
    run, folder = measure(tmp_path, throws=3, seed=1)
    assert folder == tmp_path / "runs" / run
    record = records.read_record(folder)
    assert record["run"] == run and record["notebook"] == "coin"
    assert Coin.create(**record["parameters"]).run_id() == run
    assert record["summary"] == {"heads": {"share": 2 / 3, "n": 2}} and record["seconds"] == {"measuring": 1.235}
    assert record["memory_peak_mib"] > 20 and record["finished"].endswith("Z")
    assert "numpy" in record["environment"]["packages"] and len(record["code"]["sources"]) == 16
    assert str(tmp_path) not in json.dumps(record)
    pd.testing.assert_frame_equal(
        pd.read_csv(folder / "measurements.csv", keep_default_na=False, na_values=[""]), POINTS
    )


def test_numbers_of_numpy_become_plain_and_those_without_a_value_empty(tmp_path):
    summary = {"n": np.int64(3), "share": np.float32(0.5), "nothing": float("nan"), "sizes": (1, np.int32(2))}
    _, folder = measure(tmp_path, summary=summary)
    assert records.read_record(folder)["summary"] == {"n": 3, "share": 0.5, "nothing": None, "sizes": [1, 2]}


def test_an_interrupted_write_leaves_no_record(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(records, "_replace_folder", fail)
    with pytest.raises(KeyboardInterrupt):
        measure(tmp_path)
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_second_measurement_replaces_the_first_whole(tmp_path):
    measure(tmp_path)
    run, folder = measure(tmp_path, table=POINTS.head(1))
    assert len(pd.read_csv(folder / "measurements.csv")) == 1
    assert [f.name for f in (tmp_path / "runs").iterdir()] == [run]


@pytest.mark.parametrize("kind", [Coin, Probe])
def test_half_a_record_counts_as_none(tmp_path, kind):
    _, folder = measure(tmp_path, kind)
    (folder / "measurements.csv").rename(folder / "history.csv")  # that of a training run does not stand in for it
    assert records.read_record(folder) is None


@pytest.mark.parametrize("table", [POINTS.assign(run="b"), POINTS.assign(experiment="b"), POINTS.head(0)])
def test_a_table_that_could_not_be_gathered_is_refused(tmp_path, table):
    with pytest.raises(ValueError, match="needs rows, and no columns"):
        measure(tmp_path, table=table)
    assert not (tmp_path / "runs").exists()


def test_two_notebooks_and_training_runs_are_gathered_apart(tmp_path):
    trained = write_training_run(tmp_path)[0].run_id()
    coins = [measure(tmp_path, throws=t, seed=s)[0] for s in (0, 1) for t in (3, 10)]
    probe, _ = measure(tmp_path, Probe, learning_rate=0.1)
    experiments = {"train": [trained], "coins": coins, "few": coins[:1], "probes": [probe]}
    files = gather(tmp_path, [trained, *coins, probe, "coin-s7-missing"], experiments)
    assert files == {"runs.csv", "history.csv", "test_correct.csv",
                     "coin.csv", "coin-summary.csv", "probe.csv", "probe-summary.csv"}  # fmt: skip
    assert tables.read_tables(tmp_path)[0]["run"].tolist() == [trained]
    points, summary = tables.read_measurements(tmp_path, "coin")
    # Of the parameters only those that tell: not the bias, which is at its default everywhere.
    assert list(points) == ["experiment", "run", "seed", "throws", "throw", "heads", "face"]
    assert points["run"].tolist() == [run for run in coins for _ in range(3)]
    assert points["throws"].tolist() == [3] * 3 + [10] * 3 + [3] * 3 + [10] * 3
    assert points["seed"].tolist() == [0] * 6 + [1] * 6 and points["throw"].tolist() == [1, 2, 3] * 4
    assert points["face"].fillna("?").tolist() == ["none", "b", "?"] * 4  # the word, not a missing value
    assert points["experiment"].tolist() == ["coins few"] * 3 + ["coins"] * 9
    assert list(summary)[:7] == ["experiment", "run", "seed", "throws", "heads_share", "heads_n", "seconds_measuring"]
    assert summary["heads_share"].tolist() == [2 / 3] * 4 and summary["throws"].tolist() == [3, 10, 3, 10]
    assert (summary["memory_peak_mib"] > 20).all()
    points, _ = tables.read_measurements(tmp_path, "probe")
    assert list(points)[:4] == ["experiment", "run", "seed", "learning_rate"] and "batch_size" not in points


def test_a_parameter_that_all_runs_changed_alike_is_shown_too(tmp_path):
    runs = [measure(tmp_path, bias=0.25, seed=s)[0] for s in (0, 1)]
    gather(tmp_path, runs)
    assert tables.read_measurements(tmp_path, "coin")[0]["bias"].tolist() == [0.25] * 6


def test_lists_and_nothing_as_values_of_parameters(tmp_path):
    runs = [measure(tmp_path, Probe, n_train=n)[0] for n in (40, None)]
    gather(tmp_path, runs)
    assert tables.read_measurements(tmp_path, "probe")[1]["n_train"].fillna(0).tolist() == [40, 0]
    gather(tmp_path, [measure(tmp_path, sizes=[4, 8])[0]])
    assert tables.read_measurements(tmp_path, "coin")[0]["sizes"].tolist() == ["[4, 8]"] * 3


def test_a_column_of_the_table_keeps_its_name_beside_a_parameter(tmp_path):
    runs = [measure(tmp_path, throws=t, table=POINTS.assign(throws=[7, 8, 9]))[0] for t in (3, 4)]
    gather(tmp_path, runs)
    points, summary = tables.read_measurements(tmp_path, "coin")
    assert points["throws"].tolist() == [7, 8, 9] * 2 and points["parameter_throws"].tolist() == [3] * 3 + [4] * 3
    assert summary["throws"].tolist() == [3, 4]


def test_a_record_from_before_a_parameter_was_added_has_its_default(tmp_path):
    runs = [measure(tmp_path, bias=b)[0] for b in (0.5, 0.25)]
    path = tmp_path / "runs" / runs[0] / "record.json"
    record = json.loads(path.read_text())
    del record["parameters"]["bias"], record["version"], record["tables"], record["sha256"]
    path.write_text(json.dumps(record))
    gather(tmp_path, runs)
    assert tables.read_measurements(tmp_path, "coin")[1]["bias"].tolist() == [0.5, 0.25]


def test_gathered_numbers_are_exactly_the_measured_ones(tmp_path):
    values = np.random.default_rng(0).lognormal(0, 20, 200)
    run, _ = measure(tmp_path, table=pd.DataFrame({"value": values}))
    gather(tmp_path, [run])
    written = pd.read_csv(tmp_path / "coin.csv", float_precision="round_trip")
    np.testing.assert_array_equal(written["value"], values)


def test_rows_of_an_earlier_state_of_the_study_never_stay(tmp_path):
    trained, coin = write_training_run(tmp_path)[0].run_id(), measure(tmp_path)[0]
    measured = {"coin.csv", "coin-summary.csv"}
    assert gather(tmp_path, [trained, coin]) == {"runs.csv", "history.csv", "test_correct.csv"} | measured
    assert gather(tmp_path, [coin]) == measured
    assert gather(tmp_path, [trained]) == {"runs.csv", "history.csv", "test_correct.csv"}
    runs, history, _ = tables.gather(tmp_path, [], {})
    assert runs.empty and history.empty and not list(tmp_path.glob("*.csv"))


def test_tables_that_say_the_same_are_left_alone(tmp_path):
    run, _ = measure(tmp_path)
    gather(tmp_path, [run])
    before = (tmp_path / "coin.csv").stat().st_mtime_ns
    gather(tmp_path, [run])
    assert (tmp_path / "coin.csv").stat().st_mtime_ns == before
