"""Batch norm that cannot be looked at is refused or named; nobody is told "as in training" about it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import smallbatch
from smallbatch.errors import UserError

layers, ops = keras.layers, keras.ops


def data(*shape):
    generator = np.random.default_rng(0)
    return generator.normal(size=(96, *shape)).astype("float32"), generator.integers(0, 2, 96)


def compiled(model):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"], jit_compile=False)
    return model


class OwnNorm(layers.Layer):
    """Moving statistics of somebody's own."""

    def build(self, shape):
        self.mean = self.add_weight(shape=(shape[-1],), initializer="zeros", trainable=False, name="mean")

    def call(self, x, training=False):
        if training:
            mean = ops.mean(x, axis=0)
            self.mean.assign(0.9 * self.mean + 0.1 * mean)
            return x - mean
        return x - self.mean


class AroundBatchNorm(layers.Layer):
    """A layer of somebody's own that holds a batch norm; `call` is left to the test."""

    def __init__(self):
        super().__init__()
        self.norm = layers.BatchNormalization()

    def build(self, shape):
        self.norm.build(shape)


class RawNorm(layers.Layer):
    """The same, in a variable of TensorFlow."""

    def build(self, shape):
        self.mean = tf.Variable(tf.zeros(shape[-1]), trainable=False)

    def call(self, x, training=False):
        if training:
            self.mean.assign(0.9 * self.mean + 0.1 * tf.reduce_mean(x, 0))
        return x - self.mean


class OwnArithmetic(layers.BatchNormalization):
    def call(self, inputs, training=None, mask=None):
        mean = ops.mean(inputs, axis=0) if training else self.moving_mean
        return inputs - mean


class Exactly16(layers.Layer):
    """Takes batches of no other size."""

    def call(self, x):
        return ops.reshape(x, (16, 6))


class Cell(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.state_size = self.output_size = 4
        self.dense, self.norm = layers.Dense(4), layers.BatchNormalization()

    def build(self, shape):
        self.dense.build(shape)
        self.norm.build((None, 4))

    def call(self, inputs, states, training=None):
        out = self.norm(self.dense(inputs) + states[0], training=training)
        return out, [out]


def stack(*middle, shape=(6,)):
    keras.utils.set_random_seed(0)
    return compiled(keras.Sequential([keras.Input(shape), *middle, layers.Dense(2)]))


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: stack(OwnNorm()), (6,), "OwnNorm. changes in training: moving statistics"),
        (lambda: stack(RawNorm(), layers.BatchNormalization()), (6,), "belongs to no Keras layer"),
        (lambda: stack(OwnArithmetic()), (6,), "by code of its own|nothing was changed"),
        (lambda: stack(layers.RNN(Cell()), shape=(5, 3)), (5, 3), "inside of a recurrent layer"),
        (
            lambda: compiled(keras.Sequential([keras.Input((5, 3), batch_size=8), layers.LSTM(4, stateful=True),
                                               layers.BatchNormalization(), layers.Dense(2)])),
            (5, 3), "is stateful",
        ),
        (
            lambda: compiled(keras.Sequential([keras.Input((6,), batch_size=16), Exactly16(),
                                               layers.BatchNormalization(), layers.Dense(2)])),
            (6,), "batches of exactly 16 images",
        ),
    ],
    ids=["own layer", "raw variable", "own arithmetic", "recurrent cell", "stateful", "fixed batch"],
)  # fmt: skip
def test_what_cannot_be_looked_at_is_refused(make, shape, message):
    model, pair = make(), data(*shape)
    before = [np.array(w) for w in model.get_weights()]
    with pytest.raises(UserError, match=message):
        smallbatch.diagnose(model, pair, pair)
    with pytest.raises(UserError, match=message):
        smallbatch.recalibrate(model, pair)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_saved_program_is_refused(tmp_path):
    inner = keras.Sequential([keras.Input((6,)), layers.BatchNormalization(), layers.Dense(4)])
    inner.export(str(tmp_path / "saved"), verbose=False)
    model = compiled(keras.Sequential([keras.Input((6,)), layers.TFSMLayer(str(tmp_path / "saved")), layers.Dense(2)]))
    with pytest.raises(UserError, match=r"TFSMLayer. runs a saved program"):
        smallbatch.diagnose(model, data(6), data(6))


def test_what_is_no_keras_model_is_refused():
    class Sequential:
        """Looks like a model of Keras 2 as far as its module goes."""

    Sequential.__module__ = "tf_keras.src.engine.sequential"
    with pytest.raises(UserError, match=r"is a tf_keras.Sequential. Allowed: a Keras 3 model .*Keras 2 model"):
        smallbatch.recalibrate(Sequential(), data(6))
    with pytest.raises(UserError, match=r"model is a builtins.NoneType. Allowed: a Keras 3 model"):
        smallbatch.diagnose(None, data(6), data(6))


def test_several_inputs_and_outputs_are_refused():
    one, two = keras.Input((6,)), keras.Input((6,))
    normed = layers.BatchNormalization()(layers.add([one, two]))
    x, y = data(6)
    with pytest.raises(UserError, match=r"has several inputs. Allowed: a model of one input"):
        smallbatch.diagnose(compiled(keras.Model([one, two], layers.Dense(2)(normed))), ([x, x], y), ([x, x], y))
    split = keras.Model(one, [layers.Dense(2)(layers.BatchNormalization()(one)), layers.Dense(3)(one)])
    with pytest.raises(UserError, match=r"has several outputs. Allowed: one"):
        smallbatch.diagnose(split, (x, y), (x, y))


def test_random_predictions_are_refused():
    class AlwaysOn(layers.Dropout):
        def call(self, inputs, training=None):
            return super().call(inputs, training=True)

    model = stack(layers.BatchNormalization(), AlwaysOn(0.5))
    with pytest.raises(UserError, match="predict gives other outputs each time"):
        smallbatch.diagnose(model, data(6), data(6))


def test_a_loop_of_ones_own_is_refused():
    class Loop(AroundBatchNorm):
        def call(self, x, training=None):
            return ops.while_loop(lambda k, x: k < 2, lambda k, x: (k + 1, self.norm(x, training=training)), (0, x))[1]

    with pytest.raises(UserError, match="Allowed:"):
        smallbatch.diagnose(stack(Loop()), data(6), data(6))


def test_own_steps_of_training_that_change_the_images_are_refused():
    class Scaling(keras.Sequential):
        def train_step(self, batch):
            x, y = batch
            return super().train_step((x / 255, y))

        def test_step(self, batch):
            x, y = batch
            return super().test_step((x / 255, y))

    model = compiled(Scaling([keras.Input((6,)), layers.Dense(8), layers.BatchNormalization(), layers.Dense(2)]))
    x, y = data(6)
    model.fit(100 + 100 * x, y, epochs=2, verbose=0)
    before = [np.array(w) for w in model.get_weights()]
    for call in (lambda: smallbatch.recalibrate(model, (100 + 100 * x, y)),
                 lambda: smallbatch.diagnose(model, (100 + 100 * x, y), (100 + 100 * x, y))):  # fmt: skip
        with pytest.raises(UserError, match="train_step changes the images before the model sees them"):
            call()
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_fit_and_an_evaluate_that_prepare_the_images_are_noticed():
    class Prepared(keras.Sequential):
        def fit(self, x, y=None, **kwargs):
            return super().fit(x / 50 - 2, y, **kwargs)

        def evaluate(self, x, y=None, **kwargs):
            return super().evaluate(x / 50 - 2, y, **kwargs)

    keras.utils.set_random_seed(0)
    norm = layers.BatchNormalization(momentum=0.9)
    model = compiled(Prepared([keras.Input((6,)), layers.Dense(8), norm, layers.ReLU(), layers.Dense(2)]))
    x, _ = data(6)
    x, y = 100 + 50 * x, (x[:, 0] > 0).astype(int)
    model.fit(x, y, epochs=20, verbose=0)
    with pytest.raises(UserError, match="evaluate does something else with these images"):
        smallbatch.recalibrate(model, (x, y))
    with pytest.raises(UserError, match="has a fit of its own, which may prepare the images"):
        smallbatch.recalibrate(model, x)


def test_predictions_that_depend_on_the_batch_are_refused():
    class MinusBatchMean(layers.Layer):
        def call(self, x):
            return x - ops.mean(x, axis=0, keepdims=True)

    model = stack(layers.Dense(4), MinusBatchMean(), layers.BatchNormalization())
    for call in (lambda: smallbatch.diagnose(model, data(6), data(6)), lambda: smallbatch.recalibrate(model, data(6))):
        with pytest.raises(UserError, match="depend on which images share a batch, by something else"):
            call()


def test_images_that_have_no_statistics_are_refused():
    model = stack(layers.Dense(4), layers.BatchNormalization())
    before = [np.array(w) for w in model.get_weights()]
    x, y = data(6)
    with pytest.raises(UserError, match=r"data holds 31 images. Allowed: 32 or more"):
        smallbatch.recalibrate(model, (x[:31], y[:31]))
    with pytest.raises(UserError, match="to all batch norm layers these images are alike"):
        smallbatch.recalibrate(model, np.repeat(x[:1], 96, axis=0))
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_what_makes_outputs_infinite_is_named():
    x, y = data(6)
    x[0] = 3e38
    with pytest.raises(
        UserError, match=r"not finite .NaN or infinite. for images with values from -\S+ to 3e.38. Allo"
    ):
        smallbatch.diagnose(stack(layers.Dense(4), layers.BatchNormalization()), (x, y), (x, y))
    model = stack(layers.Dense(4), layers.BatchNormalization(name="broken"))
    model.get_layer("broken").moving_mean.assign([0.0, np.nan, 0.0, 0.0])
    with pytest.raises(UserError, match=r"not finite .NaN or infinite., and so is '[^']*broken/moving_mean'. Allowed"):
        smallbatch.diagnose(model, data(6), data(6))


def test_batch_norm_that_runs_in_training_alone_is_told():
    class OnlyInTraining(AroundBatchNorm):
        def call(self, x, training=None):
            return self.norm(x, training=True) if training else x

    said = str(smallbatch.diagnose(stack(OnlyInTraining(), layers.BatchNormalization()), data(6), data(6)))
    assert "as in training but for the layers that predict leaves out" in said and "do not run in predict" in said
