"""What `make study` and `make book` do, stage by stage: train what is missing, gather, publish, build, say times.

python workflow/stages.py study quick
python workflow/stages.py book quick

With AGAIN=1 in the environment, runs whose records are damaged and runs that memory did not suffice for are tried
again; otherwise they are named and left as they are, and everything else goes on.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import nbformat

from smallbatch.claims import noise_floor
from smallbatch.claims.catalogue import second_round_studies
from smallbatch.claims.store import keep_verdicts
from smallbatch.claims.tables import FILES
from smallbatch.errors import StudyError, UserError
from smallbatch.figures.__main__ import draw_all
from smallbatch.figures.evidence import GPU, PUBLISHED
from smallbatch.study import cards, tables
from smallbatch.study.execute import execute, log_path
from smallbatch.study.file import Study, load_study
from smallbatch.study.files import disk_errors, only_one, write_if_changed
from smallbatch.study.progress import OUT_OF_MEMORY, Progress, clear, progress
from smallbatch.study.records import recover
from smallbatch.training import data
from smallbatch.training.config import RunConfig

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
# Published results that pages show beside the study that the book is built from.
SHOWN = [
    ROOT / "results" / name
    for name in ("artefacts", "bench", "full", "gpu", "laptop", *second_round_studies(), noise_floor.STUDY)
]
STAMP = ROOT / "_build" / "built-from"
ONE_RUN = ROOT / "book" / "one-run.ipynb"
DRAWN = ROOT / "book" / "_drawn"
times: dict[str, float] = {}


@contextmanager
def stage(name: str):
    """Time a stage and keep it for the summary."""
    start = time.perf_counter()
    yield
    times[name] = time.perf_counter() - start


def train(study: Study, again: bool) -> Progress:
    """Do the runs that have no record yet, side by side as cores allow; return how far the study is then.

    Runs that were set aside are among them if they are to be tried `again`.
    """
    # Other notebooks bring their own data.
    data.check_all(config for config in study.runs.values() if isinstance(config, RunConfig))
    # Snakemake inherits the lock: one that outlived a killed `make` still holds it, and this process waits for it.
    with only_one(ROOT / "logs" / f"{study.name}.lock", f"study {study.name}") as lock:
        recover(study.folder / "runs")
        now = progress(study)
        if again and now.set_aside:
            clear(study, now.set_aside)
            now = progress(study)
        aside = f", {len(now.set_aside)} set aside" if now.set_aside else ""
        print(f"Study {study.name}: {len(study.runs)} runs, {len(now.done)} done, {len(now.missing)} to do{aside}",
              flush=True)  # fmt: skip
        if now.missing and _say_device():
            _snakemake(study, lock)
            now = progress(study)
    return now


def _say_device() -> bool:
    """Say what the runs are trained on, as their framework sees it; return whether that will do (`REQUIRE_GPU`)."""
    command = [sys.executable, "-m", "smallbatch.study.accelerators"]
    # The framework's own start-up messages would hide the line.
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print(done.stdout, end="", flush=True)
    if done.returncode:
        print(*done.stderr.splitlines()[-1:], file=sys.stderr)
    return not done.returncode


def _published(study: Study) -> Progress | None:
    """Return how far a study is that is shown as far as it is published; None where it is to be trained first."""
    now = progress(study) if study.published else None
    if now is None or not now.done:
        return None
    if now.missing:
        print(f"{len(now.missing)} of {len(study.runs)} runs of study {study.name} are not published yet and not "
              f"shown; to train them: make study STUDY={study.name}", flush=True)  # fmt: skip
    return now


def _name_set_aside(study: Study, now: Progress) -> None:
    """Say, a line each, which runs are left out and why."""
    hint = f"make study STUDY={study.name} AGAIN=1"
    for error in now.damaged.values():
        print(f"{error}. The run is set aside and not used; to train it again: {hint}", file=sys.stderr)
    for run in now.out_of_memory:
        print(f"run {run} ended earlier: {OUT_OF_MEMORY}. To try it again: {hint}", file=sys.stderr)


def _snakemake(study: Study, lock: int) -> None:
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile", "--config", f"study={study.name}",
        "--cores", os.environ.get("CORES", "all"), "--keep-going",
        # A run is done if its record exists: records are written whole or not at all, so none is incomplete, and
        # time stamps mean nothing in a fresh clone.
        "--ignore-incomplete", "--rerun-triggers", "mtime",
        # Our own lock stands in for Snakemake's, which would have to be removed by hand after a kill.
        "--nolock",
        # Takes the waiting run of highest priority first; the default scheduler weighs it against other aims.
        "--scheduler", "greedy",
        "--quiet", "all",  # each run says itself how it goes
        *_gpu_limit(study),
    ]  # fmt: skip
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(command, cwd=ROOT, env=os.environ | {"PATH": path}, pass_fds=[lock], check=False)


def _gpu_limit(study: Study) -> list[str]:
    """Return Snakemake's limit of GPU memory, after counting what each run needs; nothing where there is no GPU.

    A run that needs more than all GPUs together must not stop the others: it is started alone.
    """
    total = sum(cards.cards().values())
    if not total:
        return []
    subprocess.run([sys.executable, "-m", "smallbatch.study.gpu_memory", study.name], cwd=ROOT, check=False)
    most = max(cards.counted_mib(study.name).values(), default=0)
    return ["--resources", f"gpu_mb={max(total, most)}"]


def gather(study: Study) -> None:
    """Write the study's tables, judge the claims by them, and keep its showcase notebook beside them."""
    with _tables_lock(study.name):
        tables.gather(study.folder, list(study.runs), study.experiments)
        judge(study.name)
        if study.showcase and (study.folder / "runs" / study.showcase / "record.json").is_file():
            _keep_showcase(study)


def _tables_lock(study: str):
    """Hold the tables of a study: while they are written nobody builds a book from them, and the other way round."""
    return only_one(ROOT / "logs" / f"{study}-tables.lock", f"the table of study {study}", "used")


def _keep_showcase(study: Study) -> None:
    log = log_path(study.name, study.showcase)
    if not log.is_file():
        return
    notebook = nbformat.read(log, as_version=4)
    # papermill saves as it goes: a killed run leaves a notebook without an end.
    if notebook.metadata.get("papermill", {}).get("end_time"):
        write_if_changed(study.folder / "one-run.ipynb", nbformat.writes(_clean(notebook)))


def _clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop what only concerns this machine: papermill's paths and times, and frameworks' messages on stderr."""
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


def judge(*names: str) -> None:
    """Judge the claims by the tables of these studies, once for all pages; of a study that has none, there are none."""
    for name in dict.fromkeys(names):
        folder = ROOT / "results" / name
        if any((folder / file).is_file() for file in FILES.values()):
            keep_verdicts(folder)


def build(study: Study) -> bool:
    """Build the book from the study's tables, unless it was built from exactly these files; return success."""
    if not (study.folder / "one-run.ipynb").is_file():
        # Killed between a run's record and the end of its notebook: the same parameters give the same run again.
        print(f"Running {study.showcase} once more: its notebook, which the book shows, is missing.", flush=True)
        if not execute(study, study.showcase, again=True):
            return False
        gather(study)
    with building(), ExitStack() as held:
        for name in sorted({study.name, *(shown.name for shown in SHOWN)}):
            held.enter_context(_tables_lock(name))
        return _built(study)


def building():
    """Hold the book: two builds at once would end in a mixture of both."""
    return only_one(ROOT / "logs" / "book.lock", "the book", "built")


def _built(study: Study) -> bool:
    judge(study.name, PUBLISHED, GPU)
    write_if_changed(ONE_RUN, (study.folder / "one-run.ipynb").read_text())
    digest = _digest(study)
    if STAMP.is_file() and STAMP.read_text() == digest and (HTML / "index.html").is_file():
        print("The book is up to date.", flush=True)
        return True
    # Sphinx would keep pages and numbers of another study: build from nothing. The stamp goes first, and comes last.
    STAMP.unlink(missing_ok=True)
    for folder in (ROOT / "_build", DRAWN):
        shutil.rmtree(folder, ignore_errors=True)
    draw_all(study.name, DRAWN / "figures")
    copy_tables(study.name, DRAWN / "data")
    write_numbers(study.name)
    command = [str(Path(sys.executable).parent / "jupyter-book"), "build", "-n", "-W", "--keep-going", "."]
    environment = os.environ | {"SMALLBATCH_STUDY": study.name, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
        full = shutil.disk_usage(ROOT).free < 1e6
        reason = "the disk is full" if full else "they are listed above"
        print(f"The book could not be built without warnings; {reason}.", file=sys.stderr)
        return False
    write_if_changed(STAMP, digest)
    return True


def write_numbers(study: str) -> None:
    """Compute the numbers that pages name, in a process of its own: book/_drawn/numbers/<page>.json."""
    command = [sys.executable, "-m", "workflow.page_numbers", study, str(DRAWN / "numbers")]
    subprocess.run(command, cwd=ROOT, check=True)


def copy_tables(study: str, folder: Path) -> None:
    """Copy a study's gathered tables to where the book offers them: `data/<study>/runs.csv` and the like."""
    target = folder / study
    target.mkdir(parents=True, exist_ok=True)
    for table in (ROOT / "results" / study).glob("*.csv"):
        shutil.copy(table, target)


def _digest(study: Study) -> str:
    """Return a hash of all that the book is made from."""
    files = [ROOT / "_config.yml", ROOT / "_toc.yml", ROOT / "CITATION.cff", ROOT / "studies" / f"{study.name}.yaml"]
    files += [ROOT / "CHANGELOG.md"]
    files += [ROOT / "results" / name / "seeds.csv" for name in ("class-experiment", "diagnose-example")]
    files += [study.folder / "one-run.ipynb", *study.folder.glob("*.csv")]
    files += [file for shown in SHOWN for file in sorted(shown.glob("*.*"))]
    for folder in ("book", "smallbatch"):
        files += (f for f in (ROOT / folder).rglob("*") if f.is_file() and not {"__pycache__", "_drawn"} & {*f.parts})
    digest = hashlib.sha256(study.name.encode())
    for file in sorted(files):
        digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()


def main(command: str, name: str) -> int:
    """Run the stages of a command; return the exit status."""
    os.chdir(ROOT)
    try:
        with disk_errors():
            return _run_stages(command, load_study(name), again=bool(os.environ.get("AGAIN")))
    except UserError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


def _run_stages(command: str, study: Study, again: bool) -> int:
    if command == "book" and study.showcase is None:
        raise StudyError(f"studies/{study.name}.yaml has no run of retrain, which the book shows. Allowed: make study")
    with stage("training"):
        # A published study is shown as far as it is published, without hours of training on another machine.
        published = _published(study) if command == "book" else None
        now = published or train(study, again)
    with stage("gathering"):
        gather(study)
    _name_set_aside(study, now)
    if now.missing and not published:
        print(f"{len(now.missing)} of {len(study.runs)} runs of study {study.name} have no record: they failed (see "
              "the messages above) or were interrupted. The others are kept, and the same command tries these again.",
              file=sys.stderr)  # fmt: skip
        return 1
    if command == "book":
        with stage("building"):
            if not build(study):
                return 1
    installed = Path(sys.prefix) / "installed"  # written by make
    spent = [installed.read_text().strip()] if installed.is_file() else []
    print(", ".join([*spent, *(f"{name} {seconds:.0f} s" for name, seconds in times.items())]))
    if command == "book":
        print(f"Open {HTML / 'index.html'}")
    else:
        written = sorted(file.name for file in study.folder.glob("*.csv"))
        print(f"Tables in results/{study.name}: {', '.join(written)}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("study", "book"):
        sys.exit("usage: python workflow/stages.py study|book STUDY")
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("Interrupted. Finished runs are kept; the same command goes on with the rest.")
