"""The numbers of the page about learning rates: which one a batch size bears, its laws, and how one is chosen."""

import math

import numpy as np
import pandas as pd

from smallbatch.claims import NotMeasured, Verdict, chosen_learning_rates, words
from smallbatch.figures.evidence import Evidence, FigureData
from smallbatch.measurements.stable_learning_rate import pooled
from smallbatch.statistics import Estimate
from workflow.page_tables import analyses, named, of_published, plural, signed

PANELS = {
    "Best rate of one step, recalibrated statistics": pooled.PANELS[0],
    "Largest stable rate, recalibrated statistics": pooled.PANELS[1],
    "Largest stable rate, per-batch statistics": pooled.PANELS[2],
}
LAWS = {
    "constant": "the same rate",
    "square root": "square root of the batch size",
    "linear": "linear scaling",
    "noise scale": "noise scale",
}
MEASURED = ("networks", "width", "depth", "epochs", "n_train", "dataset", "image_size", "batch_size", "processors",
            "short_steps", "measured_study")  # fmt: skip
AMENDED = {
    ("stability", "main"): "Largest stable rate, fixed statistics (primary analysis)",
    ("stability", "BCa interval"): "The same with a bootstrap (BCa) interval",
    ("stability", "batch statistics, judged in groups of 32"): "Per-batch statistics, judged in groups of 32 images",
}
REGISTERED = {
    ("stability", "main"): "Largest stable rate, per-batch statistics (primary analysis)",
    ("stability", "gradient noise alone"): "Largest stable rate, fixed statistics",
    ("stability", "rate chosen on validation images"): "Rate chosen on validation images",
}


def numbers(study: str) -> dict:
    """Return them by name."""
    evidence = Evidence(study)
    amended, registered = evidence.amended, evidence.verdicts
    return {
        "study": study,
        "stability_answer": words.answer(amended, "stability"),
        **named("stability", amended["stability"]),
        **ratio(amended["stability"]),
        "registered_stability": registered["stability"].word,
        "analyses": analyses(amended, AMENDED),
        "registered": analyses(registered, REGISTERED),
        **measured(evidence),
        "chosen": chosen(evidence),
        **of_published(("fixed", "per_batch"), _from_4_to_16),
    }


def ratio(verdict: Verdict) -> dict[str, str | bool]:
    """Return by which factor the rate is smaller at batch size 1, or larger; neither is true where it is not known."""
    doublings = verdict.result.number if verdict.measured else math.nan
    smaller, larger = doublings < 0, doublings > 0
    times = f"{2 ** abs(doublings):.{0 if abs(doublings) > 2 else 1}f}" if smaller or larger else ""
    return {"smaller": smaller, "larger": larger, "times": times}


def measured(evidence: Evidence) -> dict:
    """Return the measured rates and exponents, and the networks that they were measured on."""
    try:
        data = evidence.measured("stable_learning_rate")
    except NotMeasured:
        empty = {"head": ["Batch size"], "rows": []}
        missing = {"rates": empty, "exponents": empty, "measured": False, "from_elsewhere": False}
        return {**missing, **dict.fromkeys(MEASURED, "")}
    found = panels(data.table)
    return {
        "rates": table_of_rates(found),
        "exponents": table_of_exponents(found),
        "measured": True,
        "from_elsewhere": data.study != evidence.study,
        **measured_on(data),
    }


def measured_on(data: FigureData) -> dict[str, str]:
    """Return the networks that the rates were measured on."""
    first = data.runs.iloc[0]
    values = {name: str(first[name]) for name in ("dataset", "image_size", "batch_size", "short_steps")}
    return values | {
        "networks": plural(data.runs["run"].nunique(), "network"),
        "width": f"{first['width']:g}",
        "depth": f"{first['depth']:g}",
        "epochs": plural(first["epochs"], "epoch"),
        "n_train": f"{first['n_train']:,}",
        "processors": ", ".join(sorted(data.runs["processor"].unique())),
        "measured_study": data.study,
    }


def panels(points: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rates of each measurement that has two or more batch sizes, by what it is called."""
    rates = pooled.rates(points)
    parts = {}
    for name, (measurement, batch_norm) in PANELS.items():
        part = rates[(rates["measurement"] == measurement) & (rates["batch_norm"] == batch_norm)]
        if part["batch_size"].nunique() > 1:
            parts[name] = part
    return parts


def table_of_rates(parts: dict[str, pd.DataFrame]) -> dict:
    """Return the geometric means of the rates, a row per batch size."""
    means = [np.exp(np.log(part["learning_rate"]).groupby(part["batch_size"]).mean()) for part in parts.values()]
    sizes = sorted(set().union(*(mean.index for mean in means)))
    rows = [[str(size), *(f"{mean[size]:.2g}" if size in mean else "" for mean in means)] for size in sizes]
    return {"head": ["Batch size", *parts], "rows": rows}


def table_of_exponents(parts: dict[str, pd.DataFrame]) -> dict:
    """Return the fitted exponent of each measurement, and which law predicts best a batch size that was left out."""
    rows = [[name, exponent(pooled.exponent(part)), *predicts_best(part)] for name, part in parts.items()]
    head = [
        "Measurement",
        "Fitted exponent (95% CI)",
        "Law that predicts best",
        "Does the fitted exponent predict better?",
    ]
    return {"head": head, "rows": rows, "widths": [32, 24, 24, 20]}


def exponent(estimate: Estimate) -> str:
    """Return an exponent with its interval, if it has one."""
    if not np.isfinite(estimate.number):
        return "not known"
    interval = f" ({signed(estimate.low, 2)} to {signed(estimate.high, 2)})" if np.isfinite(estimate.low) else ""
    return signed(estimate.number, 2) + interval


def predicts_best(part: pd.DataFrame) -> tuple[str, str]:
    """Return the law with the lowest error of prediction, and whether the fitted exponent has a lower one."""
    fits = pooled.laws(part)
    if fits is None:
        return "too few batch sizes", ""
    compared = fits.comparison.set_index("law")
    law = compared["is_best"].idxmax()
    better = compared.loc["power", "left_out_error"] < compared.loc[law, "left_out_error"]
    return LAWS[law], "yes" if better else "no"


def chosen(evidence: Evidence) -> dict:
    """Return the table of the rates chosen on validation images, by batch size."""
    head = ["Batch size", "Rate chosen", "Rates tried", "Seeds", "At the end of those tried?"]
    try:
        table = chosen_learning_rates(evidence.tables)
    except NotMeasured:
        return {"head": head, "rows": []}
    rows = [
        [
            f"{row.batch_size:g}",
            f"{row.learning_rate:g}",
            str(row.n_rates),
            str(row.n_seeds),
            "yes" if row.at_edge else "no",
        ]
        for row in table.itertuples()
    ]
    return {"head": head, "rows": rows}


def _from_4_to_16(evidence: Evidence) -> dict[str, str]:
    """Return how many times the stable rate of batch size 4 that of 16 is: statistics fixed, and of each batch."""
    _, fixed, per_batch = panels(evidence.measured("stable_learning_rate").table).values()
    found = {}
    for name, part in {"fixed": fixed, "per_batch": per_batch}.items():
        means = np.log(part["learning_rate"]).groupby(part["batch_size"]).mean()
        found[name] = f"{np.exp(means[16] - means[4]):.1f}"
    return found
