"""The data set that `clothing` was taken from (CC0): 4,961 photographs in 14 classes, split by contributor.

One person's shirt, photographed twice, is never in training and test at once. Labels with fewer than 100 photographs
are left out, and those that are no garment: "Not sure", "Other" and "Skip".
"""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from smallbatch.training.config import RunConfig
from smallbatch.training.data import folder
from smallbatch.training.data.archive import Archive
from smallbatch.training.data.split import Split

ARCHIVE = Archive(
    "clothing-full",
    "alexeygrigorev/clothing-dataset",
    "7ed86a9cc56763b6acb35e41cb35184e43a5d218",
    ("images",),
    complete=False,  # upstream has photographs that its table does not describe
)
NO_GARMENT = ("Not sure", "Other", "Skip")
FEWEST_IMAGES = 100
# Nobody's photographs are more than a small part of the held-out images.
MOST_OF_A_CONTRIBUTOR = 60
N_TEST, N_VALIDATION = 650, 250


def load(config: RunConfig) -> tuple[list[Split], list[str]]:
    """Return train, validation and test, whose contributors are different people, and the class names."""
    root = ARCHIVE.folder_of(config)
    table = _described(root)
    names = sorted(table["label"].unique())
    files, labels = {}, {}
    for split, rows in table.groupby("split"):
        files[split] = [root / "images" / f"{image}.jpg" for image in rows["image"]]
        labels[split] = np.searchsorted(names, rows["label"])
    return folder.read_images(folder.Tree(root, names, files, labels), config.image_size), names


def train_labels(config: RunConfig) -> list[str]:
    """Return the class of each training image."""
    table = _described(ARCHIVE.folder_of(config))
    return list(table.loc[table["split"] == "train", "label"])


def _described(root: Path) -> pd.DataFrame:
    """Return `image`, `sender_id`, `label` and `split` of the photographs in use, in a fixed order."""
    table = pd.read_csv(root / "images.csv")
    # A few of the table are not in the repository.
    table = table[("images/" + table["image"] + ".jpg").isin(ARCHIVE.manifest())]
    table = table[~table["label"].isin(NO_GARMENT)]
    table = table[table.groupby("label")["image"].transform("size") >= FEWEST_IMAGES]
    splits = split_by_contributor(table["sender_id"])
    return table.assign(split=splits).sort_values(["label", "image"], ignore_index=True)


def split_by_contributor(contributors: pd.Series) -> pd.Series:
    """Return `train`, `validation` or `test` for each photograph, the same for all of one contributor.

    Contributors are taken in the order of a hash, so that the split depends on nothing else and is the same for every
    seed: the first ones fill the test images, the next the validation images, all others are for training.
    """
    sizes = contributors.value_counts()
    small = sizes[sizes <= MOST_OF_A_CONTRIBUTOR]
    order = sorted(small.index, key=lambda number: hashlib.sha256(str(number).encode()).hexdigest())
    before = small[order].cumsum().shift(fill_value=0)
    of_contributor = pd.Series("train", index=sizes.index)
    of_contributor[before.index[before < N_TEST + N_VALIDATION]] = "validation"
    of_contributor[before.index[before < N_TEST]] = "test"
    return contributors.map(of_contributor)
