"""The verdicts in words: for each claim a short answer, and the sentence with the number that decides it.

Pages and figures take their words from here, so that other results give other words. "Contradicted" can mean two
things, that the opposite is so or that there is next to nothing; the interval tells which, and the words differ. This
module reads the table that `claims.verdicts` makes. It computes no number and decides nothing.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from smallbatch.claims.measures import SEEDS_FOR_TEST
from smallbatch.claims.questions import CURVATURE, HIGHER, LAG, MAIN, RATE, REMEDY, SLOPE, TIME, WITHOUT_ONE
from smallbatch.claims.remedies import in_words
from smallbatch.claims.rules import BELOW_BUT, CONTRADICTED, INTERVAL, NOT_DECIDED, NOT_MEASURED, SUPPORTED
from smallbatch.statistics import FEWEST_SEEDS, equivalent

# What a verdict means for the claim. Of the two kinds of contradiction, "opposite" is the stronger.
OPPOSITE, NOTHING = "opposite", "nothing"
# The rule behind every unit; rules of the same unit have the same bounds, mirrored where the claim says "below".
RULES = {rule.unit: rule for rule in (SLOPE, CURVATURE, RATE, TIME, HIGHER)}
DECIMALS = {SLOPE.unit: 2, CURVATURE.unit: 2, HIGHER.unit: 1, RATE.unit: 1, TIME.unit: 1, "probability": 2}
# These claims say that a number is below something, all others that it is above.
BELOW = ("stability", "dropout", "remedies")
# Which checks these claims have depends on the study.
OF_THE_STUDY = ("dropout", "remedies")
# What the batch sizes above 1 show by themselves, where it is something else than all of them together do.
WITHOUT_BATCH_SIZE_1 = {
    SUPPORTED: "smaller batches have a lower one",
    OPPOSITE: "smaller batches have a higher one",
    NOTHING: "it has no trend",
    NOT_DECIDED: "its trend is not decided",
}


@dataclass(frozen=True)
class Words:
    """The short answer to a claim's question, by what was found; `whether` completes "It is not decided"."""

    whether: str
    supported: str
    opposite: str
    nothing: str = ""


# No number but those of the rules and of the claims themselves: any study may be shown with these words.
WORDS = {
    "regularization": Words(
        "whether smaller batches generalize better",
        "Yes. On the whole, smaller batches have a lower test error",
        "No, the opposite. On the whole, smaller batches have a higher test error",
        f"No. The test error has no trend over the batch sizes of more than {SLOPE.margin:g} {SLOPE.unit}",
    ),
    "noise": Words(
        "whether the noise of the gradient lowers the test error",
        "Yes. A noisier gradient alone lowers the test error, with the same number of images normalized together",
        "No, the opposite. A noisier gradient alone raises the test error",
        f"No. A noisier gradient alone changes the test error by no more than {SLOPE.margin:g} {SLOPE.unit}",
    ),
    "batch-one": Words(
        "whether batch size 1 has the lowest test error",
        "Yes. Batch size 1 has the lowest test error of those tried",
        "No. Another batch size has a lower test error than batch size 1",
    ),
    "stability": Words(
        "whether batch size 1 needs a smaller learning rate",
        "Yes. Training at batch size 1 breaks down at learning rates that batch size 32 survives",
        "No, the opposite. Training at batch size 1 survives larger learning rates than at 32",
        f"No. Batch sizes 1 and 32 survive the same learning rates, to within a factor of {2**RATE.margin:.2g}",
    ),
    "runtime": Words(
        "whether batch size 1 takes more than twice as long as 32",
        "Yes. For the same epochs, batch size 1 takes more than twice as long as 32",
        "No, the opposite. For the same epochs, batch size 1 takes less time than 32",
        "No. For the same epochs, batch size 1 takes less than twice as long as 32",
    ),
    "decay-lag": Words(
        "whether a long memory of the moving averages spoils the evaluation and a short one does not",
        "Yes. With a long memory, the moving averages make a trained network look much worse than it is, and with a "
        "short one they do not",
        "Not as suspected. The moving averages spoil the evaluation with a short memory too",
        f"No. Even with a long memory, the moving averages cost less than {LAG.large:g} points",
    ),
    "batch-32-worse": Words(
        "whether training at batch size 32 gives a worse network than at 10",
        "The network itself is worse: batch size 32 has a higher test error than 10, even with recalibrated statistics",
        "Not because of the network itself: with recalibrated statistics, batch size 32 has a lower test error than 10",
        "Not because of the network itself: with recalibrated statistics, batch sizes 32 and 10 differ by less than "
        f"{HIGHER.margin:g} point",
    ),
    "dropout": Words(
        "whether dropout after the last batch norm helps",
        "Yes. Dropout after the last batch norm lowers the test error",
        "No. Dropout after the last batch norm raises the test error",
        f"It matters little. Dropout after the last batch norm changes the test error by less than {HIGHER.margin:g} "
        "point",
    ),
    "sixty-epochs": Words(
        "whether 60 epochs are too many",
        "Yes. Training on to 60 epochs costs accuracy, beside stopping where the validation loss is lowest",
        "No, the opposite. After 60 epochs the test error is lower than where the validation loss is lowest",
        f"No. Training on to 60 epochs changes the test error by less than {HIGHER.margin:g} point, beside stopping "
        "where the validation loss is lowest",
    ),
    "remedies": Words(
        "whether the remedies that lower the validation error help together",
        "The remedies that lower the validation error, taken together, lower the test error",
        "Not the remedies that lower the validation error: taken together, they raise the test error",
        "Not the remedies that lower the validation error: taken together, they change the test error by less than "
        f"{HIGHER.margin:g} point",
    ),
}
# Of a check on several remedies at once, which decides where no combination was trained.
ANY_REMEDY = Words(
    "whether any of the remedies helps",
    "At least one of the remedies tried lowers the test error",
    "",
    f"None of the remedies tried: each changes the test error by less than {HIGHER.margin:g} point, or raises it",
)


def row_of(verdicts: pd.DataFrame, claim: str, check: str = MAIN) -> pd.Series | None:
    """Return the row of a check; None where this study has no such check, as may be with a remedy.

    Raises `KeyError` for a claim or check that no study has.
    """
    if claim not in WORDS:
        raise KeyError(f"there is no claim {claim!r}; there are {', '.join(WORDS)}")
    of_claim = verdicts[verdicts["claim"] == claim]
    rows = of_claim[of_claim["check"] == check]
    if len(rows):
        return rows.iloc[0]
    if claim in OF_THE_STUDY:
        return None
    raise KeyError(f"claim {claim} has no check {check!r}; it has {', '.join(of_claim['check'])}")


def statement(row: pd.Series) -> str:
    """Return what the verdict of a row is about; where no learning rates were tuned, it is about a fixed one."""
    if row["claim"] == "regularization" and row["check"] == MAIN and row["experiment"] == "batch_size":
        return "smaller batches have a lower test error, all batch sizes at the same learning rate"
    return row["statement"]


def verdict(verdicts: pd.DataFrame, claim: str, check: str = MAIN) -> str:
    """Return the verdict of a check: supported, contradicted, not decided or not measured."""
    row = row_of(verdicts, claim, check)
    return NOT_MEASURED if row is None else row["verdict"]


def finding(verdicts: pd.DataFrame, claim: str, check: str = MAIN) -> str:
    """Return the verdict, but "opposite" or "nothing" in the place of "contradicted"."""
    row = row_of(verdicts, claim, check)
    return NOT_MEASURED if row is None else _finding(row)


def _finding(row: pd.Series) -> str:
    if row["verdict"] != CONTRADICTED:
        return row["verdict"]
    return OPPOSITE if _is_opposite(row) else NOTHING


def _is_opposite(row: pd.Series) -> bool:
    low, high = row["low"], row["high"]
    if row["unit"] == "probability":
        return True
    if _of_several(row):
        return False  # the number is only that of the best
    if row["claim"] == "decay-lag" and row["check"] == MAIN:
        return not high < LAG.large  # what remains of its rule: the short memory spoils too
    if row["unit"] == TIME.unit:
        return high < 1
    bound = RULES[row["unit"]].contradicted
    return low > bound if row["claim"] in BELOW else high < bound


def is_small(row: pd.Series) -> bool:
    """Return whether the whole interval lies within the margin that counts as nothing."""
    rule = RULES.get(row["unit"])
    return rule is not None and rule.margin is not None and equivalent(row["low"], row["high"], rule.margin)


def answer(verdicts: pd.DataFrame, claim: str) -> str:
    """Return the short answer to a claim's question, one to four sentences that fit its verdict."""
    row = row_of(verdicts, claim)
    found, words = _finding(row), ANY_REMEDY if _of_several(row) else WORDS[claim]
    if found == NOT_MEASURED:
        return f"Not measured in this study: {words.whether}."
    if found == NOT_DECIDED:
        few = f" Fewer than {FEWEST_SEEDS} seeds decide nothing." if row["n_seeds"] < FEWEST_SEEDS else ""
        return f"It is not decided {words.whether}.{few}{_without_one(verdicts, row)}"
    text = {SUPPORTED: words.supported, OPPOSITE: words.opposite, NOTHING: words.nothing}[found]
    small = "; the effect is small" if found != NOTHING and not _of_several(row) and is_small(row) else ""
    return f"{text}{small}.{_without_one(verdicts, row)}{_at_which_rates(row)}"


def _without_one(verdicts: pd.DataFrame, row: pd.Series) -> str:
    """Return what the trend is without batch size 1, where that one batch size makes the answer.

    Batch norm then normalizes each image by itself, so a single batch size can turn a slope over six of them round.
    """
    if row["claim"] != "regularization":
        return ""
    found = finding(verdicts, row["claim"], WITHOUT_ONE)
    if found in (_finding(row), NOT_MEASURED):
        return ""
    return f" Without batch size 1, {WITHOUT_BATCH_SIZE_1[found]}."


def _at_which_rates(row: pd.Series) -> str:
    """Return what the batch sizes had for a learning rate, where the study decides which is compared."""
    if row["claim"] not in ("regularization", "batch-one"):
        return ""
    if row["experiment"] == "tuned":
        return " Each batch size had a learning rate of its own, chosen on validation images."
    return " All batch sizes had the same learning rate."


def sentence(verdicts: pd.DataFrame, claim: str, check: str = MAIN) -> str:
    """Return the number that decides, as in "-0.40 points per doubling (95 % interval -0.90 to 0.10, 6 seeds)".

    Where nothing was measured: "not measured in this study" and the reason.
    """
    row = row_of(verdicts, claim, check)
    if row is None:
        return f"not measured in this study: there are no runs for {check}"
    if row["verdict"] == NOT_MEASURED:
        return f"not measured in this study: {row['notes']}"
    return f"{_shown(row)}{number(row)} ({', '.join(filter(None, [interval(row), sample(row)]))})"


def caution(verdicts: pd.DataFrame, claim: str) -> str:
    """Return what to know beside a verdict: few seeds, a test that keeps it undecided, other checks that differ."""
    row = row_of(verdicts, claim)
    if row["verdict"] == NOT_MEASURED:
        return ""
    few = f"Provisional: fewer than {SEEDS_FOR_TEST} seeds." if row["n_seeds"] < SEEDS_FOR_TEST else ""
    notes = row["notes"].split("; ")
    held = [note.removeprefix(BELOW_BUT) for note in notes if note.startswith(BELOW_BUT)]
    test = [f"{BELOW_BUT.capitalize()}{p}; the rule asks for p below {REMEDY.alpha:g} too." for p in held]
    differ = [note.removeprefix("other: ") for note in notes if note.startswith("other: ")]
    other = f"Asked in other ways: {', '.join(differ)}." if differ else ""
    return " ".join(filter(None, [few, *test, other]))


def _shown(row: pd.Series) -> str:
    """Return whose number it is, where the row is about several remedies or their combination."""
    first = row["notes"].split("; ")[0]
    if _of_several(row):
        return f"best of those tried, {in_words(first.removeprefix('shown: ').split(', the best of')[0])}: "
    return f"{in_words(first.removeprefix('together: '))}: " if first.startswith("together: ") else ""


def _of_several(row: pd.Series) -> bool:
    """Return whether a verdict is about several remedies at once, and its number that of the best."""
    return row["notes"].startswith("shown: ")


def number(row: pd.Series) -> str:
    """Return the number of a row with its unit; "no number" where too few seeds gave none."""
    if not np.isfinite(row["number"]):
        return "no number"
    if row["unit"] == "probability":
        return f"probability {_plain(row, 'number')}"
    unit = "times as long" if row["unit"] == TIME.unit else row["unit"]
    return f"{_plain(row, 'number')} {unit}"


def interval(row: pd.Series) -> str:
    """Return the interval of a row in words, an end that was not observed as open; empty where there is none."""
    low, high = row["low"], row["high"]
    if np.isnan(low) or np.isnan(high):
        return ""
    if np.isfinite(low) and np.isfinite(high):
        return f"{INTERVAL} {_plain(row, 'low')} to {_plain(row, 'high')}"
    if np.isfinite(high):
        return f"{INTERVAL} below {_plain(row, 'high')}, its lower end not seen"
    if np.isfinite(low):
        return f"{INTERVAL} above {_plain(row, 'low')}, its upper end not seen"
    return f"neither end of its {INTERVAL} seen"


def sample(row: pd.Series) -> str:
    """Return how many seeds a number rests on: "6 seeds", or what else was repeated."""
    n, unit = int(row["n_seeds"]), "seed"
    if row["experiment"] == "stable_learning_rate":
        # With few checkpoints, the orders of images are the sample (see `speed.stable_rate`).
        unit = "order of images" if "not over checkpoints" in row["notes"] else "checkpoint"
    plural = {"order of images": "orders of images"}.get(unit, f"{unit}s")
    few = ", too few for an interval" if n < FEWEST_SEEDS else ""
    return f"{n} {unit if n == 1 else plural}{few}"


def _plain(row: pd.Series, name: str) -> str:
    """Return a number without a sign before zero."""
    return f"{row[name]:z.{DECIMALS[row['unit']]}f}"
