"""Data sets at one commit of their upstream repository: fetched whole, every file checked against a manifest.

So all readers train on the same photographs.
"""

import hashlib
import os
import shutil
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from smallbatch.errors import DataError
from smallbatch.paths import cache_folder
from smallbatch.training.config import RunConfig
from smallbatch.training.data import folder


@dataclass(frozen=True)
class Archive:
    """A data set of this name in a repository at a commit; its files, below these folders, are in `<name>.sha256`.

    Where it is `complete`, further images in these folders are a fault; else they are ignored.
    """

    name: str
    repository: str
    commit: str
    folders: tuple[str, ...]
    complete: bool = True

    @property
    def address(self) -> str:
        """Where the archive is fetched from."""
        return f"https://codeload.github.com/{self.repository}/tar.gz/{self.commit}"

    def manifest(self) -> dict[str, str]:
        """Return the SHA-256 of every file by its path in the data set."""
        text = resources.files("smallbatch.training.data").joinpath(f"{self.name}.sha256").read_text()
        return {name: digest for digest, name in (line.split("  ", 1) for line in text.splitlines())}

    def folder_of(self, config: RunConfig) -> Path:
        """Return the checked folder of the files: the one that is named, else the downloaded one, fetched if need be.

        A named folder may also hold it in a folder with the name of the data set. Raises `DataError` where it cannot
        be had or is not what the manifest says.
        """
        if config.source_folder():
            root = folder.chosen_folder(config)
            root = root / self.name if (root / self.name).is_dir() else root
        else:
            root = cache_folder() / f"{self.name}-{self.commit[:12]}"
            if not root.is_dir():
                self.download(self.address, root)
        self.check(root)
        return root

    def download(self, address: str, destination: Path) -> None:
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
                    f"dataset = {self.name!r} cannot be downloaded from {address} ({error}). Fetch it on another "
                    "machine and name its folder as data_folder or in SMALLBATCH_DATA_FOLDER, or use dataset = 'digits'"
                ) from None
            unpacked = next(f for f in Path(work).iterdir() if f.is_dir())
            self.check(unpacked)
            try:
                unpacked.rename(destination)
            except OSError:
                # Another run has put the same checked folder there meanwhile.
                if not destination.is_dir():
                    raise

    def check(self, root: Path) -> None:
        """Raise `DataError` unless the folder holds exactly the files of the manifest."""
        marker = cache_folder() / f"checked-{_state(root)}"
        if marker.is_file():
            return
        expected = self.manifest()
        found = set(self._files(root, expected))
        differing = found ^ set(expected) if self.complete else set(expected) - found
        wrong = sorted(differing) or sorted(
            name for name, sha in expected.items() if hashlib.sha256((root / name).read_bytes()).hexdigest() != sha
        )
        if wrong:
            raise DataError(
                f"data_folder = {str(root)!r} is not the data set {self.name} at commit {self.commit[:12]}: "
                f"{len(wrong)} files are missing, added or changed, the first is {wrong[0]}. To train on it as it is, "
                "use dataset = 'folder'"
            )
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()

    def _files(self, root: Path, expected: dict[str, str]) -> Iterable[str]:
        """Yield the paths in the data set of what lies in its folders, and at its top where that is expected."""
        for name in self.folders:
            yield from (f.relative_to(root).as_posix() for f in (root / name).rglob("*.*") if f.is_file())
        yield from (name for name in expected if "/" not in name and (root / name).is_file())


def _state(root: Path) -> str:
    """Return a hash of names, sizes and times below a folder: thousands of checksums are computed once, not always."""
    digest = hashlib.sha256(str(root.resolve()).encode())
    for directory, folders, files in os.walk(root):
        folders.sort()
        for file in sorted(files):
            status = os.stat(os.path.join(directory, file))
            digest.update(f"{directory}/{file} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
