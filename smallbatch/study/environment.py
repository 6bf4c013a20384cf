"""Where a run was computed: versions, hardware, code and memory, as its record states them."""

import contextlib
import functools
import hashlib
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np

import smallbatch
from smallbatch.study import accelerators

try:
    import resource
except ImportError:  # Windows
    resource = None

PACKAGES = ("smallbatch", "keras", "tensorflow", "jax", "keras-cv", "numpy", "scikit-learn")


def environment() -> dict:
    """Return versions and hardware: what another reader needs to judge a difference in results."""
    keras = sys.modules.get("keras")  # a measurement without a network does not load it
    backend = keras.backend.backend() if keras else None
    versions = {}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    found = accelerators.accelerators(backend)
    facts = {"accelerator_facts": found} if found else {}
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "instructions": _instructions(),
        "cores": os.cpu_count(),
        "accelerators": [each["name"] for each in found],
        **facts,
        "backend": backend,
        "packages": versions,
    }


def processor_name(environment: dict) -> str:
    """Return the processor of a record's environment with its instructions, which older records do not have."""
    instructions = environment.get("instructions")
    return environment["processor"] + (f" ({instructions})" if instructions else "")


@functools.cache
def code_version() -> dict:
    """Return the version, the commit where git knows it, and a hash of this package's source files.

    A process computes with the code that it has loaded, so it is found out once.
    """
    package = Path(smallbatch.__file__).parent
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        digest.update(file.relative_to(package).as_posix().encode() + file.read_bytes())
    return {"version": smallbatch.__version__, "commit": _commit(package), "sources": digest.hexdigest()[:16]}


def memory_peak_mib() -> int:
    """Return the most memory that this process has held so far, in MiB."""
    if resource is None:
        import psutil  # ipykernel brings it along

        held = psutil.Process().memory_info()
        return round(getattr(held, "peak_wset", held.rss) / 1024**2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024**2 if sys.platform == "darwin" else 1024))


def _commit(folder: Path) -> str | None:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--abbrev=12", "--dirty"],
            cwd=folder, capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _instructions() -> str:
    """Return the widest vector instructions of the processor by NumPy's name: `X86_V3` has AVX2, `X86_V4` AVX-512.

    Processors of one model name can differ in them, and sums are then taken in another order.
    """
    found = np.show_config(mode="dicts")["SIMD Extensions"]
    return [*found["baseline"], *found["found"]][-1]
