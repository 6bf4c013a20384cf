"""One run of a study: `python -m smallbatch.study.execute <study> <run>` executes its notebook with papermill.

The executed copy is written below `logs/`, where it stays if it fails, so that its traceback can be read. What went
wrong is one line that names the run. A killed kernel is tried once more; a run that memory does not suffice for has
that as its outcome. `--again` executes a run whatever it has left before.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import papermill

from smallbatch.errors import StudyError, UserError
from smallbatch.parameters import Parameters
from smallbatch.paths import cache_folder, in_project
from smallbatch.study import cards
from smallbatch.study.file import Study, load_study
from smallbatch.study.files import disk_errors, only_one, shown
from smallbatch.study.progress import count_done, out_of_memory, record_out_of_memory
from smallbatch.study.records import read_record

# Seconds that Jupyter has to come up. Papermill's 60 are too few on a machine that is busy with other work.
START_TIMEOUT = 600
# How frameworks and the system say that memory did not suffice, in the name or the text of an error.
NO_MEMORY = ("MemoryError", "RESOURCE_EXHAUSTED", "ResourceExhausted", "out of memory", "Out of memory",
             "OOM when allocating")  # fmt: skip
# What a run's need of memory grows with.
SIZES = ("batch_size", "image_size", "width", "depth", "batch_sizes", "images_measured")


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
    """Execute one run unless it has left something already (or `again`); return whether its record is there now.

    Raises `RecordError` where its record is damaged.
    """
    log = log_path(study.name, run)
    with only_one(log.with_suffix(".lock"), f"run {run}"):
        # Looked up with the lock held: a process that an interrupted study left behind may just have finished it.
        if not again and read_record(study.folder / "runs" / run):
            return True
        if not again and run in out_of_memory(study):
            return False
        # Weights are not published: the run that they come from is trained again where they are missing.
        first = study.before(run)
        if first and not study.runs[run].weights_of(first).is_file() and not execute(study, first, again=True):
            return False
        if not _executed(study, study.runs[run], log):
            return False
    print(f"run {run} finished: {count_done(study)} of {len(study.runs)} runs done", flush=True)
    return True


def _executed(study: Study, config: Parameters, log: Path) -> bool:
    """Execute the notebook of a run, once more if its kernel is killed; return success, or say what went wrong."""
    run = config.run_id()
    for end in ("It is tried once more.", "It was tried twice and is left out."):
        try:
            with _stderr_to(log.with_suffix(".stderr")):
                execute_notebook(config, log, stdout_file=sys.stdout)
            return True
        except papermill.exceptions.PapermillExecutionError as error:
            _say(_failure(study, config, error, log))
            return False
        except RuntimeError as error:  # nbclient's and Jupyter's, where a kernel dies or does not start
            if "ernel" not in str(error):
                raise
            _say(f"run {run}: its kernel was killed or died ({' '.join(str(error).split())}), as when a machine's "
                 f"memory does not suffice; its messages: {shown(log.with_suffix('.stderr'))}. {end}")  # fmt: skip
    return False


def _failure(study: Study, config: Parameters, error: papermill.exceptions.PapermillExecutionError, log: Path) -> str:
    """Return in words why a notebook failed; what memory did not suffice for gets that as its outcome."""
    run, said = config.run_id(), f"{error.ename}: {error.evalue}"
    if not any(sign in said for sign in NO_MEMORY):
        return f"run {run} failed: {reason_of(error)}\nIts notebook is kept: {shown(log)}"
    record_out_of_memory(study, config, " ".join(said.split())[:300])
    sizes = {name: getattr(config, name) for name in SIZES if hasattr(config, name)}
    return (
        f"run {run} ran out of memory with {', '.join(f'{name} = {value}' for name, value in sizes.items())}: lower "
        "one of them, or let fewer runs share the machine (CORES=1). AGAIN=1 tries it again; "
        f"its notebook: {shown(log)}"
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


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


def share_accelerator() -> None:
    """Let runs side by side share a GPU, whose memory either framework would take at once, and compiled programs."""
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    # Seeds of one setting are one program, which JAX compiles once and then reads from here. TensorFlow keeps none.
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_folder() / "compiled"))


def main(arguments: list[str]) -> int:
    """Execute one run of a study; return the exit status."""
    name, run, *options = arguments
    share_accelerator()
    try:
        study = load_study(name)
        if run not in study.runs:
            raise StudyError(
                f"run = {run!r} is not allowed. Allowed: one of the {len(study.runs)} runs of study {name}"
            )
        with disk_errors(), cards.one_card(cards.counted_mib(name).get(run, 0), cards.cards()) as card:
            if card is not None:
                # In the driver's order, as `cards` has them; CUDA's own puts the fastest first.
                os.environ |= {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": card}
            return 0 if execute(study, run, again="--again" in options) else 1
    except UserError as error:
        _say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
