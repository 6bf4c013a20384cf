"""Photographs in a tree train|validation|test/<class>/*, decoded once and cached."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from smallbatch.errors import DataError
from smallbatch.paths import cache_folder, in_project
from smallbatch.training.config import RunConfig
from smallbatch.training.data.split import Split

SPLITS = ("train", "validation", "test")
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"}
# What a file is, is told by its first bytes and not by its name. Nothing else is opened: Pillow would run another
# program for some kinds.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
# Larger than any camera's. A file of some kilobytes can stand for an image that fills the memory.
MOST_PIXELS = 150_000_000


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
        classes = [f.name for f in _listed(root / split) if f.is_dir()]
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


def _listed(folder: Path) -> list[Path]:
    """Return what lies in a folder, by name, but for hidden files; raise `DataError` where it cannot be listed."""
    try:
        found = sorted(f for f in folder.iterdir() if not f.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder} cannot be listed ({error.strerror})") from None
    for file in found:
        if not file.name.isprintable():  # it could not be shown on a page, nor written to a table
            raise DataError(f"{str(file)!r} has a line break or another control character in its name. Rename it")
    return found


def _class_files(folder: Path) -> list[Path]:
    files = [f for f in _listed(folder) if f.suffix.lower() in SUFFIXES]
    if not files:
        raise DataError(f"{folder} holds no images. Needed: at least one of {', '.join(sorted(SUFFIXES))}")
    for file in files:
        if not file.is_file():
            raise DataError(f"{file} is not a file (a folder, or a link to nothing or to itself). Take it out")
    return files


def _cached(tree: Tree, split: str, side: int) -> np.ndarray:
    path = cache_folder() / f"{tree.root.name[:100]}-{split}-{side}px-{_fingerprint(tree, split)}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):  # not there, or damaged: decoded again
        return np.load(path, mmap_mode="r")
    images = np.stack([_decode(file, side) for file in tree.files[split]])
    with _cache_errors():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Runs side by side may decode at once: each writes its own file, and the last rename wins.
        partial = path.with_suffix(f".{os.getpid()}.partial")
        try:
            with partial.open("wb") as stream:
                np.save(stream, images)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        return np.load(path, mmap_mode="r")


@contextlib.contextmanager
def _cache_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"decoded images cannot be kept in {cache_folder()} ({error.strerror or error}). Make room, or name "
            "another folder in the environment variable SMALLBATCH_CACHE"
        ) from None


def _fingerprint(tree: Tree, split: str) -> str:
    """Return a hash of the files' names, sizes and times, so that a changed folder is decoded again."""
    digest = hashlib.sha256()
    for file in tree.files[split]:
        status = file.stat()
        name = os.fsencode(file.relative_to(tree.root))
        digest.update(name + f" {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _decode(file: Path, side: int) -> np.ndarray:
    """Return the central square of a photograph, `side` x `side` x 3 bytes."""
    try:
        with Image.open(file, formats=FORMATS) as image:
            n_pixels = image.width * image.height
            if n_pixels > MOST_PIXELS:
                raise ValueError(f"{n_pixels:,} pixels, at most {MOST_PIXELS:,}")
            upright = _in_colour(ImageOps.exif_transpose(image))
            return np.asarray(ImageOps.fit(upright, (side, side), Image.Resampling.BILINEAR))
    except UnidentifiedImageError:
        raise DataError(
            f"{file} cannot be read as an image (it is none of {', '.join(FORMATS)}, whatever its name says). "
            "Replace it or take it out"
        ) from None
    except Exception as error:  # Pillow's decoders raise whatever damaged bytes lead them to
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{file} cannot be read as an image ({reason}). Replace it or take it out") from None


def _in_colour(image: Image.Image) -> Image.Image:
    """Return an image as red, green and blue of a byte each; what is transparent becomes white, like paper.

    Of an animation that is the first picture. CMYK is turned by Pillow, which knows that JPEGs hold it inverted.
    """
    if image.mode.startswith("I"):  # grey values of 16 bits, which Pillow would cut off at 255
        values = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(np.clip((values + 128) // 257, 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
