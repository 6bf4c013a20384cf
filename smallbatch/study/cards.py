"""Which GPU a run computes on: runs side by side share the GPUs of a machine, and none is given more than it holds.

A run asks for the memory that was counted for it (`gpu_memory`) and waits until a GPU has so much left. Who holds what
stands in a file that processes change one at a time; what a process that has ended still holds there does not count.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from smallbatch.paths import in_project
from smallbatch.study.accelerators import gpus
from smallbatch.study.files import only_one, write_if_changed

# Seconds between two looks whether a GPU has room.
WAIT = 2.0


def cards() -> dict[str, int]:
    """Return the GPUs that this process may use, by the name that CUDA_VISIBLE_DEVICES has for them, with their MiB."""
    found = [gpu["memory_mib"] or 0 for gpu in gpus()]
    names = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return dict(zip(names or map(str, range(len(found))), found, strict=False))


def counted_mib(study: str) -> dict[str, int]:
    """Return the memory that was counted for each run before its study began; empty where nothing was counted."""
    try:
        return json.loads(counted_file(study).read_text())
    except (OSError, ValueError):
        return {}


def counted_file(study: str) -> Path:
    """Return where the counted memory of a study's runs is kept: MiB by run."""
    return in_project("logs") / f"{study}-gpu-memory.json"


@contextlib.contextmanager
def one_card(needed_mib: int, there: dict[str, int]) -> Iterator[str | None]:
    """Hold memory of the GPU with most of it left, waiting until one has enough; yield its name, None without GPUs.

    A run that needs more than any GPU has gets one to itself: the count may be wrong, and if it is not, running out of
    memory is the run's outcome.
    """
    if not there:
        yield None
        return
    card = _taken(needed_mib, there)
    while card is None:
        time.sleep(WAIT)
        card = _taken(needed_mib, there)
    try:
        yield card
    finally:
        with _ledger() as held:
            held.pop(str(os.getpid()), None)


def _taken(needed_mib: int, there: dict[str, int]) -> str | None:
    """Enter this process into the ledger for the GPU with most memory left; None where it would have to wait."""
    with _ledger() as held:
        used = {card: sum(mib for name, mib in held.values() if name == card) for card in there}
        card = max(there, key=lambda name: there[name] - used[name])
        alone = needed_mib > max(there.values())
        if alone:
            card = next((name for name in sorted(there, key=there.get, reverse=True) if not used[name]), card)
        if used[card] if alone else used[card] + needed_mib > there[card]:
            return None
        held[str(os.getpid())] = (card, there[card] if alone else needed_mib)
        return card


@contextlib.contextmanager
def _ledger() -> Iterator[dict]:
    """Yield who holds what, (GPU, MiB) by process, of processes that still run; what is changed inside is kept."""
    folder = in_project("logs")
    file = folder / "cards.json"
    with only_one(folder / "cards.lock", "the list of who uses which GPU", "used"):
        try:
            held = json.loads(file.read_text())
        except (OSError, ValueError):
            held = {}
        held = {pid: entry for pid, entry in held.items() if _runs(int(pid))}
        yield held
        write_if_changed(file, json.dumps(held))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
