"""What records and people are told of a GPU, on fake ones: TensorFlow's, JAX's and the driver's."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from smallbatch.study import accelerators, environment, records

T4 = {"name": "Tesla T4", "compute_capability": "7.5", "memory_mib": 15360, "driver": "550.54"}


def fake_tensorflow(n=1, name="Tesla T4", capability=(7, 5), tf32=True):
    experimental = SimpleNamespace(
        get_device_details=lambda device: {"device_name": name, "compute_capability": capability},
        tensor_float_32_execution_enabled=lambda: tf32,
        get_memory_info=lambda device: {"current": 1, "peak": 6554 * 2**20 + 7},
    )
    return SimpleNamespace(
        config=SimpleNamespace(list_physical_devices=lambda kind: list(range(n)), experimental=experimental),
        sysconfig=SimpleNamespace(get_build_info=lambda: {"cuda_version": "12.5.1", "cudnn_version": "9"}),
    )


def fake_jax(platform="gpu", precision=None):
    device = SimpleNamespace(
        platform=platform, device_kind="NVIDIA A100", compute_capability="8.0",
        memory_stats=lambda: {"bytes_in_use": 1, "peak_bytes_in_use": 3 * 2**30},
    )  # fmt: skip
    return SimpleNamespace(devices=lambda: [device], config=SimpleNamespace(jax_default_matmul_precision=precision))


@pytest.fixture
def smi(monkeypatch):
    """A driver that lists two GPUs."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    said = "Tesla T4, 15360, 550.54\nTesla P100-PCIE-16GB, 16384, 550.54\n"
    monkeypatch.setattr(subprocess, "run", lambda *given, **options: SimpleNamespace(stdout=said))


@pytest.fixture(autouse=True)
def _libraries(monkeypatch):
    monkeypatch.setattr(accelerators, "_installed", lambda start: None)


def test_tensorflows_facts(monkeypatch, smi):
    monkeypatch.setitem(sys.modules, "tensorflow", fake_tensorflow())
    assert accelerators.accelerators("tensorflow") == [
        T4 | {"cuda": "12.5.1", "cudnn": "9", "tf32": False}  # a T4 has no TensorFloat-32, whatever is allowed
    ]
    assert accelerators.memory_peak_mib("tensorflow") == 6554
    monkeypatch.setitem(sys.modules, "tensorflow", fake_tensorflow(name="A100", capability=(8, 0)))
    assert accelerators.accelerators("tensorflow")[0]["tf32"]
    monkeypatch.setitem(sys.modules, "tensorflow", fake_tensorflow(n=0))
    assert accelerators.accelerators("tensorflow") == []
    assert accelerators.memory_peak_mib("tensorflow") is None


@pytest.mark.parametrize(("precision", "tf32"), [(None, True), ("float32", False), ("highest", False)])
def test_jaxs_facts(monkeypatch, smi, precision, tf32):
    monkeypatch.setitem(sys.modules, "jax", fake_jax(precision=precision))
    (found,) = accelerators.accelerators("jax")
    assert found == {"name": "NVIDIA A100", "compute_capability": "8.0", "tf32": tf32,
                     "driver": "550.54", "memory_mib": 15360}  # fmt: skip
    assert accelerators.memory_peak_mib("jax") == 3072
    monkeypatch.setitem(sys.modules, "jax", fake_jax(platform="cpu"))
    assert accelerators.accelerators("jax") == [] and accelerators.memory_peak_mib("jax") is None


def test_of_several_gpus_the_driver_is_asked_about_those_that_the_process_may_use(monkeypatch, smi):
    assert [gpu["name"] for gpu in accelerators.gpus()] == ["Tesla T4", "Tesla P100-PCIE-16GB"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert [gpu["memory_mib"] for gpu in accelerators.gpus()] == [16384]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert accelerators.gpus() == []


def test_no_driver_means_no_gpus(monkeypatch):
    def run(*given, **options):
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", run)
    assert accelerators.gpus() == []


def test_a_record_holds_the_facts_and_the_peak_only_where_there_is_a_gpu(monkeypatch, smi):
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    monkeypatch.setitem(sys.modules, "tensorflow", fake_tensorflow())
    monkeypatch.setattr(environment, "code_version", dict)
    found = records._circumstances({"training": 1.0})
    assert found["gpu_memory_peak_mib"] == 6554
    assert found["environment"]["accelerators"] == ["Tesla T4"]
    assert found["environment"]["accelerator_facts"][0]["driver"] == "550.54"
    monkeypatch.setitem(sys.modules, "tensorflow", fake_tensorflow(n=0))
    found = records._circumstances({"training": 1.0})
    assert "gpu_memory_peak_mib" not in found and "accelerator_facts" not in found["environment"]


def test_the_line_says_what_is_trained_on_or_what_to_do():
    say = accelerators.line
    assert say("tensorflow", "2.21.0", [T4], []) == (
        "device: Tesla T4, 15 GiB, compute capability 7.5 (TensorFlow 2.21.0)"
    )
    assert say("jax", "0.10", [T4, T4], []).startswith("device: 2 × Tesla T4, 15 GiB")
    assert say("jax", "0.10", [{"name": "cuda"}], []) == "device: cuda (JAX 0.10)"
    assert say("jax", "0.10", [], []).startswith("device: CPU, ")
    told = say("tensorflow", "2.21.0", [], [T4])
    assert "the driver has a Tesla T4, but TensorFlow sees no GPU" in told and "GPU=1" in told and "\n" not in told


@pytest.mark.parametrize(("required", "found", "status"), [("", [], 0), ("1", [], 1), ("1", [T4], 0)])
def test_a_required_gpu_that_is_not_there_is_refused(monkeypatch, smi, capsys, required, found, status):
    monkeypatch.setenv("REQUIRE_GPU", required)
    monkeypatch.setattr(accelerators, "accelerators", lambda backend: found)
    assert accelerators.main() == status
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1 and ("nothing is trained" in said.err) == bool(status)
