"""When and with how many batches gradient noise is measured."""

import pytest

from smallbatch.measurements.gradient_noise.parameters import Config


@pytest.mark.parametrize(("epochs", "checkpoints"), [(1, [0, 1]), (8, [0, 1, 2, 4, 8]), (6, [0, 1, 2, 4, 6])])
def test_checkpoints_lie_at_powers_of_two(epochs, checkpoints):
    assert Config.create(epochs=epochs).checkpoints() == checkpoints


def test_batches_fill_up_the_images_drawn_in_whole_blocks():
    config = Config.create(images_drawn=650)
    assert [config.batches(size) for size in (1, 8, 32, 64)] == [640, 80, 20, 20]
