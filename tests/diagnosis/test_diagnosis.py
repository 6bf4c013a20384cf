"""`diagnose` tells overfitting, lagging averages and small normalization batches apart, on models made for each."""

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf

import smallbatch
from smallbatch.batchnorm import recalibration
from smallbatch.errors import ParameterError
from smallbatch.training import data as data_sets
from smallbatch.training import loop
from smallbatch.training import model as networks
from smallbatch.training.config import RunConfig

layers = keras.layers


def by_hand(momentum=0.99, classes=2, activation="softmax"):
    """A convolutional network of a reader, made without this project."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same"),
            layers.BatchNormalization(momentum=momentum),
            layers.ReLU(),
            layers.Conv2D(32, 3, strides=2),
            layers.BatchNormalization(momentum=momentum),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(classes, activation=activation),
        ]
    )
    model.compile(keras.optimizers.SGD(0.05, 0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    found = load_digits()
    images, labels = found.images[..., None].astype("float32"), found.target
    return (images[:600], labels[:600]), (images[600:1200], labels[600:1200])


@pytest.fixture(scope="module")
def memorized(digits):
    """A model that has learned random labels by heart, with its images."""
    (images, _), (others, _) = digits
    generator = np.random.default_rng(0)
    train = (images[:200], generator.integers(0, 10, 200))
    validation = (others[:200], generator.integers(0, 10, 200))
    model = by_hand(momentum=0.9, classes=10)
    model.fit(*train, epochs=60, batch_size=20, verbose=0)
    return model, train, validation


def test_overfitting_is_called_overfitting(memorized):
    found = smallbatch.diagnose(*memorized)
    assert found.causes == ("overfitting",)
    assert str(found).startswith("Diagnosis: overfitting.") and "moving averages lag" not in str(found)
    assert found.parts.loc["overfitting", "points"] > 70


def test_the_parts_add_up_to_the_gap(memorized):
    found = smallbatch.diagnose(*memorized)
    accuracy = found.accuracy.set_index(["evaluation", "set"])["accuracy"]
    gap = 100 * (accuracy["batch", "train"] - accuracy["moving", "validation"])
    assert found.parts["points"].sum() == pytest.approx(gap)
    assert ((found.parts["low"] <= found.parts["points"]) & (found.parts["points"] <= found.parts["high"])).all()


def test_the_accuracies_are_those_that_keras_reports(memorized):
    model, train, validation = memorized
    found = smallbatch.diagnose(model, train, validation)
    accuracy = found.accuracy.set_index(["evaluation", "set"])["accuracy"]
    for name, images in (("train", train), ("validation", validation)):
        assert accuracy["moving", name] == pytest.approx(model.evaluate(*images, verbose=0)[1], abs=1e-6)
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    twin.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    smallbatch.recalibrate(twin, train)
    assert accuracy["recalibrated", "validation"] == pytest.approx(twin.evaluate(*validation, verbose=0)[1], abs=1e-6)


def test_the_model_stays_as_it_is(memorized):
    model, train, validation = memorized
    before = [w.copy() for w in model.get_weights()]
    smallbatch.diagnose(model, train, validation)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.fixture(scope="module")
def lagging(digits):
    """Few steps with a high momentum: the moving averages have hardly left their start."""
    train, validation = digits
    model = by_hand(momentum=0.999, classes=10)
    model.fit(*train, epochs=6, batch_size=32, verbose=0)
    return model, train, validation


def test_lagging_averages_are_called_so_and_recalibration_mends_them(lagging):
    model, train, validation = lagging
    twin = by_hand(momentum=0.999, classes=10)
    twin.set_weights(model.get_weights())
    found = smallbatch.diagnose(twin, train, validation)
    assert found.causes[0] == "moving averages lag" and "moving averages lag" in str(found)
    assert found.parts.loc["moving averages", "low"] > 5
    before = twin.evaluate(*validation, verbose=0)[1]
    assert smallbatch.recalibrate(twin, train) == 2
    assert twin.evaluate(*validation, verbose=0)[1] > before + 0.1
    again = smallbatch.diagnose(twin, train, validation)
    assert "moving averages" not in " ".join(again.causes)


def test_averages_over_few_images_are_called_noisy_and_not_lagging(lagging):
    model, train, validation = lagging
    assert smallbatch.diagnose(model, train, validation).images_averaged == pytest.approx(32 * 1.999 / 0.001, rel=1e-3)
    for layer in recalibration.batch_norm_layers(model):
        layer.momentum = 0.5
    found = smallbatch.diagnose(model, train, validation)
    assert found.images_averaged == pytest.approx(96) and found.causes[0] == "moving averages are noisy"


def test_a_small_normalization_batch_is_called_so():
    # Each image has a brightness of its own, which normalizing it by itself removes and fixed statistics keep.
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 400)
    pattern = np.where(np.arange(16).reshape(4, 4) % 2, 1.0, -1.0)
    images = (2 * labels - 1)[:, None, None] * pattern + generator.normal(0, 100, (400, 1, 1))
    images = images[..., None].astype("float32")
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.BatchNormalization(), layers.Flatten(), layers.Dense(1)])
    tilted = pattern.ravel()[:, None] + 0.05
    model.layers[-1].set_weights([tilted, np.zeros(1)])
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    train, validation = (images[:200], labels[:200]), (images[200:], labels[200:])
    found = smallbatch.diagnose(model, train, validation, batch_size=1)
    assert found.causes[0] == "small normalization batch"
    assert found.parts.loc["small normalization batch", "points"] > 20


def test_a_model_without_batch_norm_can_only_overfit(digits):
    (images, labels), validation = digits
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(images, labels, epochs=2, verbose=0)
    found = smallbatch.diagnose(model, (images, labels), validation)
    assert set(found.causes) <= {"overfitting"}
    assert found.parts.loc[["small normalization batch", "moving averages"], "points"].tolist() == [0, 0]


def test_few_images_decide_nothing_and_it_says_so(memorized):
    model, (images, _), _ = memorized
    train = (images[:4], model.predict(images[:4], verbose=0).argmax(1))
    one_wrong = np.array([0, 0, 0, 1])
    validation = (images[4:8], (model.predict(images[4:8], verbose=0).argmax(1) + one_wrong) % 10)
    found = smallbatch.diagnose(model, train, validation)
    assert found.causes == () and "not decided" in str(found)
    same = smallbatch.diagnose(model, train, train)
    assert same.causes == () and "no gap to explain" in str(same)


@pytest.mark.parametrize("form", ["one-hot", "tf.data", "column"])
def test_labels_and_data_in_other_forms_give_the_same(memorized, form):
    model, train, validation = memorized
    change = {
        "one-hot": lambda x, y: (x, np.eye(10)[y]),
        "tf.data": lambda x, y: tf.data.Dataset.from_tensor_slices((x, y)).batch(20),
        "column": lambda x, y: (x, y[:, None]),
    }[form]
    found = smallbatch.diagnose(model, change(*train), change(*validation))
    expected = smallbatch.diagnose(model, train, validation)
    assert found.batch_size == (20 if form == "tf.data" else 32)
    mask = found.accuracy["evaluation"] != "batch"  # the order, and so the batches, may differ
    assert found.accuracy[mask]["accuracy"].tolist() == expected.accuracy[mask]["accuracy"].tolist()


def test_two_classes_with_one_score(digits):
    (images, labels), (others, other_labels) = digits
    model = by_hand(momentum=0.9, classes=1, activation="sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(images, labels % 2, epochs=2, verbose=0)
    found = smallbatch.diagnose(model, (images, labels % 2), (others, other_labels % 2))
    moving = found.accuracy.set_index(["evaluation", "set"])["accuracy"]["moving", "validation"]
    assert moving == pytest.approx(model.evaluate(others, other_labels % 2, verbose=0)[1], abs=1e-6)


def test_what_cannot_be_scored_is_refused(memorized):
    model, (images, labels), validation = memorized
    with pytest.raises(ParameterError, match="labels: 64x2 for 64 images"):
        smallbatch.diagnose(model, (images, np.stack([labels, labels], 1)), validation)
    with pytest.raises(ParameterError, match="train holds no labels"):
        smallbatch.diagnose(model, tf.data.Dataset.from_tensor_slices(images).batch(8), validation)


def test_the_figure_shows_every_accuracy_and_every_part(memorized):
    figure = smallbatch.diagnose(*memorized).figure()
    left, right = figure.axes
    assert len(left.containers) == 3
    assert [label.get_text().replace("\n", " ") for label in right.get_yticklabels()] == [
        "small normalization batch", "overfitting", "moving averages",
    ]  # fmt: skip
    plt.close(figure)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50"])
def test_it_works_on_models_of_keras_applications(name):
    generator = np.random.default_rng(0)
    images = generator.uniform(0, 255, (96, 48, 48, 3)).astype("float32")
    labels = (images.mean((1, 2, 3)) > 127.5).astype(int)
    keras.utils.set_random_seed(0)
    base = getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(48, 48, 3), pooling="avg")
    model = keras.Sequential([layers.Rescaling(1 / 255), base, layers.Dense(2, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model(images[:64], training=True)  # moves the averages as a step of `fit` does, without its long compilation
    train, validation = (images[:64], labels[:64]), (images[64:], labels[64:])
    found = smallbatch.diagnose(model, train, validation)
    moving = found.accuracy.set_index(["evaluation", "set"])["accuracy"]["moving", "train"]
    assert moving == pytest.approx(model.evaluate(*train, verbose=0)[1], abs=1e-6)
    n_layers = {"MobileNetV2": 52, "ResNet50": 53}[name]
    assert smallbatch.recalibrate(model, train) == n_layers
    repaired = smallbatch.diagnose(model, train, validation)
    assert repaired.parts.loc["moving averages", "points"] == pytest.approx(0, abs=1e-9)


def train_network(**parameters):
    """Train the network of the book on 512 digits and return what `diagnose` says."""
    config = RunConfig.create(
        **{"n_train": 512, "image_size": 75, "width": 0.125, "depth": 0.1, "batch_size": 32} | parameters
    )
    keras.utils.set_random_seed(config.seed)
    images = data_sets.load(config)
    model = networks.build(config, 10)
    loop.compile_model(model, config, len(images.train))
    fitted = loop.fit(model, images, config, recalibration.Observed(model))
    pairs = [(split.images, split.labels) for split in (images.train, images.validation)]
    return fitted, smallbatch.diagnose(model, *pairs)


@pytest.mark.slow
def test_the_phantom_looks_like_overfitting_and_is_none():
    fitted, lags = train_network(batch_norm_momentum=0.99, epochs=4)
    accuracy = lags.accuracy.set_index(["evaluation", "set"])["accuracy"]
    # The same training images: only the statistics differ.
    assert accuracy["recalibrated", "train"] > accuracy["moving", "train"] + 0.3
    assert lags.causes[0] == "moving averages lag"
    # An averaging window of two steps is left behind by nothing; after 64 steps 0.9 can still lag a little.
    _, follows = train_network(batch_norm_momentum=0.5, epochs=4)
    accuracy = follows.accuracy.set_index(["evaluation", "set"])["accuracy"]
    assert accuracy["recalibrated", "train"] == pytest.approx(accuracy["moving", "train"], abs=0.05)
    assert follows.causes[0] != "moving averages lag"
    assert fitted.history[-1]["lag_sd"] > 0.1


@pytest.mark.slow
def test_one_value_per_channel_teaches_nothing():
    config = {"batch_size": 1, "allow_one_value_per_channel": True, "n_train": 100, "epochs": 3}
    fitted, _ = train_network(**config)
    # Ten classes, nearly equally frequent: guessing costs log(10).
    for row in fitted.history:
        assert row["train_loss"] == pytest.approx(np.log(10), abs=0.15)
        assert row["train_accuracy"] < 0.2
