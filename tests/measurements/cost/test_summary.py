"""The numbers that a page would quote."""

import pytest

from smallbatch.measurements.cost.parameters import Config
from smallbatch.measurements.cost.summary import summarize
from tests.costs import everything


def test_the_summary_quotes_medians_ratios_and_checks(answers, counted):
    config = Config.create(rounds=3)
    summary = summarize(config, *everything(config, counted))
    one = summary["measured"]["miniature_107px"]["batch_1"]
    assert one["seconds_per_step"] == pytest.approx(0.015 * 1.1) and one["start_up_seconds"] == 9
    ratio = (5000 * 0.015) / (156 * 0.17)
    assert summary["measured_hours_smallest_over_largest"]["miniature_107px"] == pytest.approx(ratio)
    assert summary["measured_evaluation_seconds_per_image"]["full_299px"] == 0.002
    check = summary["check_of_counted_memory"]["miniature_299px"]
    assert check == pytest.approx({"measured_mib_per_image": 2, "counted_mib_per_image": 1.5, "ratio": 4 / 3})
    assert summary["check_of_counted_operations"] == pytest.approx(6.3 / 6)
    assert summary["estimate_gflop_per_image"] == pytest.approx({"full_107px": 6, "full_299px": 6})
