"""The accelerators that a backend sees: their names and facts for records, their peak of memory, and a line for people.

`python -m smallbatch.study.accelerators` prints that line. With REQUIRE_GPU=1 it fails where the backend sees no GPU.
"""

import contextlib
import os
import re
import subprocess
import sys
from importlib import metadata

MIB = 2**20
SMI = ("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits")
# What to install where a driver is there and the framework sees no GPU.
REMEDY = "install the packages for GPUs with: make ... GPU=1 (or K80=1 for Kepler GPUs such as the K80)"


def accelerators(backend: str | None) -> list[dict]:
    """Return the facts of each accelerator that a backend sees: `name` and, where they are known, the others.

    `compute_capability`; `driver`, `cuda`, `cudnn`: versions; `tf32`: whether products of float32 may be rounded to
    TensorFloat-32 (from compute capability 8.0 on); `memory_mib`: what the GPU has.
    """
    found = {"jax": _in_jax, "tensorflow": _in_tensorflow}.get(backend, list)()
    for one, smi in zip(found, _smi() if found else [], strict=False):
        one |= {"driver": smi["driver"], "memory_mib": one.get("memory_mib") or smi["memory_mib"]}
    return [{name: value for name, value in one.items() if value is not None} for one in found]


def memory_peak_mib(backend: str | None) -> int | None:
    """Return the most memory that this process has held on its first accelerator; None where there is none."""
    if backend == "tensorflow":
        import tensorflow as tf

        if tf.config.list_physical_devices("GPU"):
            return round(tf.config.experimental.get_memory_info("GPU:0")["peak"] / MIB)
    if backend == "jax":
        import jax

        device = jax.devices()[0]
        stats = device.memory_stats() if device.platform != "cpu" else None
        if stats:
            return round(stats["peak_bytes_in_use"] / MIB)
    return None


def _in_tensorflow() -> list[dict]:
    import tensorflow as tf

    found = []
    for device in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(device)
        built = tf.sysconfig.get_build_info()
        capability = details.get("compute_capability")
        found.append(
            {
                "name": details.get("device_name", "GPU"),
                "compute_capability": ".".join(map(str, capability)) if capability else None,
                "cuda": _installed("nvidia-cuda-runtime-cu") or built.get("cuda_version"),
                "cudnn": _installed("nvidia-cudnn-cu") or built.get("cudnn_version"),
                "tf32": tf.config.experimental.tensor_float_32_execution_enabled() and (capability or (0,))[0] >= 8,
            }
        )
    return found


def _in_jax() -> list[dict]:
    import jax

    found = []
    for device in jax.devices():
        if device.platform == "cpu":
            continue
        capability = getattr(device, "compute_capability", None)
        # JAX's default takes TensorFloat-32 where the GPU has it.
        exact = jax.config.jax_default_matmul_precision in ("float32", "highest")
        found.append(
            {
                "name": device.device_kind,
                "compute_capability": capability,
                "cuda": _installed("nvidia-cuda-runtime-cu"),
                "cudnn": _installed("nvidia-cudnn-cu"),
                "tf32": not exact and float(capability or 0) >= 8,
            }
        )
    return found


def _installed(start: str) -> str | None:
    """Return the version of NVIDIA's library that is installed as a package, for CUDA 12 or 11."""
    for end in ("12", "11"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return metadata.version(start + end)
    return None


def _smi() -> list[dict]:
    """Return name, memory and driver of each GPU that the driver lists and this process may use; none without one."""
    try:
        done = subprocess.run(SMI, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [[text.strip() for text in line.split(",")] for line in done.stdout.splitlines() if line.count(",") == 2]
    every = [{"name": name, "memory_mib": int(mib) if mib.isdigit() else None, "driver": driver}
             for name, mib, driver in rows]  # fmt: skip
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None or not re.fullmatch(r"\d+(,\d+)*|", chosen):
        return every
    return [every[int(number)] for number in chosen.split(",") if number and int(number) < len(every)]


def gpus() -> list[dict]:
    """Return the GPUs of this machine as NVIDIA's driver lists them: `name`, `memory_mib`, `driver`; no framework."""
    return _smi()


def line(backend: str, version: str, found: list[dict], on_driver: list[dict]) -> str:
    """Return in a line what a study is trained on, or that a driver is there and the backend sees no GPU."""
    title = {"tensorflow": "TensorFlow", "jax": "JAX"}.get(backend, backend)
    if not found:
        here = f"device: CPU, {os.cpu_count()} cores ({title} {version})"
        if not on_driver:
            return here
        return f"{here}; the driver has a {on_driver[0]['name']}, but {title} sees no GPU: {REMEDY}"
    parts = [one["name"] for one in found[:1]]
    if "memory_mib" in found[0]:
        parts.append(f"{found[0]['memory_mib'] / 1024:.0f} GiB")
    if "compute_capability" in found[0]:
        parts.append(f"compute capability {found[0]['compute_capability']}")
    number = f"{len(found)} × " if len(found) > 1 else ""
    return f"device: {number}{', '.join(parts)} ({title} {version})"


def main() -> int:
    """Print what the backend computes on; return 1 where a GPU is required and there is none."""
    import keras

    backend = keras.backend.backend()
    found = accelerators(backend)
    print(line(backend, metadata.version(backend), found, [] if found else gpus()), flush=True)
    if not found and os.environ.get("REQUIRE_GPU"):
        print("REQUIRE_GPU is set and there is no GPU to train on: nothing is trained", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
