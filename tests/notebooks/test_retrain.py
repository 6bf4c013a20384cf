"""The retraining notebook: its parameters are those of `RunConfig`, it stops at mistakes, and it repeats itself."""

import os
import re
import subprocess
import sys

import nbformat
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from smallbatch.study import records
from smallbatch.training.config import RunConfig
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
    (record,) = [records.read_record(f) for f in (folder / "results" / "runs").iterdir()]
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
    (
        {"dataset": "cifar"},
        r"dataset = 'cifar' is not allowed. Allowed: digits, clothing, clothing-full, signs, folder",
    ),
    (
        {"dataset": "folder", "data_folder": "/no/such/folder"},
        r"data_folder = '/no/such/folder': there is no such",
    ),
    ({"dataset": "folder", "data_folder": "empty class"}, r"dark holds no images"),
    ({"dataset": "folder", "data_folder": "corrupt"}, r"1.jpg cannot be read as an image"),
    ({"width": 0.3}, r"width = 0.3 is not allowed. Allowed: 1.0, 0.5, 0.25, 0.125"),
    ({"image_size": 60}, r"image_size = 60 is not allowed. Allowed: whole number, ≥ 75"),
]


def with_images(parameters, image_tree):
    """Return the parameters with a folder of images that is damaged as their `data_folder` says, if they name such."""
    from tests.training.data.test_data import damage

    if parameters.get("data_folder") not in ("empty class", "corrupt"):
        return parameters
    damage(image_tree, parameters["data_folder"])
    return parameters | {"data_folder": str(image_tree), "batch_size": 2}


@pytest.mark.parametrize(("parameters", "message"), MISTAKES, ids=[str(m[0]) for m in MISTAKES])
def test_a_mistake_ends_the_cells_before_training_with_one_clear_message(
    tmp_path, image_tree, capsys, parameters, message
):
    # The notebook's first cells, by what runs the cells of a kernel too, without starting one for each mistake.
    settings = Config()
    settings.HistoryManager.enabled = False
    shell = InteractiveShell(config=settings)
    given = {"record_folder": str(tmp_path / "results")} | with_images(parameters, image_tree)
    first, *others = [c.source for c in nbformat.read(NOTEBOOK, as_version=4).cells if c.cell_type == "code"]
    until_training = others[: 1 + next(k for k, source in enumerate(others) if "data.load(config)" in source)]
    assert "loop.fit" not in "".join(until_training)
    for source in (first, "\n".join(f"{name} = {value!r}" for name, value in given.items())):
        assert shell.run_cell(source).success
    assert not all(shell.run_cell(source).success for source in until_training)
    said = capsys.readouterr().out
    assert re.search(message, said)
    assert "smallbatch/" not in said.replace(str(image_tree), "") and "Traceback" not in said
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("parameters", "message"), [MISTAKES[0], MISTAKES[7]], ids=["parameter", "image"])
def test_a_mistake_ends_the_notebook_with_one_clear_message_before_training(tmp_path, image_tree, parameters, message):
    done = papermill(tmp_path, *with_images(parameters, image_tree).items())
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
    first = records.read_record(study_run)
    again = papermill(tmp_path, *TINY, ("seed", 1))
    assert again.returncode == 0, again.stderr
    second = only_record(tmp_path)
    assert second["run"] == first["run"] and second["metrics"] == first["metrics"]
    histories = [
        pd.read_csv(folder / "history.csv").drop(columns=["seconds", "seconds_lag"])
        for folder in (study_run, tmp_path / "results" / "runs" / second["run"])
    ]
    pd.testing.assert_frame_equal(*histories, check_exact=True)


# Every lever that goes together with the others, in one run.
LEVERS = [
    ("n_train", 40), ("batch_size", 20), ("width", 0.125), ("depth", 0.1), ("epochs", 4),
    ("normalization", "ghost"), ("ghost_batch_size", 5), ("masked_loss_batch_size", 10),
    ("batch_norm_momentum", "scaled"), ("dropout", 0.2), ("dropout_between_batch_norms", 0.1),
    ("weight_decay", 1e-4), ("label_smoothing", 0.1), ("early_stopping_patience", 1), ("warmup_epochs", 0.5),
    ("learning_rate_scaling", "sqrt"),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_every_lever_works_from_papermill(tmp_path, backend):
    levers = LEVERS + ([("augmentation", "flip")] if backend == "tensorflow" else [])
    done = papermill(tmp_path, *levers, environment={"KERAS_BACKEND": backend})
    assert done.returncode == 0, done.stderr
    record = only_record(tmp_path)
    assert {name: record["parameters"][name] for name, _ in levers} == dict(levers)
    assert record["environment"]["backend"] == backend
    assert record["used"] == {
        "learning_rate": pytest.approx(0.01 * (10 / 32) ** 0.5),
        "batch_norm_momentum": pytest.approx(0.99 ** (20 / 32)),
        "sgd_batch_size": 10,
        "normalization_batch_size": 5,
    }
    assert record["steps"] == 4 * record["epochs"] and record["kept_epoch"] <= record["epochs"]
    history = pd.read_csv(tmp_path / "results" / "runs" / record["run"] / "history.csv")
    assert history["lag_mean"].gt(0).all() and history["images"].tolist() == [40 * k for k in history["epoch"]]
    for splits in record["metrics"].values():
        for values in splits.values():
            assert 0 <= values["accuracy_low"] <= values["accuracy"] <= values["accuracy_high"] <= 1
    cells = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    assert not [o for cell in cells for o in cell.get("outputs", []) if o.output_type == "error"]


@pytest.mark.slow
@pytest.mark.parametrize("normalization", ["group", "frozen"])
def test_arms_without_batch_statistics_leave_the_same_record_and_figures(tmp_path, normalization):
    done = papermill(tmp_path, *TINY, ("normalization", normalization), ("learning_rate", 1e-4))
    assert done.returncode == 0, done.stderr
    metrics = only_record(tmp_path)["metrics"]
    assert metrics["moving"] == metrics["batch"] == metrics["recalibrated"]
