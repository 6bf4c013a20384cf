"""The notebook of costs: it measures, leaves its record, says what its figures show, and stops at mistakes."""

import json
import os
import subprocess
import sys

import nbformat
import pandas as pd
import pytest
import yaml

from smallbatch.measurements.cost.parameters import Config
from smallbatch.measurements.cost.summary import summarize
from smallbatch.measurements.cost.table import COUNTED, PROCESS, by_batch_size
from tests.conftest import ROOT

NOTEBOOK = ROOT / "notebooks" / "cost.ipynb"
# Small for testing: the smallest miniature at two batch sizes, nothing of the full network is run or compiled.
TINY = {
    "width": 0.125, "depth": 0.1, "batch_sizes": [2, 8], "also_image_size": None, "full_network_batch_sizes": [],
    "compiled_batch_sizes": [], "rounds": 2, "seconds_of_a_round": 0.1, "images_of_a_run": 100, "epochs_of_a_run": 3,
}  # fmt: skip


def papermill(folder, **parameters):
    """Run papermill with records below `folder`; return the finished command."""
    given = folder / "parameters.yaml"
    given.write_text(yaml.safe_dump({"record_folder": str(folder / "results")} | parameters))
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", "-f", str(given), str(NOTEBOOK)]
    return subprocess.run(
        [*command, str(folder / "out.ipynb")], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_the_notebook_measures_and_leaves_its_record(tmp_path):
    done = papermill(tmp_path, **TINY)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    record, table = json.loads((folder / "record.json").read_text()), pd.read_csv(folder / "measurements.csv")
    config = Config.create(**TINY)
    assert record["run"] == folder.name == config.run_id()
    # The committed summary is that of the committed table.
    found, expected = (pd.json_normalize(s).loc[0] for s in (record["summary"], summarize(config, table, {})))
    assert found.index.equals(expected.index)
    for name, value in found.items():
        assert value == expected[name] or value == pytest.approx(expected[name], rel=1e-9)
    steps = table[table["quantity"] == "seconds_per_step"]
    assert steps.loc[steps["status"] == "measured", "batch_size"].tolist() == [2, 2, 8, 8]
    hours = table.loc[table["quantity"] == "hours_of_run", "value"]
    expected = [3 * (100 // row.batch_size) * row.value / 3600 for row in steps.itertuples()]
    assert hours.tolist() == pytest.approx(expected)
    # Training holds at least the gradient, the velocity and what the backward pass needs of eight images.
    memory = by_batch_size(table, next(iter(config.measured())), PROCESS)
    counted = by_batch_size(table, next(iter(config.measured())), COUNTED)
    assert (memory > counted / 2).all() and (memory < 3000).all()
    cells = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    images = [o for cell in cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    assert len(images) == 4


@pytest.mark.slow
def test_a_mistake_ends_the_notebook_with_one_clear_message(tmp_path):
    done = papermill(tmp_path, card_efficiency=35.0)
    assert done.returncode != 0
    reported = done.stderr.split("Exception encountered at")[-1]
    assert "card_efficiency = 35.0 is not allowed. Allowed: number, > 0, ≤ 1" in reported
    assert "Traceback" not in reported and "smallbatch/" not in reported
    assert not (tmp_path / "results").exists()


def test_every_figure_says_in_words_what_it_shows():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    drawing = [cell for cell in cells if cell.cell_type == "code" and cell.source.rstrip().endswith(");")]
    assert len(drawing) == 4
    assert all(len(cell.metadata["mystnb"]["image"]["alt"]) > 80 for cell in drawing)
