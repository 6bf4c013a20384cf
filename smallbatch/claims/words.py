"""What verdicts say, in three words of this book: an `answer`, the `number` that decides and a `caveat`.

Pages and figures take their words from here, so that other results give other words. All is made from the fields of a
verdict and from what the claim's own file says; no claim is named here. Nothing is computed or decided.
"""

import numpy as np

from smallbatch.claims.catalogue import find_claim
from smallbatch.claims.remedies import in_words
from smallbatch.claims.results import ORDER, SEEDS_FOR_TEST
from smallbatch.claims.rules import BEST, CURVATURE, NOT_DECIDED, NOTHING, SLOPE, SUPPORTED, TIME, p_in_words
from smallbatch.claims.verdicts import Verdict, Verdicts
from smallbatch.statistics import FEWEST_SEEDS, LEVEL

# Digits after the point of a number, by its unit; of others, one.
DECIMALS = {SLOPE.unit: 2, CURVATURE.unit: 2, BEST.unit: 2}
# What a unit is called behind a number, where that is not its name.
BEHIND_NUMBER = {TIME.unit: "times as long"}
LEVEL_IN_WORDS = f"{100 * LEVEL:g}% CI"
PLURALS = {ORDER: "orders of images"}


def answer(verdicts: Verdicts, claim: str) -> str:
    """Return the short answer to a claim's question, one to four sentences that fit its verdict."""
    verdict, described = verdicts[claim], find_claim(claim)
    plan = getattr(described, verdicts.plan)
    words = described.words_of_best if verdict.result.best_of else plan.words or described.words
    if not verdict.measured:
        return f"Not measured in this study: {words.whether}."
    # What follows a short answer is about the registered analyses.
    follows = described.after_answer if verdicts.plan == "registered" else None
    after = follows(verdicts) if follows else []
    if verdict.word == NOT_DECIDED:
        few = [f"Fewer than {FEWEST_SEEDS} seeds decide nothing."] if verdict.result.n_seeds < FEWEST_SEEDS else []
        return " ".join([f"It is not decided {words.whether}.", *few, *after])
    text = words.supported if verdict.word == SUPPORTED else words.contradicted[verdict.kind]
    small = "; the effect is small" if verdict.decision.small and verdict.kind != NOTHING else ""
    return " ".join([f"{text}{small}.", *after])


def without_yes_or_no(text: str) -> str:
    """Return an answer as it follows a question that is not one of yes or no."""
    return text.removeprefix("Yes. ").removeprefix("No. ")


def number(verdict: Verdict) -> str:
    """Return the number that decides, as in "−0.40 points per doubling (95% CI −0.90 to 0.10, 6 seeds)".

    Where nothing was measured: "not measured in this study" and the reason.
    """
    if not verdict.measured:
        return f"not measured in this study: {verdict.notes}"
    beside = ", ".join(filter(None, [interval(verdict), sample(verdict)]))
    return f"{_whose(verdict)}{amount(verdict)} ({beside})"


def verdict_and_number(verdict: Verdict) -> str:
    """Return the word of a verdict and the number behind it: "supported: 0.50 points per doubling (...)"."""
    # Where nothing was measured, the number says so itself.
    return f"{verdict.word}: {number(verdict)}" if verdict.measured else number(verdict)


def caveat(verdict: Verdict) -> str:
    """Return what to know beside a verdict: few seeds, a test that keeps it undecided, analyses that differ."""
    if not verdict.measured:
        return ""
    sentences = []
    if verdict.provisional:
        sentences.append(f"Provisional: fewer than {SEEDS_FOR_TEST} seeds.")
    if (required := verdict.decision.required_p) is not None:
        p = p_in_words(verdict.result)
        sentences.append(f"The interval is below 0, but {p}; the rule asks for p below {required:g} too.")
    if verdict.differ:
        others = ", ".join(f"{name} ({word})" for name, word in verdict.differ)
        sentences.append(f"Asked in other ways: {others}.")
    return " ".join(sentences)


def amount(verdict: Verdict) -> str:
    """Return the number of a verdict with its unit; "no number" where too few seeds gave none."""
    if not np.isfinite(verdict.result.number):
        return "no number"
    text = _rounded(verdict, verdict.result.number)
    if verdict.unit == BEST.unit:
        return f"{verdict.unit} {text}"
    return f"{text} {BEHIND_NUMBER.get(verdict.unit, verdict.unit)}"


def interval(verdict: Verdict) -> str:
    """Return the interval of a verdict, an end that was not observed as open; empty where there is none."""
    low, high = verdict.result.low, verdict.result.high
    if np.isnan(low) or np.isnan(high):
        return ""
    if np.isfinite(low) and np.isfinite(high):
        return f"{LEVEL_IN_WORDS} {_rounded(verdict, low)} to {_rounded(verdict, high)}"
    if np.isfinite(high):
        return f"{LEVEL_IN_WORDS} below {_rounded(verdict, high)}, its lower end not seen"
    if np.isfinite(low):
        return f"{LEVEL_IN_WORDS} above {_rounded(verdict, low)}, its upper end not seen"
    return f"neither end of its {LEVEL_IN_WORDS} seen"


def sample(verdict: Verdict) -> str:
    """Return how many seeds a number rests on: "6 seeds", or what else was repeated."""
    n, one = verdict.result.n_seeds, verdict.result.sampled
    several = PLURALS.get(one, f"{one}s")
    few = ", too few for an interval" if n < FEWEST_SEEDS else ""
    return f"{n} {one if n == 1 else several}{few}"


def _whose(verdict: Verdict) -> str:
    """Return whose number it is, where the verdict is about several remedies or their combination."""
    if verdict.result.best_of:
        return f"best of those tried, {in_words(verdict.result.shown)}: "
    return f"{in_words(verdict.result.shown)}: " if verdict.result.shown else ""


def _rounded(verdict: Verdict, value: float) -> str:
    """Return a number with a true minus sign, and without a sign before zero."""
    return f"{value:z.{DECIMALS.get(verdict.unit, 1)}f}".replace("-", "\N{MINUS SIGN}")
