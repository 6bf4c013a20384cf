"""Where things are: relative folders mean the same from a notebook, a study and a page of the book.

And how a file gets there: whole, or not at all.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import platformdirs


def project_root() -> Path:
    """Return the folder that holds `studies/` and `notebooks/`, searching upwards from here; else here."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "studies").is_dir() and (folder / "notebooks").is_dir():
            return folder
    return here


def in_project(folder: str | Path) -> Path:
    """Return an absolute path; a relative one is taken from the project's root."""
    return project_root() / Path(folder).expanduser()


def cache_folder() -> Path:
    """Return the folder of decoded images: `$SMALLBATCH_CACHE`, else the user's cache folder."""
    return Path(os.environ.get("SMALLBATCH_CACHE") or platformdirs.user_cache_dir("smallbatch"))


def write_whole(path: Path, content: bytes) -> None:
    """Write a new file and wait until the disk has it, so that a rename can publish it."""
    with path.open("wb") as stream:
        stream.write(content)
        _to_disk(stream)


@contextlib.contextmanager
def published(path: Path) -> Iterator[BinaryIO]:
    """Open a file that appears at `path` when the context ends well, whole; otherwise nothing is left of it.

    Of several processes that do so at once each writes its own file, and the last rename wins.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as stream:
            yield stream
            _to_disk(stream)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _to_disk(stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())
