"""The numbers of the page "Is it overfitting at all?": both answers, the averages' cost, the pair, the artefacts."""

import dataclasses

import pandas as pd

from smallbatch.claims import NotMeasured, words
from smallbatch.claims.conditions import (
    KERAS_MOMENTUM,
    LOW_MOMENTUM,
    MATCHED_WINDOW,
    ORIGINAL_BATCH_SIZE,
    RENTED_BATCH_SIZE,
    TFSLIM_MOMENTUM,
)
from smallbatch.claims.rules import EXPLANATION
from smallbatch.claims.verdicts import Verdicts
from smallbatch.figures.catalogue import one_value_per_channel, phantom_overfitting
from smallbatch.figures.evidence import ARTEFACTS, FULL, Evidence
from smallbatch.statistics import error_points
from workflow.page_tables import EVALUATIONS, answered, of_published, second_round_tables

MOMENTUM = phantom_overfitting.MOMENTUM
PAGE = "is-it-overfitting"
# The analyses of the amended plans that the two tables show, with what they are called there.
AVERAGES = {
    "main": f"as in the question, batch size {RENTED_BATCH_SIZE}",
    f"batch size {ORIGINAL_BATCH_SIZE}": f"as in the question, batch size {ORIGINAL_BATCH_SIZE}",
    f"more at {RENTED_BATCH_SIZE} than at {ORIGINAL_BATCH_SIZE}": "as in the question, "
    f"{RENTED_BATCH_SIZE} minus {ORIGINAL_BATCH_SIZE}",
    f"momentum {TFSLIM_MOMENTUM}, an averaging window longer than the training": "longer than the training "
    f"(momentum {TFSLIM_MOMENTUM}), batch size {RENTED_BATCH_SIZE}",
    f"momentum {LOW_MOMENTUM}": f"ten steps (momentum {LOW_MOMENTUM}), batch size {RENTED_BATCH_SIZE}",
}
PAIR = {
    "main": "60 epochs each, recalibrated",
    "moving evaluation": "60 epochs each, moving averages",
    "batch evaluation": "60 epochs each, per-batch",
    "at equal steps": f"as many steps: 60 epochs of {RENTED_BATCH_SIZE}, 20 of {ORIGINAL_BATCH_SIZE}, recalibrated",
    "after 20 epochs": "20 epochs each, recalibrated",
}


def numbers(study: str) -> dict:
    """Return them by name."""
    evidence = Evidence(study)
    amended, registered = evidence.amended, evidence.verdicts
    return {
        **_answer(amended, "decay-lag", "averages"),
        **_answer(amended, "batch-32-worse", "pair"),
        "registered_averages": registered["decay-lag"].word,
        "registered_averages_number": words.number(registered["decay-lag"]),
        "registered_pair": registered["batch-32-worse"].word,
        "registered_pair_number": words.number(registered["batch-32-worse"]),
        "averages": _table(amended, "decay-lag", AVERAGES, "Averaging window", "Accuracy that the averages cost"),
        "pair": _table(amended, "batch-32-worse", PAIR, "Training and evaluation", "Test error, 32 minus 10"),
        **explanation(amended),
        **_question(evidence),
        **second_round_tables(PAGE),
        **_phantom(),
        **_full(),
        **_one_value(),
        **of_published(("train", "test"), _cost_by_split),
    }


def _answer(verdicts: Verdicts, claim: str, name: str) -> dict:
    found = answered(name, verdicts, claim)
    # The page's title asks another question than the claim does, so its yes or no would answer the wrong one.
    return found | {f"{name}_answer": words.without_yes_or_no(found[f"{name}_answer"])}


def _table(verdicts: Verdicts, claim: str, shown: dict[str, str], head: str, number: str) -> dict:
    """Return a row per analysis that was measured: what it is called, its number and the verdict on it."""
    rows = [
        [label, words.number(verdict), [{"verdict": verdict.word}]]
        for name, label in shown.items()
        if (verdict := verdicts[claim, name]).measured
    ]
    return {"head": [head, number, "Verdict"], "rows": rows, "widths": [42, 40, 18]}


def explanation(verdicts: Verdicts) -> dict:
    """Return the verdict on the explanation by the number of steps, by the rule of the second round."""
    epochs, steps = verdicts["batch-32-worse"], verdicts["batch-32-worse", "at equal steps"]
    if not (epochs.measured and steps.measured):
        word = "not measured"
    else:
        companion = (epochs.result.low, epochs.result.high)
        word = EXPLANATION.decide(dataclasses.replace(steps.result, companion=companion)).word
    return {"steps_verdict": word, "steps_margin": f"{EXPLANATION.margin:g}"}


def _question(evidence: Evidence) -> dict:
    """Return what scales the question's averaging window to the study's trainings."""
    try:
        runs = evidence.runs(MATCHED_WINDOW)
        momentum = f"{runs['used_batch_norm_momentum'].iloc[0]:g}"
        steps = runs.groupby("batch_size")["steps_done"].mean()
    except NotMeasured:
        momentum, steps = "(not measured)", {}
    found = {"window_momentum": momentum, "window_measured": bool(len(steps)), "keras": f"{KERAS_MOMENTUM:g}"}
    for size in (ORIGINAL_BATCH_SIZE, RENTED_BATCH_SIZE):
        known = size in steps
        found[f"steps_{size}"] = f"{steps[size]:,.0f}" if known else "(not measured)"
        found[f"window_{size}"] = f"{100 / (1 - float(momentum)) / steps[size]:.0f}" if known else "(not measured)"
    return found


def _phantom() -> dict:
    """Return the miniature whose moving averages lag on purpose; the names without values where it is not there."""
    names = ("high", "n_train", "size", "steps", "horizon", "fit_high", "validation_high", "width", "depth",
             "pixels", "seeds", "hardware")  # fmt: skip
    evidence = Evidence(ARTEFACTS)
    try:
        runs, curves = evidence.published(ARTEFACTS, phantom_overfitting.EXPERIMENT)
    except NotMeasured:
        return {"phantom": _evaluations(None)} | dict.fromkeys(names, "(not measured)")
    last = curves.sort_values("epoch").groupby("run").tail(1)
    high = runs[MOMENTUM].max()
    one = runs.iloc[0]
    return {
        "phantom": _evaluations(runs),
        "high": f"{high:g}",
        "n_train": int(one["images_train"]),
        "size": int(one["batch_size"]),
        "steps": int(one["steps_done"]),
        "horizon": f"{1 / (1 - high):.0f}",
        "fit_high": _percent(last[last[MOMENTUM] == high], "train_accuracy"),
        "validation_high": _percent(last[last[MOMENTUM] == high], "validation_accuracy"),
        "width": f"{one['width']:g}",
        "depth": f"{one['depth']:g}",
        "pixels": int(one["image_size"]),
        "seeds": int(runs["seed"].nunique()),
        "hardware": ", ".join(sorted(runs["processor"].unique())),
    }


def _percent(table: pd.DataFrame, column: str) -> str:
    return f"{100 * table[column].mean():.1f}"


def _evaluations(runs: pd.DataFrame | None) -> dict:
    """Return accuracies by momentum and evaluation, the longest averaging window first."""
    momenta = [] if runs is None else sorted(runs[MOMENTUM].unique(), reverse=True)
    rows = [
        [f"{momentum:g}", label, *(_percent(runs[runs[MOMENTUM] == momentum], f"{name}_{split}_accuracy")
                                   for split in ("train", "test"))]
        for momentum in momenta
        for name, label in EVALUATIONS.items()
    ]  # fmt: skip
    return {"head": ["Momentum", "Statistics", "Training images (%)", "Test images (%)"], "rows": rows}


def _full() -> dict:
    """Return the two runs of the published network on a CPU."""
    try:
        runs, _ = Evidence(ARTEFACTS).published(FULL, phantom_overfitting.EXPERIMENT)
    except NotMeasured:
        return {"full": _evaluations(None)} | dict.fromkeys(
            ("full_n_train", "full_n_test", "full_pixels", "full_size", "full_steps", "full_difference"),
            "(not measured)",
        )
    one, recalibrated = runs.iloc[0], runs["recalibrated_test_accuracy"]
    return {
        "full": _evaluations(runs),
        "full_n_train": int(one["images_train"]),
        "full_n_test": int(one["images_test"]),
        "full_pixels": int(one["image_size"]),
        "full_size": int(one["batch_size"]),
        "full_steps": int(one["steps_done"]),
        "full_difference": f"{100 * (recalibrated.max() - recalibrated.min()):.1f}",
    }


def _one_value() -> dict:
    """Return the training losses of batch size 1 with one value per channel, and with more."""
    try:
        runs, history = Evidence(ARTEFACTS).published(ARTEFACTS, one_value_per_channel.EXPERIMENT)
    except NotMeasured:
        names = ("small", "large", "small_low", "small_high", "large_low", "large_high")
        return {"one_value": False, "guessing": f"{one_value_per_channel.CHANCE_LOSS:.2f}"} | dict.fromkeys(names, "")
    small, large = int(runs["image_size"].min()), int(runs["image_size"].max())
    final = history.sort_values("epoch").groupby("run").tail(1).set_index("image_size")["train_loss"]
    ends = {
        f"{name}_{end}": f"{getattr(final.loc[[size]], kind)():.2f}"
        for name, size in (("small", small), ("large", large))
        for end, kind in (("low", "min"), ("high", "max"))
    }
    guessing = f"{one_value_per_channel.CHANCE_LOSS:.2f}"
    return {"one_value": True, "guessing": guessing, "small": small, "large": large, **ends}


def _cost_by_split(evidence: Evidence) -> dict[str, str]:
    """Return what the averages cost (points) on training and on test images, with the question's window."""
    runs = evidence.runs(MATCHED_WINDOW, batch_size=RENTED_BATCH_SIZE)
    n_classes = evidence.tables.n_classes
    errors = {
        (name, split): error_points(runs[f"{name}_{split}_accuracy"], n_classes).mean()
        for name in ("moving", "recalibrated")
        for split in ("train", "test")
    }
    return {split: f"{errors['moving', split] - errors['recalibrated', split]:.1f}" for split in ("train", "test")}
