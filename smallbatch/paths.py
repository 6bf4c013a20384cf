"""Where things are: relative folders mean the same from a notebook, a study and a page of the book."""

import os
from pathlib import Path

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
