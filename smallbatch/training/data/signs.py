"""2,062 photographs, 100 x 100 pixels, of hands that sign a digit (Mavi 2020, arXiv:2011.08927; Apache 2.0)."""

from pathlib import Path

from smallbatch.training.config import RunConfig
from smallbatch.training.data import folder
from smallbatch.training.data.archive import Archive
from smallbatch.training.data.split import Split

IMAGES = "Dataset"
ARCHIVE = Archive(
    "signs", "ardamavi/Sign-Language-Digits-Dataset", "4b09433ef9d5c60602e8805bb54b8aa2428527f8", (IMAGES,)
)


def load(config: RunConfig) -> tuple[list[Split], list[str]]:
    """Return train, validation and test, split by seed with the classes in proportion, and the class names."""
    return folder.load_unsplit(ARCHIVE.folder_of(config) / IMAGES, config)


def train_labels(config: RunConfig) -> list[str]:
    """Return the class of each training image."""
    if config.source_folder():
        folder.chosen_folder(config)
    names = [Path(name).parent.name for name in ARCHIVE.manifest() if name.startswith(f"{IMAGES}/")]
    return folder.train_part(names, config.seed)
