"""The registry of notebooks: each has its file and its class; one that is broken stops no other."""

import subprocess
import sys

import nbformat
import pytest

from smallbatch.errors import ParameterError
from smallbatch.study.file import parse_study
from smallbatch.study.notebooks import CONFIGS, config_class
from smallbatch.training.config import RunConfig
from tests.conftest import ROOT
from tests.measuring import Coin


@pytest.mark.parametrize("notebook", CONFIGS)
def test_every_notebook_shows_its_parameters_with_their_defaults_in_its_first_code_cell(notebook):
    kind = config_class(notebook)
    assert notebook == kind.NOTEBOOK
    cells = nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", as_version=4).cells
    first = next(cell for cell in cells if cell.cell_type == "code")
    assert first.metadata.tags == ["parameters"]
    assert first.source == kind.notebook_cell()
    names = {}
    exec(first.source, names)
    names.pop("__builtins__")
    assert names == {name: field.default for name, field in kind.model_fields.items()}


def test_a_notebook_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ParameterError, match=r"notebook = 'gradient_noize' is not allowed. Allowed: retrain, .*cost"):
        config_class("gradient_noize")


def test_a_broken_measurement_stops_no_other_notebook(measuring):
    assert config_class("retrain") is RunConfig and config_class("coin") is Coin
    with pytest.raises(ModuleNotFoundError):
        config_class("broken")
    assert parse_study("some", "{title: Some, experiments: {a: {grid: {seed: [0]}}}}").showcase


def test_checking_parameters_loads_no_framework():
    code = (
        "import sys; from smallbatch.study.notebooks import CONFIGS, config_class;"
        "[config_class(name) for name in CONFIGS];"
        "sys.exit(', '.join({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
