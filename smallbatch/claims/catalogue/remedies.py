"""The claim *remedies*: those that lower the validation error, taken together, lower the test error at 32."""

import dataclasses

from smallbatch.claims.claim import PRIMARY, Analyses, Analysis, Claim, Plan, Words
from smallbatch.claims.conditions import LARGEST
from smallbatch.claims.contrasts import Estimator
from smallbatch.claims.remedies import BASELINE, against_baseline, combinations, find_remedies
from smallbatch.claims.results import Result
from smallbatch.claims.rules import ANY_REMEDY, HIGHER, NOTHING, OPPOSITE, REMEDY
from smallbatch.claims.tables import NotMeasured, Tables


def analyses(tables: Tables) -> Analyses:
    """Return the analyses: the combination decides where the study has one, else whether any remedy helps."""
    try:
        together = combinations(find_remedies(tables).runs.columns)
    except NotMeasured:
        together = []
    any_helps = [_any(evaluation, f"any, {evaluation}") for evaluation in ("moving", "recalibrated")]
    if together:
        primary = Analysis(PRIMARY, REMEDY, combination(together[0]), "moving")
    else:
        primary = dataclasses.replace(any_helps.pop(0), name=PRIMARY)
    return Analyses(primary, related=(*any_helps, *_each(tables, "moving"), *_each(tables, "recalibrated")))


def combination(name: str) -> Estimator:
    """Estimate what a combination of remedies changes in the test error."""

    def estimate(tables: Tables) -> Result:
        return dataclasses.replace(against_baseline(tables, "moving", REMEDY.margin)[name], shown=name)

    return estimate


def _any(evaluation: str, name: str) -> Analysis:
    statement = f"at least one of the remedies, tried alone, lowers the test error at batch size {LARGEST}"
    return Analysis(name, ANY_REMEDY, best_alone(evaluation), evaluation, statement)


def best_alone(evaluation: str) -> Estimator:
    """Estimate what the best remedy that was tried alone changes; the parts are the verdicts on all of them."""

    def estimate(tables: Tables) -> Result:
        results = against_baseline(tables, evaluation, REMEDY.margin)
        combined = combinations(results)
        alone = {remedy: result for remedy, result in results.items() if remedy not in combined}
        best, result = next(iter(alone.items()))
        decisions = [REMEDY.decide(each) for each in alone.values()]
        ranking = ", ".join(f"{remedy} {each.number:+.1f}" for remedy, each in alone.items())
        return dataclasses.replace(
            result,
            shown=best,
            best_of=len(alone),
            parts=tuple((decision.word, decision.contradiction) for decision in decisions),
            details=(f"ranking: {ranking}",),
        )

    return estimate


def _each(tables: Tables, evaluation: str) -> list[Analysis]:
    try:
        results = against_baseline(tables, evaluation, REMEDY.margin)
    except NotMeasured:
        return []

    def analysis(name: str, result: Result) -> Analysis:
        statement = f"{name} lowers the test error at batch size {LARGEST}"
        return Analysis(f"{name}, {evaluation}", REMEDY, lambda _: result, evaluation, statement)

    return [analysis(name, result) for name, result in results.items()]


CLAIM = Claim(
    "remedies",
    f"What lowers the test error at batch size {LARGEST}?",
    f"the remedies that lower the validation error, taken together, lower the test error at batch size {LARGEST}, as "
    "it is usually evaluated",
    page="remedies",
    words=Words(
        "whether the remedies that lower the validation error help together",
        "The remedies that lower the validation error, taken together, lower the test error",
        {
            OPPOSITE: "Not the remedies that lower the validation error: taken together, they raise the test error",
            NOTHING: "Not the remedies that lower the validation error: taken together, they change the test error by "
            f"less than {HIGHER.margin:g} point",
        },
    ),
    registered=Plan(
        f"test error of the combination minus that of {BASELINE} training, paired by seed, or, where none was trained, "
        "of each remedy alone; experiment remedies; moving evaluation, and recalibrated beside it",
        f"{REMEDY.words()}. Where no combination was trained: {ANY_REMEDY.words()}",
        analyses,
    ),
    # Of several remedies at once, which decide where no combination was trained.
    words_of_best=Words(
        "whether any of the remedies helps",
        "At least one of the remedies tried lowers the test error",
        {
            NOTHING: f"None of the remedies tried: each changes the test error by less than {HIGHER.margin:g} point, "
            "or raises it",
        },
    ),
    varies=True,
)
