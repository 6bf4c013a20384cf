"""Measuring here: the table, what is left out and why, and times that other programs spoil."""

import numpy as np
import pytest

from smallbatch.errors import UserError
from smallbatch.measurements.cost import estimator
from smallbatch.measurements.cost.parameters import Config
from smallbatch.measurements.cost.summary import summarize
from smallbatch.measurements.cost.table import HERE
from tests.costs import everything


def test_the_table_of_what_was_measured(answers, counted):
    config = Config.create(batch_sizes=[4, 1], full_network_batch_sizes=[2], rounds=2)
    table, left_out = estimator.measure(config, counted)
    assert left_out == {} and (table["status"] == "measured").all() and (table["machine"] == HERE).all()
    assert [(request["config"]["image_size"], request["config"]["batch_size"]) for _, request in answers] == [
        (107, 1), (107, 4), (299, 1), (299, 4), (299, 2),
    ]  # fmt: skip
    one = table[(table["network"] == "miniature") & (table["image_size"] == 107) & (table["batch_size"] == 4)]
    values = one.groupby("quantity")["value"].apply(list)
    np.testing.assert_allclose(values["seconds_per_step"], [0.03, 0.033])
    np.testing.assert_allclose(values["hours_of_run"], [60 * 1250 * 0.03 / 3600, 60 * 1250 * 0.033 / 3600])
    assert values["memory_mib"] == [108] and values["memory_peak_mib"] == [908] and values["memory_before_mib"] == [800]
    assert "evaluation_seconds_per_image" not in values.index  # with the smallest batch size only
    assert not table.duplicated(["network", "image_size", "batch_size", "quantity", "round"]).any()


def test_what_would_take_too_long_or_too_much_memory_is_left_out_with_the_reason(answers, counted, monkeypatch, capsys):
    config = Config.create(also_image_size=None, full_network_batch_sizes=[], most_seconds=0.4)
    table, left_out = estimator.measure(config, counted)
    # After 8, at 55 ms a step with the median of its rounds: 16 would take 5 x 110 ms.
    assert sorted(table["batch_size"].unique()) == [1, 2, 4, 8]
    assert left_out.keys() == {"miniature_107px_batch_16", "miniature_107px_batch_32"}
    assert "its steps would take about 1 s" in left_out["miniature_107px_batch_16"]
    # 1.5 MiB for each image and 3 MiB of weights, half as much again, and 1,500 MiB for the framework.
    monkeypatch.setattr(estimator, "available_mib", lambda: 1500 + 1.5 * (1.5 * 4 + 3) + 0.1)
    table, left_out = estimator.measure(config.model_copy(update={"most_seconds": 60.0}), counted)
    assert sorted(table["batch_size"].unique()) == [1, 2, 4]
    assert "it may need 1522 MiB of memory, and 1514 are free" in left_out["miniature_107px_batch_8"]
    assert "batch size 8: left out, it may need 1522 MiB" in capsys.readouterr().out
    monkeypatch.setattr(estimator, "available_mib", lambda: 100.0)
    with pytest.raises(UserError, match="Nothing could be measured: miniature_107px_batch_1, it may need 1507 MiB"):
        estimator.measure(config, counted)


def test_times_beside_other_programs_are_marked_as_too_long(answers, counted, monkeypatch, capsys):
    config = Config.create(batch_sizes=[1, 2], also_image_size=None, full_network_batch_sizes=[])
    estimator.measure(config, counted)
    assert "too long" not in capsys.readouterr().out
    busy = iter([0.0, 1.5])
    monkeypatch.setattr(estimator, "busy_cores", lambda: next(busy))
    table, left_out = everything(config, counted)
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if "too long" in line] == [
        "miniature_107px, batch size 2: 22 ms a step (too long: other programs kept 1.5 cores busy)"
    ]
    assert summarize(config, table, left_out)["measured_busy_cores_before"] == 1.5
