"""The notebook of the replication: its parameters are those of `Config`, it leaves its record, it stops at mistakes."""

import json
import os
import subprocess
import sys

import nbformat
import numpy as np
import pandas as pd
import pytest

from smallbatch.measurements.wilson_martinez.parameters import Config
from smallbatch.measurements.wilson_martinez.summary import summarize
from tests.conftest import ROOT

NOTEBOOK = ROOT / "notebooks" / "wilson_martinez.ipynb"
# Small for testing: batch sizes 1, 2, 4 and 8 on 24 examples of iris, a second or two.
TINY = {
    "n_train": 24, "largest_batch_size": 8, "repetitions": 4, "hidden_units": 3, "epochs": 5, "lowest_rate": 0.05,
    "highest_rate": 0.8, "rate_factor": 4.0,
}  # fmt: skip


def papermill(folder, **parameters):
    """Run papermill with records below `folder`; return the finished command."""
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", str(NOTEBOOK), str(folder / "out.ipynb")]
    for name, value in ({"record_folder": folder / "results"} | parameters).items():
        command += ["-p", name, str(value)]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip


def test_the_first_code_cell_holds_every_parameter_with_its_default():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    first = next(cell for cell in cells if cell.cell_type == "code")
    assert first.metadata.tags == ["parameters"]
    names = {}
    exec(first.source, names)
    names.pop("__builtins__")
    assert names == {name: field.default for name, field in Config.model_fields.items()}


@pytest.mark.slow
def test_the_notebook_measures_and_leaves_its_record(tmp_path):
    done = papermill(tmp_path, gradient="sum", **TINY)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    record, table = json.loads((folder / "record.json").read_text()), pd.read_csv(folder / "measurements.csv")
    config = Config.create(gradient="sum", **TINY)
    assert record["run"] == folder.name == config.run_id()
    assert table[["batch_size", "repetition"]].to_numpy().tolist() == [[b, k] for b in (1, 2, 4, 8) for k in range(4)]
    # The committed summary is that of the committed table.
    expected = summarize(table)
    assert record["summary"].keys() == expected.keys()
    for name, value in expected.items():
        assert record["summary"][name] == pytest.approx(value, rel=1e-3, abs=1e-3, nan_ok=True) or np.isnan(value)
    cells = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    images = [o for cell in cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    assert len(images) == 3


@pytest.mark.slow
def test_a_mistake_ends_the_notebook_with_one_clear_message(tmp_path):
    done = papermill(tmp_path, dataset="iris", largest_batch_size=1000)
    assert done.returncode != 0
    reported = done.stderr.split("Exception encountered at")[-1]
    assert "largest_batch_size = 1000 is larger than the training set of 74 examples" in reported
    assert "Traceback" not in reported and "smallbatch/" not in reported
    assert not (tmp_path / "results").exists()
