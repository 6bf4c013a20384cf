"""The notebooks that measure at a checkpoint: parameters as in `Config`, a miniature of each, one clear error."""

import json
import os
import subprocess
import sys

import nbformat
import numpy as np
import pandas as pd
import pytest

from smallbatch.study.notebooks import config_class
from tests.conftest import ROOT

NOTEBOOKS = ("stable_learning_rate", "gradient_noise", "batch_norm_noise")


def papermill(notebook, folder, **parameters):
    """Run papermill with records below `folder`; return the finished command."""
    command = [sys.executable, "-m", "papermill", "--no-progress-bar", str(ROOT / "notebooks" / f"{notebook}.ipynb")]
    given = json.dumps({"record_folder": str(folder / "results")} | parameters)  # JSON is YAML, but for 1e-05
    return subprocess.run(
        [*command, str(folder / "out.ipynb"), "-y", given], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip


def run(notebook, folder, n_figures, **parameters):
    """Run a notebook to its end; return the summary of its record and its table."""
    done = papermill(notebook, folder, **parameters)
    assert done.returncode == 0, done.stderr
    (made,) = (folder / "results" / "runs").iterdir()
    record, table = json.loads((made / "record.json").read_text()), pd.read_csv(made / "measurements.csv")
    assert record["run"] == made.name == config_class(notebook).create(**parameters).run_id()
    assert record["notebook"] == notebook and all(seconds > 0 for seconds in record["seconds"].values())
    cells = nbformat.read(folder / "out.ipynb", as_version=4).cells
    images = [o for cell in cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    assert len(images) == n_figures
    return record["summary"], table


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_the_first_code_cell_holds_every_parameter_with_its_default(notebook):
    cells = nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", as_version=4).cells
    first = next(cell for cell in cells if cell.cell_type == "code")
    assert first.metadata.tags == ["parameters"]
    names = {}
    exec(first.source, names)
    names.pop("__builtins__")
    assert names == {name: field.default for name, field in config_class(notebook).model_fields.items()}


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_every_figure_has_a_text_for_those_who_cannot_see_it(notebook):
    cells = nbformat.read(ROOT / "notebooks" / f"{notebook}.ipynb", as_version=4).cells
    drawing = [cell for cell in cells if cell.cell_type == "code" and cell.source.rstrip().endswith(");")]
    assert len(drawing) >= 3
    for cell in drawing:
        assert len(cell.metadata["mystnb"]["image"]["alt"]) > 40


# Small for testing: the network's smallest miniature on 48 images.
TINY = {"n_train": 48, "width": 0.125, "depth": 0.1, "batch_size": 8, "epochs": 1}


@pytest.mark.slow
def test_noise_of_batch_norm_in_miniature(tmp_path):
    tiny = TINY | {"batch_sizes": [1, 2, 8], "images_measured": 32, "deals": 1}
    summary, table = run("batch_norm_noise", tmp_path, 4, **tiny)
    assert table.groupby(["state", "upstream", "batch_size"])["place"].nunique().nunique() == 1
    assert len(table) == 2 * 2 * 3 * table["place"].nunique()
    assert table["between_images"].between(0, 1).all() and table["predicted"].gt(0).all()
    # Images one by one: the formula is an identity, but for channels whose variance between images is estimated to be
    # below zero and counts as zero.
    fixed = table[(table["upstream"] == "fixed") & (table["batch_size"] == 1)]
    np.testing.assert_allclose(fixed["ratio"], 1, rtol=0.1)
    assert fixed["ratio"].median() == pytest.approx(1, abs=0.01)
    deep = summary["after_training"]["last_third"]
    assert deep["ratio_fixed_8"]["median"] > deep["ratio_batch_8"]["median"]


@pytest.mark.slow
def test_gradient_noise_in_miniature(tmp_path):
    tiny = TINY | {"batch_sizes": [2, 8], "images_measured": 32, "images_drawn": 160}
    summary, table = run("gradient_noise", tmp_path, 4, **tiny)
    assert table[["epoch", "batch_norm", "batch_size"]].to_numpy().tolist() == [
        row for k in (0, 1) for row in ([k, "recalibrated", 8], [k, "batch", 2], [k, "batch", 8])
    ]
    stored = table[table["batch_norm"] == "recalibrated"]
    assert stored["noise_scale"].between(stored["low"], stored["high"]).all()
    assert stored["loss"].iloc[0] == pytest.approx(np.log(10), rel=0.3)
    assert summary["recalibrated"]["epoch_1"]["noise_scale"] == pytest.approx(stored["noise_scale"].iloc[1], rel=1e-4)


@pytest.mark.slow
def test_learning_rates_in_miniature(tmp_path):
    tiny = TINY | {
        "batch_sizes": [1, 2, 4], "images_measured": 32, "draws": 3, "short_steps": 3, "repetitions": 1,
        "rates_per_doubling": 1, "diverged_above": 2.0,
    }  # fmt: skip
    summary, table = run("stable_learning_rate", tmp_path, 3, **tiny)
    short = table[table["measurement"] == "short training"]
    assert set(short["batch_norm"]) == {"recalibrated", "batch"} and short["loss"].isna().sum() < len(short)
    limit = 2 * np.log(10)
    assert (short["stable"].astype(bool) == (short["loss"] <= limit)).all()
    # Each search ends between two neighbours on the grid of rates, one that survives and one that does not.
    for _, runs in short.groupby(["batch_norm", "batch_size"]):
        last = runs.loc[runs["stable"].astype(bool), "learning_rate"].max()
        first = runs.loc[~runs["stable"].astype(bool), "learning_rate"].min()
        assert first == pytest.approx(2 * last, rel=1e-3)
        name = "short_training_recalibrated" if runs["batch_norm"].iloc[0] == "recalibrated" else "short_training_batch"
        assert summary[name]["rate"][f"batch_{runs['batch_size'].iloc[0]}"] == pytest.approx(last, rel=1e-3)
    for fitted in summary.values():
        assert fitted["best_law"] in ("constant", "square root", "linear", "noise scale")
        assert sum(fitted["share_best"].values()) == pytest.approx(1)
