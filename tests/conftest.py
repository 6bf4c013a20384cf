"""Shared by all tests: a cache of its own, tiny images, and a copy of the repository to run the workflow in."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smallbatch.study.files import only_one

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items):
    """Start with what needs the book: one process builds it while the other does what needs none and does not wait."""
    items.sort(key=lambda item: "built" not in getattr(item, "fixturenames", ()))


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch, tmp_path):
    monkeypatch.delenv("SMALLBATCH_DATA_FOLDER", raising=False)
    monkeypatch.setenv("SMALLBATCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    # No test takes the power away; thousands of small files would each wait for the disk.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project without studies and results, which is the working folder."""
    for name in ("studies", "notebooks"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def measuring(monkeypatch):
    """The notebooks of `tests.measuring`, registered beside the real ones."""
    from tests.measuring import register

    register(monkeypatch)


@pytest.fixture
def image_tree(tmp_path):
    """A folder data set of two classes, bright and dark, with 6/2/2 images of 40x30 pixels per class."""
    generator = np.random.default_rng(0)
    for split, n in (("train", 6), ("validation", 2), ("test", 2)):
        for name, level in (("bright", 200), ("dark", 40)):
            folder = tmp_path / "images" / split / name
            folder.mkdir(parents=True)
            for i in range(n):
                pixels = np.clip(level + generator.normal(0, 10, (30, 40, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.jpg")
    return tmp_path / "images"


# Small for testing: real training of the network's smallest miniature, a few seconds a run after start-up.
TINY = """
title: Tiny study
description: For the tests.
defaults: {dataset: digits, n_train: 40, image_size: 107, width: 0.125, depth: 0.1, epochs: 2}
experiments:
  batch_size:
    grid:
      batch_size: [4, 20]
      seed: [0, 1]
showcase: {batch_size: 20, seed: 0}
"""


class Copy:
    """A copy of the repository as a fresh clone would have it, with the study `tiny` added; or one that is there."""

    def __init__(self, folder: Path, fill: bool = True):
        self.folder = folder
        self.environment = os.environ | {
            "PYTHONPATH": str(folder),
            "SMALLBATCH_CACHE": str(folder / ".cache"),
            "CORES": "2",
        }
        if fill:
            self._fill()

    def _fill(self) -> None:
        for name in (
            "book", "notebooks", "smallbatch", "studies", "workflow", "_config.yml", "_toc.yml", "CITATION.cff",
            "CHANGELOG.md",
            "results/artefacts", "results/bench", "results/class-experiment", "results/diagnose-example",
            "results/full", "results/gpu", "results/laptop",
        ):  # fmt: skip
            if (ROOT / name).is_dir():
                ignore = shutil.ignore_patterns("__pycache__", "one-run.ipynb", ".ipynb_checkpoints", "_drawn")
                shutil.copytree(ROOT / name, self.folder / name, ignore=ignore)
            else:
                shutil.copy2(ROOT / name, self.folder / name)
        # What tools leave behind in a clone that was worked in must not end up in the book.
        (self.folder / ".pytest_cache").mkdir()
        (self.folder / ".pytest_cache" / "README.md").write_text("# Not a page\n")
        (self.folder / "studies" / "tiny.yaml").write_text(TINY)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "workflow/stages.py", *arguments]

    def run(self, *arguments: str, timeout: float = 1800) -> subprocess.CompletedProcess:
        """Run a stage command to its end."""
        return subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=timeout, check=False,
        )  # fmt: skip


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A folder that the processes that share out the tests have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def built(shared):
    """A copy in which the book was built from the study `tiny`, with what the command said; one for all processes."""
    folder, said = shared / "built", shared / "built.txt"
    with only_one(shared / "built.lock", "the book of the tests"):
        if said.is_file():
            copy = Copy(folder, fill=False)
        else:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            copy = Copy(folder)
            done = copy.run("book", "tiny")
            assert done.returncode == 0, done.stdout + done.stderr
            said.write_text(done.stdout)
    copy.said = said.read_text()
    return copy


@pytest.fixture
def copy(tmp_path):
    """A fresh copy of the repository, nothing trained."""
    folder = tmp_path / "copy"
    folder.mkdir()
    return Copy(folder)
