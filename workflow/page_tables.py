"""What the numbers of several pages have in common: counts, numbers, verdicts by name and tables of analyses."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from smallbatch.claims import NotMeasured, Verdict, Verdicts, words
from smallbatch.claims.answer import second_round
from smallbatch.claims.catalogue import find_claim
from smallbatch.claims.claim import PRIMARY
from smallbatch.figures.evidence import PUBLISHED, Evidence

# The statistics of batch norm in an evaluation, as tables name them.
EVALUATIONS = {"moving": "moving averages", "batch": "per-batch", "recalibrated": "recalibrated"}


def of_published(names: Iterable[str], compute: Callable[[Evidence], dict]) -> dict:
    """Return what the code of an exercise prints, "exercise_<name>" by name: always of the published study.

    `compute` gets its evidence, and computes in another way than the exercise does; without the study, the names have
    no values.
    """
    try:
        found = compute(Evidence(PUBLISHED).beside(PUBLISHED))
    except NotMeasured:
        found = dict.fromkeys(names, "(not measured)")
    assert set(found) == set(names)
    return {f"exercise_{name}": value for name, value in found.items()}


def plural(n: int, noun: str) -> str:
    """Return a count with its noun: "1 seed", "2 seeds"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def signed(value: float, digits: int = 1) -> str:
    """Return a number with a true minus sign, and without a sign before zero."""
    return f"{value:z.{digits}f}".replace("-", "\N{MINUS SIGN}")


def and_list(names: list[str]) -> str:
    """Return names as a list in words: "a", "a and b", "a, b and c"; empty where there are none."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def capital(text: str) -> str:
    """Return a text that begins a sentence."""
    return text[:1].upper() + text[1:]


def number(verdict: Verdict) -> str:
    """Return the number behind a verdict, as it follows a badge; where nothing was measured, the reason alone."""
    return capital(_number_or_reason(verdict))


def _number_or_reason(verdict: Verdict) -> str:
    # Where nothing was measured the answer says so already; the reason is left to say.
    return words.number(verdict) if verdict.measured else verdict.notes


def named(name: str, verdict: Verdict) -> dict[str, str | bool]:
    """Return a verdict's word, its number, and whether it was measured, below a name."""
    return {f"{name}_verdict": verdict.word, f"{name}_number": number(verdict), f"{name}_measured": verdict.measured}


def answered(name: str, verdicts: Verdicts, claim: str) -> dict[str, str]:
    """Return the short answer to a claim's question, its verdict's word and the number, below a name."""
    verdict = verdicts[claim]
    return {
        f"{name}_answer": words.answer(verdicts, claim),
        f"{name}_verdict": verdict.word,
        f"{name}_number": _number_or_reason(verdict),
    }


def second_round_of(page: str) -> list[Verdict]:
    """Return the verdicts of the second round, of primary and other analyses, that belong to a page."""
    found = (verdict for verdicts in second_round().values() for verdict in verdicts)
    return [verdict for verdict in found if verdict.measured and find_claim(verdict.claim).page == page]


def second_round_tables(page: str) -> dict:
    """Return the verdicts of the second round that belong to a page: primary analyses, all others, and what is few.

    `second_round` and `second_round_all` are tables; `second_round_few` says whether a primary analysis has too few
    seeds for an interval.
    """
    verdicts = second_round_of(page)
    primary = [v for v in verdicts if v.analysis == PRIMARY]
    others = [[f"{v.claim}: {v.analysis}", *_found(v)] for v in verdicts if v.analysis != PRIMARY]
    head, widths = ["Verdict", "Number"], [40, 18, 42]
    asked = [[find_claim(v.claim).question, *_found(v)] for v in primary]
    return {
        "second_round": {"head": ["Question", *head], "rows": asked, "widths": widths},
        "second_round_all": {"head": ["Analysis", *head], "rows": others, "widths": widths},
        "second_round_few": any(np.isnan(v.result.low) for v in primary),
    }


def _found(verdict: Verdict) -> list:
    return [[{"verdict": verdict.word}], words.number(verdict)]


def analyses(verdicts: Verdicts, labels: Mapping[tuple[str, str], str]) -> dict:
    """Return a table with a row for each of these analyses, {(claim, analysis): what it is called here}."""
    rows = [[label, [{"verdict": verdicts[key].word}], number(verdicts[key])] for key, label in labels.items()]
    return {"head": ["Analysis", "Verdict", "Number"], "rows": rows, "widths": [40, 22, 38]}
