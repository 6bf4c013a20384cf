"""Photographs in a tree train|validation|test/<class>/*, decoded once and cached."""

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from smallbatch.errors import DataError
from smallbatch.paths import cache_folder, in_project, published
from smallbatch.training.config import RunConfig
from smallbatch.training.data.sampling import TEST_SHARE, VALIDATION_SHARE, stratified_split
from smallbatch.training.data.split import Split

SPLITS = ("train", "validation", "test")
# The name of all images of a folder without these.
UNSPLIT = "all"
# So that validation and test have at least one of each class, with some to spare.
FEWEST_OF_A_CLASS = 10
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
    """Return train, validation and test of the folder that the parameters name, and the class names.

    A folder of class folders without the three splits is split by seed, with the classes in proportion.
    """
    root = chosen_folder(config)
    if not is_split(root):
        return load_unsplit(root, config)
    tree = list_images(root)
    return read_images(tree, config.image_size), tree.class_names


def train_labels(config: RunConfig) -> list[str]:
    """Return the class of each training image."""
    root = chosen_folder(config)
    if not is_split(root):
        tree = list_unsplit(root)
        return train_part([tree.class_names[k] for k in tree.labels[UNSPLIT]], config.seed)
    tree = list_images(root)
    return [tree.class_names[k] for k in tree.labels["train"]]


def is_split(root: Path) -> bool:
    """Return whether a folder has a folder for any of the three splits."""
    return any((root / split).is_dir() for split in SPLITS)


def load_unsplit(root: Path, config: RunConfig) -> tuple[list[Split], list[str]]:
    """Return train, validation and test of a folder of class folders, split by seed, and the class names."""
    tree = list_unsplit(root)
    (whole,) = read_images(tree, config.image_size)
    return [whole.take(part) for part in _parts(whole.labels, root, config.seed)], tree.class_names


def list_unsplit(root: Path) -> Tree:
    """Return the images in the class folders of a folder; raise `DataError` where there are fewer than two."""
    names = _class_names(root)
    if len(names) < 2:
        raise DataError(
            f"data_folder = {str(root)!r} holds the class folders {names}. Needed: {', '.join(SPLITS)} with a folder "
            "for each class in each of them, or at least two class folders"
        )
    files, labels = _labelled_files(root, names)
    return Tree(root, names, {UNSPLIT: files}, {UNSPLIT: labels})


def train_part(classes: list[str], seed: int) -> list[str]:
    """Return the classes of the training images, given those of all images of a folder without splits."""
    classes = np.asarray(classes)
    labels = np.unique(classes, return_inverse=True)[1]
    return list(classes[_parts(labels, Path(), seed)[0]])


def _parts(labels: np.ndarray, root: Path, seed: int) -> list[np.ndarray]:
    """Return the indices of train, validation and test; raise `DataError` unless each class can be in all of them."""
    fewest = np.bincount(labels).min()
    if fewest < FEWEST_OF_A_CLASS:
        raise DataError(
            f"data_folder = {str(root)!r} is to be split by seed, and its smallest class has {fewest} images. Needed: "
            f"at least {FEWEST_OF_A_CLASS}, or folders {', '.join(SPLITS)}"
        )
    return stratified_split(labels, (VALIDATION_SHARE, TEST_SHARE), seed)


def chosen_folder(config: RunConfig) -> Path:
    """Return the folder asked for; raise `DataError` where none is named or it is not there."""
    if not config.source_folder():
        raise DataError(
            "data_folder is empty. Allowed: a folder with train|validation|test/<class>/* or <class>/* images, "
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
        classes = _class_names(root / split)
        names = names or classes
        if len(classes) < 2 or classes != names:
            raise DataError(
                f"{root / split} holds the classes {classes}. Needed: at least two, the same in every split "
                f"(train has {names})"
            )
        files[split], labels[split] = _labelled_files(root / split, classes)
    return Tree(root, names, files, labels)


def read_images(tree: Tree, side: int) -> list[Split]:
    """Return the splits, decoded; from the cache where the same files were decoded at this size before."""
    return [
        Split(_cached(tree, split, side), tree.labels[split]) for split in (*SPLITS, UNSPLIT) if split in tree.files
    ]


def _class_names(folder: Path) -> list[str]:
    return [f.name for f in _listed(folder) if f.is_dir()]


def _labelled_files(folder: Path, class_names: list[str]) -> tuple[list[Path], np.ndarray]:
    per_class = [_class_files(folder / name) for name in class_names]
    labels = np.repeat(np.arange(len(class_names)), [len(some) for some in per_class])
    return [file for some in per_class for file in some], labels


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
        with published(path) as stream:  # runs side by side may decode at once
            np.save(stream, images)
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

    Of an animation that is the first picture. Inks are turned by the profile that the image brings, which says what
    they look like on its paper; without a usable one by Pillow, which knows that JPEGs hold them inverted.
    """
    if image.mode == "CMYK" and image.info.get("icc_profile"):
        with contextlib.suppress(OSError, ImageCms.PyCMSError):  # damaged, or of other colours than these
            profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
            return ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    if image.mode.startswith("I"):  # grey values of 16 bits, which Pillow would cut off at 255
        values = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(np.clip((values + 128) // 257, 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
