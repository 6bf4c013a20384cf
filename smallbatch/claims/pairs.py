"""The analyses of the question's pair, batch sizes 32 and 10: at equal epochs, at equal steps, and why."""

import dataclasses

from smallbatch.claims.claim import PRIMARY, Analyses, Analysis
from smallbatch.claims.conditions import ORIGINAL_BATCH_SIZE, RENTED_BATCH_SIZE
from smallbatch.claims.contrasts import Estimator
from smallbatch.claims.results import Result
from smallbatch.claims.rules import EXPLANATION, HIGHER
from smallbatch.claims.snapshots import State, difference_at
from smallbatch.claims.tables import Tables

# The question's number of epochs.
EPOCHS = 60
EXPERIMENT = "pair"


def state(batch_size: int, epoch: float | None = None, steps: int | None = None, **wanted) -> State:
    """Return a training of the pair at some point."""
    return State((EXPERIMENT, {"batch_size": batch_size, **wanted}), epoch, steps)


def at_sixty(**wanted) -> tuple[State, State]:
    """Return both trainings after the question's 60 epochs, batch size 32 first."""
    return state(RENTED_BATCH_SIZE, EPOCHS, **wanted), state(ORIGINAL_BATCH_SIZE, EPOCHS, **wanted)


def pair_analyses(primary: str, equal_steps: tuple[State, State]) -> Analyses:
    """Return the analyses of 32 minus 10 after 60 epochs, and at equal steps; `primary` is the evaluation that decides.

    `equal_steps` are both trainings at about the same number of steps, batch size 32 first.
    """
    others = [name for name in ("recalibrated", "moving", "batch") if name != primary]
    still = f"with as many steps as batch size {ORIGINAL_BATCH_SIZE}, {RENTED_BATCH_SIZE} still has a higher test error"
    return Analyses(
        Analysis(PRIMARY, HIGHER, difference_at(*at_sixty(), primary), primary),
        sensitivity=tuple(
            Analysis(f"{name} evaluation", HIGHER, difference_at(*at_sixty(), name), name) for name in others
        ),
        related=(
            *(
                Analysis(f"at equal steps, {name}", HIGHER, difference_at(*equal_steps, name), name, still)
                for name in ("recalibrated", "moving")
            ),
            Analysis(
                "explained by the number of steps",
                EXPLANATION,
                explained(at_sixty(), equal_steps, "recalibrated"),
                statement=f"what {RENTED_BATCH_SIZE} loses to {ORIGINAL_BATCH_SIZE} at equal epochs is its smaller "
                "number of steps",
            ),
        ),
    )


def explained(equal_epochs: tuple[State, State], equal_steps: tuple[State, State], evaluation: str) -> Estimator:
    """Estimate the difference at equal steps, with the interval of that at equal epochs as its companion."""

    def estimate(tables: Tables) -> Result:
        epochs, steps = (difference_at(*both, evaluation)(tables) for both in (equal_epochs, equal_steps))
        return dataclasses.replace(steps, companion=(epochs.low, epochs.high))

    return estimate
