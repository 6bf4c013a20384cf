"""The numbers of the page about the paper behind the claim: accuracy, speed and learning rates on four data sets."""

import numpy as np
import pandas as pd

from smallbatch.claims import SOURCE_CLAIMS, NotMeasured, Tables, Verdict, Verdicts, judge
from smallbatch.claims.catalogue.source import BETTER_OR_WORSE, FASTER, SAME
from smallbatch.figures.catalogue.wilson_martinez import DATASETS
from smallbatch.figures.evidence import Evidence
from smallbatch.measurements.wilson_martinez.summary import named
from workflow.page_tables import and_list, of_published, signed

SLOPES = ("mean_small", "mean_large", "sum_small", "sum_large")
TEXTS = ("repetitions", "accuracy_verdict", "speed_verdict", "n_sets", "n_equal", "n_faster", "better", "worse",
         "least_ratio", *SLOPES)  # fmt: skip
HEAD = ["Data set", "Accuracy at batch size 1, minus that of the whole set (points)",
        "Epochs of the whole set, as a multiple of those at batch size 1"]  # fmt: skip


def numbers(study: str) -> dict:
    """Return them by name."""
    rules = {"same": f"{SAME.margin:.0f}", "faster": f"{FASTER.supported:.0f}"}
    rules |= of_published(("ratio", "images"), _sum_of_all)
    try:
        points, summaries, _ = Evidence(study).measurement("wilson_martinez")
    except NotMeasured:
        by_set = {"head": HEAD, "rows": []}
        return {**rules, "measured": False, "differ": False, "by_set": by_set, **dict.fromkeys(TEXTS, "")}
    points, summaries = named(points), named(summaries)
    verdicts = judge(Tables(wilson_martinez=summaries), SOURCE_CLAIMS)
    return {**rules, "measured": True, **of_runs(points, summaries), **of_verdicts(verdicts, summaries)}


def of_runs(points: pd.DataFrame, summaries: pd.DataFrame) -> dict:
    """Return the number of repetitions, and the slopes of the stable rate as ranges over the data sets."""
    found = {"repetitions": int(points.groupby(["dataset", "gradient"])["repetition"].nunique().min())}
    for name in SLOPES:
        gradient, part = name.split("_")
        slopes = summaries.loc[summaries["gradient"] == gradient, f"stable_slope_{part}"]
        found[name] = f"{signed(slopes.min(), 2)} to {signed(slopes.max(), 2)}"
    return found


def of_verdicts(verdicts: Verdicts, summaries: pd.DataFrame) -> dict:
    """Return the verdicts over all data sets, and those by data set, with the mean of the gradients."""
    sets = summaries.loc[summaries["gradient"] == "mean", "dataset"]
    accuracy, speed = (
        {name: verdicts[claim, f"{name}, mean"] for name in sets} for claim in ("same-accuracy", "much-faster")
    )
    sides = {
        side: and_list([DATASETS[name] for name, verdict in accuracy.items() if verdict.kind == kind])
        for side, kind in zip(("better", "worse"), BETTER_OR_WORSE, strict=True)
    }
    return {
        "accuracy_verdict": verdicts["same-accuracy"].word,
        "speed_verdict": verdicts["much-faster"].word,
        "n_sets": len(accuracy),
        "n_equal": sum(verdict.word == "supported" for verdict in accuracy.values()),
        "n_faster": sum(verdict.word == "supported" for verdict in speed.values()),
        "least_ratio": f"{min(verdict.result.number for verdict in speed.values()):.1f}",
        **sides,
        "differ": any(sides.values()),
        "by_set": {
            "head": HEAD,
            "rows": [[DATASETS[name], cell(accuracy[name]), cell(speed[name])] for name in accuracy],
            "widths": [20, 40, 40],
        },
    }


def cell(verdict: Verdict) -> list:
    """Return number, interval and verdict; and where accuracies differ, which one is better."""
    number, low, high = (signed(value) for value in (verdict.result.number, verdict.result.low, verdict.result.high))
    side = BETTER_OR_WORSE.get(verdict.kind)
    return [f"{number} ({low} to {high}) ", {"verdict": verdict.word}, f" {side}" if side else ""]


def _sum_of_all(evidence: Evidence) -> dict[str, str]:
    """Return the stable rate of the digits' whole training set, mean over sum of the gradients, and its images."""
    points, _, _ = evidence.measurement("wilson_martinez")
    points = points[points["dataset"] == "digits"]
    whole = points[points["batch_size"] == points["batch_size"].max()]
    rates = np.log(whole["largest_stable_rate"]).groupby(whole["gradient"]).mean()
    return {"ratio": f"{np.exp(rates['mean'] - rates['sum']):.0f}", "images": str(whole["batch_size"].iloc[0])}
