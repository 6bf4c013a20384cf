"""The numbers of the page about the published network: the main experiment and the question's pair, at full size.

They are of the published studies, whatever study the book is built for.
"""

import pandas as pd

from smallbatch.claims import NotMeasured, Verdict, Verdicts, words
from smallbatch.figures.catalogue.error_by_batch_size import errors_of_both_networks
from smallbatch.figures.catalogue.training_time import geometric_mean
from smallbatch.figures.evidence import GPU, PUBLISHED, Evidence
from smallbatch.study.overview import Overview
from workflow.page_tables import and_list, named, number, of_published, plural, signed

SMALL, LARGE = "Miniature", "Published network"
LONG = "momentum 0.9997, an averaging window longer than the training"
# What the opening and the text name: (claim, analysis) of the amended rules.
VERDICTS = {
    "long": ("decay-lag", LONG),
    "as_asked": ("decay-lag", "main"),
    "sizes": ("regularization", "main"),
    "pair": ("batch-32-worse", "after 20 epochs"),
}
AMENDED = {
    "Smaller batches have a lower test error, each evaluated as deployed": ("regularization", "main"),
    "The same with recalibrated statistics, one learning rate for all": ("regularization", "batch_size, recalibrated"),
    "Test error is higher at 32 than at 10 after 20 epochs, recalibrated": ("batch-32-worse", "after 20 epochs"),
    "Moving averages of momentum 0.9997 spoil the evaluation at 32": ("decay-lag", LONG),
    "The same with an averaging window like the question's": ("decay-lag", "main"),
}
REGISTERED = {
    "Smaller batches have a lower test error, one learning rate for all": ("regularization", "fixed learning rate"),
    "Test error is higher at 32 than at 10, recalibrated": ("batch-32-worse", "main"),
    "The same with moving averages of momentum 0.9997": ("batch-32-worse", "moving evaluation, momentum 0.9997"),
    "Moving averages of momentum 0.9997 spoil the evaluation at 32": ("decay-lag", "batch size 32, momentum 0.9997"),
    "The same with an averaging window like the question's": ("decay-lag", "batch size 32, memory as asked"),
}
TEXTS = (
    "n_done", "n_planned", "accelerators", "whole", "part", "n_images", "n_epochs", "small_lowest", "small_best",
    "large_lowest", "large_best", "pooled", "twins_most", "twins_median", "minutes_first", "minutes_last", "first",
    "last", "sizes_answer",
)  # fmt: skip
BY_SIZE = ["Batch size", "Seeds", "Miniature (%)", "Published network (%)", "Difference (points)",
           "Training images correct (%)", "Last training loss (nats)"]  # fmt: skip
BY_MOMENTUM = ["Momentum", "Batch size", "Seeds", "Moving averages (%)", "Recalibrated (%)"]


def numbers(study: str) -> dict:
    """Return them by name; `study` makes no difference."""
    empty = {"head": ["", ""], "rows": []}
    times = of_published(("cpu", "gpu"), _times_as_long)
    try:
        small = Evidence(PUBLISHED)
        full = small.beside(GPU)
        return {"measured": True, **of_runs(full), **of_verdicts(small, full), **times}
    except NotMeasured:
        tables = dict.fromkeys(("by_size", "by_momentum", "compared", "registered"), empty)
        verdicts = {f"{name}_{part}": "" for name in VERDICTS for part in ("verdict", "number")}
        measured = {f"{name}_measured": False for name in VERDICTS}
        return {"measured": False, **dict.fromkeys(TEXTS, ""), **tables, **verdicts, **measured, **times}


def of_verdicts(small: Evidence, full: Evidence) -> dict:
    """Return the verdicts on the published network, and those of both networks in tables."""
    found = {"sizes_answer": words.answer(full.amended, "regularization")}
    for name, key in VERDICTS.items():
        found |= named(name, full.amended[key])
    return found | {
        "compared": beside(small.amended, full.amended, AMENDED),
        "registered": beside(small.verdicts, full.verdicts, REGISTERED),
    }


def beside(small: Verdicts, full: Verdicts, labels: dict[str, tuple[str, str]]) -> dict:
    """Return a table of the same analyses for both networks."""
    rows = [[label, _cell(SMALL, small[key]), _cell(LARGE, full[key])] for label, key in labels.items()]
    return {"head": ["Statement", "Miniature, on a CPU", "Published network, on a GPU"], "rows": rows,
            "widths": [30, 35, 35]}  # fmt: skip


def _cell(network: str, verdict: Verdict) -> list:
    # On a phone the heads of the columns are not there.
    return [f"{network}: ", {"verdict": verdict.word}, f" {number(verdict)}"]


def of_runs(full: Evidence) -> dict:
    """Return what the runs of the published network show."""
    overview, errors = Overview(GPU), errors_of_both_networks(full).table
    runs, pair = full.runs("batch_size"), full.runs("momentum_lag")
    sizes = runs.groupby("seed")["batch_size"].nunique()
    n_whole = int((sizes == runs["batch_size"].nunique()).sum())
    small, large = recalibrated(errors, SMALL), recalibrated(errors, LARGE)
    minutes = runs.groupby("batch_size")["seconds_training"].mean() / 60
    return {
        "n_done": overview.n_done,
        "n_planned": overview.n_planned,
        "accelerators": and_list(sorted(runs["accelerators"].dropna().unique())),
        "whole": plural(n_whole, "seed"),
        "part": runs["seed"].nunique() - n_whole,
        "n_images": f"{runs['images_train'].iloc[0]:,}",
        "n_epochs": f"{runs['epochs'].iloc[0]}",
        "small_lowest": f"{small.min():.1f}",
        "small_best": str(small.idxmin()),
        "large_lowest": f"{large.min():.1f}",
        "large_best": str(large.idxmin()),
        "by_size": by_size(full, small, large),
        "by_momentum": by_momentum(pair),
        **of_twins(pair),
        "first": str(minutes.index[0]),
        "last": str(minutes.index[-1]),
        "minutes_first": f"{minutes.iloc[0]:.1f}",
        "minutes_last": f"{minutes.iloc[-1]:.1f}",
    }


def recalibrated(errors: pd.DataFrame, network: str) -> pd.Series:
    """Return a network's mean test error (%) by batch size, recalibrated."""
    rows = errors[(errors["network"] == network) & (errors["evaluation"] == "recalibrated")]
    return rows.groupby("batch_size")["test_error"].mean()


def by_size(full: Evidence, small: pd.Series, large: pd.Series) -> dict:
    """Return both networks' errors by batch size, and what the published one learned."""
    runs = full.runs("batch_size")
    correct = 100 * runs.groupby("batch_size")["recalibrated_train_accuracy"].mean()
    last = full.tables.history.sort_values("epoch").groupby("run").tail(1).set_index("run")
    loss = last.loc[runs["run"], "train_loss"].groupby(runs["batch_size"].to_numpy()).mean()
    seeds = runs.groupby("batch_size")["seed"].nunique()
    rows = [
        [str(size), str(seeds[size]), f"{small[size]:.1f}", f"{large[size]:.1f}", signed(large[size] - small[size]),
         f"{correct[size]:.1f}", f"{loss[size]:.2f}"]
        for size in large.index
    ]  # fmt: skip
    return {"head": BY_SIZE, "rows": rows}


def by_momentum(pair: pd.DataFrame) -> dict:
    """Return the errors of both evaluations by momentum and batch size."""
    groups = pair.groupby(["used_batch_norm_momentum", "batch_size"])
    means = 100 * (1 - groups[["moving_test_accuracy", "recalibrated_test_accuracy"]].mean())
    seeds = groups["seed"].nunique()
    rows = [
        [f"{momentum:g}", str(size), str(seeds[momentum, size]), *(f"{error:.1f}" for error in row)]
        for (momentum, size), *row in means.itertuples()
    ]
    return {"head": BY_MOMENTUM, "rows": rows}


def of_twins(pair: pd.DataFrame) -> dict[str, str]:
    """Return how far runs differ (points) that ought to be equal, and 32 minus 10 over all of them."""
    # Momentum has no part in training: runs of one seed and batch size differ by rounding alone.
    accuracy = pair.groupby(["batch_size", "seed"])["recalibrated_test_accuracy"]
    twins = 100 * (accuracy.max() - accuracy.min())
    error = 100 * (1 - pair.groupby("batch_size")["recalibrated_test_accuracy"].mean())
    return {
        "twins_most": f"{twins.max():.1f}",
        "twins_median": f"{twins.median():.1f}",
        "pooled": signed(error[32] - error[10]),
    }


def _times_as_long(evidence: Evidence) -> dict[str, str]:
    """Return the time of batch size 1 over that of 32, seeds paired: the miniature's on a CPU, and this one's."""
    runs = evidence.beside(GPU).runs("batch_size").set_index(["seed", "batch_size"])["seconds_training"]
    paired = (runs.xs(1, level="batch_size") / runs.xs(32, level="batch_size")).dropna()
    cpu = evidence.amended["runtime"].result.number
    return {"cpu": f"{cpu:.1f}", "gpu": f"{geometric_mean(paired):.1f}"}
