"""A training that is cut off goes on from its last checkpoint, and ends with the numbers of one that was not."""

import math
import os
import random
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from smallbatch.batchnorm import recalibration
from smallbatch.batchnorm.layers import layer
from smallbatch.training import checkpoint as checkpoints
from smallbatch.training import loop
from smallbatch.training.checkpoint import Checkpoint
from smallbatch.training.config import RunConfig
from smallbatch.training.data import Data, Split
from tests.conftest import ROOT

ORIGIN = {"code": "of this test"}


@pytest.fixture(autouse=True)
def _after_every_epoch(monkeypatch):
    monkeypatch.setattr(checkpoints, "SHARE", math.inf)  # writing may take all the time that it likes


def split(n, seed):
    generator = np.random.default_rng(seed)
    return Split(generator.integers(0, 256, (n, 4, 4, 3)).astype(np.uint8), np.arange(n) % 2)


def network(kind="batch", size=None):
    """Batch norm with followed averages, and dropout: all that keeps a state beside weights."""
    keras.utils.set_random_seed(0)
    plain = keras.layers.BatchNormalization(scale=False, momentum=0.9).get_config()
    followed = [0.5, 0.99] if kind in ("batch", "ghost") else []
    return keras.Sequential(
        [keras.Input((4, 4, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(4, 3),
         layer(kind, plain, size, followed_momenta=followed), keras.layers.Flatten(),
         keras.layers.Dropout(0.3, seed=1), keras.layers.Dense(2)]
    )  # fmt: skip


class CutOff(Exception):
    pass


def train(checkpoint, cut_after=None, **parameters):
    """Train a new network; return the result without times, and all values. Cut off during the epoch after so many."""
    given = {"batch_size": 4, "epochs": 6, "learning_rate": 0.01, "followed_batch_norm_momenta": [0.5, 0.99]}
    if parameters.get("normalization") in ("group", "frozen"):
        given.pop("followed_batch_norm_momenta")
    config = RunConfig.create(**given | parameters)
    data = Data(split(22, 0), split(8, 1), split(10, 2), ["dark", "bright"])
    model = network(config.normalization, config.ghost_batch_size)
    loop.compile_model(model, config, len(data.train))
    real, epochs = loop._report, []

    def report(row, *rest):
        epochs.append(row["epoch"])
        if cut_after is not None and row["epoch"] > cut_after:
            raise CutOff
        real(row, *rest)

    loop._report = report
    try:
        fitted = loop.fit(model, data, config, recalibration.Observed(model), checkpoint)
    finally:
        loop._report = real
    history = [{k: v for k, v in row.items() if "seconds" not in k} for row in fitted.history]
    values = [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]
    return (history, fitted.snapshots, fitted.kept_epoch, fitted.diverged), values, epochs, fitted


def same(one, other):
    # Equal as JSON has them: to the last digit, and not a number where the other is not.
    assert repr([[float(v) for v in row.values()] for row in one[0][0]]) == repr(
        [[float(v) for v in row.values()] for row in other[0][0]]
    )
    assert one[0][1:] == other[0][1:]
    for a, b in zip(one[1], other[1], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "parameters",
    [
        {"snapshot_epochs": 2, "snapshot_steps": [3, 12], "learning_rate_schedule": "cosine", "warmup_epochs": 1.0},
        {"early_stopping_patience": 3, "epochs": 12, "early_stopping_evaluation": "recalibrated"},
        {"augmentation": "mixup", "steps": 23},
        {"normalization": "ghost", "ghost_batch_size": 2, "weight_decay": 0.1},
        {"normalization": "frozen", "learning_rate": 1e-5},
    ],
    ids=["snapshots", "early stopping", "augmentation", "ghost", "frozen"],
)
def test_a_training_that_is_cut_off_twice_ends_with_the_same_numbers(tmp_path, parameters):
    whole = train(None, **parameters)
    file = tmp_path / "checkpoints" / "run.npz"
    for cut in (2, 3):
        with pytest.raises(CutOff):
            train(Checkpoint(file, ORIGIN, every=0), cut_after=cut, **parameters)
    again = train(Checkpoint(file, ORIGIN, every=0), **parameters)
    same(again, whole)
    assert again[2][0] == 4 and again[3].continued_after == [2, 3] and again[3].seconds_before > 0
    seconds = [row["seconds"] for row in again[3].history]
    assert seconds == sorted(seconds)


def test_a_checkpoint_of_another_origin_or_a_damaged_one_is_not_used(tmp_path, capsys):
    file = tmp_path / "run.npz"
    with pytest.raises(CutOff):
        train(Checkpoint(file, ORIGIN, every=0), cut_after=2)
    whole = train(None)
    other = train(Checkpoint(file, {"code": "changed since"}, every=1e9))
    same(other, whole)
    assert other[2][0] == 1 and "the checkpoint is of other code; the run starts anew" in capsys.readouterr().out
    content = file.read_bytes()
    (tmp_path / ".run.npz.99999.partial").write_bytes(content[:100])  # of a process that was killed while it wrote
    for damaged in (content[: len(content) // 2], b"", content[:2000] + b"\xff" + content[2001:]):
        file.write_bytes(damaged)
        assert Checkpoint(file, ORIGIN).resume(network(), None) is None
        assert "cannot be read" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.npz"]


def test_short_trainings_write_no_checkpoint_and_a_disk_that_is_full_does_not_end_one(tmp_path, capsys, monkeypatch):
    train(Checkpoint(tmp_path / "run.npz", ORIGIN))
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("SMALLBATCH_CHECKPOINT_SECONDS", "0")
    (tmp_path / "file").write_text("where the folder should be")
    train(Checkpoint(tmp_path / "file" / "run.npz", ORIGIN))
    assert "no checkpoint can be written" in capsys.readouterr().out


KILLED = """
import sys
import numpy as np
from pathlib import Path
from smallbatch.training.checkpoint import Checkpoint
from tests.training import test_checkpoint as test
test.checkpoints.SHARE = test.math.inf
test.loop.prepare(test.RunConfig.create(threads=1))
print("ready", flush=True)
(history, *_), values, _, fitted = test.train(
    Checkpoint(Path(sys.argv[1]), test.ORIGIN, every=0), epochs=60, early_stopping_patience=59)
found = [list(row.values()) for row in history]
np.savez(sys.argv[2], np.array(found), np.array(fitted.continued_after), *values)
"""


# Each starts a process anew, which takes most of the time; KILLS=10 in the environment asks for more.
KILLS = int(os.environ.get("KILLS", "3"))


@pytest.mark.slow
def test_a_training_that_is_killed_at_random_moments_ends_with_the_same_numbers(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    generator, kills, end = random.Random(), 0, tmp_path / "end.npz"
    while kills < KILLS:
        command = [sys.executable, "-c", KILLED, str(tmp_path / "run.npz"), str(end)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                if f"epoch {6 * kills + 2} of" in line or end.is_file():
                    break
            time.sleep(generator.uniform(0, 0.5))
            process.send_signal(signal.SIGKILL)
        kills += 1
        if end.is_file():
            break
    if not end.is_file():
        subprocess.run(command, env=environment, check=True, timeout=600, stdout=subprocess.DEVNULL)
    # In a process of its own too: this one has trained before, with threads and kernels that others chose.
    undisturbed = tmp_path / "undisturbed.npz"
    command[-2:] = [str(tmp_path / "another.npz"), str(undisturbed)]
    subprocess.run(command, env=environment, check=True, timeout=600, stdout=subprocess.DEVNULL)
    found, whole = list(np.load(end).values()), list(np.load(undisturbed).values())
    assert len(found[1]) >= KILLS // 2 and not len(whole[1])
    np.testing.assert_array_equal(found[0], whole[0])
    for ours, theirs in zip(found[2:], whole[2:], strict=True):
        np.testing.assert_array_equal(ours, theirs)
