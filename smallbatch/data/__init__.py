"""Images by name: `load(config)` returns the three splits of any data set; nothing here knows the model."""

from dataclasses import dataclass, replace

from smallbatch.config import RunConfig
from smallbatch.data import clothing, digits, folder, tfds
from smallbatch.data.sampling import add_label_noise, stratified_subset
from smallbatch.data.split import Split
from smallbatch.errors import ParameterError


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
    if config.n_train is not None:
        _check_subset(config, len(data.train), len(class_names))
        keep = stratified_subset(data.train.labels, config.n_train, config.seed)
        data = replace(data, train=data.train.take(keep))
    _check_batch(config, len(data.train))
    if config.label_noise:
        noisy = add_label_noise(data.train.labels, len(class_names), config.label_noise, config.seed)
        data = replace(data, train=Split(data.train.images, noisy))
    return data


def check(config: RunConfig) -> None:
    """Raise `UserError` where `load` would, as far as that shows without reading the images (used by studies)."""
    count = _source(config).count_train(config)
    if count is None:
        return
    n_images, n_classes = count
    if config.n_train is not None:
        _check_subset(config, n_images, n_classes)
    _check_batch(config, config.n_train or n_images)


def _check_subset(config: RunConfig, n_images: int, n_classes: int) -> None:
    """Raise `ParameterError` unless `n_train` of `n_images` images can be drawn with every class in them."""
    if not n_classes <= config.n_train <= n_images:
        raise ParameterError(
            f"n_train = {config.n_train} is not allowed with dataset = {config.dataset!r}. "
            f"Allowed: {n_classes} (one image per class) to {n_images} (all training images)"
        )


def _check_batch(config: RunConfig, n_train: int) -> None:
    if config.batch_size > n_train:
        raise ParameterError(
            f"batch_size = {config.batch_size} is larger than the training set of {n_train} images. "
            f"Allowed: 1 to {n_train}"
        )


def _source(config: RunConfig):
    sources = {"digits": digits, "clothing": clothing, "folder": folder}
    return sources.get(config.dataset, tfds)


__all__ = ["Data", "Split", "check", "load"]
