"""The numbers of the page about remedies: the question's four parts, and every change tried at batch size 32."""

import numpy as np
import pandas as pd

from smallbatch.claims import PRIMARY, NotMeasured, words
from smallbatch.claims.catalogue import find_claim
from smallbatch.claims.catalogue.dropout import AFTER_THE_LAST, BETWEEN
from smallbatch.claims.conditions import KERAS_MOMENTUM, LOW_MOMENTUM, TFSLIM_MOMENTUM
from smallbatch.claims.remedies import (
    BASELINE,
    RECALIBRATION,
    WORTH_COMBINING,
    changes,
    combinations,
    find_remedies,
    in_words,
)
from smallbatch.claims.rules import LOWER, SUPPORTED
from smallbatch.claims.verdicts import Verdict, Verdicts
from smallbatch.figures.catalogue.batch_norm_momentum import weights_of_initial_values
from smallbatch.figures.evidence import Evidence, FigureData
from workflow.page_tables import EVALUATIONS, answered, of_published, second_round_of

PAGE = "remedies"
SIZES = (10, 32)
MOVING, RECALIBRATED = ", moving", ", recalibrated"
EXPERIMENTS = ("momentum_lag", "remedies", "duration", "batch_size", "group_norm", "ghost")


def numbers(study: str) -> dict:
    """Return them by name."""
    evidence = Evidence(study)
    amended = evidence.amended
    found = {}
    for claim in ("decay-lag", "batch-32-worse", "dropout", "sixty-epochs", "remedies"):
        found |= answered(claim, amended, claim)
    for claim in ("dropout", "sixty-epochs", "remedies"):
        verdict = evidence.verdicts[claim]
        found |= {f"registered_{claim}": verdict.word, f"registered_{claim}_number": words.number(verdict)}
    low, equal = amended["decay-lag", f"momentum {LOW_MOMENTUM}"], amended["batch-32-worse", "at equal steps"]
    return {
        **found,
        "at_low_momentum": words.number(low) if low.measured else "",
        "at_equal_steps": words.number(equal) if equal.measured else "",
        **arithmetic(),
        "steps_here": steps_done(evidence, "momentum_lag"),
        "dropout": {
            "head": ["Dropout", "Statistics", "Change in test error", "Verdict"],
            "rows": dropout_rows(amended),
        },
        "sixty": {"head": ["Comparison", "Test error", "Verdict"], "rows": sixty_rows(amended), "widths": [46, 36, 18]},
        "second_round": _second_round(),
        **of_published(("promised", "kept"), _chosen_by_one_seed),
        **remedies(evidence),
        "what_was_run": {"head": ["Experiment", "Runs"], "rows": what_was_run(evidence), "widths": [20, 80]},
    }


def arithmetic() -> dict:
    """Return what is left of the initial values in the question's training, in percent, and its numbers of steps."""
    weights = weights_of_initial_values()
    left = 100 * weights.set_index(["momentum", "batch_size", "epoch"])["weight"]
    steps = weights.drop_duplicates(["batch_size", "epoch"]).set_index(["batch_size", "epoch"])["steps"]
    found = {"steps_in_all": f"{steps[32, 60]:,}"}
    for size in SIZES:
        found |= {
            f"steps_{size}": int(steps[size, 1]),
            f"after_one_{size}": f"{left[TFSLIM_MOMENTUM, size, 1]:.1f}",
            f"after_ten_{size}": f"{left[TFSLIM_MOMENTUM, size, 10]:.1f}",
            f"after_sixty_{size}": f"{left[TFSLIM_MOMENTUM, size, 60]:.2f}",
            f"keras_one_{size}": f"{left[KERAS_MOMENTUM, size, 1]:.1f}",
        }
    return found


def steps_done(evidence: Evidence, experiment: str) -> str:
    """Return how many steps an experiment's trainings at batch size 32 have."""
    try:
        done = evidence.runs(experiment, batch_size=32)["steps_done"]
    except NotMeasured:
        return "(not measured)"
    return " to ".join(f"{number:,.0f}" for number in sorted({done.min(), done.max()}))


def dropout_rows(amended: Verdicts) -> list[list]:
    """Return a row per place of dropout and evaluation."""
    rows = []
    for verdict in amended.of("dropout"):
        if not verdict.measured or verdict.analysis == "BCa interval":
            continue
        between = verdict.analysis.startswith(BETWEEN)
        rate = in_words(verdict.analysis.rpartition(", ")[0] if between else AFTER_THE_LAST)
        place = rate if between else f"{rate} after the last batch norm"
        rows.append([place, EVALUATIONS[verdict.evaluation], words.number(verdict), [{"verdict": verdict.word}]])
    return rows


def sixty_rows(amended: Verdicts) -> list[list]:
    """Return the comparisons of 60 epochs with stopping earlier, and with 20 epochs."""
    end = "60 epochs minus the epoch of the lowest validation loss"
    shown = {
        PRIMARY: f"{end}, batch size 32, moving averages",
        "batch size 10": f"{end}, batch size 10, moving averages",
        "60 epochs minus 20, batch size 32": "60 epochs minus 20, batch size 32, recalibrated",
        "60 epochs minus 20, batch size 10": "60 epochs minus 20, batch size 10, recalibrated",
    }
    verdicts = {label: amended["sixty-epochs", name] for name, label in shown.items()}
    return [[label, words.number(v), [{"verdict": v.word}]] for label, v in verdicts.items() if v.measured]


def _second_round() -> dict:
    """Return the verdicts of the second round that belong to this page."""
    rows = [
        [find_claim(v.claim).question if v.analysis == PRIMARY else v.analysis, words.number(v), [{"verdict": v.word}]]
        for v in second_round_of(PAGE)
    ]
    return {"head": ["Question or analysis", "Number", "Verdict"], "rows": rows, "widths": [42, 40, 18]}


def remedies(evidence: Evidence) -> dict:
    """Return the table of all remedies and what the sentences about it need."""
    amended, registered = evidence.amended, evidence.verdicts
    names = [
        v.analysis.removesuffix(MOVING) for v in amended.of("remedies") if v.analysis.endswith(MOVING) and v.measured
    ]
    names.sort(key=lambda name: _signed(_of(amended, f"{name}{MOVING}"), _sign(name))[0])
    tried = [v for v in registered.of("remedies") if v.analysis.endswith(MOVING) and v.analysis != f"any{MOVING}"]
    tried = [v for v in tried if v.measured]
    combined = combinations(v.analysis.removesuffix(MOVING) for v in tried)
    n_alone, n_seeds = len(tried) - len(combined), max((v.result.n_seeds for v in tried), default=0)
    smallest = min(1, n_alone * 2 / 2**n_seeds)
    alone = [name for name in names if name not in combined]
    recalibrated = {name: _of(amended, f"{name}{RECALIBRATED}") for name in alone}
    helped = [_label(name) for name, v in recalibrated.items() if v is not None and v.word == SUPPORTED]
    return {
        "table": {"head": ["Remedy", "Moving averages", "Verdict", "Recalibrated", "Verdict", "As registered"],
                  "rows": [_row(name, amended, registered) for name in names], "widths": [24, 19, 11, 19, 11, 16]},
        "n_alone": n_alone,
        "n_compared": sum(v is not None for v in recalibrated.values()),
        "n_seeds": n_seeds,
        "smallest_holm": f"{smallest:.2g}",
        "holm_cannot": bool(tried) and smallest >= 0.05,
        "together": "; ".join(map(in_words, combined)),
        "worth_combining": f"{WORTH_COMBINING:g}",
        "helped": "; ".join(helped),
        "margin": f"{LOWER.margin:g}",
        "better_than_they_look": "; ".join(better_than_they_look(amended, names)),
        "remedies_recalibrated": _said(_of(amended, "recalibrated evaluation")),
    }  # fmt: skip


def better_than_they_look(amended: Verdicts, names: list[str]) -> list[str]:
    """Return the remedies that moving averages show worse than recalibrated statistics by more than the margin."""
    worse = []
    for name in names:
        moving, recalibrated = (_of(amended, f"{name}{evaluation}") for evaluation in (MOVING, RECALIBRATED))
        if recalibrated is not None and moving.result.number - recalibrated.result.number > LOWER.margin:
            both = (f"{v.result.number:+z.1f}".replace("-", "\N{MINUS SIGN}") for v in (moving, recalibrated))
            worse.append((moving.result.number, f"{_label(name)} ({' and '.join(both)})"))
    return [text for _, text in sorted(worse, reverse=True)]


def _of(verdicts: Verdicts, analysis: str) -> Verdict | None:
    """Return the measured verdict of an analysis of the remedies, if there is one."""
    return next((v for v in verdicts.of("remedies") if v.analysis == analysis and v.measured), None)


def _said(verdict: Verdict | None) -> str:
    return "not measured" if verdict is None else words.verdict_and_number(verdict)


def _row(name: str, amended: Verdicts, registered: Verdicts) -> list:
    """Return the cells of a remedy: in both evaluations by the amended plan, and as registered in moving averages."""
    moving, recalibrated = (_of(amended, f"{name}{evaluation}") for evaluation in (MOVING, RECALIBRATED))
    before = _of(registered, f"{name}{MOVING}")
    as_registered = "not registered" if before is None else [{"verdict": before.word}, _adjusted(before)]
    return [_label(name), *_change(moving, _sign(name)), *_change(recalibrated, 1), as_registered]


def _label(name: str) -> str:
    return in_words(name).replace("normalization group", "group norm")


def _change(verdict: Verdict | None, sign: int) -> list:
    """Return a change in test error with its interval, and the verdict on it; two empty cells where there is none."""
    if verdict is None:
        return ["", ""]
    number, low, high = _signed(verdict, sign)
    text = f"{number:z.1f}" if np.isnan(low) else f"{number:z.1f} ({low:z.1f} to {high:z.1f})"
    return [text.replace("-", "\N{MINUS SIGN}"), [{"verdict": verdict.word}]]


def _sign(name: str) -> int:
    """Return -1 for recalibration, whose gain is estimated as a cost of the averages, with the other sign."""
    return -1 if name == RECALIBRATION else 1


def _signed(verdict: Verdict, sign: int) -> tuple[float, float, float]:
    result = verdict.result
    low, high = sorted((sign * result.low, sign * result.high))
    return sign * result.number, low, high


def _adjusted(verdict: Verdict) -> str:
    """Return the p values that are adjusted for how many remedies were tried alone."""
    result = verdict.result
    found = {"": result.p} if result.n_compared == 1 else {"Holm ": result.p_holm, "joint ": result.p_joint}
    return "".join(f", {name}p {min(p, 1):.2g}" for name, p in found.items() if pd.notna(p))


def what_was_run(evidence: Evidence) -> list[list[str]]:
    """Return network, images, seeds and hardware of each experiment of this page."""
    rows = []
    for experiment in EXPERIMENTS:
        try:
            text = FigureData(pd.DataFrame(), evidence.study, evidence.runs(experiment)).sentence()
            text += f" Steps at batch size 32: {steps_done(evidence, experiment)}."
        except NotMeasured as reason:
            text = f"Not measured in this study: {reason}."
        rows.append([experiment, text])
    return rows


def _chosen_by_one_seed(evidence: Evidence) -> dict[str, str]:
    """Return what the best remedy of one seed's validation images promises (points), and other seeds keep of it."""
    tried = find_remedies(evidence.tables)
    errors = {split: tried.errors(evidence.tables, "recalibrated", split) for split in ("validation", "test")}
    other_sizes = [name for name in tried.runs if "batch_size" in changes(name)]
    promised, kept = [], []
    for seed in errors["test"].index:
        validation, others = errors["validation"].loc[seed], errors["test"].drop(index=seed)
        candidates = validation.drop([BASELINE, *other_sizes])
        # Accuracies of a few hundred images tie.
        best = candidates.index[np.isclose(candidates, candidates.min())]
        promised.append(validation[BASELINE] - candidates.min())
        kept.append(np.mean([(others[BASELINE] - others[remedy]).mean() for remedy in best]))
    return {"promised": f"{np.mean(promised):.1f}", "kept": f"{np.mean(kept):.1f}"}
