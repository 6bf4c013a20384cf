"""What follows from the time of a step, by hand."""

import pytest

from smallbatch.measurements.cost.parameters import Config
from smallbatch.measurements.cost.table import time_rows


def test_hours_of_a_run_by_hand():
    config = Config.create()
    # 5,000 images are 156 batches of 32 and 8 images that are left out.
    assert config.steps_of_a_run(32) == 60 * 156 and config.steps_of_a_run(1) == 300_000
    times = dict(time_rows(config, 32, 0.5))
    assert times["seconds_per_step"] == 0.5 and times["images_per_second"] == 64
    assert times["seconds_per_epoch"] == 78 and times["hours_of_run"] == pytest.approx(1.3)
