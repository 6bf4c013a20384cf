"""Errors in the middle of a training."""

import dataclasses

import pytest

from smallbatch.claims import NotMeasured, Tables
from smallbatch.claims.snapshots import State, difference_at
from tests.claims.second_round import pair


@pytest.fixture(scope="module")
def tables():
    return pair(lambda size, epoch, steps, evaluation, seed: size + epoch / 10)


def state(size, **at):
    return State(("pair", {"batch_size": size}), **at)


def test_a_point_is_given_by_epoch_or_by_steps(tables):
    by_epoch = difference_at(state(32, epoch=20), state(10, epoch=5), "batch")(tables)
    by_steps = difference_at(state(32, steps=2500), state(10, steps=2000), "batch")(tables)
    assert by_epoch.number == by_steps.number == pytest.approx(22 + 1.5)


def test_the_end_of_a_training_needs_no_snapshot(tables):
    without = dataclasses.replace(tables, snapshots=tables.snapshots[tables.snapshots["epoch"] < 60])
    at_the_end = difference_at(state(32, epoch=192), state(10, epoch=60), "moving")
    assert at_the_end(without).number == at_the_end(tables).number == pytest.approx(22 + 13.2)


def test_a_point_without_a_snapshot_is_not_measured(tables):
    with pytest.raises(NotMeasured, match="no snapshot after 30 epochs of b32-s0"):
        difference_at(state(32, epoch=30), state(10, epoch=5), "batch")(tables)
    with pytest.raises(NotMeasured, match="there are no snapshots"):
        difference_at(state(32, epoch=20), state(10, epoch=5), "batch")(Tables(runs=tables.runs))
