"""The claim *stability*: batch size 1 needs a small learning rate."""

import numpy as np
import pandas as pd

from smallbatch.claims.claim import AMENDED, PRIMARY, Analyses, Analysis, Claim, Plan, Words
from smallbatch.claims.conditions import LARGEST, SMALLEST
from smallbatch.claims.contrasts import Estimator, opened
from smallbatch.claims.results import CHECKPOINT, ORDER, Result
from smallbatch.claims.rules import NOTHING, OPPOSITE, RATE
from smallbatch.claims.tables import NotMeasured, Tables
from smallbatch.claims.tuning import chosen_learning_rates, edge_in_words, search_errors
from smallbatch.measurements.stable_learning_rate.estimator import stable_limit
from smallbatch.statistics import FEWEST_SEEDS, mean_over_seeds, t_interval


def analyses(tables: Tables) -> Analyses:
    """Return the analyses: the largest stable learning rate, and the rate chosen, at batch size 1 over those at 32."""
    return Analyses(
        Analysis(PRIMARY, RATE, stable_rate("batch"), "batch"),
        sensitivity=(
            Analysis("gradient noise alone", RATE, stable_rate("recalibrated")),
            Analysis("rate chosen on validation images", RATE, chosen_rate),
        ),
    )


def amended_analyses(tables: Tables) -> Analyses:
    """Return the analyses of a network whose statistics are fixed: every batch size is judged by the loss it trains."""
    return Analyses(
        Analysis(PRIMARY, RATE, stable_rate("recalibrated", "t")),
        sensitivity=(Analysis("BCa interval", RATE, stable_rate("recalibrated")),),
        related=(
            Analysis(
                "batch statistics, judged in groups of 32",
                RATE,
                stable_rate("batch", "t"),
                "batch",
                "with batch statistics, and judged in groups of 32 images, batch size 1 bears a smaller rate",
            ),
        ),
    )


def stable_rate(batch_norm: str, interval: str = "bootstrap") -> Estimator:
    """Estimate log2 of the largest stable learning rate at batch size 1 over that at 32.

    `batch_norm` says what normalizes in the short trainings: "batch", as in ordinary training, or "recalibrated", fixed
    statistics, where the gradient alone is noisy. Each checkpoint (run) gives the mean over its repetitions, orders of
    images. Where fewer than three checkpoints were measured, all repetitions count as the sample.

    A limit that was not seen, because all rates tried were stable or none was, enters as the end of those tried; the
    interval is then open (infinite) on the side where the truth may lie. `interval`: "bootstrap" or "t".
    """

    def estimate(tables: Tables) -> Result:
        limits = _stable_limits(tables.stable_learning_rate, batch_norm)
        wide = limits.pivot(index=["run", "seed"], columns="batch_size").dropna()
        if wide.empty:
            raise NotMeasured(f"stable_learning_rate lacks batch size {SMALLEST} or {LARGEST}")
        doublings, below, above = (wide[name].astype(float) for name in ("doublings", "below", "at_edge"))
        ratios = doublings[SMALLEST] - doublings[LARGEST]
        by_run = ratios.groupby("run").mean()
        sampled = CHECKPOINT if len(by_run) >= FEWEST_SEEDS else ORDER
        details = [f"{len(by_run)} checkpoint(s), {len(ratios)} limit(s) at each batch size"]
        if sampled == ORDER:
            details.append("the interval is over orders of images, not over checkpoints")
        values = by_run if sampled == CHECKPOINT else ratios
        mean = mean_over_seeds(values)
        low, high = t_interval(values) if interval == "t" else (mean.low, mean.high)
        if below[SMALLEST].any() or above[LARGEST].any():
            low = opened(low, -np.inf)
            details.append("some limits were not seen, and the ratio may be lower")
        if below[LARGEST].any() or above[SMALLEST].any():
            high = opened(high, np.inf)
            details.append("some limits were not seen, and the ratio may be higher")
        return Result(
            mean.number,
            low,
            high,
            mean.p,
            n_seeds=mean.n,
            experiment="stable_learning_rate",
            sampled=sampled,
            details=tuple(details),
        )

    return estimate


def _stable_limits(table: pd.DataFrame, batch_norm: str) -> pd.DataFrame:
    """Return, by checkpoint, repetition ("seed") and both batch sizes, log2 of the limit and whether it was seen."""
    if not {"run", "measurement", "batch_norm", "batch_size", "repetition", "learning_rate", "stable"} <= set(table):
        raise NotMeasured("there is no table stable_learning_rate with short trainings")
    wanted = (table["measurement"] == "short training") & (table["batch_norm"] == batch_norm)
    table = table[wanted & table["batch_size"].isin([SMALLEST, LARGEST])]
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


def chosen_rate(tables: Tables) -> Result:
    """Estimate log2 of the learning rate chosen at batch size 1 over that at 32, each seed choosing for itself."""
    errors = search_errors(tables)
    if not {SMALLEST, LARGEST} <= set(errors):
        raise NotMeasured(f"experiment search lacks batch size {SMALLEST} or {LARGEST}")
    if min(errors[SMALLEST].shape[1], errors[LARGEST].shape[1]) < 2:
        raise NotMeasured(f"experiment search has one learning rate only at batch size {SMALLEST} or {LARGEST}")
    rates = {size: errors[size].idxmin(axis="columns") for size in (SMALLEST, LARGEST)}
    mean = mean_over_seeds(np.log2(rates[SMALLEST] / rates[LARGEST]).dropna())
    chosen = chosen_learning_rates(tables).set_index("batch_size").loc[[SMALLEST, LARGEST]]
    details = [f"all seeds together choose {row.learning_rate:g} at {size}" for size, row in chosen.iterrows()]
    details += map(edge_in_words, chosen.index[chosen["at_edge"]])
    return Result(*mean[:4], n_seeds=mean.n, experiment="search", details=tuple(details))


CLAIM = Claim(
    "stability",
    "Does batch size 1 need a small learning rate?",
    f"the largest stable learning rate is smaller at batch size {SMALLEST} than at {LARGEST}",
    page="learning-rates",
    words=Words(
        "whether batch size 1 needs a smaller learning rate",
        "Yes. Training at batch size 1 breaks down at learning rates that batch size 32 survives",
        {
            OPPOSITE: "No, the opposite. Training at batch size 1 survives larger learning rates than at 32",
            NOTHING: f"No. Batch sizes 1 and 32 survive the same learning rates, to within a factor of "
            f"{2**RATE.margin:.2g}",
        },
    ),
    registered=Plan(
        f"log2 of the largest learning rate that a short training survives, at batch size {SMALLEST} over {LARGEST}, "
        "with batch statistics; measurement stable_learning_rate",
        RATE.words(),
        analyses,
    ),
    amended=Plan(
        f"log2 of the largest learning rate that a short training survives, at batch size {SMALLEST} over {LARGEST}, "
        "with fixed statistics; measurement stable_learning_rate; Student's t interval over checkpoints",
        RATE.words(),
        amended_analyses,
        dated=AMENDED,
        reason="the registered analysis judges batch size 1 by a loss over groups of 32, which it does not train: "
        "trainings at rates above that limit fit their training images",
    ),
    prediction="the largest rate that short trainings survive is lower at batch size 1 than at 32",
)
