"""What an analysis measured: the number, its uncertainty, and what a reader should know about either.

All of it is in fields, and the notes of the published table are made from them: nothing needs to be read back out of a
text.
"""

from dataclasses import dataclass

import numpy as np

from smallbatch.statistics import FEWEST_SEEDS

# Below so many seeds the sign-flip test cannot reach 0.05.
SEEDS_FOR_TEST = 6
# What can be repeated.
SEED, CHECKPOINT, ORDER, REPETITION = "seed", "checkpoint", "order of images", "repetition"


@dataclass(frozen=True)
class Result:
    """A number with its interval, tests and sample.

    `low` and `high` end the interval; an end that was not observed is infinite, and NaN says that there is none. `p` is
    that of the sign-flip test against no difference; `p_holm` and `p_joint` are adjusted for `n_compared` comparisons.
    `n_seeds` counts what was repeated, which `sampled` names. Of the `n_runs` runs compared, `n_diverged` diverged;
    `seeds_left_out` lack a run. `shown` is the remedy, or combination of remedies, whose number this is, where several
    were tried; `best_of` says of how many it is the best, and 0 that it was not chosen as the best.

    `companion` is the interval of a second number, where a rule needs one, and `parts` are the words that a verdict on
    several comparisons is made of, each with the kind of contradiction. `scatter` says how much of the scatter of
    single trainings reaches the number: in which evaluation, and times what (see `noise_floor`). `details` is what else
    to know, in words.
    """

    number: float
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan
    p_holm: float = np.nan
    p_joint: float = np.nan
    n_seeds: int = 0
    experiment: str = ""
    sampled: str = SEED
    n_runs: int = 0
    n_diverged: int = 0
    seeds_left_out: tuple[int, ...] = ()
    shown: str = ""
    best_of: int = 0
    n_compared: int = 1
    companion: tuple[float, float] = (np.nan, np.nan)
    scatter: tuple[str, float] = ("", np.nan)
    parts: tuple[tuple[str, str], ...] = ()
    details: tuple[str, ...] = ()

    @property
    def diverged(self) -> float:
        """The fraction of runs that diverged, 0 to 1; NaN where no runs were counted."""
        return self.n_diverged / self.n_runs if self.n_runs else np.nan

    def notes(self) -> list[str]:
        """Return what a reader should know about the number, in the order in which the table of verdicts has it."""
        return [*self._whose(), *self._which_runs(), *self.details, *self._after_holm(), *self._few_seeds()]

    def _whose(self) -> list[str]:
        if self.best_of:
            return [f"shown: {self.shown}, the best of {self.best_of}, so its number flatters it"]
        return [f"together: {self.shown}"] if self.shown else []

    def _which_runs(self) -> list[str]:
        notes = []
        if self.n_diverged:
            notes.append(f"{self.n_diverged} of {self.n_runs} runs diverged and count with the error they ended with")
        if self.seeds_left_out:
            notes.append(f"seeds left out, as runs are missing: {', '.join(map(str, self.seeds_left_out))}")
        return notes

    def _after_holm(self) -> list[str]:
        smallest = min(1.0, self.n_compared * 2 / 2**self.n_seeds)
        if self.n_compared == 1 or smallest < 0.05:
            return []
        return [
            f"with {self.n_seeds} seeds and {self.n_compared} remedies, the smallest p can be {smallest:.2g} after Holm"
        ]

    def _few_seeds(self) -> list[str]:
        if self.n_seeds < FEWEST_SEEDS:
            return [f"nothing is decided by fewer than {FEWEST_SEEDS} seeds"]
        if self.n_seeds < SEEDS_FOR_TEST:
            return [f"with {self.n_seeds} seeds the sign-flip p cannot be below {2 / 2**self.n_seeds:.3g}"]
        return []
