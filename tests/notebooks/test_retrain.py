"""The retraining notebook: its parameters are those of `RunConfig`, it stops at mistakes, and it repeats itself."""

import os
import re
import subprocess
import sys

import nbformat
import pytest

from smallbatch import results
from smallbatch.config import RunConfig
from tests.conftest import ROOT

NOTEBOOK = ROOT / "notebooks" / "retrain.ipynb"


def papermill(folder, *parameters, environment=None):
    """Run papermill as the README does, with records below `folder`; return the finished command."""
    command = [
        sys.executable,
        "-m",
        "papermill",
        "--no-progress-bar",
        str(NOTEBOOK),
        str(folder / "out.ipynb"),
    ]
    for name, value in (("record_folder", folder / "results"), *parameters):
        command += ["-p", name, str(value)]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)} | (environment or {}), capture_output=True,
        text=True, timeout=400, check=False,
    )  # fmt: skip


def only_record(folder):
    (record,) = [results.read_record(f) for f in (folder / "results" / "runs").iterdir()]
    return record


def test_the_first_code_cell_holds_every_parameter_with_its_default():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert code[0].metadata.tags == ["parameters"]
    names = {}
    exec(code[0].source, names)
    names.pop("__builtins__")
    assert names == {name: field.default for name, field in RunConfig.model_fields.items()}


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.name)
def test_committed_notebooks_hold_no_outputs(path):
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None


MISTAKES = [
    ({"batch_sise": 4}, r"batch_sise = 4: there is no such parameter. Did you mean batch_size"),
    ({"batch_size": "four"}, r"batch_size = 'four' is not allowed. Allowed: whole number, ≥ 1"),
    ({"batch_size": 0}, r"batch_size = 0 is not allowed"),
    ({"batch_size": 2000}, r"batch_size = 2000 is larger than the training set of 1078 images"),
    ({"dataset": "cifar"}, r"dataset = 'cifar' is not allowed. Allowed: digits, clothing, folder"),
    (
        {"dataset": "folder", "data_folder": "/no/such/folder"},
        r"data_folder = '/no/such/folder': there is no such",
    ),
    ({"dataset": "folder", "data_folder": "empty class"}, r"dark holds no images"),
    ({"dataset": "folder", "data_folder": "corrupt"}, r"1.jpg cannot be read as an image"),
    ({"width": 0.3}, r"width = 0.3 is not allowed. Allowed: 1.0, 0.5, 0.25, 0.125"),
    ({"image_size": 60}, r"image_size = 60 is not allowed. Allowed: whole number, ≥ 75"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("parameters", "message"), MISTAKES, ids=[str(m[0]) for m in MISTAKES])
def test_a_mistake_ends_the_notebook_with_one_clear_message_before_training(tmp_path, image_tree, parameters, message):
    from tests.data.test_data import damage

    if parameters.get("data_folder") in ("empty class", "corrupt"):
        damage(image_tree, parameters["data_folder"])
        parameters = parameters | {"data_folder": image_tree, "batch_size": 2}
    done = papermill(tmp_path, *parameters.items())
    assert done.returncode != 0
    assert re.search(message, done.stderr)
    # The message stands alone after papermill's own header: no stack of this package or of the frameworks.
    reported = done.stderr.split("Exception encountered at")[-1]
    assert "smallbatch/" not in reported and "Traceback" not in reported
    assert not (tmp_path / "results").exists()


TINY = [("n_train", 40), ("batch_size", 20), ("width", 0.125), ("depth", 0.1), ("epochs", 2)]


@pytest.mark.slow
def test_two_runs_with_the_same_parameters_give_identical_metrics(built, tmp_path):
    # The first run was made by `make study`, in another process and beside other runs.
    (study_run,) = [f for f in (built.folder / "results/tiny/runs").iterdir() if f.name.startswith("b20-s1-")]
    first = results.read_record(study_run)
    again = papermill(tmp_path, *TINY, ("seed", 1))
    assert again.returncode == 0, again.stderr
    second = only_record(tmp_path)
    assert second["run"] == first["run"] and second["metrics"] == first["metrics"]
    seconds = re.compile(r"^(\d+,\d+,\d+),[\d.]+,", re.MULTILINE)
    histories = [
        seconds.sub(r"\1,", (folder / "history.csv").read_text())
        for folder in (study_run, tmp_path / "results" / "runs" / second["run"])
    ]
    assert histories[0] == histories[1]


@pytest.mark.slow
def test_it_runs_with_jax(tmp_path):
    done = papermill(tmp_path, *TINY, environment={"KERAS_BACKEND": "jax"})
    assert done.returncode == 0, done.stderr
    record = only_record(tmp_path)
    assert record["environment"]["backend"] == "jax" and record["steps"] == 4
    assert 0 <= record["metrics"]["moving"]["test"]["accuracy"] <= 1
    cells = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    assert not [o for cell in cells for o in cell.get("outputs", []) if o.output_type == "error"]
