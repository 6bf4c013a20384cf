"""Figures of one training, for the notebook that made it."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from smallbatch.figures import style
from smallbatch.figures.catalogue import one_run


def test_three_evaluations_have_their_intervals_side_by_side():
    values = {"accuracy": 1.0, "accuracy_low": 0.9, "accuracy_high": 1.0 - 1e-17}
    metrics = {name: dict.fromkeys(("train", "validation", "test"), values) for name in style.EVALUATIONS}
    axis = one_run.three_evaluations(metrics).axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["train", "validation", "test"]
    assert [bars.get_label() for bars in axis.containers] == list(style.EVALUATIONS)
    places = np.array([bars.lines[0].get_xdata() for bars in axis.containers])
    assert (np.diff(places, axis=0) > 0).all() and len(np.unique(places)) == 9
    segments = axis.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose([segment[:, 1] for segment in segments], [[0.9, 1.0]] * 3)


def test_loss_and_accuracy_are_told_apart_for_training_and_validation():
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": [2.0, 1.0], "validation_loss": [2.5, 1.5],
                            "train_accuracy": [0.2, 0.4], "validation_accuracy": [0.1, 0.3]})  # fmt: skip
    loss, accuracy = one_run.loss_and_accuracy(history).axes
    assert [list(line.get_ydata()) for line in loss.lines] == [[2, 1], [2.5, 1.5]]
    assert [list(line.get_ydata()) for line in accuracy.lines] == [[0.2, 0.4], [0.1, 0.3]]
    assert [line.get_label() for line in loss.lines] == ["train", "validation"]


def test_the_lag_is_that_of_the_median_and_of_the_worst_layer():
    history = pd.DataFrame({"epoch": [1, 2], "lag_mean": [1.0, 2.0], "lag_mean_worst": [3.0, 4.0],
                            "lag_sd": [0.1, 0.2], "lag_sd_worst": [0.3, 0.4]})  # fmt: skip
    means, deviations = one_run.moving_average_lag(history).axes
    assert {line.get_label(): list(line.get_ydata()) for line in means.lines} == {
        "worst layer": [3, 4], "median layer": [1, 2]
    }  # fmt: skip
    assert [list(line.get_ydata()) for line in deviations.lines] == [[0.3, 0.4], [0.1, 0.2]]


def test_each_class_is_shown_by_an_image_of_its_own():
    images = np.zeros((4, 2, 2, 3), np.uint8)
    images[:, 0, 0, 0] = [10, 20, 30, 40]
    train = SimpleNamespace(images=images, labels=np.array([1, 0, 1, 2]))
    axes = one_run.sample_images(SimpleNamespace(train=train, class_names=["a", "b", "c"]), per_row=2).axes
    assert [axis.get_title(loc="center") for axis in axes] == ["a", "b"]
    assert [axis.images[0].get_array()[0, 0, 0] for axis in axes] == [20, 10]
