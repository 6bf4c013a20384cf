"""Photographs in a tree train|validation|test/<class>/*, decoded once and cached."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from smallbatch.errors import DataError
from smallbatch.paths import cache_folder, in_project
from smallbatch.training.config import RunConfig
from smallbatch.training.data.split import Split

SPLITS = ("train", "validation", "test")
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"}


@dataclass(frozen=True)
class Tree:
    """What lies in a folder of images: for each split its files in order, with their labels."""

    root: Path
    class_names: list[str]
    files: dict[str, list[Path]]
    labels: dict[str, np.ndarray]


def load(config: RunConfig) -> tuple[list[Split], list[str]]:
    """Return train, validation and test of the folder that the parameters name, and the class names."""
    tree = list_images(chosen_folder(config))
    return read_images(tree, config.image_size), tree.class_names


def count_train(config: RunConfig) -> tuple[int, int]:
    """Return the numbers of training images and classes."""
    tree = list_images(chosen_folder(config))
    return len(tree.files["train"]), len(tree.class_names)


def chosen_folder(config: RunConfig) -> Path:
    """Return the folder asked for; raise `DataError` where none is named or it is not there."""
    if not config.source_folder():
        raise DataError(
            "data_folder is empty. Allowed: a folder with train|validation|test/<class>/* images, "
            "given as data_folder or in the environment variable SMALLBATCH_DATA_FOLDER"
        )
    folder = in_project(config.source_folder())
    if not folder.is_dir():
        raise DataError(f"data_folder = {str(folder)!r}: there is no such folder")
    return folder


def list_images(root: Path) -> Tree:
    """Return the images below a folder; raise `DataError` unless all splits hold images of the same classes."""
    names, files, labels = None, {}, {}
    for split in SPLITS:
        if not (root / split).is_dir():
            raise DataError(f"data_folder = {str(root)!r} holds no folder {split!r}. Needed: {', '.join(SPLITS)}")
        classes = sorted(f.name for f in (root / split).iterdir() if f.is_dir() and not f.name.startswith("."))
        names = names or classes
        if len(classes) < 2 or classes != names:
            raise DataError(
                f"{root / split} holds the classes {classes}. Needed: at least two, the same in every split "
                f"(train has {names})"
            )
        per_class = [_class_files(root / split / name) for name in classes]
        files[split] = [file for some in per_class for file in some]
        labels[split] = np.repeat(np.arange(len(classes)), [len(some) for some in per_class])
    return Tree(root, names, files, labels)


def read_images(tree: Tree, side: int) -> list[Split]:
    """Return the three splits, decoded; from the cache where the same files were decoded at this size before."""
    return [Split(_cached(tree, split, side), tree.labels[split]) for split in SPLITS]


def _class_files(folder: Path) -> list[Path]:
    files = sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES and not f.name.startswith("."))
    if not files:
        raise DataError(f"{folder} holds no images. Needed: at least one of {', '.join(sorted(SUFFIXES))}")
    return files


def _cached(tree: Tree, split: str, side: int) -> np.ndarray:
    path = cache_folder() / f"{tree.root.name}-{split}-{side}px-{_fingerprint(tree, split)}.npy"
    if not path.is_file():
        images = np.stack([_decode(file, side) for file in tree.files[split]])
        path.parent.mkdir(parents=True, exist_ok=True)
        # Runs side by side may decode at once: each writes its own file, and the last rename wins.
        partial = path.with_suffix(f".{os.getpid()}.partial")
        with partial.open("wb") as stream:
            np.save(stream, images)
        partial.replace(path)
    return np.load(path, mmap_mode="r")


def _fingerprint(tree: Tree, split: str) -> str:
    """Return a hash of the files' names, sizes and times, so that a changed folder is decoded again."""
    digest = hashlib.sha256()
    for file in tree.files[split]:
        status = file.stat()
        digest.update(f"{file.relative_to(tree.root)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _decode(file: Path, side: int) -> np.ndarray:
    """Return the central square of a photograph, `side` x `side` x 3 bytes."""
    try:
        with Image.open(file) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            return np.asarray(ImageOps.fit(upright, (side, side), Image.Resampling.BILINEAR))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{file} cannot be read as an image ({error}). Replace it or take it out") from None
