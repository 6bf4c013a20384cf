"""The cell that lets the notebooks run on Colab, Kaggle and the like, as they stand: `python -m workflow.elsewhere`.

Writes it into every notebook, after the cell of parameters. Its address is `repository-code` in CITATION.cff; until
there is one, the reader has to give it. `tests/colab.sh` runs two notebooks where packages are those of Colab.
"""

import json
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
# The book leaves it out.
METADATA = {"tags": ["remove-cell"]}
CELL = r"""
# On Colab, Kaggle and the like: installs this project and the packages that are missing there, and leaves TensorFlow,
# JAX, NumPy and all others as they are. Where the project is installed already, this does nothing.
import importlib.util

if importlib.util.find_spec("smallbatch") is None:
    import os, subprocess, sys, tempfile
    from importlib import metadata
    from packaging.requirements import Requirement

    _project = os.environ.get("SMALLBATCH_SOURCE") or "{address}"
    if not _project:
        raise ModuleNotFoundError("smallbatch: set SMALLBATCH_SOURCE to where pip finds it (git+https://..., a folder)")

    def _install(*what):
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", *what], check=True)

    _install("--no-deps", _project)
    _there = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in metadata.distributions()}
    _needed = [Requirement(line) for line in metadata.requires("smallbatch")]
    _needed = [r for r in _needed if r.marker is None or r.marker.evaluate({"extra": "train"})]
    _missing = [f"{r.name}{r.specifier}" for r in _needed if r.name not in _there]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as _as_they_are:
        _as_they_are.writelines(f"{name}=={version}\n" for name, version in _there.items() if name != "smallbatch")
        _as_they_are.flush()
        if _missing:
            _install("-c", _as_they_are.name, *_missing)
    importlib.invalidate_caches()
""".strip()


def cell() -> str:
    """Return the source of the cell, with the address of the repository where it has one."""
    address = yaml.safe_load((ROOT / "CITATION.cff").read_text()).get("repository-code", "")
    return CELL.replace("{address}", f"git+{address.rstrip('/')}" if address else "")


def with_cell(notebook: dict) -> dict:
    """Return a notebook with the cell after its parameters, in place of an earlier one."""
    cells = [one for one in notebook["cells"] if one["metadata"] != METADATA]
    place = 1 + next(k for k, one in enumerate(cells) if "parameters" in one["metadata"].get("tags", []))
    new = {
        "cell_type": "code",
        "execution_count": None,
        "id": "elsewhere",
        "metadata": METADATA,
        "outputs": [],
        "source": cell().splitlines(keepends=True),
    }
    return notebook | {"cells": [*cells[:place], new, *cells[place:]]}


def main() -> None:
    """Write the cell into every notebook."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        changed = with_cell(json.loads(path.read_text()))
        path.write_text(json.dumps(changed, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
