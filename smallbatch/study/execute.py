"""One run of a study: `python -m smallbatch.study.execute <study> <run>` executes its notebook with papermill.

The executed copy is written below `logs/`, where it stays if it fails, so that its traceback can be read.
"""

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import papermill

from smallbatch.errors import UserError
from smallbatch.parameters import Parameters
from smallbatch.paths import in_project
from smallbatch.study.file import Study, load_study
from smallbatch.study.records import read_record

# Seconds that Jupyter has to come up. Papermill's 60 are too few on a machine that is busy with other work.
START_TIMEOUT = 600


def log_path(study: str, run: str) -> Path:
    """Return where the executed notebook of a run is kept."""
    return in_project("logs") / study / f"{run}.ipynb"


def notebook_parameters(config: Parameters) -> dict:
    """Return what a notebook has to be told: the parameters that differ from the defaults, which stand in it."""
    return {k: v for k, v in config.model_dump().items() if v != type(config).model_fields[k].default}


def execute_notebook(config: Parameters, log: Path, **options) -> None:
    """Execute the notebook of a run with its parameters and write the executed copy to `log`.

    `options` are papermill's own. Raises `PapermillExecutionError` where a cell fails.
    """
    papermill.execute_notebook(
        in_project(f"notebooks/{config.NOTEBOOK}.ipynb"),
        log,
        parameters=notebook_parameters(config),
        progress_bar=False,
        start_timeout=START_TIMEOUT,
        cwd=in_project("."),
        **options,
    )


def reason_of(error: papermill.exceptions.PapermillExecutionError) -> str:
    """Return why a notebook failed, without the way there."""
    return "\n".join(error.traceback[-1:]) or f"{error.ename}: {error.evalue}"


def execute(study: Study, run: str, again: bool = False) -> bool:
    """Execute one run unless its record is there (or `again`); return whether the record is there now."""
    log = log_path(study.name, run)
    config = study.runs[run]
    with only_one(log.with_suffix(".lock"), f"run {run}"):
        # Looked up with the lock held: a process that an interrupted study left behind may just have finished it.
        if read_record(study.folder / "runs" / run) and not again:
            return True
        # Weights are not published: the run that they come from is trained again where they are missing.
        first = study.before(run)
        if first and not study.runs[run].weights_of(first).is_file() and not execute(study, first, again=True):
            return False
        try:
            with _stderr_to(log.with_suffix(".stderr")):
                execute_notebook(config, log, stdout_file=sys.stdout)
        except papermill.exceptions.PapermillExecutionError as error:
            print(
                f"run {run} failed: {reason_of(error)}\nIts notebook is kept: {_shown(log)}",
                file=sys.stderr,
                flush=True,
            )
            return False
    done = sum(read_record(study.folder / "runs" / name) is not None for name in study.runs)
    print(f"run {run} finished: {done} of {len(study.runs)} runs done", flush=True)
    return True


@contextlib.contextmanager
def only_one(lock: Path, what: str) -> Iterator[int]:
    """Hold a lock, waiting for it where another process has it; yield its file descriptor.

    The system releases it when this process, and every process that was handed the descriptor, has ended.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{what} is being trained by another process; waiting for it", flush=True)
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield stream.fileno()


@contextlib.contextmanager
def _stderr_to(path: Path) -> Iterator[None]:
    """Send what this process and its kernel write to stderr into a file: start-up messages of the frameworks."""
    sys.stderr.flush()
    saved = os.dup(2)
    with path.open("w") as stream:
        os.dup2(stream.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def _shown(path: Path) -> Path:
    root = in_project(".")
    return path.relative_to(root) if path.is_relative_to(root) else path


def share_accelerator() -> None:
    """Let runs side by side share a GPU: by default either framework would take all of its memory at once."""
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


def main(arguments: list[str]) -> int:
    """Execute one run of a study; return the exit status."""
    name, run = arguments
    share_accelerator()
    try:
        return 0 if execute(load_study(name), run) else 1
    except UserError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
