"""As on Windows, without `fcntl` and `resource`: a model of one's own is diagnosed, and a run of the notebook works."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

# psutil of Linux needs `resource` itself, that of Windows does not.
HIDDEN = "import sys\nimport psutil\nfor name in ('fcntl', 'resource'):\n    sys.modules[name] = None\n"
DIAGNOSE = """
import keras
import numpy as np
import smallbatch

generator = np.random.default_rng(0)
images = generator.normal(size=(60, 8, 8, 3)).astype("float32")
labels = generator.integers(0, 2, 60)
model = keras.Sequential([
    keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization(),
    keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2),
])
print(smallbatch.diagnose(model, (images[:40], labels[:40]), (images[40:], labels[40:])))
"""
# The cells as they stand, one after the other; the parameters are replaced as papermill does it.
RETRAIN = """
import json, pathlib
import matplotlib
matplotlib.use("agg")
names = {"__name__": "__main__"}
for cell in json.loads(pathlib.Path("notebooks/retrain.ipynb").read_text())["cells"]:
    if cell["cell_type"] == "code":
        exec("".join(cell["source"]), names)
        if "parameters" in cell["metadata"].get("tags", []):
            names |= {"n_train": 20, "width": 0.125, "depth": 0.1, "epochs": 1, "batch_size": 10}
"""
LOCK = """
from pathlib import Path
from smallbatch.study.files import only_one
with only_one(Path("logs/one.lock"), "study one"):
    print("goes on")
"""


def run_hidden(code, folder):
    return subprocess.run(
        [sys.executable, "-c", HIDDEN + code], cwd=folder, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip


def test_without_locks_a_warning_says_so_and_the_work_goes_on(project):
    done = run_hidden(LOCK, project)
    assert done.returncode == 0, done.stderr
    assert "no locks" in done.stdout and done.stdout.endswith("goes on\n")


@pytest.mark.slow
def test_a_model_is_diagnosed(tmp_path):
    done = run_hidden(DIAGNOSE, tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("Diagnosis: "), done.stdout + done.stderr
    assert "moving averages" in done.stdout


@pytest.mark.slow
def test_a_run_of_the_notebook_leaves_its_record_with_the_memory_that_it_took(project):
    (project / "notebooks/retrain.ipynb").write_text((ROOT / "notebooks/retrain.ipynb").read_text())
    done = run_hidden(RETRAIN, project)
    assert done.returncode == 0, done.stdout + done.stderr
    (record,) = (json.loads(file.read_text()) for file in project.glob("results/my-runs/runs/*/record.json"))
    assert record["outcome"] == "finished" and record["memory_peak_mib"] > 100
