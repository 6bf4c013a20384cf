"""scikit-learn's 1,797 handwritten digits, enlarged: the data set that is always there, without a download."""

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from smallbatch.training.config import RunConfig
from smallbatch.training.data.sampling import TEST_SHARE, VALIDATION_SHARE, stratified_split
from smallbatch.training.data.split import Split


def load(config: RunConfig) -> tuple[list[Split], list[str]]:
    """Return train, validation and test, split by seed with the classes in proportion, and the class names."""
    digits = load_digits()
    images = np.stack([_enlarge(image, config.image_size) for image in digits.images])
    labels = digits.target.astype(np.int64)
    parts = stratified_split(labels, (VALIDATION_SHARE, TEST_SHARE), config.seed)
    return [Split(images[part], labels[part]) for part in parts], [str(name) for name in digits.target_names]


def train_labels(config: RunConfig) -> list[str]:
    """Return the class of each training image."""
    labels = load_digits().target
    return [str(k) for k in labels[stratified_split(labels, (VALIDATION_SHARE, TEST_SHARE), config.seed)[0]]]


def _enlarge(image: np.ndarray, side: int) -> np.ndarray:
    """Return an 8x8 image with values 0-16 as `side` x `side` x 3 bytes."""
    gray = Image.fromarray(np.round(image * (255 / 16)).astype(np.uint8))
    return np.asarray(gray.resize((side, side), Image.Resampling.BILINEAR).convert("RGB"))
