"""The benchmark: the lower bound counted by hand on a small network, a profile in groups, a worker that answers."""

import subprocess
import sys

import keras
import pytest

from bench import lower_bound, profile
from bench.__main__ import Contender
from tests.conftest import ROOT


def test_operations_and_bytes_of_a_small_network():
    network = keras.Sequential(
        [keras.Input((6, 6, 2)), keras.layers.Conv2D(5, 3), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    operations, moved = lower_bound.count(network, batch_size=4)
    # 4x4 positions of a 3x3x2x5 kernel, and 80 x 3 for the classifier; three products, each a multiply and an add.
    assert operations == 3 * 2 * 4 * (16 * 90 + 240)
    numbers = 4 * (3 * 72 + 2 * 80) + 8 * 90 + 4 * (3 * 80 + 2 * 3) + 8 * 240
    assert moved == 4 * numbers


def test_rates_are_those_of_a_machine():
    assert 1e9 < lower_bound.matrix_rate(size=512, repeats=2) < 1e15
    assert 1e8 < lower_bound.memory_bandwidth(threads=2, mib=16, repeats=2) < 1e13


def test_operations_are_counted_in_one_group_each():
    found = {name: profile.group(name) for name in ("Conv2DBackpropInput", "FusedBatchNormV3", "_MklRelu", "Tile")}
    assert list(found.values()) == ["convolutions", "batch norm", "activations, sums, concatenations", "other"]


def test_a_profile_without_the_events_that_enclose_others(tmp_path):
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    plane = space.planes.add(name="/host:CPU")
    names = ["block/conv:Conv2D", "Executor:Run", "a step", "other/conv:Conv2D"]
    line = plane.lines.add()
    for k, name in enumerate(names):
        plane.event_metadata[k].name = name
        line.events.add(metadata_id=k, duration_ps=10**9)
    (tmp_path / "x").write_bytes(space.SerializeToString())
    assert profile._operations(tmp_path / "x") == ({"Conv2D": 2.0}, {"Conv2D": 2}, 1.0)


@pytest.mark.slow
def test_a_worker_answers_and_its_end_is_reported(monkeypatch):
    monkeypatch.setattr("bench.__main__.NETWORKS", {"tiny": (75, 0.125, 0.1)})
    contender = Contender("ours", "tiny", threads=1)
    answer = contender.ask(2, 3)
    assert all(0 < seconds < 60 for seconds in answer["seconds"]) and answer["memory_mib"] > 100
    with pytest.raises(RuntimeError, match="ours ended at batch size 0"):
        contender.ask(0, 1)
    done = subprocess.run([sys.executable, "-m", "bench.worker", "nobody"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode != 0
