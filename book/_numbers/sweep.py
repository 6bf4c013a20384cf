"""The numbers of the page about the sweep: errors by batch size, every policy in every evaluation, the verdicts."""

import pandas as pd

from smallbatch.claims import NotMeasured, policies, words
from smallbatch.claims.catalogue.regularization import WITHOUT_ONE
from smallbatch.errors import StudyError
from smallbatch.figures.evidence import Evidence
from smallbatch.statistics import log2_weights
from smallbatch.study.file import load_study
from smallbatch.training.config import RunConfig
from workflow.page_tables import EVALUATIONS, capital, of_published, plural, second_round_tables, signed

MISSING = "This was not measured in this study."
NAMES = ("runs", "cost", "error", "memory", "artefact", "mismatch", "recalibrated", "gap", "seeds")
NOT_VARIED = {"batch_size", "seed", "data_folder", "threads"}
POLICIES = {"batch_size": "one rate for all", "tuned": "own best rate", "linear_scaling": "rate in proportion"}


def numbers(study: str) -> dict:
    """Return them by name."""
    evidence = Evidence(study)
    try:
        runs = evidence.runs("batch_size")
    except NotMeasured:
        runs = pd.DataFrame()
    said = dict.fromkeys(NAMES, MISSING) if runs.empty else sentences(runs, evidence.tables.history)
    return {
        **said,
        "what_was_run": {"head": ["", ""], "rows": what_was_run(runs, study), "widths": [25, 75]},
        **batch_size_one(runs),
        "by_size": {"head": BY_SIZE, "rows": [] if runs.empty else rows_by_size(runs)},
        "policies": policy_table(evidence),
        **_verdicts(evidence),
        **second_round_tables("sweep"),
        **of_published(("all", "without_one"), _slopes),
    }


def batch_size_one(runs: pd.DataFrame) -> dict:
    """Return the mean test errors of batch size 1 in the three evaluations; "" and False where there are none."""
    part = compared(runs)[0] if len(runs) else runs
    errors = by_size(part) if len(part) else pd.DataFrame()
    found = {name: f"{errors.loc[1, name]:.1f}" if 1 in errors.index else "" for name in EVALUATIONS}
    return {"one": 1 in errors.index, **{f"one_{name}": error for name, error in found.items()}}


def _verdicts(evidence: Evidence) -> dict:
    amended, registered = evidence.amended, evidence.verdicts
    found = {
        "curvature": words.number(amended["regularization", "curvature"]),
        "curvature_verdict": amended["regularization", "curvature"].word,
        "registered_without_one": registered["regularization", WITHOUT_ONE].word,
        "registered_without_one_number": words.number(registered["regularization", WITHOUT_ONE]),
    }
    for claim in ("regularization", "batch-one"):
        found |= {
            f"{claim}_answer": words.answer(amended, claim),
            f"{claim}_number": capital(words.number(amended[claim])),
            f"{claim}_verdict": amended[claim].word,
            f"registered_{claim}": registered[claim].word,
            f"registered_{claim}_number": words.number(registered[claim]),
        }
    return found


def policy_table(evidence: Evidence) -> dict:
    """Return mean errors by batch size, slope and best size, a row per policy and evaluation."""
    table = policies.table(evidence.tables)
    if table.empty:
        return {"head": ["Learning rate"], "rows": []}
    sizes = [name for name in table if name.isdigit()]
    rows = [
        [
            POLICIES.get(row["policy"], row["policy"]),
            EVALUATIONS.get(row["evaluation"], row["evaluation"]),
            *("" if pd.isna(row[size]) else f"{row[size]:.1f}" for size in sizes),
            _slope(row),
        ]
        for _, row in table.iterrows()
    ]
    return {
        "head": [
            "Learning rate",
            "Evaluation",
            *(f"at {size} (%)" for size in sizes),
            "Slope (points per doubling)",
        ],
        "rows": rows,
        # Of the table's width: words that do not break, and numbers side by side.
        "widths": [16, 19, *[7] * len(sizes), 23],
    }


def _slope(row: pd.Series) -> str:
    slope, low, high = (signed(row[name], 2) for name in ("slope", "low", "high"))
    return slope if pd.isna(row["low"]) else f"{slope} ({low} to {high})"


def what_was_run(runs: pd.DataFrame, study: str) -> list[list[str]]:
    """Return the rows of the table that says what was trained."""
    try:
        title = f"{load_study(study).title} (studies/{study}.yaml)"
    except StudyError:
        title = study
    rows = [["Study", f"{title}, experiment batch_size"]]
    if runs.empty:
        return [*rows, ["Runs", "none of this experiment"]]

    def values(name, missing="none"):
        shown = [f"{v:g}" if isinstance(v, float) else str(v) for v in sorted(runs[name].dropna().unique())]
        return ", ".join(shown + [missing] * int(runs[name].isna().any()))

    whole = " (the published network)" if values("width") == values("depth") == "1" else " (a miniature)"
    also = [
        name
        for name in RunConfig.model_fields
        if name in runs and name not in NOT_VARIED and runs[name].astype(str).nunique() > 1
    ]
    rows += [
        ["Network", f"Inception-ResNet-v2, width {values('width')}, depth {values('depth')}{whole}"],
        ["Images", f"{values('dataset')}, {values('image_size')} px, {values('images_train')} for training, "
                   f"{values('images_test')} for testing"],
        ["Batch sizes", values("batch_size")],
        ["Seeds", values("seed")],
        ["Budget", f"{values('epochs')} epochs" if runs["steps"].isna().all() else f"{values('steps')} steps"],
        ["Learning rate", f"{values('learning_rate')}, scaling: {values('learning_rate_scaling')}"],
        ["Batch-norm momentum", values("used_batch_norm_momentum")],
        ["Hardware", f"{values('processor')}; {values('accelerators', 'no GPU')}; {values('backend')}"],
    ]  # fmt: skip
    return rows + ([["Also varied", f"{', '.join(also)}; the means below are taken over all of it"]] if also else [])


BY_SIZE = ["Batch size", "Runs", "Steps", "Test error, moving averages (%)", "Test error, recalibrated (%)",
           "Test error, per-batch statistics (%)", "Generalization gap (points)"]  # fmt: skip


def rows_by_size(runs: pd.DataFrame) -> list[list[str]]:
    """Return the means by batch size, a row each."""
    part, _ = compared(runs)
    means = by_size(part)
    n_runs, steps = part.groupby("batch_size").size(), part.groupby("batch_size")["steps_done"].mean()
    return [
        [str(size), str(n_runs[size]), f"{steps[size]:.0f}",
         *(f"{row[name]:z.1f}" for name in ("moving", "recalibrated", "batch", "gap"))]
        for size, row in means.iterrows()
    ]  # fmt: skip


def compared(runs):
    """Finished runs whose means can be compared: of seeds that have all batch sizes, if there are any."""
    finished = runs[runs["outcome"] == "finished"]
    sizes = runs["batch_size"].nunique()
    whole = finished.groupby("seed")["batch_size"].nunique()
    seeds = whole.index[whole == sizes]
    if len(seeds) == 0:
        return finished, "Averaged over the finished runs, which are not of the same seeds at all batch sizes, "
    part = (
        "" if len(seeds) == runs["seed"].nunique() else f" that {'has' if len(seeds) == 1 else 'have'} all batch sizes"
    )
    return finished[finished["seed"].isin(seeds)], f"Averaged over {plural(len(seeds), 'seed')}{part}, "


def by_size(part):
    """Means by batch size, in points."""
    errors = {
        name: 100 * (1 - part.groupby("batch_size")[f"{name}_test_accuracy"].mean())
        for name in ("moving", "batch", "recalibrated")
    }
    gap = 100 * (part["recalibrated_train_accuracy"] - part["recalibrated_test_accuracy"])
    return pd.DataFrame(errors).assign(gap=gap.groupby(part["batch_size"]).mean())


def sentences(runs: pd.DataFrame, history: pd.DataFrame) -> dict[str, str]:
    """Return the sentences about the runs, by name."""
    part, averaged = compared(runs)
    if part.empty:
        return dict.fromkeys(NAMES, "No run has finished.")
    means = by_size(part)
    error, recalibrated, gap = means["moving"], means["recalibrated"], means["gap"]
    smallest, largest = means.index[0], means.index[-1]
    artefact, mismatch = error - recalibrated, recalibrated - means["batch"]
    most, other = artefact.abs().idxmax(), mismatch.abs().idxmax()
    momentum = runs.groupby("batch_size")["used_batch_norm_momentum"].min()
    memory = momentum.index * (1 + momentum) / (1 - momentum)
    n_seeds, n_compared = runs["seed"].nunique(), part["seed"].nunique()
    n_diverged = int((runs["outcome"] == "diverged").sum())
    lag = history.groupby("run")["seconds_lag"].sum().reindex(runs["run"]).to_numpy()
    alone = runs["seconds_training"] - lag
    evaluating = runs[["seconds_moving", "seconds_batch", "seconds_recalibrated"]].sum(axis=1)
    return {
        "runs": f"The {len(runs)} runs differ in the batch size and in {plural(n_seeds, 'seed')}; those with the same "
        f"seed start from the same weights and the same images. Runs that diverged: {n_diverged}.",
        "cost": f"Training took {runs['seconds_training'].sum() / 60:.0f} minutes in all, added over the runs. "
        f"Evaluating the trained networks three times took another {100 * evaluating.sum() / alone.sum():.0f}% of that "
        f"time, following the moving averages after each epoch {100 * lag.sum() / alone.sum():.0f}%.",
        "error": f"{averaged}the test error is {error[smallest]:.1f}% at batch size {smallest} and "
        f"{error[largest]:.1f}% at batch size {largest}; it is lowest, {error.min():.1f}%, at batch size "
        f"{error.idxmin()}.",
        "memory": f"With the batch-norm momentum used here they rest on about {memory[smallest]:.0f} images at batch "
        f"size {smallest}, and on about {memory[largest]:.0f} at {largest}.",
        "artefact": f"The largest difference of the means, {artefact[most]:z.1f} points, is at batch size {most}.",
        "mismatch": f"The largest such difference of the means, recalibrated minus batch, is {mismatch[other]:z.1f} "
        f"points, at batch size {other}.",
        "recalibrated": f"Recalibrated, the test error is {recalibrated[smallest]:.1f}% at batch size {smallest} and "
        f"{recalibrated[largest]:.1f}% at {largest}; it is lowest, {recalibrated.min():.1f}%, at batch size "
        f"{recalibrated.idxmin()}.",
        "gap": f"Here the mean gap is {gap[smallest]:z.1f} points at batch size {smallest} and {gap[largest]:z.1f} "
        f"points at {largest}.",
        "seeds": f"With {plural(n_compared, 'seed')} the smallest p value that an exact two-sided sign-flip test of a "
        f"paired difference can give is {min(1, 2 / 2**n_compared):.2g}, whatever the runs show.",
    }


def _slopes(evidence: Evidence) -> dict[str, str]:
    """Return the slope (points per doubling) at one rate in moving averages, of all sizes and without size 1."""
    means = by_size(evidence.runs("batch_size"))["moving"].drop(index=1)
    without_one = log2_weights(means.index.to_numpy()) @ means.to_numpy()
    whole = evidence.amended["regularization", "batch_size, moving"].result.number
    return {"all": signed(whole, 2), "without_one": signed(without_one, 2)}
