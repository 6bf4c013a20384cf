"""Kill, fill, damage and double everything, and count what is lost: `python -m tests.stress` (half an hour).

Not part of the suite. In a copy of the repository it trains, gathers, draws and builds the study of the tests, while

- whole process groups are killed at random moments, and a reader polls every record and table all the time,
- two of everything run at once,
- the disk is too small (a file-size limit, and a tmpfs of one megabyte where mounting is allowed),
- records are damaged at random.

Whatever is damaged has to be named, and whatever was finished has to be there at the end, with the metrics of a study
that nobody disturbed. It prints what was tried, and how much survived, was lost and was half-read.
"""

import argparse
import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd

from smallbatch.errors import RecordError
from smallbatch.study import integrity, records
from tests.conftest import Copy
from tests.study.test_integrity import damaged

GATHER = """
import sys
from pathlib import Path
from smallbatch.study import tables

folder = Path(sys.argv[1])
tables.gather(folder, sorted(run.name for run in (folder / "runs").iterdir()), {"other": []})
"""
TABLES = ("runs.csv", "history.csv", "test_correct.csv")


class Reader(threading.Thread):
    """Reads every record and table of a study over and over, and counts what it saw half of."""

    def __init__(self, folder: Path):
        super().__init__(daemon=True)
        self.folder, self.reads, self.half, self.ended = folder, 0, [], threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.02):
            for run in (self.folder / "runs").glob("[!.]*"):
                self._read(run.name, lambda run=run: integrity.checked(run))
            for name in TABLES:
                if (self.folder / name).is_file():
                    self._read(name, lambda name=name: _complete(self.folder / name))

    def _read(self, name: str, read) -> None:
        self.reads += 1
        try:
            read()
        except (RecordError, ValueError) as error:
            self.half.append(f"{name}: {error}")


def _complete(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not path.read_text().endswith("\n"):
            raise ValueError("it breaks off")
        pd.read_csv(path)


def metrics(folder: Path) -> dict:
    """Return what a study has found, by run: what has to come out whatever happened on the way."""
    found = records.read_all(folder / "runs", sorted(run.name for run in (folder / "runs").glob("[!.]*")))
    return {run: (record["metrics"], record["steps"]) for run, record in found.records.items()}


def start(copy: Copy, *arguments: str, **options) -> subprocess.Popen:
    """Start a stage command as a process group of its own."""
    with (copy.folder / "said.txt").open("a") as said:
        return subprocess.Popen(copy.command(*arguments), cwd=copy.folder, env=copy.environment, stdout=said,
                                stderr=said, start_new_session=True, **options)  # fmt: skip


def kill_at_random(copy: Copy, command: str, times: int, longest: float, dice: random.Random) -> list[str]:
    """Start a command and kill its whole group, so many times; return the runs that were done and then were not."""
    folder, lost = copy.folder / "results" / "tiny", []
    for _ in range(times):
        before = metrics(folder)
        process = start(copy, command, "tiny")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(dice.uniform(0.5, longest))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        after = metrics(folder)
        lost += [run for run in before if after.get(run) != before[run]]
    return lost


def fill_disk(copy: Copy) -> tuple[int, int, list[str]]:
    """Gather onto disks that are too small; return how often it was tried and survived, and what was left over."""
    folder, tried, survived, left = copy.folder / "results" / "tiny", 0, 0, []
    before = {name: (folder / name).read_bytes() for name in TABLES}
    for size in (1, 100, 1000):
        tried += 1
        done = _gather(copy, folder, limit=size)
        survived += "StorageError" in done.stderr and before == {n: (folder / n).read_bytes() for n in TABLES}
    with tempfile.TemporaryDirectory() as place:
        if not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "none", place], capture_output=True
        ).returncode:
            try:
                small = Path(place) / "tiny"
                small.mkdir()
                (small / "runs").symlink_to(folder / "runs")
                (small / "fill").write_bytes(b"x" * 60_000)
                tried += 1
                done = _gather(copy, small)
                left += [file.name for file in small.glob(".*")]
                survived += "No space left on device" in done.stderr and "StorageError" in done.stderr
            finally:
                subprocess.run(["umount", place], check=True)
    left += [file.name for file in folder.glob(".*.partial")]
    return tried, survived, left


def _gather(copy: Copy, folder: Path, limit: int = resource.RLIM_INFINITY) -> subprocess.CompletedProcess:
    """Gather a study otherwise than before in a process that may write files of so many bytes."""
    return subprocess.run(
        [sys.executable, "-c", GATHER, folder], env=copy.environment, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip


def damage(copy: Copy, times: int, seed: int) -> tuple[int, list[str]]:
    """Damage a record so many times; return how often that was named, and what was read wrongly."""
    folder, generator, named, wrong = copy.folder / "results" / "tiny", np.random.default_rng(seed), 0, []
    right = metrics(folder)
    files = sorted((folder / "runs").glob("*/*"))
    for _ in range(times):
        file = files[generator.integers(len(files))]
        content = file.read_bytes()
        file.write_bytes(damaged(content, generator))
        found = metrics(folder)
        wrong += [run for run in found if found[run] != right[run]]
        named += file.parent.name not in found or file.read_bytes() == content
        file.write_bytes(content)
    return named, wrong


def main() -> int:
    """Do it all and print what came out; return 1 if anything was lost or half-read."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=main.__doc__)
    parser.add_argument("--study-kills", type=int, default=12)
    parser.add_argument("--book-kills", type=int, default=8, help="0: without the book, which takes longest")
    parser.add_argument("--longest", type=float, default=40, help="seconds until a kill, at most")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    dice = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as place:
        undisturbed, copy = (Copy(_made(Path(place) / name)) for name in ("undisturbed", "stressed"))
        assert undisturbed.run("study", "tiny", timeout=3600).returncode == 0
        expected = metrics(undisturbed.folder / "results" / "tiny")
        return _stress(copy, expected, given, dice)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _stress(copy: Copy, expected: dict, given: argparse.Namespace, dice: random.Random) -> int:
    folder = copy.folder / "results" / "tiny"
    began, reader = time.monotonic(), Reader(folder)
    reader.start()
    lost = kill_at_random(copy, "study", given.study_kills, given.longest, dice)
    both = [start(copy, "study", "tiny") for _ in range(2)]
    doubled = sum(process.wait() == 0 for process in both)
    lost += [run for run in expected if metrics(folder).get(run) != expected[run]]
    print(f"study: killed {given.study_kills} times, then two at once: {doubled} of 2 succeeded, lost {len(lost)} of "
          f"{len(expected)} runs", flush=True)  # fmt: skip
    tried = given.study_kills + 2
    survived = given.study_kills + doubled
    if given.book_kills:
        lost += kill_at_random(copy, "book", given.book_kills, given.longest, dice)
        both = [start(copy, "book", "tiny") for _ in range(2)]
        doubled = sum(process.wait() == 0 for process in both)
        whole = (copy.folder / "_build/built-from").is_file() and (copy.folder / "_build/html/index.html").is_file()
        tried, survived = tried + given.book_kills + 2, survived + given.book_kills + doubled
        print(f"book: killed {given.book_kills} times, then two at once: {doubled} of 2 succeeded, the book is "
              f"{'whole' if whole else 'not whole'}", flush=True)  # fmt: skip
    reader.ended.set()
    reader.join()
    full, gone_on, left = fill_disk(copy)
    print(f"small disks: {full} tried, {gone_on} ended in one sentence with the older tables, {len(left)} left over",
          flush=True)  # fmt: skip
    named, wrong = damage(copy, 200, given.seed)
    print(f"damages: 200 tried, {named} named, {len(wrong)} read wrongly", flush=True)
    tried, survived = tried + full + 200, survived + gone_on + named
    half = [*reader.half, *wrong, *left]
    print(f"tried {tried}, survived {survived}, lost {len(lost)}, half-read {len(half)} "
          f"({reader.reads:,} reads, {(time.monotonic() - began) / 60:.0f} minutes)")  # fmt: skip
    for what in [*lost, *half][:10]:
        print(f"  {what}")
    if lost or half or survived < tried:
        shutil.copy(copy.folder / "said.txt", "stress-said.txt")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
