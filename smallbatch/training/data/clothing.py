"""3,781 photographs of clothes in ten classes (CC0), at one commit of their upstream repository.

Every file is checked against `clothing.sha256`, so that all readers train on the same photographs.
"""

import hashlib
import os
import shutil
import tarfile
import tempfile
import urllib.request
from importlib import resources
from pathlib import Path

from smallbatch.errors import DataError
from smallbatch.paths import cache_folder
from smallbatch.training.config import RunConfig
from smallbatch.training.data import folder
from smallbatch.training.data.split import Split

COMMIT = "11961516512414bf9f6c150a832cfd21b54a6b54"
ADDRESS = f"https://codeload.github.com/alexeygrigorev/clothing-dataset-small/tar.gz/{COMMIT}"


def load(config: RunConfig) -> tuple[list[Split], list[str]]:
    """Return train, validation and test of the official split, and the class names."""
    tree = folder.list_images(folder_of(config))
    _check_files(tree.root, manifest())
    return folder.read_images(tree, config.image_size), tree.class_names


def count_train(config: RunConfig) -> tuple[int, int] | None:
    """Return the numbers of training images and classes."""
    if config.source_folder():
        folder.chosen_folder(config)
    train = [Path(name) for name in manifest() if name.startswith("train/")]
    return len(train), len({file.parent.name for file in train})


def manifest() -> dict[str, str]:
    """Return the SHA-256 of every photograph by its path in the data set."""
    text = resources.files("smallbatch.training.data").joinpath("clothing.sha256").read_text()
    return {name: digest for digest, name in (line.split("  ", 1) for line in text.splitlines())}


def folder_of(config: RunConfig) -> Path:
    """Return the folder of the photographs: the one that is named, else the downloaded one, fetched if need be."""
    if config.source_folder():
        return folder.chosen_folder(config)
    destination = cache_folder() / f"clothing-{COMMIT[:12]}"
    if not destination.is_dir():
        download(ADDRESS, destination)
    return destination


def download(address: str, destination: Path) -> None:
    """Fetch a .tar.gz of the data set and unpack it; the folder appears whole and checked, or not at all."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent) as work:
        archive = Path(work) / "archive.tar.gz"
        try:
            with urllib.request.urlopen(address, timeout=60) as response, archive.open("wb") as stream:
                shutil.copyfileobj(response, stream)
            with tarfile.open(archive) as tar:
                tar.extractall(work, filter="data")
        except (OSError, tarfile.TarError) as error:
            raise DataError(
                f"dataset = 'clothing' cannot be downloaded from {address} ({error}). Fetch it on another machine "
                "and name its folder as data_folder or in SMALLBATCH_DATA_FOLDER, or use dataset = 'digits'"
            ) from None
        unpacked = next(f for f in Path(work).iterdir() if f.is_dir())
        _check_files(unpacked, manifest())
        try:
            unpacked.rename(destination)
        except OSError:
            # Another run has put the same checked folder there meanwhile.
            if not destination.is_dir():
                raise


def _check_files(root: Path, expected: dict[str, str]) -> None:
    """Raise `DataError` unless the folder holds exactly the photographs of the manifest."""
    marker = cache_folder() / f"checked-{_state(root)}"
    if marker.is_file():
        return
    found = {file.relative_to(root).as_posix() for split in folder.SPLITS for file in (root / split).glob("*/*.*")}
    wrong = sorted(found ^ set(expected)) or sorted(
        name for name, digest in expected.items() if hashlib.sha256((root / name).read_bytes()).hexdigest() != digest
    )
    if wrong:
        raise DataError(
            f"data_folder = {str(root)!r} is not the clothing data set at commit {COMMIT[:12]}: {len(wrong)} files "
            f"are missing, added or changed, the first is {wrong[0]}. To train on it as it is, use dataset = 'folder'"
        )
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()


def _state(root: Path) -> str:
    """Return a hash of names, sizes and times below a folder: 3,781 checksums are computed once, not in every run."""
    digest = hashlib.sha256(str(root.resolve()).encode())
    for directory, folders, files in os.walk(root):
        folders.sort()
        for file in sorted(files):
            status = os.stat(os.path.join(directory, file))
            digest.update(f"{directory}/{file} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
