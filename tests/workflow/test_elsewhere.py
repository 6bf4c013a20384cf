"""The cell that lets notebooks run on Colab and Kaggle: idle here; there it adds packages and changes none."""

import json
import subprocess
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import ROOT
from workflow import elsewhere

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_has_the_cell_after_its_parameters_and_before_all_else(path):
    notebook = json.loads(path.read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert code[0]["metadata"]["tags"] == ["parameters"]
    assert "".join(code[1]["source"]) == elsewhere.cell() and code[1]["metadata"] == elsewhere.METADATA
    assert elsewhere.with_cell(notebook) == notebook


def test_where_the_project_is_installed_the_cell_does_nothing(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("something is installed"))
    names = {}
    exec(elsewhere.cell(), names)
    assert names.keys() - {"__builtins__"} == {"importlib"}  # nothing that would count as a parameter


@pytest.fixture
def colab(monkeypatch):
    """What pip is told, on a machine with a few packages and without the project."""
    told = []

    def run(command, check):
        constraints = Path(command[command.index("-c") + 1]).read_text() if "-c" in command else ""
        told.append((command[5:], constraints))

    there = {"tensorflow": "2.20.0", "keras": "3.13.2", "jax": "0.7.2", "NumPy": "2.0.2", "pydantic": "2.12.3"}
    found = [SimpleNamespace(metadata={"Name": name}, version=version) for name, version in there.items()]
    needed = ["keras>=3.4", "numpy>=1.26", 'tensorflow>=2.21; extra == "train"', 'pyyaml>=6; extra == "train"',
              'jupyter-book; extra == "book"', 'seaborn>=0.13; extra == "train"']  # fmt: skip
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(metadata, "distributions", lambda: found)
    monkeypatch.setattr(metadata, "requires", lambda name: needed)
    return told


def test_elsewhere_what_is_missing_is_installed_and_what_is_there_is_held_fast(colab, monkeypatch):
    monkeypatch.setenv("SMALLBATCH_SOURCE", "git+https://example.org/book")
    names = {}
    exec(elsewhere.cell(), names)
    (project, _), (missing, constraints) = colab
    assert project == ["--no-deps", "git+https://example.org/book"]
    assert missing[2:] == ["pyyaml>=6", "seaborn>=0.13"]
    assert {"tensorflow==2.20.0", "keras==3.13.2", "jax==0.7.2", "numpy==2.0.2"} <= set(constraints.split())
    assert not [name for name, value in names.items() if isinstance(value, str | list) and name[0] != "_"]


def test_without_an_address_the_cell_says_what_to_give(colab, monkeypatch):
    monkeypatch.delenv("SMALLBATCH_SOURCE", raising=False)
    with pytest.raises(ModuleNotFoundError, match="set SMALLBATCH_SOURCE"):
        exec(elsewhere.cell(), {})
    assert not colab


def test_a_published_address_stands_in_the_cell(monkeypatch, tmp_path):
    (tmp_path / "CITATION.cff").write_text("repository-code: https://example.org/book/\n")
    monkeypatch.setattr(elsewhere, "ROOT", tmp_path)
    assert '"git+https://example.org/book"' in elsewhere.cell()
