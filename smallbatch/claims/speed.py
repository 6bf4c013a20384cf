"""What is measured for the claims about speed: learning rates and wall time at batch size 1 against 32.

Ratios are averaged as powers of two: their mean is the geometric mean over seeds.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd

from smallbatch.claims.measures import LARGE, SMALL, Measure, few_seeds, over_seeds
from smallbatch.claims.rules import Found
from smallbatch.claims.tables import Cells, NotMeasured, Tables, cells_of, runs_of, values_of
from smallbatch.measurements.stable_learning_rate.estimator import stable_limit
from smallbatch.statistics import FEWEST_SEEDS, ROUNDING, error_points, mean_over_seeds

# A validation accuracy this close to the best, in points, counts as reached.
AS_GOOD_WITHIN = 2.0
# What must be the same in two runs for their wall times to be compared.
HARDWARE = ("processor", "accelerators", "backend", "threads")
PAIR = {f"{size}": ("batch_size", {"batch_size": size}) for size in (SMALL, LARGE)}


def stable_rate(batch_norm: str) -> Measure:
    """Measure log2 of the largest stable learning rate at batch size 1 over that at 32.

    `batch_norm` says what normalizes in the short trainings: "batch", as in ordinary training, or "recalibrated", fixed
    statistics, where the gradient alone is noisy. Each checkpoint (run) gives the mean over its repetitions, orders of
    images. Where fewer than three checkpoints were measured, all repetitions count as the sample.

    A limit that was not seen, because all rates tried were stable or none was, enters as the end of those tried; the
    interval is then open (infinite) on the side where the truth may lie.
    """

    def measure(tables: Tables) -> Found:
        limits = _stable_limits(tables.stable_learning_rate, batch_norm)
        wide = limits.pivot(index=["run", "seed"], columns="batch_size").dropna()
        if wide.empty:
            raise NotMeasured(f"stable_learning_rate lacks batch size {SMALL} or {LARGE}")
        doublings, below, above = (wide[name].astype(float) for name in ("doublings", "below", "at_edge"))
        ratios = doublings[SMALL] - doublings[LARGE]
        by_run = ratios.groupby("run").mean()
        sample = by_run if len(by_run) >= FEWEST_SEEDS else ratios
        notes = [f"{len(by_run)} checkpoint(s), {len(ratios)} limit(s) at each batch size"]
        if sample is ratios:
            notes.append("the interval is over orders of images, not over checkpoints")
        estimate = mean_over_seeds(sample)
        low, high = estimate.low, estimate.high
        if below[SMALL].any() or above[LARGE].any():
            low = _opened(low, -np.inf)
            notes.append("some limits were not seen, and the ratio may be lower")
        if below[LARGE].any() or above[SMALL].any():
            high = _opened(high, np.inf)
            notes.append("some limits were not seen, and the ratio may be higher")
        return Found(
            estimate.number, low, high, estimate.p, n_seeds=estimate.n, experiment="stable_learning_rate",
            notes=(*notes, *few_seeds(estimate.n)),
        )  # fmt: skip

    return measure


def _stable_limits(table: pd.DataFrame, batch_norm: str) -> pd.DataFrame:
    """Return, by checkpoint, repetition ("seed") and both batch sizes, log2 of the limit and whether it was seen."""
    if not {"run", "measurement", "batch_norm", "batch_size", "repetition", "learning_rate", "stable"} <= set(table):
        raise NotMeasured("there is no table stable_learning_rate with short trainings")
    wanted = (table["measurement"] == "short training") & (table["batch_norm"] == batch_norm)
    table = table[wanted & table["batch_size"].isin([SMALL, LARGE])]
    if table.empty:
        raise NotMeasured(f"stable_learning_rate has no short trainings with batch_norm = {batch_norm}")
    # The column also has the empty fields of single steps, so it is not read as one of booleans.
    table = table.assign(stable=table["stable"].astype(str) == "True", seed=table["repetition"])
    parts = []
    for run, trainings in table.groupby("run"):
        limits = stable_limit(trainings).set_index(["batch_size", "seed"])
        smallest = trainings.groupby(["batch_size", "seed"])["learning_rate"].min()
        limits["below"] = limits["learning_rate"].isna()
        limits["doublings"] = np.log2(limits["learning_rate"].fillna(smallest))
        parts.append(limits.reset_index().assign(run=run))
    return pd.concat(parts)[["run", "seed", "batch_size", "doublings", "below", "at_edge"]]


def _opened(end: float, infinite: float) -> float:
    return end if np.isnan(end) else infinite


def chosen_learning_rates(tables: Tables) -> pd.DataFrame:
    """Return the learning rate that experiment `search` chooses at each batch size, by validation accuracy alone.

    Chosen is the rate with the highest mean accuracy of the recalibrated evaluation over seeds, and of equals the
    smallest. Only rates that all seeds of a batch size have tried take part; a diverged run without an accuracy counts
    as guessing. Columns `batch_size`, `learning_rate` (as used, after scaling), `validation_error` (points), `at_edge`
    (the smallest or largest rate tried, so that a wider grid might find a better one), `n_seeds` and `n_rates`.

    Raises `NotMeasured` where there is no such experiment.
    """
    rows = []
    for batch_size, errors in _search_errors(tables).items():
        means = errors.mean()
        best = means.idxmin()
        at_edge = best in (means.index.min(), means.index.max())
        rows.append([batch_size, best, means[best], at_edge, *errors.shape])
    columns = ["batch_size", "learning_rate", "validation_error", "at_edge", "n_seeds", "n_rates"]
    return pd.DataFrame(rows, columns=columns)


def remarks_on_tuning(tables: Tables) -> list[str]:
    """Return where the runs of `tuned` do not have the rate that `search` chooses, or it is the end of those tried."""
    try:
        chosen = chosen_learning_rates(tables).set_index("batch_size")
        used = runs_of(tables, "tuned").groupby("used_sgd_batch_size")["used_learning_rate"].first()
    except NotMeasured:
        return ["tuned at rates that this study's tables cannot check"]
    both = chosen.join(used, how="inner")
    other = both[~np.isclose(both["learning_rate"], both["used_learning_rate"])]
    return [
        *(f"tuned at {row.used_learning_rate:g} at {size}, search chooses {row.learning_rate:g}"
          for size, row in other.iterrows()),
        *(f"the rate chosen at {size} is the end of those tried" for size in both.index[both["at_edge"]]),
    ]  # fmt: skip


def _search_errors(tables: Tables) -> dict[int, pd.DataFrame]:
    """Return, by batch size, validation errors in points: a row per seed, a column per rate that all seeds tried."""
    rows = runs_of(tables, "search")
    column = "recalibrated_validation_accuracy"
    if column not in rows:
        raise NotMeasured(f"the runs have no column {column}")
    rows = rows.assign(error=error_points(rows[column], tables.n_classes))
    wide = {
        size: part.pivot_table(index="seed", columns="used_learning_rate", values="error").dropna(axis="columns")
        for size, part in rows.groupby("used_sgd_batch_size")
    }
    return {size: errors for size, errors in wide.items() if errors.size}


def chosen_rate(tables: Tables) -> Found:
    """Measure log2 of the learning rate chosen at batch size 1 over that at 32, each seed choosing for itself."""
    errors = _search_errors(tables)
    if not {SMALL, LARGE} <= set(errors):
        raise NotMeasured(f"experiment search lacks batch size {SMALL} or {LARGE}")
    if min(errors[SMALL].shape[1], errors[LARGE].shape[1]) < 2:
        raise NotMeasured(f"experiment search has one learning rate only at batch size {SMALL} or {LARGE}")
    rates = {size: errors[size].idxmin(axis="columns") for size in (SMALL, LARGE)}
    ratios = np.log2(rates[SMALL] / rates[LARGE]).dropna()
    estimate = mean_over_seeds(ratios)
    chosen = chosen_learning_rates(tables).set_index("batch_size").loc[[SMALL, LARGE]]
    notes = [f"all seeds together choose {row.learning_rate:g} at {size}" for size, row in chosen.iterrows()]
    notes += [f"the rate chosen at {size} is the end of those tried" for size in chosen.index[chosen["at_edge"]]]
    return Found(
        estimate.number, estimate.low, estimate.high, estimate.p, n_seeds=estimate.n, experiment="search",
        notes=(*notes, *few_seeds(estimate.n)),
    )  # fmt: skip


def training_time(tables: Tables) -> Found:
    """Measure the ratio of the wall time of training at batch size 1 to that at 32, for the same epochs.

    Wall time of the whole training: first step with its tracing, steps, and the measurements after each epoch, which
    are the same at all batch sizes.
    """
    return _ratio_of_seconds(tables, lambda runs: runs["seconds_training"])


def time_per_epoch(tables: Tables) -> Found:
    """Measure the same ratio for an epoch in full swing: the median from the second epoch on, training and validation.

    Start-up, which makes short trainings look alike, is left out, and so is measuring the lag of moving averages.
    """
    history = _net_seconds(tables.history)
    epochs = history.assign(seconds=history.groupby("run")["net"].diff()).dropna(subset="seconds")
    return _ratio_of_seconds(tables, lambda runs: epochs.groupby("run")["seconds"].median())


def time_to_accuracy(tables: Tables) -> Found:
    """Measure the ratio of the times until a validation accuracy is first reached, at batch size 1 and 32.

    The accuracy: the best of batch size 32's curve, averaged over seeds by epoch, less 2 points (moving averages). A
    run that never gets there enters with its whole time; the interval is then open where the truth may lie.
    """
    history = _net_seconds(tables.history)
    cells, _ = _comparable(tables, same_epochs=False)
    of_large = history[history["run"].isin(cells.runs[str(LARGE)])]
    target = of_large.groupby("epoch")["validation_accuracy"].mean().max() - AS_GOOD_WITHIN / 100
    reached = history[history["validation_accuracy"] >= target - ROUNDING].groupby("run")["net"].min()
    whole = history.groupby("run")["net"].max()
    seconds = reached.reindex(whole.index).fillna(whole)
    missed = {size: cells.runs[str(size)][~cells.runs[str(size)].isin(reached.index)] for size in (SMALL, LARGE)}
    notes = [f"validation accuracy to reach: {100 * target:.1f} %"]
    notes += [f"{len(runs)} run(s) at {size} never reach it" for size, runs in missed.items() if len(runs)]
    may_be_less, may_be_more = len(missed[LARGE]) > 0, len(missed[SMALL]) > 0
    return _ratio_of_seconds(tables, lambda runs: seconds, False, notes, may_be_less, may_be_more)


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
    notes = [f"seeds left out, as {', '.join(columns)} differ: {left_out}"] if left_out else []
    return Cells(cells.runs[fits], cells.experiments, cells.notes), notes


def _ratio_of_seconds(
    tables: Tables,
    seconds_of: Callable[[pd.DataFrame], pd.Series],
    same_epochs: bool = True,
    notes: list[str] | None = None,
    may_be_less: bool = False,
    may_be_more: bool = False,
) -> Found:
    cells, left_out = _comparable(tables, same_epochs)
    runs = tables.runs.drop_duplicates("run").set_index("run")
    seconds = seconds_of(runs).reindex(cells.names.ravel()).to_numpy(float).reshape(cells.names.shape)
    if not (seconds > 0).all():
        raise NotMeasured("times are missing")
    found = over_seeds(tables, cells, np.log2(seconds[:, 0] / seconds[:, 1]), notes=[*left_out, *(notes or [])])
    low = _opened(found.low, -np.inf) if may_be_less else found.low
    high = _opened(found.high, np.inf) if may_be_more else found.high
    return dataclasses.replace(found, number=2**found.number, low=2**low, high=2**high)
