"""The numbers of the page about the design: every amendment, rule and verdict, the experiments and the machines."""

import pandas as pd

from smallbatch import statistics
from smallbatch.claims import AMENDED_CLAIMS, CLAIMS, Claim, Plan, Verdict, words
from smallbatch.claims.catalogue import SECOND_ROUND
from smallbatch.claims.claim import AMENDED
from smallbatch.claims.results import SEEDS_FOR_TEST, Result
from smallbatch.figures.evidence import Evidence
from smallbatch.study.overview import Overview

CHECKS = ["Analysis", "Verdict", "Number", "p", "Evaluation", "Notes"]
RULES = ["Claim", "Statement", "Estimator", "Rule"]


def numbers(study: str) -> dict:
    """Return them by name."""
    evidence, overview = Evidence(study), Overview(study)
    plans = {"amended": evidence.amended, "registered": evidence.verdicts}
    return {
        "study": study,
        "n_done": overview.n_done,
        "n_planned": overview.n_planned,
        "amended_on": AMENDED,
        "amendments": amendments(evidence),
        "n_amended": sum(claim.amended is not None and claim.registered is not None for claim in AMENDED_CLAIMS),
        "registered": _rules([(claim, claim.registered) for claim in CLAIMS]),
        "second_round": _rules([(claim, claim.registered) for claim in SECOND_ROUND], by_study=True),
        "n_checks": len(plans["registered"]),
        "n_checks_amended": len(plans["amended"]),
        **{
            f"{plan}_{claim.id}": _checks(verdicts.of(claim.id))
            for plan, verdicts in plans.items()
            for claim in AMENDED_CLAIMS
        },
        "experiments": {
            "head": ["Experiment", "Title", "Varied", "Done"],
            "rows": [
                [each.experiment, _line(each.title), _line(each.varied), f"{each.done} of {each.planned}"]
                for each in overview.experiments().itertuples()
            ],
            "widths": [25, 28, 36, 11],
        },
        "environments": {
            "head": ["Runs", "Machine", "System", "Versions", "Done"],
            "rows": [
                [
                    str(each.runs), _line(each.machine), _line(each.system), _line(each.versions),
                    _line(f"{each.first} to {each.last}"),
                ]
                for each in overview.environments().itertuples()
            ],
            "widths": [8, 23, 15, 37, 17],
        },
        "level": f"{100 * statistics.LEVEL:g}%",
        "fewest": statistics.FEWEST_SEEDS,
        "for_test": SEEDS_FOR_TEST,
        "smallest_p": f"{2 / 2**SEEDS_FOR_TEST:.3f}",
        "smallest_p_fewer": f"{2 / 2 ** (SEEDS_FOR_TEST - 1):.4f}",
    }  # fmt: skip


def amendments(evidence: Evidence) -> dict:
    """Return a row per amended plan: when and why, how it decides now, and both verdicts."""
    rows = [
        [
            _name(claim),
            f"{claim.amended.dated}: {claim.amended.reason}",
            f"{claim.amended.estimator}. {_capital(claim.amended.rule)}",
            [{"verdict": evidence.amended[claim.id].word}],
            [{"verdict": evidence.verdicts[claim.id].word}] if claim.registered else "not registered",
        ]
        for claim in AMENDED_CLAIMS
        if claim.amended
    ]
    head = ["Claim", "When and why", "Estimator and rule since then", "Verdict", "As registered"]
    return {"head": head, "rows": rows, "widths": [15, 27, 34, 12, 12]}


def _name(claim: Claim) -> list:
    return [{"page": claim.page, "text": claim.id}]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _rules(plans: list[tuple[Claim, Plan]], by_study: bool = False) -> dict:
    """Return a row per claim: statement, estimator and rule, and the study where one alone decides it."""
    rows = [
        [*([claim.study] if by_study else []), _name(claim), claim.statement, plan.estimator, plan.rule]
        for claim, plan in plans
    ]
    return {"head": [*(["Study"] if by_study else []), *RULES], "rows": rows}


def _checks(verdicts: list[Verdict]) -> dict:
    return {"head": CHECKS, "rows": list(map(_check, verdicts)), "widths": [16, 12, 22, 10, 13, 27]}


def _check(verdict: Verdict) -> list:
    """Return the cells of an analysis in the table of all of a claim."""
    return [
        verdict.analysis,
        [{"verdict": verdict.word}],
        words.number(verdict) if verdict.measured else "",
        p_values(verdict.result) if verdict.measured else "",
        verdict.evaluation,
        verdict.notes.replace(": nan", ": none"),
    ]


def p_values(result: Result) -> str:
    """Return the p values of a result, those that are adjusted with the name of the method."""
    found = [("", result.p), ("Holm ", result.p_holm), ("joint ", result.p_joint)]
    return ", ".join(f"{label}{value:.3f}" for label, value in found if pd.notna(value))


def _line(text) -> str:
    """Return a text of a study or a record in one line."""
    return " ".join(str(text).split())
