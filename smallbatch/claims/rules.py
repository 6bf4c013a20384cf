"""Decision rules: from a number and its interval to a decision. Their words are made from the numbers they decide by.

Every rule has the same three methods: `decide` returns a `Decision`, `remarks` what the table of verdicts says beside
it, and `words` the rule itself.
"""

from dataclasses import dataclass

from smallbatch.claims.results import Result
from smallbatch.statistics import LEVEL, equivalent

SUPPORTED, CONTRADICTED, NOT_DECIDED, NOT_MEASURED = "supported", "contradicted", "not decided", "not measured"
VERDICTS = (SUPPORTED, CONTRADICTED, NOT_DECIDED, NOT_MEASURED)
# How a claim is contradicted. "Opposite" is stronger than "nothing", an effect too small to count. Where a claim says
# that two numbers are the same, the first is above or below the second. Several comparisons can be mixed.
OPPOSITE, NOTHING, ABOVE, BELOW, MIXED = "opposite", "nothing", "above", "below", "mixed"
INTERVAL = f"{100 * LEVEL:g} % interval"


@dataclass(frozen=True)
class Decision:
    """What a rule makes of a result: a word of `VERDICTS` and, where that is "contradicted", the kind of contradiction.

    `small`: the whole interval lies within the margin that counts as nothing. `required_p`: the p-value that the rule
    asks for too and the result does not have, although the interval alone would support the claim; None otherwise.
    """

    word: str
    contradiction: str = ""
    small: bool = False
    required_p: float | None = None


@dataclass(frozen=True)
class IntervalRule:
    """Decides by where the whole interval lies.

    The claim says that the number is above (or below) something. It is supported if the interval is all beyond
    `supported`, and contradicted if it is all on the other side of `contradicted`, or within `margin` of 0, where a
    number counts as nothing. An interval on the claim's side supports it even within the margin: a small effect. What
    contradicts is the opposite of the claim if the interval is all on the other side of `neutral` (None: of
    `contradicted`), the number without an effect.
    """

    unit: str
    above: bool
    supported: float = 0.0
    contradicted: float = 0.0
    margin: float | None = None
    neutral: float | None = None

    def decide(self, result: Result) -> Decision:
        """Return the decision; an interval of NaN decides nothing."""
        small = self.margin is not None and equivalent(result.low, result.high, self.margin)
        if result.low > self.supported if self.above else result.high < self.supported:
            return Decision(SUPPORTED, small=small)
        if not (small or self._beyond(result, self.contradicted)):
            return Decision(NOT_DECIDED)
        opposite = self._beyond(result, self.contradicted if self.neutral is None else self.neutral)
        return Decision(CONTRADICTED, OPPOSITE if opposite else NOTHING, small)

    def _beyond(self, result: Result, bound: float) -> bool:
        """Return whether the whole interval lies on the side of a bound that speaks against the claim."""
        return result.high < bound if self.above else result.low > bound

    def remarks(self, result: Result) -> list[str]:
        """Return that an effect is small, where it supports the claim."""
        decision = self.decide(result)
        if decision.word == SUPPORTED and decision.small:
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
class EquivalenceRule:
    """Decides whether two numbers are the same, by where the whole interval of their difference lies."""

    unit: str
    margin: float

    def decide(self, result: Result) -> Decision:
        """Return the decision; an interval of NaN decides nothing."""
        if equivalent(result.low, result.high, self.margin):
            return Decision(SUPPORTED)
        if result.low > 0:
            return Decision(CONTRADICTED, ABOVE)
        return Decision(CONTRADICTED, BELOW) if result.high < 0 else Decision(NOT_DECIDED)

    def remarks(self, result: Result) -> list[str]:
        """Return nothing."""
        return []

    def words(self) -> str:
        """Return the rule in words."""
        return (
            f"supported: {INTERVAL} inside ±{self.margin:g} {self.unit}; contradicted: above or below 0 {self.unit} "
            "and not inside; otherwise not decided"
        )


@dataclass(frozen=True)
class ProbabilityRule:
    """Decides by a probability."""

    unit: str = "probability"
    supported: float = 0.95
    contradicted: float = 0.05

    def decide(self, result: Result) -> Decision:
        """Return the decision; NaN decides nothing."""
        if result.number >= self.supported:
            return Decision(SUPPORTED)
        return Decision(CONTRADICTED, OPPOSITE) if result.number <= self.contradicted else Decision(NOT_DECIDED)

    def remarks(self, result: Result) -> list[str]:
        """Return nothing."""
        return []

    def words(self) -> str:
        """Return the rule in words."""
        return (
            f"supported: probability at least {self.supported:g}; contradicted: at most {self.contradicted:g}; "
            "otherwise not decided"
        )


@dataclass(frozen=True)
class LagRule:
    """Decides by the artefact of a long averaging window, provided that a short one (the companion) shows none."""

    unit: str = "points"
    large: float = 5.0
    small: float = 2.0

    def decide(self, result: Result) -> Decision:
        """Return the decision; an interval of NaN decides nothing."""
        short_low, short_high = result.companion
        if result.low > self.large and short_high <= self.small:
            return Decision(SUPPORTED)
        if result.high < self.large:
            return Decision(CONTRADICTED, NOTHING)
        return Decision(CONTRADICTED, OPPOSITE) if short_low > self.large else Decision(NOT_DECIDED)

    def remarks(self, result: Result) -> list[str]:
        """Return the interval of the short window."""
        low, high = result.companion
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

    def decide(self, result: Result) -> Decision:
        """Return the decision; an interval of NaN decides nothing."""
        small = equivalent(result.low, result.high, self.margin)
        if result.high < 0 and result.p_holm < self.alpha:
            return Decision(SUPPORTED, small=small)
        required_p = self.alpha if result.high < 0 and result.p_holm >= self.alpha else None
        if result.low > 0 or small:
            return Decision(CONTRADICTED, OPPOSITE if result.low > 0 else NOTHING, small, required_p)
        return Decision(NOT_DECIDED, required_p=required_p)

    def remarks(self, result: Result) -> list[str]:
        """Return what the p-values say where they keep the interval from deciding."""
        if self.decide(result).required_p is None:
            return []
        remarks = [f"the interval is below 0, but {p_in_words(result)}"]
        if result.p_joint < self.alpha:
            remarks.append(f"p of the joint sign-flip test, adjusted as well, is {result.p_joint:.3f}")
        return remarks

    def words(self) -> str:
        """Return the rule in words."""
        return (
            f"supported (helps): {INTERVAL} below 0 points and sign-flip p below {self.alpha:g} after Holm; "
            f"contradicted: above 0 points, or inside ±{self.margin:g} points; otherwise not decided"
        )


def p_in_words(result: Result) -> str:
    """Return the p-value of a remedy, and where that is another one, what it was before its adjustment."""
    if result.p_holm == result.p:
        return f"p is {result.p:.3f}"
    return f"p after Holm is {result.p_holm:.3f} (unadjusted {result.p:.3f})"


@dataclass(frozen=True)
class AnyRule:
    """Decides by several comparisons, the parts of the result: whether the claim holds for at least one."""

    unit: str = "points"

    def decide(self, result: Result) -> Decision:
        """Return the decision."""
        words = {word for word, _ in result.parts}
        if SUPPORTED in words:
            return Decision(SUPPORTED)
        return Decision(CONTRADICTED, NOTHING) if words == {CONTRADICTED} else Decision(NOT_DECIDED)

    def remarks(self, result: Result) -> list[str]:
        """Return nothing."""
        return []

    def words(self) -> str:
        """Return the rule in words."""
        return "supported: for at least one remedy; contradicted: for every remedy; otherwise not decided"


@dataclass(frozen=True)
class EachRule:
    """Decides by several comparisons, the parts of the result: what all of them say, if they say the same."""

    unit: str
    of: str

    def decide(self, result: Result) -> Decision:
        """Return the decision."""
        words, contradictions = ({part[k] for part in result.parts} for k in (0, 1))
        if len(words) != 1:
            return Decision(NOT_DECIDED)
        return Decision(words.pop(), contradictions.pop() if len(contradictions) == 1 else MIXED)

    def remarks(self, result: Result) -> list[str]:
        """Return nothing."""
        return []

    def words(self) -> str:
        """Return the rule in words."""
        return f"supported: on every {self.of}; contradicted: on every {self.of}; otherwise not decided"


@dataclass(frozen=True)
class ExplanationRule:
    """Decides whether the number of steps explains a difference: there at equal epochs, gone at equal steps.

    The result is the difference at equal steps, with the interval of that at equal epochs as its companion.
    """

    unit: str = "points"
    margin: float = 2.0

    def decide(self, result: Result) -> Decision:
        """Return the decision; an interval of NaN decides nothing."""
        if result.low > 0:
            return Decision(CONTRADICTED, ABOVE)
        explained = result.companion[0] > 0 and equivalent(result.low, result.high, self.margin)
        return Decision(SUPPORTED if explained else NOT_DECIDED)

    def remarks(self, result: Result) -> list[str]:
        """Return the interval at equal epochs."""
        low, high = result.companion
        return [f"the difference at equal epochs is within [{low:.1f}, {high:.1f}] points"]

    def words(self) -> str:
        """Return the rule in words."""
        return (
            f"supported: {INTERVAL} at equal epochs above 0 points, and at equal steps inside ±{self.margin:g} points; "
            "contradicted: at equal steps above 0 points; otherwise not decided"
        )


Rule = IntervalRule | EquivalenceRule | ProbabilityRule | LagRule | RemedyRule | AnyRule | EachRule | ExplanationRule

# --- The rules of this book ---

# A slope of 0.2 points per doubling is one point from batch size 1 to 32, five doublings.
SLOPE = IntervalRule("points per doubling", above=True, margin=0.2)
CURVATURE = IntervalRule("points per doubling squared", above=True, margin=0.1)
# Half a doubling, a factor of 0.71 or 1.41.
RATE = IntervalRule("doublings", above=False, supported=-0.5, contradicted=0.5, margin=0.5)
TIME = IntervalRule("times", above=True, supported=2.0, contradicted=2.0, neutral=1.0)
HIGHER = IntervalRule("points", above=True, margin=1.0)
LOWER = IntervalRule("points", above=False, margin=1.0)
BEST = ProbabilityRule()
LAG = LagRule()
REMEDY = RemedyRule()
EXPLANATION = ExplanationRule()
ANY_REMEDY = AnyRule()
