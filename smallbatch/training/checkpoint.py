"""Checkpoints inside a training: one that was cut off goes on from its last epoch, and ends as if it had not been.

A checkpoint holds all that the rest of a training depends on: the values of the model's variables (weights, moving and
followed averages, states of random generators) and of the optimizer's, early stopping, the history and the evaluations
on the way. The order of images and the augmentation depend on seed, epoch and step alone.
"""

import json
import os
import time
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from smallbatch.paths import published

# Seconds from one checkpoint to the next, at least; shorter trainings write none.
EVERY = 120.0
# Writing takes at most this fraction of the time.
SHARE = 0.05
OF_EARLY_STOPPING = ("wait", "stopped_epoch", "best", "best_epoch")


@dataclass
class Course:
    """How far a training has come: its epochs and steps, its history and evaluations on the way, and its time.

    `seconds` are those of training, `wall_seconds` with all that happened in between. `continued_after` names the
    epochs after which it was taken up again.
    """

    epochs: int = 0
    steps: int = 0
    seconds: float = 0.0
    wall_seconds: float = 0.0
    history: list[dict] = field(default_factory=list)
    snapshots: list[dict] = field(default_factory=list)
    continued_after: list[int] = field(default_factory=list)


class Checkpoint:
    """The file that a training goes on from, written whole or not at all.

    `origin` says what its numbers depend on (parameters, code, versions, hardware); a file of any other is not used.
    `every`: seconds from one to the next, at least (default: `$SMALLBATCH_CHECKPOINT_SECONDS`, else 120).
    """

    def __init__(self, path: Path, origin: dict, every: float | None = None):
        self.path, self.origin = path, json.loads(json.dumps(origin))
        given = os.environ.get("SMALLBATCH_CHECKPOINT_SECONDS")
        self._every = float(given) if every is None and given else EVERY if every is None else every
        self._next = time.perf_counter() + self._every
        self.seconds = 0.0

    def resume(self, model, early_stopping) -> Course | None:
        """Put a compiled model, its optimizer and early stopping back where they were; None where there is nothing."""
        found = self._read()
        if found is None:
            return None
        state, arrays = found
        for name, variables in _variables(model).items():
            for number, variable in enumerate(variables):
                variable.assign(arrays[f"{name}_{number}"])
        kept = state.pop("early_stopping")
        if kept:
            vars(early_stopping).update({name: kept[name] for name in OF_EARLY_STOPPING})
            early_stopping.best_weights = [arrays[f"best_{k}"] for k in range(kept["n_best"])]
        course = Course(**state)
        course.continued_after = [*course.continued_after, course.epochs]
        return course

    def write_if_due(self, course: Course, model, early_stopping) -> None:
        """Write where a training is after an epoch, unless the last checkpoint is recent."""
        start = time.perf_counter()
        if start < self._next:
            return
        arrays = {f"{name}_{number}": variable.numpy() for name, variables in _variables(model).items()
                  for number, variable in enumerate(variables)}  # fmt: skip
        kept = None
        if hasattr(early_stopping, "best_weights"):
            best = early_stopping.best_weights or []
            arrays |= {f"best_{number}": value for number, value in enumerate(best)}
            kept = {name: getattr(early_stopping, name) for name in OF_EARLY_STOPPING} | {"n_best": len(best)}
        state = {"origin": self.origin, **asdict(course), "early_stopping": kept}
        text = json.dumps(state, default=lambda number: number.item())
        try:
            with published(self.path) as stream:
                np.savez(stream, state=np.frombuffer(text.encode(), np.uint8), **arrays)
        except OSError as error:
            print(f"no checkpoint can be written ({error.strerror}); the training goes on without", flush=True)
        end = time.perf_counter()
        self.seconds += end - start
        self._next = end + max(self._every, (end - start) / SHARE)

    def _read(self) -> tuple[dict, dict[str, np.ndarray]] | None:
        """Return state and arrays of a whole checkpoint of this origin; clear up after a killed process."""
        for partial in self.path.parent.glob(f".{self.path.name}.*.partial"):
            partial.unlink(missing_ok=True)
        try:
            with np.load(self.path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            state = json.loads(arrays.pop("state").tobytes())
            origin = state.pop("origin")
        except FileNotFoundError:
            return None
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            print(f"the checkpoint cannot be read ({error}); the run starts anew", flush=True)
            return None
        if origin != self.origin:
            other = [name for name in self.origin if origin.get(name) != self.origin[name]]
            print(f"the checkpoint is of other {', '.join(other)}; the run starts anew", flush=True)
            return None
        return state, arrays


def _variables(model) -> dict[str, list]:
    return {"model": model.variables, "optimizer": model.optimizer.variables}
