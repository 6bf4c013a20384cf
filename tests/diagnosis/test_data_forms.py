"""Every form of data is read, or refused in one sentence that says what is allowed; nothing hangs."""

import itertools
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

import smallbatch
from smallbatch.diagnosis import forms
from smallbatch.errors import UserError

layers = keras.layers


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Flatten(), layers.Dense(3)]
    )
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


@pytest.fixture(scope="module")
def pair():
    generator = np.random.default_rng(0)
    return generator.normal(size=(96, 4, 4, 1)).astype("float32"), generator.integers(0, 3, 96)


def dataset(*parts):
    return tf.data.Dataset.from_tensor_slices(parts)


def endless(x, y):
    while True:
        yield x[:16], y[:16]


class Endless:
    """Can be read again and again, and never ends."""

    def __init__(self, x, y):
        self.pair = x, y

    def __iter__(self):
        return endless(*self.pair)


class InBatches(keras.utils.PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return 6

    def __getitem__(self, k):
        return self.x[16 * k : 16 * k + 16], self.y[16 * k : 16 * k + 16]


GOOD = {
    "list of two": lambda x, y: [x, y],
    "labels in a list": lambda x, y: (x, y.tolist()),
    "with weights": lambda x, y: (x, y, np.ones(len(y))),
    "batched": lambda x, y: dataset(x, y).batch(16),
    "of a length not known": lambda x, y: dataset(x, y).batch(16).filter(lambda a, b: True),
    "PyDataset": InBatches,
    "two batches": lambda x, y: [(x[:48], y[:48]), (x[48:], y[48:])],
    "generator that ends": lambda x, y: ((x[k : k + 16], y[k : k + 16]) for k in range(0, 96, 16)),
    "integers": lambda x, y: (x, y.astype("float64")),
    "float64": lambda x, y: (x.astype("float64"), y),
}


@pytest.mark.parametrize("form", GOOD)
def test_forms_that_are_read_give_the_same(model, pair, form):
    found = smallbatch.diagnose(model, GOOD[form](*pair), pair).accuracy
    expected = smallbatch.diagnose(model, pair, pair).accuracy
    moving = found["evaluation"] == "moving"
    assert found[moving]["accuracy"].tolist() == pytest.approx(expected[moving]["accuracy"].tolist())


@pytest.mark.parametrize("form", ["arrays", "batches"])
def test_weights_that_differ_are_told_or_refused_where_evaluate_would_use_them(model, pair, form):
    weights = np.arange(96) % 2
    data = (*pair, weights) if form == "arrays" else dataset(*pair, weights).batch(32)
    found = smallbatch.diagnose(model, pair, data)
    assert "Sample weights of validation are not used" in str(found) and "Sample weights" not in str(
        smallbatch.diagnose(model, pair, (*pair, np.ones(96)))
    )
    weighted = keras.models.clone_model(model)
    weighted.compile("sgd", model.loss, weighted_metrics=["accuracy"])
    with pytest.raises(UserError, match=r"validation holds sample weights that differ.*Allowed: metrics="):
        smallbatch.diagnose(weighted, pair, data)


@pytest.mark.parametrize("form", ["generator", "repeated", "again and again"])
def test_what_does_not_end_is_read_for_so_many_steps(model, pair, form):
    data = {
        "generator": lambda: endless(*pair),
        "repeated": lambda: dataset(*pair).batch(16).repeat(),
        "again and again": lambda: Endless(*pair),
    }[form]
    found = smallbatch.diagnose(model, data(), data(), steps=1, validation_steps=1)
    assert found.batch_size == 16
    assert len(smallbatch.recalibrate(model, data(), steps=2)) == 1


BAD = {
    "endless generator": (lambda x, y: endless(x, y), "may never. Allowed: steps="),
    "repeated": (lambda x, y: dataset(x, y).batch(16).repeat(), "does not end .*Allowed: steps="),
    "cycle": (lambda x, y: itertools.cycle([(x, y)]), "may never. Allowed: steps="),
    "again and again": (Endless, "did not come to its end. Allowed: steps="),
    "from an endless generator": (
        lambda x, y: tf.data.Dataset.from_generator(
            lambda: endless(x, y), output_signature=(tf.TensorSpec((None, 4, 4, 1)), tf.TensorSpec((None,), tf.int32))
        ),
        "did not come to its end. Allowed: steps=",
    ),
    "unbatched": (dataset, "single images of shape .4, 4, 1.*Allowed: batches"),
    "dict elements": (
        lambda x, y: dataset(x, y).map(lambda a, b: {"image": a, "label": b}).batch(16),
        "yields dicts with 'image', 'label'. Allowed: pairs",
    ),
    "a dict": (lambda x, y: {"image": x, "label": y}, "is a dict. Allowed"),
    "tuple of batches": (lambda x, y: ((x[:48], y[:48]), (x[48:], y[48:])), "tuple of batches. Allowed"),
    "None": (lambda x, y: None, "is None. Allowed"),
    "a path": (lambda x, y: "train/", "is 'train/'. Allowed"),
    "a number": (lambda x, y: 3, "is a int. Allowed"),
    "unequal lengths": (lambda x, y: (x, y[:-1]), "96 images with labels: 95. Allowed: one label per image"),
    "unequal batch": (lambda x, y: [(x[:16], y[:15])], "16 images with 15 labels. Allowed: one label each"),
    "several inputs": (lambda x, y: ([x, x], y), "several inputs.*Allowed: images as one array"),
    "several outputs": (lambda x, y: (x, (y, y)), "labels of several outputs. Allowed: labels as one array"),
    "several sizes": (
        lambda x, y: [(x[:16], y[:16]), (x[16:32, :3], y[16:32])],
        "do not fit together .*Allowed: images of one size",
    ),
    "ragged": (lambda x, y: (np.array([x[0], x[1, :3], *x[2:]], object), y), "several sizes. Allowed: images of one"),
    "nothing": (lambda x, y: (x[:0], y[:0]), "no images"),
    "no batches": (lambda x, y: dataset(x, y).batch(16).take(0), "no images"),
    "not finite": (lambda x, y: (np.where(x > 2, np.nan, x), y), "not finite .*Allowed: numbers"),
    "another shape": (lambda x, y: (x[:, :3], y), "model.predict fails on images of shape .3, 4, 1.*Allowed"),
}  # fmt: skip


@pytest.mark.parametrize("function", ["diagnose", "recalibrate"])
@pytest.mark.parametrize("form", BAD)
def test_forms_that_are_not_read_are_refused_at_once(model, pair, form, function, monkeypatch):
    monkeypatch.setattr(forms, "SECONDS_TO_END", 0.5)
    make, message = BAD[form]
    before = [np.array(w) for w in model.get_weights()]
    start = time.monotonic()
    with pytest.raises(UserError, match=message) as raised:
        if function == "diagnose":
            smallbatch.diagnose(model, make(*pair), pair)
        else:
            smallbatch.recalibrate(model, make(*pair))
    assert time.monotonic() - start < 30
    assert len(str(raised.value).splitlines()) == 1
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("value", [0, -1, 1.5, "8", True])
def test_sizes_and_passes_are_whole_numbers_from_one(model, pair, value):
    for call in (
        lambda: smallbatch.diagnose(model, pair, pair, batch_size=value),
        lambda: smallbatch.recalibrate(model, pair, batch_size=value),
        lambda: smallbatch.recalibrate(model, pair, passes=value),
        lambda: smallbatch.recalibrate(model, dataset(*pair).batch(8), steps=value),
        lambda: smallbatch.Recalibrated(pair, pair, every=value),
    ):
        with pytest.raises(UserError, match="Allowed: a whole number, 1 or more"):
            call()


def test_steps_are_for_batches(model, pair):
    with pytest.raises(UserError, match="steps = 3 with arrays"):
        smallbatch.recalibrate(model, pair, steps=3)


@pytest.mark.slow
def test_memory_stays_flat_over_a_data_set_ten_times_larger(model, pair):
    import tracemalloc

    def peak(repeats):
        data = dataset(*pair).batch(32).repeat(repeats)
        tracemalloc.start()
        smallbatch.recalibrate(model, data)
        smallbatch.diagnose(model, data, pair)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(1)
    small, large = peak(8), peak(80)
    images = 72 * 96  # more in the larger one, each of them 64 bytes of pixels
    assert large - small < images * 300
