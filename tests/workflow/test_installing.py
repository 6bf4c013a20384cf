"""Which packages `make` installs: a lock and an environment per kind of machine, whole or not stamped as done."""

import re
import subprocess

import pytest

from tests.conftest import ROOT


def make(*arguments, folder=ROOT):
    done = subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def locked(name):
    """Return the versions that a lock pins; of a package with several, by marker, one of them."""
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize("target", ["book", "study", "test"])
@pytest.mark.parametrize(
    ("given", "kind"), [((), ""), (("GPU=1",), "-gpu"), (("K80=1",), "-k80"), (("GPU=1", "K80=1"), "-k80")]
)
def test_each_kind_of_machine_has_its_lock_and_its_environment(target, given, kind):
    status, said = make("-n", "-B", target, *given)
    assert status == 0, said
    assert f"-r requirements{kind}.txt;" in said and f"| tee .venv{kind}/installed" in said
    used = {line.split()[0] for line in said.splitlines() if line.startswith(".venv") and "pip install" not in line}
    assert used == {f".venv{kind}/bin/python"}


def test_the_gpu_lock_is_the_other_one_and_libraries_that_know_older_gpus():
    plain, gpu = locked("requirements.txt"), locked("requirements-gpu.txt")
    assert {name: gpu[name] for name in plain} == plain
    added = gpu.keys() - plain.keys()
    assert added and all(name.startswith(("nvidia-", "jax-cuda12")) for name in added)
    assert tuple(map(int, gpu["nvidia-cudnn-cu12"].split(".")[:2])) < (9, 11)


def test_the_k80_lock_holds_the_last_tensorflow_for_its_gpu_and_this_projects_keras():
    k80 = locked("requirements-k80.txt")
    assert (k80["tensorflow"], k80["keras"]) == ("2.14.1", locked("requirements.txt")["keras"])
    assert k80["numpy"] == "1.26.4" and k80["nvidia-cudnn-cu11"] == "8.7.0.84"
    assert not any(name == "jax" or name.endswith("-cu12") or name == "tensorrt" for name in k80)


@pytest.mark.parametrize("fails", [True, False])
def test_an_installation_that_fails_is_not_stamped_even_by_a_make_that_ignores_shellflags(tmp_path, fails):
    for name in ("Makefile", "pyproject.toml", "requirements.txt"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/bash\nif [ "$2" = venv ]; then mkdir -p $3/bin; cp "$0" $3/bin/python; fi\n'
        f'if [ "$2" = pip ]; then exit {int(fails)}; fi\n'
    )
    python.chmod(0o755)
    status, said = make(".venv/installed", f"PYTHON={python}", ".SHELLFLAGS=-c", folder=tmp_path)
    assert (status != 0) == fails, said
    assert (tmp_path / ".venv" / "installed").is_file() != fails


def test_the_lock_command_writes_all_of_them():
    _, said = make("-n", "lock")
    assert set(re.findall(r"-o (\S+);?", said.replace(";", " "))) == {
        "requirements.txt", "requirements-gpu.txt", "requirements-k80.txt"
    }  # fmt: skip
