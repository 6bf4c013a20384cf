"""From claims and tables to verdicts: each analysis is estimated and judged, and what was found is kept in fields."""

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from smallbatch.claims.catalogue import AMENDED_CLAIMS, CLAIMS, find_claim
from smallbatch.claims.claim import PRIMARY, Analysis, Claim
from smallbatch.claims.results import SEEDS_FOR_TEST, Result
from smallbatch.claims.rules import NOT_MEASURED, Decision
from smallbatch.claims.tables import NotMeasured, Tables

COLUMNS = [
    "claim", "check", "verdict", "number", "unit", "low", "high", "p", "p_holm", "p_joint", "n_seeds", "diverged",
    "evaluation", "experiment", "statement", "rule", "notes",
]  # fmt: skip
# Of what was not measured.
NO_DECISION, NO_RESULT = Decision(NOT_MEASURED), Result(np.nan)


@dataclass(frozen=True)
class Verdict:
    """What one analysis of a claim came to.

    `setting`, `remarks` and `missing` are what to know before any result, what the rule says beside its decision, and
    why nothing was measured. The verdict of a primary analysis names the sensitivity analyses that `agree` with it and
    those that `differ`, with their words.
    """

    claim: str
    analysis: str
    unit: str
    evaluation: str
    statement: str
    shown_statement: str
    rule: str
    decision: Decision = NO_DECISION
    result: Result = NO_RESULT
    setting: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    missing: str = ""
    agree: tuple[str, ...] = ()
    differ: tuple[tuple[str, str], ...] = ()

    @property
    def word(self) -> str:
        """Supported, contradicted, not decided or not measured."""
        return self.decision.word

    @property
    def kind(self) -> str:
        """The word, but the kind of contradiction ("opposite", "nothing" and so on) in the place of "contradicted"."""
        return self.decision.contradiction or self.word

    @property
    def measured(self) -> bool:
        """Whether anything was measured."""
        return self.word != NOT_MEASURED

    @property
    def provisional(self) -> bool:
        """Whether it rests on fewer seeds than a sign-flip test needs."""
        return self.measured and self.result.n_seeds < SEEDS_FOR_TEST

    @property
    def notes(self) -> str:
        """What a reader should know, as the table of verdicts has it: separated by "; "."""
        measured = [*self.result.notes(), *self.remarks] if self.measured else [self.missing]
        agree = [f"same verdict: {', '.join(self.agree)}"] if self.agree else []
        differ = [f"other: {', '.join(f'{name} ({word})' for name, word in self.differ)}"] if self.differ else []
        return "; ".join([*self.setting, *measured, *agree, *differ])

    def row(self) -> dict:
        """Return the row of the table of verdicts."""
        found = ("number", "low", "high", "p", "p_holm", "p_joint", "n_seeds", "diverged", "experiment")
        described = ("claim", "unit", "evaluation", "statement", "rule", "notes")
        return {
            "check": self.analysis,
            "verdict": self.word,
            **{name: getattr(self.result, name) for name in found},
            **{name: getattr(self, name) for name in described},
        }


class Verdicts:
    """The verdicts on some claims. `verdicts["noise"]` is a claim's, `verdicts["noise", name]` that of an analysis.

    `plan` says by which plans they were judged, "registered" or "amended".
    """

    def __init__(self, verdicts: Iterable[Verdict], plan: str = "registered"):
        self.plan = plan
        self._verdicts = {(verdict.claim, verdict.analysis): verdict for verdict in verdicts}

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self._verdicts.values())

    def __len__(self) -> int:
        return len(self._verdicts)

    def __getitem__(self, key: str | tuple[str, str]) -> Verdict:
        """Return a verdict; one of a remedy that this study has no runs of is not measured.

        Raises `KeyError` for a claim, or an analysis, that no study has.
        """
        name, analysis = (key, PRIMARY) if isinstance(key, str) else key
        if (name, analysis) in self._verdicts:
            return self._verdicts[name, analysis]
        claim = find_claim(name)
        if not claim.varies:
            there = ", ".join(verdict.analysis for verdict in self.of(name))
            raise KeyError(f"claim {name} has no check {analysis!r}; it has {there}")
        return Verdict(name, analysis, "", "", claim.statement, "", "", missing=f"there are no runs for {analysis}")

    def of(self, claim: str) -> list[Verdict]:
        """Return the verdicts on a claim, that of its primary analysis first."""
        return [verdict for verdict in self if verdict.claim == claim]

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per analysis of every claim; the row whose `check` is `main` is the claim's verdict.

        Columns: `claim`, `check`, `verdict` (supported, contradicted, not decided, not measured), `number` with its
        `unit` and the ends of its interval, `low` and `high` (95 %; NaN where there is none, infinite where an end was
        not observed), `p` (sign-flip test against no difference), `p_holm` and `p_joint` (adjusted, where several
        remedies are compared), `n_seeds`, `diverged` (fraction of the runs, 0 to 1), `evaluation`, `experiment`,
        `statement` (what the verdict is about), `rule` in words, and `notes`, separated by "; ". The notes of a main
        row say which of the sensitivity analyses agree.
        """
        return pd.DataFrame([verdict.row() for verdict in self], columns=COLUMNS)


def judge(tables: Tables, claims: Iterable[Claim] | None = None, plan: str = "registered") -> Verdicts:
    """Return the verdicts of every analysis of some claims, or of all, by their registered or by their amended plans.

    An experiment that is missing makes a verdict `not measured`, never an error. A claim without such a plan is left
    out.
    """
    if claims is None:
        claims = CLAIMS if plan == "registered" else AMENDED_CLAIMS
    verdicts = []
    for claim in claims:
        if (decided := getattr(claim, plan)) is None:
            continue
        analyses = decided.analyses(tables)
        primary, *others = (_judge(claim, analysis, tables) for analysis in analyses)
        measured = [each for each in others[: len(analyses.sensitivity)] if each.measured]
        primary = dataclasses.replace(
            primary,
            agree=tuple(each.analysis for each in measured if each.word == primary.word),
            differ=tuple((each.analysis, each.word) for each in measured if each.word != primary.word),
        )
        verdicts += [primary, *others]
    return Verdicts(verdicts, plan)


def _judge(claim: Claim, analysis: Analysis, tables: Tables) -> Verdict:
    verdict = Verdict(
        claim.id,
        analysis.name,
        analysis.rule.unit,
        analysis.evaluation,
        analysis.statement or claim.statement,
        analysis.shown_statement or analysis.statement or claim.statement,
        analysis.rule.words(),
        setting=analysis.notes,
    )
    try:
        result = analysis.estimate(tables)
    except NotMeasured as reason:
        return dataclasses.replace(verdict, missing=str(reason))
    decision, remarks = analysis.rule.decide(result), tuple(analysis.rule.remarks(result))
    return dataclasses.replace(verdict, result=result, decision=decision, remarks=remarks)
