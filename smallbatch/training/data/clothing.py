"""3,781 photographs of clothes in ten classes (CC0), with their official split."""

from pathlib import Path

from smallbatch.training.config import RunConfig
from smallbatch.training.data import folder
from smallbatch.training.data.archive import Archive
from smallbatch.training.data.split import Split

ARCHIVE = Archive(
    "clothing",
    "alexeygrigorev/clothing-dataset-small",
    "11961516512414bf9f6c150a832cfd21b54a6b54",
    folder.SPLITS,
)


def load(config: RunConfig) -> tuple[list[Split], list[str]]:
    """Return train, validation and test of the official split, and the class names."""
    tree = folder.list_images(ARCHIVE.folder_of(config))
    return folder.read_images(tree, config.image_size), tree.class_names


def train_labels(config: RunConfig) -> list[str]:
    """Return the class of each training image."""
    if config.source_folder():
        folder.chosen_folder(config)
    return [Path(name).parent.name for name in ARCHIVE.manifest() if name.startswith("train/")]
