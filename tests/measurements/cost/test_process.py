"""A measurement in a process of its own: its times by a clock that only training moves, and how it fails."""

import numpy as np
import pytest

from smallbatch.batchnorm import inference
from smallbatch.measurements.cost import process
from smallbatch.measurements.cost.process import ask
from smallbatch.training import loop, model, steps


@pytest.fixture
def clock(monkeypatch):
    """Training that takes 20 ms a step, 2 s for the first, and evaluation that takes 40 ms for all its images."""
    now, asked = [0.0], []

    class Program:
        def __init__(self, network, limit):
            self.first = True

        def __call__(self, images, labels, indices, n_steps, n_with_loss):
            asked.append((indices.shape[1], n_steps, n_with_loss))
            now[0] += 0.02 * n_steps + 2.0 * self.first
            self.first = False
            return steps.Epoch(1.0, 0.1, n_steps)

    class Inference:
        def __init__(self, network):
            pass

        def __call__(self, images):
            now[0] += 0.04

    monkeypatch.setattr(process.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(steps, "TrainingProgram", Program)
    monkeypatch.setattr(inference, "Inference", Inference)
    for module, name in ((loop, "prepare"), (loop, "compile_model"), (model, "build")):
        monkeypatch.setattr(module, name, lambda *_: None)
    return asked


def test_rounds_are_as_many_steps_as_fit_and_their_times_are_those_of_a_step(clock):
    config = {"image_size": 107, "batch_size": 4}
    found = process.train(config, rounds=3, seconds_of_a_round=0.5, evaluate=True)
    # One step that compiles, one to see how long a step takes, and three rounds of 0.5 s.
    assert clock == [(4, 1, 4), (4, 1, 4), (4, 25, 4), (4, 25, 4), (4, 25, 4)]
    assert found["seconds_per_step"] == pytest.approx([0.02] * 3)
    assert found["start_up_seconds"] == pytest.approx(2.02)
    assert found["evaluation_seconds_per_image"] == pytest.approx([0.04 / process.IMAGES_EVALUATED] * 3)
    # Held and highest are counted by the system in two ways.
    assert 0 < 0.9 * found["memory_before_mib"] < found["memory_peak_mib"]


@pytest.mark.parametrize(("seconds", "n_steps"), [(0.001, 1), (1e6, process.MOST_STEPS)])
def test_a_round_is_at_least_a_step_and_not_endless(clock, seconds, n_steps):
    found = process.train({"image_size": 107, "batch_size": 2}, rounds=1, seconds_of_a_round=seconds, evaluate=False)
    assert clock[-1][1] == n_steps and found["seconds_per_step"] == pytest.approx([0.02])
    assert found["evaluation_seconds_per_image"] == []


def test_a_training_that_stops_is_no_measurement(clock, monkeypatch):
    monkeypatch.setattr(steps.TrainingProgram, "__call__", lambda *_: steps.Epoch(float("nan"), 0.1, 0))
    with pytest.raises(RuntimeError, match="training stopped after 0 of 1 steps"):
        process.train({"image_size": 107, "batch_size": 2}, rounds=1, seconds_of_a_round=0.1, evaluate=False)


def test_images_and_labels_depend_on_the_seed_alone():
    (images, labels), (again, _), (other, _) = (process.random_images(8, seed) for seed in (0, 0, 1))
    assert images.shape == (process.N_IMAGES, 8, 8, 3) and images.dtype == np.uint8
    assert set(labels) == set(range(process.N_CLASSES)) and labels.dtype == np.int32
    assert np.array_equal(images, again) and not np.array_equal(images, other)


def test_a_process_that_fails_is_reported_with_its_reason():
    config = {"image_size": 75, "batch_size": 1}
    with pytest.raises(RuntimeError, match=r"(?s)train .* ended with status 1: .*the last feature map is 1x1"):
        ask("train", config=config, rounds=1, seconds_of_a_round=0.1, evaluate=False)
