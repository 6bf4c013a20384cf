"""A measurement in a process of its own."""

import pytest

from smallbatch.measurements.cost.process import ask


def test_a_process_that_fails_is_reported_with_its_reason():
    config = {"image_size": 75, "batch_size": 1}
    with pytest.raises(RuntimeError, match=r"(?s)train .* ended with status 1: .*the last feature map is 1x1"):
        ask("train", config=config, rounds=1, seconds_of_a_round=0.1, evaluate=False)
