"""Augmentation by KerasCV: training images changed at random, batch by batch, the same way in every session.

The one module that needs KerasCV, and so TensorFlow; both are imported when the first augmentation is made. KerasCV
draws part of its random numbers from TensorFlow's global generators, whatever seed its layers are given. Here all of
them come from one generator, set anew for each batch: a run can be repeated, and nobody else's numbers change.
"""

import contextlib
import threading
from collections.abc import Callable
from unittest import mock

import keras
import matplotlib.pyplot as plt
import numpy as np

from smallbatch.errors import ParameterError

# Two operations per image, as Cubuk et al. 2020 use on ImageNet. KerasCV's scale of magnitude, 0 to 1, is not theirs:
# at 0.3 its mean shear is 0.3, their strongest, and it shifts images by up to 0.3 of their side.
OPERATIONS, MAGNITUDE = 2, 0.3
# Of the Beta(alpha, alpha) that shares are drawn from: Zhang et al. 2018, section 3.1 (0.1 to 0.4 on ImageNet), and
# Yun et al. 2019, section 3.1.
MIXUP_ALPHA, CUTMIX_ALPHA = 0.2, 1.0

# Replacing functions of a module is for one thread at a time.
_REPLACING = threading.Lock()


def make(name: str, seed: int) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return `augment(images, targets)`, which returns both augmented.

    Images are float32 (n, side, side, 3) with values 0-255, before and after; any n from 1 on. By name:

    - `none`: nothing is changed.
    - `flip`: each image is mirrored left to right with probability 1/2.
    - `randaugment`: each image goes through operations drawn at random (Cubuk et al. 2020, section 3): contrast,
      histogram, colour, brightness, solarizing, shear or shift; each is left out with probability 1/11.
    - `mixup`: each image is blended with another of the batch, or itself, in random shares (Zhang et al. 2018).
    - `cutmix`: a random rectangle of each image is taken from another of the batch, or itself (Yun et al. 2019).

    `mixup` and `cutmix` mix targets, float32 (n, classes), in the shares of the images; the others return them as
    they are, so that any form of labels will do. The k-th call depends on name, seed, k and the batch alone. Call it
    from one thread at a time. Raises `ParameterError` for another name and where Keras does not run on TensorFlow.
    """
    if name == "none":
        return lambda images, targets: (images, targets)
    if name not in _BUILDERS:
        raise ParameterError(f"augmentation = {name!r}. Allowed: none, {', '.join(_BUILDERS)}")
    check_backend(name)
    return _Augmentation(name, seed)


def check_backend(name: str) -> None:
    """Raise `ParameterError` unless Keras runs on TensorFlow or nothing is to be augmented."""
    backend = keras.backend.backend()
    if name != "none" and backend != "tensorflow":
        raise ParameterError(
            f"augmentation = {name!r}: KerasCV needs TensorFlow, this session runs on {backend}. "
            "Allowed: none, or KERAS_BACKEND=tensorflow"
        )


def gallery(images: np.ndarray, titles: list[str] | None = None, per_row: int = 6) -> plt.Figure:
    """Return a figure of images (n, side, side, 3) with values 0-255 in a grid, with a title above each if given."""
    import keras_cv

    columns = min(per_row, len(images))
    rows = -(-len(images) // columns)
    # KerasCV fails where the last row is not full.
    missing = np.zeros((rows * columns - len(images), *images.shape[1:]), images.dtype)
    figure = keras_cv.visualization.plot_image_gallery(
        np.concatenate([images, missing]), value_range=(0, 255), scale=1.5, rows=rows, cols=columns
    )
    for axis in figure.axes[len(images) :]:
        axis.remove()
    for axis, title in zip(figure.axes, titles or [], strict=titles is not None):
        axis.set_title(title, fontsize=9, loc="center", fontweight="normal")
    return figure


class _Augmentation:
    """Runs a KerasCV layer as a compiled function, on the CPU, with random numbers of its own."""

    def __init__(self, name: str, seed: int):
        import tensorflow as tf

        self.seed, self.calls = seed, 0
        self.mixes_targets = name in ("mixup", "cutmix")
        with tf.device("CPU:0"):
            self.generator = tf.random.Generator.from_key_counter(seed, [0, 0], alg="philox")
        with _draws_from(self.generator):
            self.apply = _BUILDERS[name]()
        # Eagerly, RandAugment took ten times as long. Compiled once for each shape of the batch.
        self.compiled = tf.function(self._trace)

    def __call__(self, images: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        import tensorflow as tf

        # The high half of the counter: no batch draws so many numbers that it would reach the next one's.
        self.generator.reset_from_key_counter(self.seed, [0, self.calls])
        self.calls += 1
        with tf.device("CPU:0"):
            tensors = [tf.constant(images, tf.float32)]
            if self.mixes_targets:
                tensors.append(tf.constant(targets, tf.float32))
            augmented = [tensor.numpy() for tensor in self.compiled(*tensors)]
        return augmented[0], augmented[1] if self.mixes_targets else targets

    def _trace(self, images, *targets):
        import tensorflow as tf

        # Python runs through here only while TensorFlow compiles, which is when it asks where numbers come from.
        with _draws_from(self.generator):
            images, *targets = self.apply(images, *targets)
        # Blends of 255 with 255 can end up a rounding error above.
        return tf.clip_by_value(images, 0.0, 255.0), *targets


@contextlib.contextmanager
def _draws_from(generator):
    """Have all functions of `tf.random` that KerasCV calls draw from this generator."""
    import tensorflow as tf

    def gamma(shape, alpha):
        return tf.random.stateless_gamma(shape, generator.make_seeds(1)[:, 0], alpha)

    def normal(shape, mean, stddev, dtype, seed):
        return generator.normal(shape, mean, stddev, dtype)

    def shuffle(value, seed):
        return tf.random.experimental.stateless_shuffle(value, generator.make_seeds(1)[:, 0])

    def uniform(shape, minval, maxval, dtype, seed=None):
        return generator.uniform(shape, minval, maxval, dtype)

    with _REPLACING, mock.patch.multiple(
        tf.random, gamma=gamma, normal=normal, shuffle=shuffle, uniform=uniform,
        get_global_generator=lambda: generator,
    ):  # fmt: skip
        yield


def _flip():
    import keras_cv

    layer = keras_cv.layers.RandomFlip("horizontal")
    return lambda images: [layer(images)]


def _randaugment():
    import keras_cv
    import tensorflow as tf

    layer = keras_cv.layers.RandAugment((0, 255), augmentations_per_image=OPERATIONS, magnitude=MAGNITUDE)
    # Left to itself the layer may work on ten images at a time, which then draw their numbers in any order.
    return lambda images: [tf.map_fn(layer, images, parallel_iterations=1)]


def _mixup():
    import keras_cv

    layer = keras_cv.layers.MixUp(MIXUP_ALPHA)

    def apply(images, targets):
        mixed = layer({"images": images, "labels": targets})
        return mixed["images"], mixed["labels"]

    return apply


def _cutmix():
    import keras_cv
    import tensorflow as tf

    layer = keras_cv.layers.CutMix(CUTMIX_ALPHA)

    def apply(images, targets):
        n, height, width, _ = images.shape
        numbers = tf.reshape(tf.range(n), (n, 1, 1, 1))
        # KerasCV would count a rectangle in full that reaches beyond the image. A mask that holds the number of its
        # image, and is cut like it, tells where each pixel came from; the authors' code counts such pixels, too.
        mixed = layer({"images": images, "segmentation_masks": tf.tile(numbers, (1, height, width, 1))})
        pairs = n * numbers + mixed["segmentation_masks"]
        counts = tf.math.bincount(tf.reshape(pairs, [-1]), minlength=n * n, maxlength=n * n)
        shares = tf.cast(tf.reshape(counts, (n, n)), tf.float32) / (height * width)
        return mixed["images"], shares @ targets

    return apply


_BUILDERS = {"flip": _flip, "randaugment": _randaugment, "mixup": _mixup, "cutmix": _cutmix}
