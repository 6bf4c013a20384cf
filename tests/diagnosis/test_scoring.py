"""What counts as correct is what Keras's own metric says, or it is refused with what is allowed."""

import keras
import numpy as np
import pytest

import smallbatch
from smallbatch.errors import UserError

layers, losses = keras.layers, keras.losses


def images(n=96, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 6)).astype("float32")


def network(outputs, activation=None, trained=None, per_position=False):
    """A small network, compiled with `trained` (loss, metrics) and trained a little."""
    keras.utils.set_random_seed(0)
    shape = (5, 6) if per_position else (6,)
    model = keras.Sequential(
        [
            keras.Input(shape), layers.Dense(16), layers.BatchNormalization(momentum=0.9), layers.ReLU(),
            layers.Dense(outputs, activation=activation),
        ]
    )  # fmt: skip
    if trained:
        loss, metrics = trained
        model.compile("adam", loss, metrics=metrics, jit_compile=False)
    return model


def moving(found):
    return found.accuracy.set_index(["evaluation", "set"])["accuracy"]["moving", "validation"]


binary = (images()[:, 0] > 0).astype(int)
several = (images()[:, :3] > 0.3).astype(int)
classes = np.digitize(images()[:, 0], [-0.5, 0.5])

SCORED = {
    "sigmoid": (1, "sigmoid", "binary_crossentropy", ["accuracy"], binary),
    "sigmoid, column": (1, "sigmoid", "binary_crossentropy", ["accuracy"], binary[:, None]),
    "logit at 0": (1, None, losses.BinaryCrossentropy(from_logits=True), [keras.metrics.BinaryAccuracy(threshold=0.0)],
                   binary),
    "logit at one half": (1, None, losses.BinaryCrossentropy(from_logits=True), ["accuracy"], binary),
    "loss in a list": (1, "sigmoid", ["binary_crossentropy"], [["accuracy"]], binary),
    "loss is a function": (1, "sigmoid", losses.binary_crossentropy, ["accuracy"], binary),
    "loss of one's own": (1, "sigmoid", lambda y, p: keras.ops.mean(keras.ops.square(y - p), -1), ["accuracy"],
                          binary[:, None]),
    "threshold of one's own": (1, "sigmoid", "binary_crossentropy", [keras.metrics.BinaryAccuracy(threshold=0.7)],
                               binary),
    "several labels": (3, "sigmoid", "binary_crossentropy", ["binary_accuracy"], several),
    "class numbers": (3, "softmax", "sparse_categorical_crossentropy", ["accuracy"], classes),
    "class numbers as floats": (3, "softmax", "sparse_categorical_crossentropy", ["accuracy"], classes.astype(float)),
    "one-hot": (3, "softmax", "categorical_crossentropy", ["accuracy"], np.eye(3)[classes]),
    "smoothed": (3, "softmax", "categorical_crossentropy", ["accuracy"], 0.9 * np.eye(3)[classes] + 0.1 / 3),
    "metric is a function": (3, "softmax", "sparse_categorical_crossentropy",
                             [keras.metrics.sparse_categorical_accuracy], classes),
}  # fmt: skip


@pytest.mark.parametrize("case", SCORED)
def test_accuracy_and_loss_are_those_of_keras(case):
    outputs, activation, loss, metrics, labels = SCORED[case]
    model = network(outputs, activation, (loss, metrics))
    model.fit(images(), labels, epochs=3, verbose=0)
    found = smallbatch.diagnose(model, (images(), labels), (images()[:50], labels[:50]))
    reported = list(model.evaluate(images()[:50], labels[:50], verbose=0, return_dict=True).values())
    assert moving(found) in [pytest.approx(value, abs=1e-6) for value in reported]
    loss = found.accuracy.set_index(["evaluation", "set"])["loss"]["moving", "validation"]
    assert loss in [pytest.approx(value, abs=1e-4) for value in reported]


@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_without_compiling_the_last_activation_says_what_a_score_means(activation):
    model = network(1, activation)
    if activation is None:
        with pytest.raises(UserError, match="probabilities or logits cannot be told"):
            smallbatch.diagnose(model, (images(), binary), (images(), binary))
        return
    found = smallbatch.diagnose(model, (images(), binary), (images(), binary))
    assert moving(found) == pytest.approx(((model.predict(images(), verbose=0)[:, 0] > 0.5) == binary).mean())


def test_classes_need_no_compiling():
    model = network(3)
    found = smallbatch.diagnose(model, (images(), classes), (images(), classes))
    assert moving(found) == pytest.approx((model.predict(images(), verbose=0).argmax(1) == classes).mean())


REFUSED = {
    "text": (3, np.array(["a", "b", "c"])[classes], "labels are no numbers, such as .*Allowed: numbers of classes"),
    "from 1": (3, classes + 1, "a label is 3. Allowed: numbers of classes, 0 to 2; subtract 1"),
    "minus 1": (3, classes - 1, "a label is -1. Allowed: numbers of classes, 0 to 2"),
    "nan": (3, np.where(classes == 1, np.nan, classes), "not finite .*Allowed: numbers of classes"),
    "halves": (3, classes + 0.5, r"a label is \d.5. Allowed: numbers of classes"),
    "too many columns": (3, np.eye(4)[classes], "labels: 64x4 for 64 images .*Allowed: .images,., or .images, 3. one"),
    "regression": (1, images()[:, 0], "Allowed with one score per answer: 0 and 1"),
    "minus and plus": (1, 2 * binary - 1, "a label is -1.* Allowed with one score per answer: 0 and 1"),
}


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("case", REFUSED)
def test_labels_that_cannot_be_scored_are_refused(case, compiled):
    outputs, labels, message = REFUSED[case]
    loss = "binary_crossentropy" if outputs == 1 else "sparse_categorical_crossentropy"
    model = network(outputs, "sigmoid" if outputs == 1 else "softmax", (loss, ["accuracy"]) if compiled else None)
    with pytest.raises(UserError, match=message):
        smallbatch.diagnose(model, (images(), labels), (images(), labels))


def test_rows_with_several_classes_need_a_metric_that_counts_them():
    model = network(3, "sigmoid", ("binary_crossentropy", ["categorical_accuracy"]))
    with pytest.raises(UserError, match="several classes in a row"):
        smallbatch.diagnose(model, (images(), several), (images(), several))


def test_labels_reach_evaluate_in_the_shape_in_which_they_are_given():
    metrics = [keras.metrics.AUC(), keras.metrics.BinaryAccuracy(threshold=0.7)]
    model = network(1, "sigmoid", ("binary_crossentropy", metrics))
    model.fit(images(), binary, verbose=0)
    reported = model.evaluate(images(), binary, verbose=0, return_dict=True)["binary_accuracy"]
    found = smallbatch.diagnose(model, (images(), binary), (images(), binary))
    assert moving(found) == pytest.approx(reported)
    both = smallbatch.diagnose(model, (images(), binary), (images(), binary[:, None]))
    assert moving(both) == pytest.approx(reported)


def test_an_evaluate_that_does_something_else_is_refused():
    class Halved(keras.Sequential):
        def evaluate(self, x, y=None, **kwargs):
            return super().evaluate(-x, y, **kwargs)

    keras.utils.set_random_seed(0)
    model = Halved([keras.Input((6,)), layers.Dense(16), layers.BatchNormalization(), layers.ReLU(), layers.Dense(2)])
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(images(), binary, epochs=30, verbose=0)
    with pytest.raises(UserError, match="evaluate does something else with these images"):
        smallbatch.diagnose(model, (images(), binary), (images(), binary))


def test_every_position_counts_as_in_segmentation():
    model = network(3, "softmax", ("sparse_categorical_crossentropy", ["accuracy"]), per_position=True)
    x = np.random.default_rng(0).normal(size=(96, 5, 6)).astype("float32")
    y = np.digitize(x[..., 0], [-0.5, 0.5])
    model.fit(x, y, epochs=3, verbose=0)
    found = smallbatch.diagnose(model, (x, y), (x[:40], y[:40]))
    assert moving(found) == pytest.approx(model.evaluate(x[:40], y[:40], verbose=0)[1], abs=1e-6)
    assert found.recall["validation_images"].sum() == 200


def test_positions_behind_a_mask_do_not_count():
    keras.utils.set_random_seed(0)
    tokens = np.random.default_rng(0).integers(1, 5, (96, 7))
    tokens = np.where(np.arange(7) < np.random.default_rng(1).integers(2, 8, 96)[:, None], tokens, 0)
    model = keras.Sequential(
        [
            keras.Input((7,), dtype="int32"), layers.Embedding(5, 8, mask_zero=True),
            layers.BatchNormalization(momentum=0.9), layers.LSTM(8, return_sequences=True), layers.Dense(5),
        ]
    )  # fmt: skip
    model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(tokens, tokens, epochs=3, verbose=0)
    found = smallbatch.diagnose(model, (tokens, tokens), (tokens[:40], tokens[:40]))
    assert moving(found) == pytest.approx(model.evaluate(tokens[:40], tokens[:40], verbose=0)[1], abs=1e-6)


def test_a_diverged_model_is_refused():
    model = network(3, "softmax", ("sparse_categorical_crossentropy", ["accuracy"]))
    model.layers[0].kernel.assign(np.full((6, 16), np.nan))
    for call in (smallbatch.diagnose, lambda model, train, _: smallbatch.recalibrate(model, train)):
        with pytest.raises(UserError, match="outputs are not finite"):
            call(model, (images(), classes), (images(), classes))


def test_the_recall_of_a_rare_class_is_told():
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(400, 6)).astype("float32"), (np.arange(400) % 25 == 0).astype(int)
    x[y == 1] += 2
    model = network(2, "softmax", ("sparse_categorical_crossentropy", ["accuracy"]))
    model.layers[1].momentum = 0.999
    model.fit(x[:200], y[:200], epochs=10, verbose=0)
    found = smallbatch.diagnose(model, (x[:200], y[:200]), (x[200:], y[200:]))
    predicted = model.predict(x[200:], verbose=0).argmax(1)
    assert found.recall.loc[1, "validation_moving"] == pytest.approx((predicted[y[200:] == 1] == 1).mean())
    assert "of the rarest, class 1 with 8 validation images" in str(found) and len(found.recall_parts) == 3
