"""The claim *runtime*: at batch size 1, the total runtime gets very high.

Ratios are averaged as powers of two: their mean is the geometric mean over seeds.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import pandas as pd

from smallbatch.claims.claim import AMENDED, PRIMARY, Analyses, Analysis, Claim, Plan, Words
from smallbatch.claims.conditions import LARGEST, SMALLEST
from smallbatch.claims.contrasts import Estimator, opened, over_seeds
from smallbatch.claims.results import Result
from smallbatch.claims.rules import NOTHING, OPPOSITE, TIME
from smallbatch.claims.tables import Cells, NotMeasured, Tables, cells_of, values_of
from smallbatch.statistics import ROUNDING

# A validation accuracy this close to the best, in points, counts as reached.
AS_GOOD_WITHIN = 2.0
# What must be the same in two runs for their wall times to be compared.
HARDWARE = ("processor", "accelerators", "backend", "threads")
PAIR = {f"{size}": ("batch_size", {"batch_size": size}) for size in (SMALLEST, LARGEST)}


def analyses(tables: Tables) -> Analyses:
    """Return the analyses: the wall time of training at batch size 1 over that at 32, measured in three ways."""
    return Analyses(
        Analysis(PRIMARY, TIME, training_time, ""),
        sensitivity=(
            Analysis("an epoch in full swing", TIME, time_per_epoch, ""),
            Analysis(
                "time to the same validation accuracy",
                TIME,
                time_to_accuracy,
                "moving",
                statement=f"batch size 1 takes longer to come within {AS_GOOD_WITHIN:g} points of the best validation "
                f"accuracy of batch size {LARGEST}",
            ),
        ),
    )


def amended_analyses(tables: Tables) -> Analyses:
    """Return the analyses with Student's t intervals, without the time to an accuracy."""
    return Analyses(
        Analysis(PRIMARY, TIME, by_t(training_time), ""),
        sensitivity=(
            Analysis("an epoch in full swing", TIME, by_t(time_per_epoch), ""),
            Analysis("BCa interval", TIME, training_time, ""),
        ),
    )


def by_t(estimator: Callable[..., Result]) -> Estimator:
    """Return an estimator of this file with Student's t interval in the place of its bootstrap interval."""
    return functools.partial(estimator, interval="t")


def training_time(tables: Tables, interval: str = "bootstrap") -> Result:
    """Estimate the ratio of the wall time of training at batch size 1 to that at 32, for the same epochs.

    Wall time of the whole training: first step with its tracing, steps, and the measurements after each epoch, which
    are the same at all batch sizes.
    """
    return _ratio_of_seconds(tables, lambda runs: runs["seconds_training"], interval=interval)


def time_per_epoch(tables: Tables, interval: str = "bootstrap") -> Result:
    """Estimate the same ratio for an epoch in full swing: the median from the second epoch on, training and validation.

    Start-up, which makes short trainings look alike, is left out, and so is measuring the lag of moving averages.
    """
    history = _net_seconds(tables.history)
    epochs = history.assign(seconds=history.groupby("run")["net"].diff()).dropna(subset="seconds")
    return _ratio_of_seconds(tables, lambda runs: epochs.groupby("run")["seconds"].median(), interval=interval)


def time_to_accuracy(tables: Tables) -> Result:
    """Estimate the ratio of the times until a validation accuracy is first reached, at batch size 1 and 32.

    The accuracy: the best of batch size 32's curve, averaged over seeds by epoch, less 2 points (moving averages). A
    run that never gets there enters with its whole time; the interval is then open where the truth may lie.
    """
    history = _net_seconds(tables.history)
    cells, _ = _comparable(tables, same_epochs=False)
    of_large = history[history["run"].isin(cells.runs[str(LARGEST)])]
    target = of_large.groupby("epoch")["validation_accuracy"].mean().max() - AS_GOOD_WITHIN / 100
    reached = history[history["validation_accuracy"] >= target - ROUNDING].groupby("run")["net"].min()
    whole = history.groupby("run")["net"].max()
    seconds = reached.reindex(whole.index).fillna(whole)
    missed = {size: int((~cells.runs[str(size)].isin(reached.index)).sum()) for size in (SMALLEST, LARGEST)}
    details = [f"validation accuracy to reach: {100 * target:.1f} %"]
    details += [f"{n_runs} run(s) at {size} never reach it" for size, n_runs in missed.items() if n_runs]
    result = _ratio_of_seconds(tables, lambda runs: seconds, False, details)
    return dataclasses.replace(
        result,
        low=opened(result.low, 0.0) if missed[LARGEST] else result.low,
        high=opened(result.high, np.inf) if missed[SMALLEST] else result.high,
    )


def _net_seconds(history: pd.DataFrame) -> pd.DataFrame:
    """Return the history with `net`, seconds since the start without those for measuring the lag."""
    if history.empty:
        raise NotMeasured("there is no history of training")
    if "seconds_lag" not in history:
        return history.assign(net=history["seconds"])
    # The lag is measured after an epoch's time was taken.
    earlier = history.groupby("run")["seconds_lag"].cumsum() - history["seconds_lag"]
    return history.assign(net=history["seconds"] - earlier)


def _comparable(tables: Tables, same_epochs: bool) -> tuple[Cells, list[str]]:
    """Return the pairs of runs at both batch sizes, by seed, whose times can be compared, and what to say about it."""
    cells = cells_of(tables, PAIR)
    columns = [name for name in (*HARDWARE, *["epochs_done"][:same_epochs]) if name in tables.runs]
    fits = np.ones(len(cells.runs), bool)
    for column in columns:
        values = pd.DataFrame(values_of(tables, cells, column)).fillna("")
        fits &= (values[0] == values[1]).to_numpy()
    if not fits.any():
        raise NotMeasured(f"no seed has both runs with the same {', '.join(columns)}")
    left_out = ", ".join(str(seed) for seed in cells.runs.index[~fits])
    details = [f"seeds left out, as {', '.join(columns)} differ: {left_out}"] if left_out else []
    return dataclasses.replace(cells, runs=cells.runs[fits]), details


def _ratio_of_seconds(
    tables: Tables,
    seconds_of: Callable[[pd.DataFrame], pd.Series],
    same_epochs: bool = True,
    details: list[str] | None = None,
    interval: str = "bootstrap",
) -> Result:
    """Return the ratio of seconds, given by run, at batch size 1 to those at 32."""
    cells, left_out = _comparable(tables, same_epochs)
    runs = tables.runs.drop_duplicates("run").set_index("run")
    seconds = seconds_of(runs).reindex(cells.names.ravel()).to_numpy(float).reshape(cells.names.shape)
    if not (seconds > 0).all():
        raise NotMeasured("times are missing")
    doublings = np.log2(seconds[:, 0] / seconds[:, 1])
    result = over_seeds(tables, cells, doublings, interval, [*left_out, *(details or [])])
    return dataclasses.replace(result, number=2**result.number, low=2**result.low, high=2**result.high)


CLAIM = Claim(
    "runtime",
    "Does batch size 1 take much longer?",
    f"training at batch size {SMALLEST} takes more than twice as long as at {LARGEST}, for the same epochs",
    page="cost",
    words=Words(
        "whether batch size 1 takes more than twice as long as 32",
        "Yes. For the same epochs, batch size 1 takes more than twice as long as 32",
        {
            OPPOSITE: "No, the opposite. For the same epochs, batch size 1 takes less time than 32",
            NOTHING: "No. For the same epochs, batch size 1 takes less than twice as long as 32",
        },
    ),
    registered=Plan(
        f"wall time of training at batch size {SMALLEST} over that at {LARGEST}, geometric mean over seeds; experiment "
        "batch_size",
        TIME.words(),
        analyses,
    ),
    amended=Plan(
        f"wall time of training at batch size {SMALLEST} over that at {LARGEST}, geometric mean over seeds; experiment "
        "batch_size; Student's t interval",
        TIME.words(),
        amended_analyses,
        dated=AMENDED,
        reason="the time to an accuracy is void: the moving averages of batch size 1 stay at chance level",
    ),
    prediction="for the same epochs, more than twice the seconds",
)
