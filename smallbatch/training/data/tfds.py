"""Data sets of TensorFlow Datasets, by name: `tfds:<name>`."""

import numpy as np
from PIL import Image, ImageOps

from smallbatch.errors import DataError
from smallbatch.training.config import RunConfig
from smallbatch.training.data.sampling import TEST_SHARE, VALIDATION_SHARE, stratified_split
from smallbatch.training.data.split import Split


def load(config: RunConfig) -> tuple[list[Split], list[str]]:
    """Return train, validation and test and the class names.

    The data set's own three splits are used where it has them; otherwise its training split is divided by seed.
    """
    name = config.dataset.removeprefix("tfds:")
    info, parts = _fetch(name)
    if "label" not in info.features or "image" not in info.features:
        raise DataError(f"dataset = {config.dataset!r} has the features {list(info.features)}. Needed: image, label")
    whole = {split: _to_split(rows, config.image_size) for split, rows in parts.items()}
    if {"train", "validation", "test"} <= set(whole):
        splits = [whole["train"], whole["validation"], whole["test"]]
    else:
        indices = stratified_split(whole["train"].labels, (VALIDATION_SHARE, TEST_SHARE), config.seed)
        splits = [whole["train"].take(part) for part in indices]
    return splits, list(info.features["label"].names)


def train_labels(config: RunConfig) -> None:
    """Return nothing: the images are known only after the download."""


def _fetch(name: str):
    import tensorflow_datasets  # loads TensorFlow: only where it is asked for

    try:
        builder = tensorflow_datasets.builder(name)
        builder.download_and_prepare()
        names = [s for s in ("train", "validation", "test") if s in builder.info.splits]
        return builder.info, {s: list(tensorflow_datasets.as_numpy(builder.as_dataset(split=s))) for s in names}
    except Exception as error:  # its errors share no base class: unknown names, no network, no disk space
        raise DataError(f"dataset = 'tfds:{name}' cannot be loaded by TensorFlow Datasets: {error}") from None


def _to_split(rows: list[dict], side: int) -> Split:
    images = np.stack([_resize(row["image"], side) for row in rows])
    return Split(images, np.array([row["label"] for row in rows], np.int64))


def _resize(image: np.ndarray, side: int) -> np.ndarray:
    picture = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).convert("RGB")
    return np.asarray(ImageOps.fit(picture, (side, side), Image.Resampling.BILINEAR))
