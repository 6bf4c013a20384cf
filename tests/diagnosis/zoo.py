"""Twenty small models as people make them, each trained for a second or two on digits or on sequences."""

import keras
import numpy as np
from keras import layers, ops

CLASSES = 4


def images(n=320, seed=0):
    """Patterns of four classes in noise, (n, 8, 8, 1), with labels."""
    patterns = np.random.default_rng(7).normal(size=(CLASSES, 8, 8, 1))
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, n)
    return (patterns[labels] + generator.normal(0, 1.5, (n, 8, 8, 1))).astype("float32"), labels


def bright_images(n=320, seed=0):
    """The same with a brightness that moving averages have to find out."""
    patterns, labels = images(n, seed)
    return patterns + 4, labels


def sequences(n=320, seed=0):
    """Token sequences (n, 12) padded with 0, whose class is their most frequent token."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, n)
    tokens = generator.integers(1, 9, (n, 12))
    tokens = np.where(generator.random((n, 12)) < 0.6, labels[:, None] + 1, tokens)
    lengths = generator.integers(3, 13, n)
    return np.where(np.arange(12) < lengths[:, None], tokens, 0).astype("int32"), labels


def norm(momentum, **more):
    return layers.BatchNormalization(momentum=momentum, **more)


def sequential(momentum=0.9, **more):
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)), layers.Conv2D(8, 3), norm(momentum, **more), layers.ReLU(),
            layers.Conv2D(8, 3), norm(momentum, **more), layers.ReLU(), layers.Flatten(), layers.Dense(CLASSES),
        ]
    )  # fmt: skip


def functional(momentum=0.9):
    inputs = keras.Input((8, 8, 1))
    x = norm(momentum)(layers.Conv2D(8, 3, padding="same")(inputs))
    y = norm(momentum)(layers.Conv2D(8, 3, padding="same")(layers.ReLU()(x)))
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(layers.add([x, y])))
    return keras.Model(inputs, layers.Dense(CLASSES, activation="softmax")(layers.Flatten()(layers.concatenate(
        [x, layers.Flatten()(inputs)]))))  # fmt: skip


def nested(momentum=0.9):
    inner = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(8, 3), norm(momentum), layers.ReLU()])
    inputs = keras.Input((8, 8, 1))
    return keras.Model(inputs, layers.Dense(CLASSES)(layers.Flatten()(inner(inputs))))


class Subclassed(keras.Model):
    """Batch norm in the hands of a `call`; the variants pass `training` on in other ways."""

    def __init__(self, momentum=0.9):
        super().__init__()
        self.conv, self.norm, self.flat = layers.Conv2D(8, 3), norm(momentum), layers.Flatten()
        self.hidden, self.second, self.out = layers.Dense(16), norm(momentum), layers.Dense(CLASSES)

    def run(self, x, **flag):
        x = ops.relu(self.norm(self.conv(x), **flag))
        return self.out(ops.relu(self.second(self.hidden(self.flat(x)), **flag)))

    def call(self, x, training=None):
        return self.run(x, training=training)


class WithoutTraining(Subclassed):
    def call(self, x):
        return self.run(x)


class AlwaysFalse(Subclassed):
    def call(self, x, training=None):
        return self.run(x, training=False)


class AlwaysTrue(Subclassed):
    def call(self, x, training=None):
        return self.run(x, training=True)


class Preprocessing(Subclassed):
    """Prepares images in its steps, as tasks of keras_hub do: `predict`, `evaluate` and `fit` take raw ones."""

    def fit(self, x, y=None, **kwargs):
        return super().fit(x / 40 - 3, y, **kwargs)

    def predict(self, x, **kwargs):
        return super().predict(x / 40 - 3, **kwargs)

    def evaluate(self, x, y=None, **kwargs):
        return super().evaluate(x / 40 - 3, y, **kwargs)


class ForgotTraining(Subclassed):
    """A `train_step` that calls the model without `training=True`."""

    if keras.backend.backend() == "tensorflow":

        def train_step(self, data):
            import tensorflow as tf

            x, y = data
            with tf.GradientTape() as tape:
                outputs = self(x)
                loss = self.compute_loss(x, y, outputs)
            self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
            return self.compute_metrics(x, y, outputs)

    elif keras.backend.backend() == "jax":

        def compute_loss_and_updates(self, trainable, others, metrics, x, y, sample_weight, training=False, **more):
            return super().compute_loss_and_updates(trainable, others, metrics, x, y, sample_weight, False, **more)


class Twice(layers.BatchNormalization):
    """Somebody's own batch norm, on top of Keras's."""

    def call(self, inputs, training=None, mask=None):
        return 2 * super().call(inputs, training=training, mask=mask)


def with_subclass(momentum=0.9):
    return keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(8, 3), Twice(momentum=momentum), layers.ReLU(),
                             layers.Flatten(), layers.Dense(CLASSES)])  # fmt: skip


def with_dropout(momentum=0.9):
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dropout(0.6),
            layers.Dense(32), norm(momentum), layers.ReLU(), layers.Dense(CLASSES),
        ]
    )  # fmt: skip


def mixed_precision(policy="mixed_float16"):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return sequential()
    finally:
        keras.config.set_dtype_policy(before)


def frozen():
    model = sequential()
    model.layers[1].trainable = False
    return model


def masked(momentum=0.9):
    return keras.Sequential(
        [
            keras.Input((12,), dtype="int32"), layers.Embedding(9, 8, mask_zero=True), norm(momentum),
            layers.Dense(16), norm(momentum), layers.LSTM(8), layers.Dense(CLASSES),
        ]
    )  # fmt: skip


def masked_pooling(momentum=0.9):
    return keras.Sequential(
        [
            keras.Input((12,), dtype="int32"), layers.Embedding(9, 16, mask_zero=True), norm(momentum),
            layers.GlobalAveragePooling1D(), layers.Dense(CLASSES),
        ]
    )  # fmt: skip


def recurrent(momentum=0.9):
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)), layers.TimeDistributed(layers.Conv1D(4, 3)),
            layers.TimeDistributed(norm(momentum)), layers.Reshape((8, 24)), layers.GRU(16), norm(momentum),
            layers.Dense(CLASSES),
        ]
    )  # fmt: skip


def in_rows(momentum=0.9):
    """Batch norm on rows (n * 8, 8), several for each image."""
    inputs = keras.Input((8, 8, 1))
    x = layers.Lambda(lambda x: ops.reshape(x, (-1, 8)), output_shape=(8,))(inputs)
    x = layers.Dense(8, activation="relu")(norm(momentum)(x))
    x = layers.Lambda(lambda x: ops.reshape(x, (-1, 64)), output_shape=(64,))(x)
    return keras.Model(inputs, layers.Dense(CLASSES)(x))


def renormalizing(momentum=0.9):
    return sequential(momentum, renorm=True, renorm_clipping={"rmax": 3, "rmin": 0.3, "dmax": 2})


def lagging():
    return sequential(momentum=0.999)


# Name: how it is made, its data, how many images it is trained on, for how many epochs.
ZOO = {
    "sequential": (sequential, images, 320, 8),
    "functional": (functional, images, 320, 8),
    "nested": (nested, images, 320, 8),
    "subclassed": (Subclassed, images, 320, 8),
    "subclass of batch norm": (with_subclass, images, 320, 8),
    "without training": (WithoutTraining, images, 320, 8),
    "always training=False": (AlwaysFalse, images, 320, 8),
    "always training=True": (AlwaysTrue, images, 320, 8),
    "train_step without training": (ForgotTraining, images, 320, 8),
    "preprocessing": (Preprocessing, lambda *a, **k: ((40 * (images(*a, **k)[0] + 3)), images(*a, **k)[1]), 320, 8),
    "masked": (masked, sequences, 320, 25),
    "masked pooling": (masked_pooling, sequences, 320, 25),
    "mixed precision": (mixed_precision, images, 320, 8),
    "float16": (lambda: mixed_precision("float16"), images, 320, 4),
    "recurrent": (recurrent, images, 320, 15),
    "rows": (in_rows, images, 320, 15),
    "dropout": (with_dropout, images, 320, 15),
    "renorm": (renormalizing, images, 320, 8),
    "frozen": (frozen, images, 320, 8),
    "lagging": (lagging, bright_images, 320, 4),
    "overfitting": (sequential, images, 40, 40),
}


def trained(name):
    """Return a model of the zoo, trained, with its training and validation data."""
    make, data, n, epochs = ZOO[name]
    keras.utils.set_random_seed(0)
    model = make()
    is_softmax = getattr(model.layers[-1], "activation", None) is keras.activations.softmax
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not is_softmax)
    optimizer = keras.optimizers.SGD(0.02, momentum=0.9)
    if data is sequences:
        optimizer = keras.optimizers.Adam(0.01)
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=keras.backend.backend() == "jax")
    train, validation = data(n, seed=0), data(320, seed=1)
    model.fit(*train, batch_size=32, epochs=epochs, verbose=0)
    return model, train, validation
