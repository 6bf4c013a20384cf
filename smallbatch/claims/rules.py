"""Decision rules: from a number and its interval to a verdict. Their words are made from the numbers they decide by."""

from dataclasses import dataclass, field

import numpy as np

from smallbatch.statistics import LEVEL, equivalent

SUPPORTED, CONTRADICTED, NOT_DECIDED, NOT_MEASURED = "supported", "contradicted", "not decided", "not measured"
VERDICTS = (SUPPORTED, CONTRADICTED, NOT_DECIDED, NOT_MEASURED)
INTERVAL = f"{100 * LEVEL:g} % interval"
# How a remark begins where an interval says that a remedy helps and its p does not.
BELOW_BUT = "the interval is below 0, but "


@dataclass(frozen=True)
class Found:
    """What a check measured. `low` and `high` end the interval; an end that was not observed is infinite.

    `p` is that of the sign-flip test against no difference; `p_holm` and `p_joint` are adjusted for several
    comparisons. `diverged` is the share of runs that diverged. `companion` is the interval of a second number, where a
    rule needs one, and `parts` are the verdicts that a verdict is made of.
    """

    number: float
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan
    p_holm: float = np.nan
    p_joint: float = np.nan
    n_seeds: int = 0
    diverged: float = np.nan
    experiment: str = ""
    notes: tuple[str, ...] = ()
    companion: tuple[float, float] = (np.nan, np.nan)
    parts: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class IntervalRule:
    """Decides by where the whole interval lies.

    The claim says that the number is above (or below) something. It is supported if the interval is all beyond
    `supported`, and contradicted if it is all on the other side of `contradicted`, or within `margin` of 0, where a
    number counts as nothing. An interval on the claim's side supports it even within the margin: a small effect.
    """

    unit: str
    above: bool
    supported: float = 0.0
    contradicted: float = 0.0
    margin: float | None = None

    def verdict(self, found: Found) -> str:
        """Return the verdict; an interval of NaN decides nothing."""
        if self.above:
            supports, opposes = found.low > self.supported, found.high < self.contradicted
        else:
            supports, opposes = found.high < self.supported, found.low > self.contradicted
        if supports:
            return SUPPORTED
        return CONTRADICTED if opposes or self._is_nothing(found) else NOT_DECIDED

    def _is_nothing(self, found: Found) -> bool:
        return self.margin is not None and equivalent(found.low, found.high, self.margin)

    def remarks(self, found: Found) -> list[str]:
        """Return what a reader should know beside the verdict."""
        if self.verdict(found) == SUPPORTED and self._is_nothing(found):
            return [f"the interval excludes 0, but lies within {self.margin:g} {self.unit} of it: a small effect"]
        return []

    def words(self) -> str:
        """Return the rule in words."""
        here, there = ("above", "below") if self.above else ("below", "above")
        inside = "" if self.margin is None else f", or inside ±{self.margin:g} {self.unit}"
        return (
            f"supported: {INTERVAL} {here} {self.supported:g} {self.unit}; "
            f"contradicted: {there} {self.contradicted:g} {self.unit}{inside}; otherwise not decided"
        )


@dataclass(frozen=True)
class ProbabilityRule:
    """Decides by a probability."""

    unit: str = "probability"
    supported: float = 0.95
    contradicted: float = 0.05

    def verdict(self, found: Found) -> str:
        """Return the verdict; NaN decides nothing."""
        if found.number >= self.supported:
            return SUPPORTED
        return CONTRADICTED if found.number <= self.contradicted else NOT_DECIDED

    def remarks(self, found: Found) -> list[str]:
        """Return what a reader should know beside the verdict: nothing."""
        return []

    def words(self) -> str:
        """Return the rule in words."""
        return (
            f"supported: probability at least {self.supported:g}; contradicted: at most {self.contradicted:g}; "
            "otherwise not decided"
        )


@dataclass(frozen=True)
class LagRule:
    """Decides by the artefact of a long memory, provided that a short memory (the companion) shows none."""

    unit: str = "points"
    large: float = 5.0
    small: float = 2.0

    def verdict(self, found: Found) -> str:
        """Return the verdict; an interval of NaN decides nothing."""
        short_low, short_high = found.companion
        if found.low > self.large and short_high <= self.small:
            return SUPPORTED
        return CONTRADICTED if found.high < self.large or short_low > self.large else NOT_DECIDED

    def remarks(self, found: Found) -> list[str]:
        """Return the interval of the short memory."""
        low, high = found.companion
        return [f"the artefact at the shortest memory is within [{low:.1f}, {high:.1f}] points"]

    def words(self) -> str:
        """Return the rule in words."""
        return (
            f"supported: {INTERVAL} above {self.large:g} points, and at the shortest memory inside ±{self.small:g} "
            f"points or below; contradicted: below {self.large:g} points, or at the shortest memory also above "
            f"{self.large:g} points; otherwise not decided"
        )


@dataclass(frozen=True)
class RemedyRule:
    """Decides whether a remedy lowers the error, with a p-value that is adjusted for trying many remedies."""

    unit: str = "points"
    alpha: float = 0.05
    margin: float = 1.0

    def verdict(self, found: Found) -> str:
        """Return the verdict; an interval of NaN decides nothing."""
        if found.high < 0 and found.p_holm < self.alpha:
            return SUPPORTED
        nothing = equivalent(found.low, found.high, self.margin)
        return CONTRADICTED if found.low > 0 or nothing else NOT_DECIDED

    def remarks(self, found: Found) -> list[str]:
        """Return what the other p-values say where they would decide otherwise."""
        if not (found.high < 0 and found.p_holm >= self.alpha):
            return []
        adjusted = found.p_holm != found.p
        p = f"p after Holm is {found.p_holm:.3f} (unadjusted {found.p:.3f})" if adjusted else f"p is {found.p:.3f}"
        remarks = [f"{BELOW_BUT}{p}"]
        if found.p_joint < self.alpha:
            remarks.append(f"p of the joint sign-flip test, adjusted as well, is {found.p_joint:.3f}")
        return remarks

    def words(self) -> str:
        """Return the rule in words."""
        return (
            f"supported (helps): {INTERVAL} below 0 points and sign-flip p below {self.alpha:g} after Holm; "
            f"contradicted: above 0 points, or inside ±{self.margin:g} points; otherwise not decided"
        )


@dataclass(frozen=True)
class AnyRule:
    """Decides by the verdicts of several comparisons: whether the claim holds for at least one."""

    unit: str = "points"

    def verdict(self, found: Found) -> str:
        """Return the verdict."""
        if SUPPORTED in found.parts:
            return SUPPORTED
        return CONTRADICTED if set(found.parts) == {CONTRADICTED} else NOT_DECIDED

    def remarks(self, found: Found) -> list[str]:
        """Return what a reader should know beside the verdict: nothing."""
        return []

    def words(self) -> str:
        """Return the rule in words."""
        return "supported: for at least one remedy; contradicted: for every remedy; otherwise not decided"
