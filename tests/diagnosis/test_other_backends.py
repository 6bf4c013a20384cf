"""The main path on the backends that are not TensorFlow: the quick models of the zoo, the callback and the command."""

import importlib.util
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

CHOSEN = "sequential or without or masked or lagging or callback or second"


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_the_main_path_gives_the_same_answers_on_other_backends(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed here; with it, this test needs nothing else")
    files = [f"tests/diagnosis/test_{name}.py" for name in ("zoo", "front_door")]
    options = ["-o", "addopts=", "-q", "-m", "not slow", "-k", CHOSEN, "-p", "no:cacheprovider"]
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--basetemp={tmp_path / 'inside'}", *files],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout and "skipped" not in done.stdout
