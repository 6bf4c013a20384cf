"""What a claim consists of. Each is a file of the catalogue that fills these in; nothing here knows a single claim."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from smallbatch.claims.conditions import EVALUATIONS
from smallbatch.claims.contrasts import Estimator
from smallbatch.claims.rules import Rule
from smallbatch.claims.tables import Tables

# The day on which plans were amended, after the first study and before the second round of runs (see CHANGELOG).
AMENDED = "2026-11-28"
# The name of every primary analysis, in the column `check` of the table of verdicts.
PRIMARY = "main"


@dataclass(frozen=True)
class Analysis:
    """One number that is estimated and judged.

    `evaluation`: the statistics that batch norm uses. `statement` is what the verdict is about; empty: the claim's own
    statement. `shown_statement` stands in its place on pages, where the study makes it another one. `notes` is what to
    know before any result.
    """

    name: str
    rule: Rule
    estimate: Estimator
    evaluation: str = "recalibrated"
    statement: str = ""
    shown_statement: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Analyses:
    """The primary analysis, which decides; sensitivity analyses, which ask the same in another way; and related ones.

    The sensitivity analyses vary what could have been chosen otherwise, such as the evaluation, the batch sizes or the
    interval. The related ones ask something else that belongs to the claim, and have statements of their own.
    """

    primary: Analysis
    sensitivity: tuple[Analysis, ...] = ()
    related: tuple[Analysis, ...] = ()

    def __iter__(self):
        return iter((self.primary, *self.sensitivity, *self.related))


@dataclass(frozen=True)
class Plan:
    """How a claim is decided: estimator and rule of the primary analysis in words, and all analyses of some tables.

    An amended plan, made after results were seen, has the day on which it was `dated` and the `reason` for it, and
    `words` of its own where it asks for something else than the claim's words say.
    """

    estimator: str
    rule: str
    analyses: Callable[[Tables], Analyses]
    dated: str = ""
    reason: str = ""
    words: "Words | None" = None


@dataclass(frozen=True)
class Words:
    """The short answer to a claim's question, by its verdict; `whether` completes "It is not decided".

    `contradicted` has an answer for every kind of contradiction (see `rules`). No number belongs in these words but
    those of the rules and of the claims themselves: any study may be shown with them.
    """

    whether: str
    supported: str
    contradicted: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """A claim as one testable statement, the question that it answers, the page about it, and how it is decided.

    `registered` is the plan that stood before the runs, and None of a claim that was made after them; `amended` is a
    later one, if there is any. `prediction` says what
    the claim predicts, of those that the cited answer makes. `after_answer(verdicts)` returns the sentences that follow
    a short answer, where it needs any. `words_of_best` take the place of `words` where the verdict is on the best of
    several (`Result.best_of`). `varies`: which analyses there are depends on the study. `study` is the one
    that the claim is about, and empty where any study of the network may decide it.
    """

    id: str
    question: str
    statement: str
    page: str
    words: Words
    registered: Plan | None
    amended: Plan | None = None
    prediction: str = ""
    after_answer: Callable[..., Sequence[str]] | None = None
    words_of_best: Words | None = None
    varies: bool = False
    study: str = ""


def in_other_evaluations(estimator: Callable[[str], Estimator], rule: Rule) -> tuple[Analysis, ...]:
    """Return the sensitivity analyses of one in the recalibrated evaluation: the same estimator in the others."""
    others = [name for name in EVALUATIONS if name != "recalibrated"]
    return tuple(Analysis(f"{name} evaluation", rule, estimator(name), name) for name in others)


def with_other_intervals(estimator: Callable[[str], Estimator], rule: Rule) -> tuple[Analysis, ...]:
    """Return the sensitivity analyses of one with a bootstrap interval over seeds: the same with other intervals."""
    return (
        Analysis("Student's t interval", rule, estimator("t")),
        Analysis("interval over seeds and test images", rule, estimator("images")),
    )
