"""Augmentation: what each kind does to images and targets; repeatable anywhere; nobody else's numbers change."""

import hashlib
import os
import random
import subprocess
import sys

import keras
import matplotlib.pyplot as plt
import numpy as np
import pytest
import tensorflow as tf

from smallbatch.errors import ParameterError
from smallbatch.training.data import augmentation
from tests.conftest import ROOT

NAMES = ("flip", "randaugment", "mixup", "cutmix")
SIDE = 19  # odd, so that halves of a rectangle are not whole pixels


def batch(n, seed=0):
    """Images of n random, all different, pixels, and targets that name the image."""
    images = np.random.default_rng(seed).uniform(0, 255, (n, SIDE, SIDE, 3)).astype(np.float32)
    return images, np.eye(n, dtype=np.float32)


@pytest.fixture(scope="module")
def augmented():
    """For each name, what its first two calls with seed 0 return."""
    result = {}
    for name in NAMES:
        augment = augmentation.make(name, 0)
        result[name] = [augment(*batch(12)) for _ in range(2)]
    return result


@pytest.mark.parametrize("name", NAMES)
def test_shapes_types_and_ranges_stay(augmented, name):
    for images, targets in augmented[name]:
        assert images.shape == (12, SIDE, SIDE, 3) and images.dtype == np.float32
        assert targets.shape == (12, 12) and targets.dtype == np.float32
        assert images.min() >= 0 and images.max() <= 255
        assert not np.array_equal(images, batch(12)[0])
        np.testing.assert_allclose(targets.sum(1), 1, atol=1e-6)
    assert not np.array_equal(augmented[name][0][0], augmented[name][1][0])  # each call draws anew


@pytest.mark.parametrize("name", ["flip", "randaugment"])
def test_changes_within_an_image_leave_targets_of_any_form_as_they_are(augmented, name):
    assert np.array_equal(augmented[name][0][1], np.eye(12))
    labels = np.arange(3)
    assert augmentation.make("flip", 0)(batch(3)[0], labels)[1] is labels


def test_flip_mirrors_about_half_of_the_images(augmented):
    images = batch(12)[0]
    mirrored = 0
    for result, _ in augmented["flip"]:
        is_same = np.all(result == images, axis=(1, 2, 3))
        is_mirror = np.all(result == images[:, :, ::-1], axis=(1, 2, 3))
        assert np.all(is_same ^ is_mirror)
        mirrored += is_mirror.sum()
    assert 4 < mirrored < 20  # of 24


def test_randaugment_changes_most_images_each_in_its_own_way():
    same = np.repeat(batch(1)[0], 12, axis=0)
    images, _ = augmentation.make("randaugment", 0)(same, np.eye(12, dtype=np.float32))
    assert np.any(images != same, axis=(1, 2, 3)).sum() >= 10  # both operations are left out once in 121
    assert len({image.tobytes() for image in images}) >= 10


def test_mixup_blends_images_and_targets_in_the_same_shares(augmented):
    images = batch(12)[0]
    blended = 0
    for result, targets in augmented["mixup"]:
        assert np.all((targets > 0).sum(1) <= 2)
        np.testing.assert_allclose(result, np.tensordot(targets, images, 1), atol=1e-3)
        blended += (targets.max(1) < 0.99).sum()
    assert blended > 5


def test_cutmix_gives_targets_the_share_of_pixels(augmented):
    images = batch(12)[0]
    for result, targets in augmented["cutmix"]:
        origin = np.all(result[:, None] == images[None], axis=-1)  # (image, where from, row, column)
        assert np.all(origin.sum(1) == 1)
        np.testing.assert_allclose(targets, origin.mean((2, 3)), atol=1e-6)
        assert np.all((targets > 0).sum(1) <= 2) and (targets.max(1) < 1).sum() > 4
        for source in origin.reshape(-1, SIDE, SIDE)[~np.eye(12, dtype=bool).ravel()]:
            assert source.sum() == source.any(0).sum() * source.any(1).sum()  # a rectangle
    # Some rectangles reach beyond the image; KerasCV's own labels would count them in full.
    shares = [1 - np.diag(targets) for _, targets in augmented["cutmix"]]
    sides = np.sqrt(np.concatenate(shares)) * SIDE
    assert np.any(np.abs(sides - sides.round()) > 0.01)


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_and_nothing_else(augmented, name):
    keras.utils.set_random_seed(123)
    again, other = augmentation.make(name, 0), augmentation.make(name, 1)
    for images, targets in augmented[name]:
        result = again(*batch(12))
        assert np.array_equal(result[0], images) and np.array_equal(result[1], targets)
        tf.random.set_seed(5)  # clears what TensorFlow's own generators remember
        assert not np.array_equal(other(*batch(12))[0], images)


DIGESTS = """
import hashlib, sys
import numpy as np, tensorflow as tf, keras
tf.config.experimental.enable_op_determinism()
keras.utils.set_random_seed(77)
tf.random.uniform([])
print("ready", flush=True); print("ready", file=sys.stderr, flush=True)
from smallbatch.training.data import augmentation
from tests.training.data.test_augmentation import NAMES, batch, digest
results = [augmentation.make(name, 0)(*batch(12)) for name in NAMES]
print(*map(digest, results))
"""


def digest(result):
    return hashlib.sha256(result[0].tobytes() + result[1].tobytes()).hexdigest()


def test_a_fresh_session_with_deterministic_operations_gives_the_same(augmented):
    done = subprocess.run(
        [sys.executable, "-c", DIGESTS], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["ready", *(digest(augmented[name][0]) for name in NAMES)]


def draws():
    return [random.random(), np.random.rand(), tf.random.normal([]).numpy(), tf.random.uniform([]).numpy(),
            keras.random.normal([]).numpy(), tf.random.get_global_generator().uniform([]).numpy()]  # fmt: skip


def test_random_numbers_of_others_are_left_alone():
    keras.utils.set_random_seed(8)
    tf.random.set_global_generator(tf.random.Generator.from_seed(8))
    expected = [draws(), draws()]
    keras.utils.set_random_seed(8)
    tf.random.set_global_generator(tf.random.Generator.from_seed(8))
    seen = [draws()]
    for name in NAMES:
        augmentation.make(name, 0)(*batch(2))
    assert [*seen, draws()] == expected


@pytest.mark.parametrize("name", ["flip", "mixup", "cutmix"])
def test_a_single_image_can_only_be_mixed_with_itself(name):
    images, targets = batch(1)
    augment = augmentation.make(name, 0)
    for _ in range(3):
        result, shares = augment(images, targets)
        expected = images if name != "flip" or np.array_equal(result, images) else images[:, :, ::-1]
        np.testing.assert_allclose(result, expected, atol=1e-3)
        np.testing.assert_allclose(shares, targets, atol=1e-6)


def test_none_returns_what_it_was_given_and_other_names_are_refused():
    images, targets = batch(2)
    result = augmentation.make("none", 0)(images, targets)
    assert result[0] is images and result[1] is targets
    with pytest.raises(ParameterError, match=r"augmentation = 'flop'. Allowed: none, flip, randaugment, mixup, cutmix"):
        augmentation.make("flop", 0)


def test_without_tensorflow_only_none_is_allowed(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(
        ParameterError, match=r"augmentation = 'flip': KerasCV needs TensorFlow, .* runs on jax. Allowed"
    ):
        augmentation.make("flip", 0)
    augmentation.make("none", 0)
    augmentation.check_backend("none")


@pytest.mark.parametrize(("n", "per_row", "grid"), [(1, 6, (1, 1)), (5, 3, (2, 3)), (4, 4, (1, 4)), (3, 1, (3, 1))])
def test_the_gallery_shows_each_image_with_its_title(n, per_row, grid):
    images, _ = batch(n)
    figure = augmentation.gallery(images, [f"image {i}" for i in range(n)], per_row)
    assert [axis.get_title() for axis in figure.axes] == [f"image {i}" for i in range(n)]
    for axis, image in zip(figure.axes, images, strict=True):
        assert np.array_equal(axis.get_images()[0].get_array(), image.astype(np.uint8))
    assert figure.axes[0].get_gridspec().get_geometry() == grid
    plt.close(figure)
