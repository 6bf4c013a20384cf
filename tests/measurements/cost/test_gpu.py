"""Estimates for a GPU that is not at hand: its time by hand, and marked as estimates throughout."""

import pytest

from smallbatch.measurements.cost import gpu
from smallbatch.measurements.cost.memory import memory_on_gpu
from smallbatch.measurements.cost.parameters import Config
from smallbatch.measurements.cost.summary import summarize
from smallbatch.measurements.cost.table import CARD, COUNTED, PROCESS
from tests.costs import FULL, everything


def test_time_on_the_card_by_hand(counted):
    config = Config.create(card_tflops=2.0, card_efficiency=0.5, card_gb_per_second=100.0)
    # 6 x 1e9 operations an image at 1e12 a second; moving its numbers takes less than a tenth of that.
    assert gpu._seconds_per_step(config, counted[FULL], 4) == pytest.approx(4 * 6e-3)
    slow_to_start = config.model_copy(update={"card_start_microseconds": 1e4})
    assert gpu._seconds_per_step(slow_to_start, counted[FULL], 1) == pytest.approx(4 * 0.01)
    assert gpu._seconds_per_step(slow_to_start, counted[FULL], 32) == pytest.approx(32 * 6e-3)


def test_everything_about_the_card_is_marked_as_an_estimate(answers, counted):
    config = Config.create(rounds=2)
    table, left_out = everything(config, counted)
    is_measured = table["status"] == "measured"
    assert set(table["status"]) == {"measured", "estimate"}
    assert (table.loc[table["machine"] == CARD, "status"] == "estimate").all()
    assert (table.loc[is_measured, "method"] == PROCESS).all() and (table.loc[~is_measured, "method"] != PROCESS).all()
    assert (memory_on_gpu(config, table)["status"] == "estimate").all()
    summary = summarize(config, table, left_out)
    for key, value in summary.items():
        assert key.startswith("estimate") or "card" not in f"{key} {value}"


def test_without_jax_or_without_being_asked_nothing_is_compiled(answers, counted, monkeypatch):
    assert gpu.compile_without_running(Config.create(compiled_batch_sizes=[])).empty
    monkeypatch.setattr(gpu.importlib.util, "find_spec", lambda name: None)
    config = Config.create(full_network_batch_sizes=[1])
    table, left_out = everything(config, counted)
    assert not [task for task, _ in answers if task == "compiled_memory"]
    found = memory_on_gpu(config, table)
    assert set(found["method"]) == {COUNTED}  # and one measured batch size is no line
    summary = summarize(config, table, left_out)
    assert summary["check_of_counted_operations"] is None
