"""What the numbers of several pages have in common: counts, numbers, verdicts by name and tables of analyses."""

from collections.abc import Mapping

from smallbatch.claims import Verdict, Verdicts, words


def plural(n: int, noun: str) -> str:
    """Return a count with its noun: "1 seed", "2 seeds"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def signed(value: float, digits: int = 1) -> str:
    """Return a number with a true minus sign, and without a sign before zero."""
    return f"{value:z.{digits}f}".replace("-", "\N{MINUS SIGN}")


def and_list(names: list[str]) -> str:
    """Return names as a list in words: "a", "a and b", "a, b and c"; empty where there are none."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def number(verdict: Verdict) -> str:
    """Return the number behind a verdict, as it follows a badge; where nothing was measured, the reason alone."""
    text = words.number(verdict) if verdict.measured else verdict.notes
    return text[:1].upper() + text[1:]


def named(name: str, verdict: Verdict) -> dict[str, str | bool]:
    """Return a verdict's word, its number, and whether it was measured, below a name."""
    return {f"{name}_verdict": verdict.word, f"{name}_number": number(verdict), f"{name}_measured": verdict.measured}


def analyses(verdicts: Verdicts, labels: Mapping[tuple[str, str], str]) -> dict:
    """Return a table with a row for each of these analyses, {(claim, analysis): what it is called here}."""
    rows = [[label, [{"verdict": verdicts[key].word}], number(verdicts[key])] for key, label in labels.items()]
    return {"head": ["Analysis", "Verdict", "Number"], "rows": rows, "widths": [40, 22, 38]}
