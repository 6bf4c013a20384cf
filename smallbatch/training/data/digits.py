"""scikit-learn's 1,797 handwritten digits, enlarged: the data set that is always there, without a download."""

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from smallbatch.training.config import RunConfig
from smallbatch.training.data.sampling import stratified_split
from smallbatch.training.data.split import Split

VALIDATION_SHARE, TEST_SHARE = 0.15, 0.25
N_IMAGES, N_CLASSES = 1797, 10


def load(config: RunConfig) -> tuple[list[Split], list[str]]:
    """Return train, validation and test, split by seed with the classes in proportion, and the class names."""
    digits = load_digits()
    images = np.stack([_enlarge(image, config.image_size) for image in digits.images])
    labels = digits.target.astype(np.int64)
    parts = stratified_split(labels, (VALIDATION_SHARE, TEST_SHARE), config.seed)
    return [Split(images[part], labels[part]) for part in parts], [str(name) for name in digits.target_names]


def count_train(config: RunConfig) -> tuple[int, int]:
    """Return the numbers of training images and classes."""
    return N_IMAGES - round(VALIDATION_SHARE * N_IMAGES) - round(TEST_SHARE * N_IMAGES), N_CLASSES


def _enlarge(image: np.ndarray, side: int) -> np.ndarray:
    """Return an 8x8 image with values 0-16 as `side` x `side` x 3 bytes."""
    gray = Image.fromarray(np.round(image * (255 / 16)).astype(np.uint8))
    return np.asarray(gray.resize((side, side), Image.Resampling.BILINEAR).convert("RGB"))
