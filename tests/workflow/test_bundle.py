"""The bundle for a machine without internet: what is in it, and a study trained from it, without TensorFlow too."""

import json
import os
import shutil
import subprocess
import sys
import tarfile

import pytest

from smallbatch.errors import UserError
from smallbatch.study.file import load_study, parse_study
from smallbatch.training.data.archive import Archive
from tests.conftest import ROOT, TINY
from workflow import bundle


def test_packages_are_those_that_training_needs():
    both = {backend: bundle.requirements(backend, gpu=False) for backend in bundle.BACKENDS}
    assert "tensorflow" in both["tensorflow"] and "keras-cv" in both["tensorflow"]
    assert not [name for name in both["jax"] if name.startswith(bundle.OF_TENSORFLOW)]
    for packages in both.values():
        assert {"keras", "jax", "papermill", "snakemake", "ipykernel"} <= set(packages)
        assert "jupyter-book" not in packages and "pytest" not in packages


def test_a_gpu_brings_cuda_along_for_its_backend_alone():
    packages = bundle.requirements("jax", gpu=True)
    assert "jax[cuda12]" in packages and "jax" not in packages
    assert bundle.requirements("tensorflow", gpu=True).count("jax") == 1


def test_every_package_has_its_version_in_the_lock():
    locked = {line.split("==")[0] for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line}
    assert set(bundle.requirements("tensorflow", gpu=False)) <= locked


@pytest.mark.parametrize(("arguments", "words"), [
    (["paper", "--backend", "torch"], "backend = 'torch' is not allowed. Allowed: tensorflow or jax"),
    (["papre"], "STUDY = 'papre': there is no file studies/papre.yaml"),
])  # fmt: skip
def test_what_cannot_be_bundled_is_said_at_once(arguments, words, capsys):
    assert bundle.main([*arguments, "--no-wheels"]) == 1
    assert words in capsys.readouterr().err


def test_a_package_that_is_published_as_source_alone_travels_as_a_wheel(tmp_path, monkeypatch):
    source = tmp_path / "sourceonly-1.0"
    source.mkdir()
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "sourceonly"\nversion = "1.0"\n[tool.setuptools]\npy-modules = ["sourceonly"]\n'
    )
    (source / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: sourceonly\nVersion: 1.0\n")
    (source / "sourceonly.py").write_text("")
    with tarfile.open(tmp_path / "sourceonly-1.0.tar.gz", "w:gz") as tar:
        tar.add(source, arcname=source.name)
    # From this folder alone, built with the setuptools of this environment. For pip "no" here says: no isolation.
    for name, value in {
        "CONFIG_FILE": os.devnull,
        "NO_INDEX": "1",
        "FIND_LINKS": tmp_path,
        "NO_BUILD_ISOLATION": "no",
    }.items():
        monkeypatch.setenv(f"PIP_{name}", str(value))
    (tmp_path / "packages.txt").write_text("sourceonly\n")
    bundle._download(tmp_path, "requirements.txt")
    assert [wheel.name for wheel in (tmp_path / "wheels").iterdir()] == ["sourceonly-1.0-py3-none-any.whl"]
    (tmp_path / "packages.txt").write_text("nowhere\n")
    with pytest.raises(UserError, match="could not be downloaded"):
        bundle._download(tmp_path, "requirements.txt")


def unpacked(archive, folder):
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / "bundle"


def test_photographs_travel_only_where_the_study_uses_them(tmp_path, monkeypatch, image_tree):
    monkeypatch.setattr(Archive, "folder_of", lambda archive, config: image_tree)
    names = ["train/dark/0.jpg", "test/bright/1.jpg"]
    monkeypatch.setattr(Archive, "manifest", lambda archive: dict.fromkeys(names))
    there = {}
    for study in (load_study("paper"), parse_study("tiny", TINY)):
        archive = bundle.bundle(study, "jax", gpu=False, wheels=False, target=tmp_path / f"{study.name}.tar")
        folder = unpacked(archive, tmp_path / study.name)
        there[study.name] = sorted(
            str(f.relative_to(folder / "photographs")) for f in (folder / "photographs").rglob("*.jpg")
        )
        assert (folder / "packages.txt").read_text().split() == bundle.requirements("jax", gpu=False)
        assert not list(folder.rglob("*.pyc"))
        assert subprocess.run(["bash", "-n", folder / "run.sh"], check=False).returncode == 0
    assert there == {"paper": sorted(f"clothing/{name}" for name in names), "tiny": []}


@pytest.mark.slow
def test_a_study_is_trained_from_the_bundle_where_there_is_no_tensorflow(tmp_path):
    text = TINY.replace("[4, 20]", "[20]").replace("[0, 1]", "[0]")
    (tmp_path / "studies").mkdir()
    study = parse_study("tiny", text)
    folder = unpacked(bundle.bundle(study, "jax", False, False, tmp_path / "tiny.tar"), tmp_path)
    (folder / "code/studies/tiny.yaml").write_text(text)
    # Importing TensorFlow fails as on a machine that does not have it.
    (tmp_path / "without").mkdir()
    (tmp_path / "without/tensorflow.py").write_text("raise ModuleNotFoundError('No module named tensorflow')\n")
    environment = {
        name: value for name, value in os.environ.items() if name not in ("KERAS_BACKEND", "SMALLBATCH_DATA_FOLDER")
    } | {"PYTHON": sys.executable, "INSTALLED": "1", "CORES": "1", "PYTHONPATH": str(tmp_path / "without")}
    environment.pop("SMALLBATCH_CACHE", None)

    def run():
        return subprocess.run(
            ["bash", folder / "run.sh"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(folder / "code/results")
    with tarfile.open(folder / "results-tiny.tar.gz") as tar:
        tar.extractall(folder / "code", filter="data")
    (record,) = (json.loads(f.read_text()) for f in (folder / "code/results/tiny/runs").glob("*/record.json"))
    assert record["environment"]["backend"] == "jax" and record["outcome"] == "finished"
    again = run()
    assert again.returncode == 0 and "1 done, 0 to do" in again.stdout and "epoch" not in again.stdout
