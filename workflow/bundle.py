"""What a machine without internet needs to train a study, as many clusters have it: one archive, one command.

    python workflow/bundle.py paper --backend jax --gpu

Wheels, code and photographs go into `_bundle/<study>-<backend>.tar`. On the other machine, with the same kind of
processor and the same version of Python: unpack it and run `bash bundle/run.sh`. Started again, it goes on where it
stopped. `results-<study>.tar.gz` beside `run.sh` is what comes back; unpack it in the root of this repository.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

from smallbatch.errors import UserError, require
from smallbatch.study.file import Study, load_study
from smallbatch.training import data
from smallbatch.training.config import RunConfig

ROOT = Path(__file__).resolve().parent.parent
BACKENDS = ("tensorflow", "jax")
CODE = ("smallbatch", "workflow", "notebooks", "studies", "results", "CITATION.cff")
# Packages that a study is trained with beside those that the project depends on; the book is built at home.
TRAINING = ("papermill", "snakemake", "ipykernel")
# With JAX, nothing that belongs to TensorFlow. The augmentation of KerasCV then is not to be had.
OF_TENSORFLOW = ("tensorflow", "keras-cv", "tensorflow-datasets")
ON_GPU = {"tensorflow": "tensorflow[and-cuda]", "jax": "jax[cuda12]"}

RUN = """#!/bin/bash
# Trains the study {study} here, without internet; started again, it goes on where it stopped.
#   PYTHON=python3.12 CORES=8 bash run.sh
# PYTHON: an interpreter of version {version}. CORES: how many runs side by side (they share one GPU, where 1 to 4 is
# usual; without one, the number of cores). INSTALLED=1: use PYTHON as it is, with the packages that it has.
set -euo pipefail
here="$(cd "$(dirname "${{BASH_SOURCE[0]}}")" && pwd)"
python="${{PYTHON:-python3}}"
if [ -z "${{INSTALLED:-}}" ]; then
  if [ ! -f "$here/.venv/installed" ]; then
    "$python" -m venv "$here/.venv"
    "$here/.venv/bin/python" -m pip install --quiet --no-index --find-links "$here/wheels" -r "$here/packages.txt"
    touch "$here/.venv/installed"
  fi
  python="$here/.venv/bin/python"
fi
export PYTHONPATH="$here/code${{PYTHONPATH:+:$PYTHONPATH}}" SMALLBATCH_CACHE="${{SMALLBATCH_CACHE:-$here/cache}}"
# Seeds of one setting are one program, which JAX compiles once and then reads from here.
export JAX_COMPILATION_CACHE_DIR="$SMALLBATCH_CACHE/compiled"
export KERAS_BACKEND={backend} CORES="${{CORES:-2}}" PATH="$(dirname "$(command -v "$python")"):$PATH"
if [ -d "$here/photographs" ]; then export SMALLBATCH_DATA_FOLDER="$here/photographs"; fi
cd "$here/code"
status=0
"$python" workflow/stages.py study {study} || status=$?
tar -czf "$here/results-{study}.tar.gz" results/{study}
echo "Records so far: $here/results-{study}.tar.gz"
exit $status
"""


def bundle(study: Study, backend: str, gpu: bool, wheels: bool, target: Path) -> Path:
    """Write the archive and return its path; it appears whole or not at all."""
    packages = requirements(backend, gpu)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        folder = Path(work) / "bundle"
        _copy_code(folder / "code", study)
        _copy_photographs(folder / "photographs", study)
        (folder / "packages.txt").write_text("\n".join(packages) + "\n")
        if wheels:
            _download(folder, "requirements-gpu.txt" if gpu else "requirements.txt")
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        (folder / "run.sh").write_text(RUN.format(study=study.name, backend=backend, version=version))
        partial = Path(work) / target.name
        with tarfile.open(partial, "w") as archive:
            archive.add(folder, arcname="bundle")
        partial.replace(target)
    return target


def requirements(backend: str, gpu: bool) -> list[str]:
    """Return the packages that training needs; in the bundle are their wheels in the versions of the lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["train"]]
    wanted = list(dict.fromkeys(_name(line) for line in declared)) + list(TRAINING)
    if backend == "jax":
        wanted = [name for name in wanted if name not in OF_TENSORFLOW]
    return [ON_GPU[backend] if gpu and name == backend else name for name in wanted]


def _name(requirement: str) -> str:
    for sign in "[<>=~; ":
        requirement = requirement.split(sign)[0]
    return requirement


def _download(folder: Path, lock: str) -> None:
    """Fetch the wheels for this version of Python and this kind of machine, with all that they need.

    A package that is published as source only is built into a wheel here: the other machine need not build anything.
    """
    print("Downloading wheels ...", flush=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check",
               "--wheel-dir", str(folder / "wheels"), "-r", str(folder / "packages.txt"),
               "--constraint", str(ROOT / lock)]  # fmt: skip
    if subprocess.run(command, check=False).returncode:
        raise UserError("The wheels could not be downloaded; see above. A bundle without them: --no-wheels")


def _copy_code(folder: Path, study: Study) -> None:
    """Copy what a study is trained with, and its records so far: what is done is not done again."""
    ignore = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", ".*")
    for name in CODE:
        source = ROOT / name
        if name == "results":
            if study.folder.is_dir():
                shutil.copytree(study.folder, folder / "results" / study.name, ignore=ignore)
        elif source.is_dir():
            shutil.copytree(source, folder / name, ignore=ignore)
        else:
            shutil.copy2(source, folder / name)


def _copy_photographs(folder: Path, study: Study) -> None:
    """Copy the photographs if the study trains on them; `folder` and `tfds:` data sets travel on their own."""
    configs = [config for config in study.runs.values() if isinstance(config, RunConfig)]
    for archive, source in data.archives(configs).items():
        for name in sorted(archive.manifest()):
            target = folder / archive.name / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target)


def main(arguments: list[str] | None = None) -> int:
    """Bundle wheels, code and photographs for a machine without internet."""
    parser = argparse.ArgumentParser(prog="python workflow/bundle.py", description=main.__doc__)
    parser.add_argument("study", nargs="?", default="paper")
    parser.add_argument("--backend", default="tensorflow", help=f"{' or '.join(BACKENDS)}")
    parser.add_argument("--gpu", action="store_true", help="wheels that bring CUDA along (some GB)")
    parser.add_argument("--no-wheels", action="store_true", help="for a machine that has the packages already")
    given = parser.parse_args(arguments)
    os.chdir(ROOT)
    try:
        require("backend", given.backend, given.backend in BACKENDS, " or ".join(BACKENDS))
        target = ROOT / "_bundle" / f"{given.study}-{given.backend}.tar"
        path = bundle(load_study(given.study), given.backend, given.gpu, not given.no_wheels, target)
    except UserError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"{path} ({path.stat().st_size / 1e6:.0f} MB)")
    print(f"On the other machine: tar -xf {path.name} && bash bundle/run.sh")
    return 0


if __name__ == "__main__":
    sys.exit(main())
