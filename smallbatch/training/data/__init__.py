"""Images by name: `load(config)` returns the three splits of any data set; nothing here knows the model."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from smallbatch.errors import DataError, ParameterError
from smallbatch.training.config import RunConfig
from smallbatch.training.data import clothing, clothing_full, digits, folder, signs, tfds
from smallbatch.training.data.archive import Archive
from smallbatch.training.data.sampling import add_label_noise, stratified_subset
from smallbatch.training.data.split import Split

# Not one of the seeds that a run can have, so that no subset is drawn by the same numbers.
SEED_OF_TEST_IMAGES = 2**31


@dataclass(frozen=True)
class Data:
    """The images of a run: three splits and the names of the classes that labels 0, 1, ... stand for."""

    train: Split
    validation: Split
    test: Split
    class_names: list[str]

    def splits(self) -> dict[str, Split]:
        """Return the splits by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def load(config: RunConfig) -> Data:
    """Return the images that the parameters ask for; raise `UserError` where they cannot be had."""
    splits, class_names = _source(config).load(config)
    data = Data(*splits, class_names)
    if config.classes:
        _check_classes(config, class_names)
        data = _of_classes(data, config.classes)
    if config.n_test_from_train:
        _check_moved(config, len(data.train), len(class_names))
        data = _with_larger_test(data, config.n_test_from_train)
    if config.n_train is not None:
        _check_subset(config, len(data.train), len(class_names))
        keep = stratified_subset(data.train.labels, config.n_train, config.seed)
        data = replace(data, train=data.train.take(keep))
    _check_batch(config, len(data.train))
    if config.label_noise:
        noisy = add_label_noise(data.train.labels, len(class_names), config.label_noise, config.seed)
        data = replace(data, train=Split(data.train.images, noisy))
    return data


def check_all(configs: Iterable[RunConfig]) -> None:
    """Raise `UserError` where `load` would for one of the runs of a study, as far as that shows without the images.

    Runs that differ in nothing that the check depends on are checked once, and labels are looked up once. The seed only
    counts where some classes are chosen: how many training images each class has differs by one between seeds, their
    sum does not.
    """
    different = {}
    for config in configs:
        place = config.dataset, config.source_folder(), config.seed if config.classes else None
        wanted = tuple(config.classes), config.n_train, config.n_test_from_train, config.batch_size
        different.setdefault(place, {}).setdefault(wanted, config)
    for alike in different.values():
        first = next(iter(alike.values()))
        labels = _source(first).train_labels(first)
        for config in alike.values():
            _check_labels(config, labels)


def check(config: RunConfig) -> None:
    """Raise `UserError` where `load` would, as far as that shows without reading the images."""
    _check_labels(config, _source(config).train_labels(config))


def _check_labels(config: RunConfig, labels: list[str] | None) -> None:
    if labels is None:
        return
    if config.classes:
        _check_classes(config, sorted(set(labels)))
        labels = [label for label in labels if label in config.classes]
    n_images, n_classes = len(labels), len(set(labels))
    if config.n_test_from_train:
        _check_moved(config, n_images, n_classes)
        n_images -= config.n_test_from_train
    if config.n_train is not None:
        _check_subset(config, n_images, n_classes)
    _check_batch(config, config.n_train or n_images)


def _of_classes(data: Data, names: list[str]) -> Data:
    """Return the images of some classes, whose labels 0, 1, ... follow the order of their names."""
    new_label = {data.class_names.index(name): label for label, name in enumerate(names)}

    def chosen(split: Split) -> Split:
        kept = split.take(np.flatnonzero(np.isin(split.labels, list(new_label))))
        return Split(kept.images, np.array([new_label[label] for label in kept.labels], np.int64))

    return Data(*(chosen(split) for split in data.splits().values()), list(names))


def _check_classes(config: RunConfig, class_names: list[str]) -> None:
    unknown = [name for name in config.classes if name not in class_names]
    if unknown:
        raise ParameterError(
            f"classes = {config.classes!r}: dataset = {config.dataset!r} has no class {unknown[0]!r}. "
            f"Allowed: {', '.join(class_names)}"
        )


def _with_larger_test(data: Data, n: int) -> Data:
    moved = stratified_subset(data.train.labels, n, SEED_OF_TEST_IMAGES)
    left = np.setdiff1d(np.arange(len(data.train)), moved)
    gone = np.setdiff1d(data.train.labels, data.train.labels[left])
    if len(gone):
        raise DataError(
            f"n_test_from_train = {n} leaves no training image of class {data.class_names[gone[0]]!r}. Allowed: fewer, "
            "or more training images of this class"
        )
    pairs = zip(vars(data.test).values(), vars(data.train.take(moved)).values(), strict=True)
    test = Split(*(np.concatenate(pair) for pair in pairs))
    return replace(data, train=data.train.take(left), test=test)


def _check_moved(config: RunConfig, n_images: int, n_classes: int) -> None:
    """Raise `ParameterError` unless so many images can go to the test split and leave every class behind."""
    moved = config.n_test_from_train
    if not n_classes <= moved <= n_images - n_classes:
        raise ParameterError(
            f"n_test_from_train = {moved} is not allowed with dataset = {config.dataset!r}. Allowed: 0, or "
            f"{n_classes} (one image per class) to {n_images - n_classes} (all but one training image per class)"
        )


def _check_subset(config: RunConfig, n_images: int, n_classes: int) -> None:
    """Raise `ParameterError` unless `n_train` of `n_images` images can be drawn with every class in them."""
    if not n_classes <= config.n_train <= n_images:
        left = f" that n_test_from_train = {config.n_test_from_train} leaves" if config.n_test_from_train else ""
        raise ParameterError(
            f"n_train = {config.n_train} is not allowed with dataset = {config.dataset!r}. "
            f"Allowed: {n_classes} (one image per class) to {n_images} (all training images{left})"
        )


def _check_batch(config: RunConfig, n_train: int) -> None:
    if config.batch_size > n_train:
        raise ParameterError(
            f"batch_size = {config.batch_size} is larger than the training set of {n_train} images. "
            f"Allowed: 1 to {n_train}"
        )


def archives(configs: Iterable[RunConfig]) -> dict[Archive, Path]:
    """Return the downloaded data sets that some of these runs train on, and the folder of each, fetched if need be."""
    sources = {config.dataset: (_source(config), config) for config in configs}
    return {
        source.ARCHIVE: source.ARCHIVE.folder_of(config)
        for source, config in sources.values()
        if hasattr(source, "ARCHIVE")
    }


def _source(config: RunConfig):
    sources = {
        "digits": digits,
        "clothing": clothing,
        "clothing-full": clothing_full,
        "signs": signs,
        "folder": folder,
    }
    return sources.get(config.dataset, tfds)


__all__ = ["Data", "Split", "check", "check_all", "load"]
