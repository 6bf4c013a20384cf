"""The parameters of the costs: which networks are measured and estimated, and what is refused."""

import re

import pytest

from smallbatch.errors import ParameterError
from smallbatch.measurements.cost.parameters import Config
from smallbatch.study.file import parse_study
from tests.costs import FULL, MINIATURE, SMALL_FULL


def test_networks_that_are_measured_and_estimated():
    config = Config.create()
    assert {network.label: sizes for network, sizes in config.measured().items()} == {
        "miniature_107px": [1, 2, 4, 8, 16, 32],
        "miniature_299px": [1, 2, 4, 8, 16, 32],
        "full_299px": [1, 4],
    }
    assert [network.label for network in config.estimated()] == ["full_107px", "full_299px"]
    alone = Config.create(also_image_size=None, full_network_batch_sizes=[])
    assert list(alone.measured()) == [MINIATURE] and alone.estimated() == [SMALL_FULL]
    # Where the study's network is the full one, it is one network.
    full = Config.create(width=1.0, depth=1.0, also_image_size=None, batch_sizes=[8, 2])
    assert full.measured() == {SMALL_FULL: [1, 2, 4, 8]}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"batch_sizes": [4, 4]}, r"batch_sizes = \[4, 4\].* two or more in batch_sizes"),
        ({"batch_sizes": [0, 2]}, r"batch_sizes = \[0, 2\].* Allowed: numbers from 1"),
        ({"batch_sizes": [2.5]}, r"batch_sizes\[0\] = 2.5 is not allowed"),
        ({"images_of_a_run": 16}, "images_of_a_run = 16 are not allowed. Allowed: numbers from 1 to the images"),
        ({"image_size": 75}, "batch_size = 1 with image_size = 75: the last feature map is 1x1"),
        (
            {"normalization": "group"},
            "normalization = 'group': this notebook measures ordinary training. Allowed: 'batch'",
        ),
        ({"batch_size": 32, "masked_loss_batch_size": 4}, "masked_loss_batch_size = 4: this notebook"),
        ({"card_efficiency": 1.2}, "card_efficiency = 1.2 is not allowed. Allowed: number, > 0, ≤ 1"),
        ({"card_gib": 12.0}, "card_gib = 12.0: there is no such parameter. Did you mean card_"),
    ],
)
def test_impossible_parameters_are_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        Config.create(**parameters)


def test_a_batch_of_one_at_75_pixels_is_measured_where_it_is_asked_for():
    config = Config.create(image_size=75, also_image_size=None, allow_one_value_per_channel=True)
    assert config.run(config.estimated()[0], 1)["allow_one_value_per_channel"]


def test_a_study_can_run_it_with_its_defaults():
    text = """
title: Some
defaults: {dataset: clothing, n_train: 40, image_size: 139, width: 0.5, depth: 0.2, epochs: 20}
experiments:
  cost: {notebook: cost, fixed: {batch_sizes: [1, 64]}, grid: {threads: [1, 2]}}
"""
    study = parse_study("some", text)
    (one, two) = study.runs.values()
    # As many images as the study trains on do not limit the batch sizes that are timed.
    assert max(one.batch_sizes) > one.n_train
    assert one.measured().keys() == two.measured().keys() and one.run_id() != two.run_id()
    assert all(re.fullmatch(r"cost-s0-[0-9a-f]{8}", run) for run in study.runs)
    assert one.run(FULL, 4)["image_size"] == 299 and next(iter(one.measured())).image_size == 139
