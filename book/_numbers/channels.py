"""The numbers of the page about the two noises: what each does to the test error, and how large each is."""

import numpy as np
import pandas as pd

from smallbatch.claims import NotMeasured, words
from smallbatch.figures.evidence import Evidence, FigureData
from smallbatch.statistics import error_points, log2_weights
from workflow.page_tables import analyses, named, of_published, plural, signed

CONDITIONS = {
    "batch_size": "baseline",
    "ghost": "ghost batch norm",
    "masked_loss": "masked loss",
    "group_norm": "group norm",
}
TRAINED = ("width", "depth", "dataset", "image_size", "images_train", "learning_rate", "epochs", "processor")
MEASURED = ("networks", "net_width", "net_depth", "net_images", "net_dataset", "net_epochs", "net_study")
AMENDED = {
    ("noise", "main"): "Gradient: loss of 4 to 32 images, 32 normalized together (primary analysis)",
    ("noise", "with a loss of one image"): "Gradient: loss of 1 to 32 images",
    ("noise", "group norm, without batch statistics"): "Gradient: group norm, which has no batch statistics",
    ("batch-norm-noise", "main"): "Batch norm: 4 to 32 images normalized together (primary analysis)",
    ("batch-norm-noise", "32 minus 4"): "Batch norm: error with 32 minus error with 4 normalized together",
    ("batch-norm-noise", "from 2 images on"): "Batch norm: 2 to 32 images normalized together",
    ("batch-norm-noise", "groups of one image, too"): "Batch norm: 1 to 32 images normalized together",
}
REGISTERED = {
    ("noise", "main"): "Gradient: loss of 1 to 32 images, recalibrated (primary analysis)",
    ("noise", "moving evaluation"): "The same with moving-average statistics",
    ("noise", "batch evaluation"): "The same with per-batch statistics",
    ("noise", "Student's t interval"): "The same with Student's t interval",
    ("noise", "interval over seeds and test images"): "The same with an interval over seeds and test images",
    ("noise", "ghost batch norm"): "Batch norm: 1 to 32 images normalized together",
}
INTERACTIONS = {("noise", f"interaction at {size}"): f"Batch size {size}" for size in (1, 4, 16)}


def numbers(study: str) -> dict:
    """Return them by name."""
    evidence = Evidence(study)
    amended, registered = evidence.amended, evidence.verdicts
    return {
        "noise_answer": words.answer(amended, "noise"),
        **named("noise", amended["noise"]),
        "batch_norm_answer": words.answer(amended, "batch-norm-noise"),
        **named("batch_norm", amended["batch-norm-noise"]),
        "registered_noise": registered["noise"].word,
        "registered_batch_norm": registered["noise", "ghost batch norm"].word,
        "analyses": analyses(amended, AMENDED),
        "registered": analyses(registered, REGISTERED),
        "interactions": analyses(registered, INTERACTIONS),
        "conditions": conditions(evidence),
        **trained(evidence),
        **of_gradient(evidence),
        **of_batch_norm(evidence),
        **of_published(("recalibrated", "moving"), ghost_slopes),
    }


def conditions(evidence: Evidence) -> dict:
    """Return the table of runs by condition."""
    rows = []
    for experiment, name in CONDITIONS.items():
        try:
            runs = evidence.runs(experiment)
        except NotMeasured:
            continue
        diverged = int((runs["outcome"] == "diverged").sum())
        rows.append([name, str(len(runs)), str(runs["seed"].nunique()), str(diverged)])
    return {"head": ["Condition", "Runs", "Seeds", "Diverged"], "rows": rows}


def trained(evidence: Evidence) -> dict[str, str | bool]:
    """Return what the baseline's runs trained, by parameter."""
    try:
        runs = evidence.runs("batch_size")
    except NotMeasured:
        return {"trained": False, **dict.fromkeys(TRAINED, "")}
    return {"trained": True, **{name: _values(runs[name]) for name in TRAINED}}


def _values(column: pd.Series) -> str:
    return ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in sorted(column.dropna().unique()))


def of_gradient(evidence: Evidence) -> dict[str, str | bool]:
    """Return noise scale (images) and cosine of mean gradients, as ranges over epochs, and what they were measured on.

    `scale_low` and `scale_high` are of the median over networks, with recalibrated statistics, where it is bounded.
    """
    names = ("scale_low", "scale_high", "cosine_size", "cosine_low", "cosine_high")
    missing = {"gradient": False, "scale": False, "cosine": False, **dict.fromkeys((*names, *MEASURED), "")}
    try:
        data = evidence.measured("gradient_noise")
    except NotMeasured:
        return missing
    return {**missing, "gradient": True, **measured_on(data), **_scale(data.table), **_cosine(data.table)}


def measured_on(data: FigureData) -> dict[str, str]:
    """Return the networks that a measurement was made on."""
    first, n = data.runs.iloc[0], data.runs["run"].nunique()
    values = (plural(n, "network"), f"{first['width']:g}", f"{first['depth']:g}", f"{first['n_train']:,}",
              first["dataset"], str(first["epochs"]), data.study)  # fmt: skip
    return dict(zip(MEASURED, values, strict=True))


def _scale(table: pd.DataFrame) -> dict[str, str | bool]:
    medians = table[table["batch_norm"] == "recalibrated"].groupby("epoch")["noise_scale"].median()
    finite = medians[np.isfinite(medians)]
    if finite.empty:
        return {}
    return {"scale": True, "scale_low": f"{finite.min():.0f}", "scale_high": f"{finite.max():.0f}"}


def _cosine(table: pd.DataFrame) -> dict[str, str | bool]:
    table = table.dropna(subset=["cosine", "cosine_low", "cosine_high"])
    if table.empty:
        return {}
    size = table["batch_size"].min()
    means = table[table["batch_size"] == size].groupby("epoch")["cosine"].mean()
    ends = {"cosine_low": f"{means.min():.2f}", "cosine_high": f"{means.max():.2f}"}
    return {"cosine": True, "cosine_size": str(size), **ends}


def of_batch_norm(evidence: Evidence) -> dict[str, str | bool]:
    """Return measured over predicted noise of the batch mean after training: median and range over the layers."""
    names = ("ratio_size", "ratio_median", "ratio_low", "ratio_high")
    missing = {"ratio": False, **dict.fromkeys(names, "")}
    try:
        table = evidence.measured("batch_norm_noise").table
    except NotMeasured:
        return missing
    table = table[(table["state"] == "after training") & (table["upstream"] == "batch")]
    if table.empty:
        return missing
    sizes = sorted(table["batch_size"].unique())
    size = sizes[len(sizes) // 2]
    ratios = table[table["batch_size"] == size].groupby("place")["ratio"].mean()
    shown = (f"{value:.2f}" for value in (ratios.median(), ratios.min(), ratios.max()))
    return {"ratio": True, **dict(zip(names, (str(size), *shown), strict=True))}


def ghost_slopes(evidence: Evidence) -> dict[str, str]:
    """Return the slope over 4 to 32 images normalized together, recalibrated and in the moving averages."""
    ghost = evidence.runs("ghost")
    rows = pd.concat([ghost[ghost["used_normalization_batch_size"] >= 4], evidence.runs("batch_size", batch_size=32)])
    error = error_points(rows["moving_test_accuracy"], evidence.tables.n_classes)
    means = error.groupby(rows["used_normalization_batch_size"]).mean()
    recalibrated = evidence.amended["batch-norm-noise"].result.number
    return {
        "recalibrated": signed(recalibrated, 2),
        "moving": signed(log2_weights(means.index.to_numpy()) @ means.to_numpy(), 2),
    }
