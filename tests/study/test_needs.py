"""What runs ask a cluster for: enough for every published run, not many times as much; counted from the layers."""

import json
import math

import pytest

from smallbatch.study import needs
from smallbatch.study.file import parse_study
from smallbatch.training.config import RunConfig
from tests.conftest import ROOT

# Those that did not share their processor with long other work.
STUDIES = ("artefacts", "full", "gpu", "laptop")


def published():
    """Training records of published studies, each with its configuration."""
    for study in STUDIES:
        for file in (ROOT / "results" / study / "runs").glob("*/record.json"):
            record = json.loads(file.read_text())
            if "notebook" not in record:
                yield record, RunConfig.create(**record["parameters"])


def test_every_published_run_would_have_had_the_memory_and_the_time_that_it_took():
    n = 0
    for record, config in published():
        n += 1
        assert record["memory_peak_mib"] < needs.ram_mib(config) < 4 * record["memory_peak_mib"], record["run"]
        assert sum(record["seconds"].values()) / 60 < needs.minutes(config), record["run"]
    assert n > 400


def test_larger_images_batches_and_networks_ask_for_more_and_a_long_training_for_what_queues_give():
    small = RunConfig.create(n_train=1000)
    for change in ({"batch_size": 256}, {"image_size": 299}, {"width": 1.0}, {"width": 1.0, "depth": 1.0}):
        larger = small.model_copy(update=change)
        assert needs.ram_mib(larger) > needs.ram_mib(small)
        assert change == {"batch_size": 256} or needs.minutes(larger) > needs.minutes(small)
    endless = small.model_copy(update={"epochs": 100_000})
    assert needs.minutes(endless) == needs.LONGEST_MINUTES
    (coin,) = parse_study(
        "m", "title: T\nexperiments: {e: {notebook: wilson_martinez, grid: {seed: [0]}}}"
    ).runs.values()
    assert (needs.ram_mib(coin), needs.minutes(coin)) == (needs.MEASUREMENT_MIB, needs.MEASUREMENT_MINUTES)


@pytest.mark.slow
@pytest.mark.parametrize("network", [{"image_size": 299, "width": 1.0, "depth": 1.0}, {}])
def test_the_numbers_are_those_of_the_counted_layers(network):
    from smallbatch.measurements.cost import counting
    from smallbatch.training import model

    config = RunConfig.create(**network)
    with model.without_values():
        built = model.build(config, counting.N_CLASSES)
    table = counting.layers(built)
    counted = {
        needs.KEPT: table["kept"].sum() / config.width,
        needs.MULTIPLICATIONS: table["multiplications"].sum() / config.width**2,
    }
    for numbers, found in counted.items():
        assert needs._by_depth(numbers, config) * needs._area(config) == pytest.approx(found, rel=0.15)
    weights = sum(math.prod(v.shape) for v in built.trainable_variables) / config.width**2
    assert needs._by_depth(needs.WEIGHTS, config) == pytest.approx(weights, rel=0.05)
    assert needs._by_depth(needs.LAYERS, config) == pytest.approx(len(table), rel=0.02)
