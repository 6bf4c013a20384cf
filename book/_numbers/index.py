"""The numbers of the first page: the answer in eight sentences, and every verdict, registered and amended."""

from collections import Counter

import pandas as pd

from smallbatch.claims import AMENDED_CLAIMS, CLAIMS, VERDICTS, words
from smallbatch.claims.answer import answer, gathered
from smallbatch.claims.catalogue import find_claim
from smallbatch.claims.results import SEEDS_FOR_TEST
from smallbatch.figures.catalogue.phantom_overfitting import EXPERIMENT, MOMENTUM
from smallbatch.figures.catalogue.results_at_a_glance import question_first
from smallbatch.figures.evidence import ARTEFACTS, Evidence, FigureData
from smallbatch.study.overview import Overview
from workflow.page_tables import of_published


def numbers(study: str) -> dict:
    """Return them by name."""
    evidence, overview = Evidence(study), Overview(study)
    known = gathered(evidence.tables, evidence.amended)
    to_come = overview.n_planned - overview.n_done
    amended = [claim for claim in AMENDED_CLAIMS if claim.amended]
    return {
        "study": study,
        "answer": {
            "head": ["You asked", "What the runs say"],
            "rows": [[[{"strong": each.asks}], each.says] for each in answer(known)],
            "widths": [25, 75],
        },
        "at_a_glance": {
            "head": ["Question", "Verdict", "Number that decides", "As first registered"],
            "rows": [_row(claim.id, evidence) for claim in question_first()],
            "widths": [34, 14, 30, 22],
        },
        "second_round": {
            "head": ["Question", "Verdict", "Number that decides"],
            "rows": [
                [_question(verdict.claim), [{"verdict": verdict.word}], _number(verdict)]
                for verdicts in known.second_round.values()
                for verdict in verdicts
                if verdict.analysis == "main"
            ],
            "widths": [45, 15, 40],
        },
        **of_published(("train", "test"), _one_check),
        "small_batches": _said("regularization", evidence),
        "small_noise": _said("batch-norm-noise", evidence),
        "n_claims": len(amended),
        "n_seeds": SEEDS_FOR_TEST,
        "counts": _counts([evidence.amended[claim.id].word for claim in amended]),
        "counts_registered": _counts([evidence.verdicts[claim.id].word for claim in CLAIMS]),
        "n_done": overview.n_done,
        "n_planned": overview.n_planned,
        "to_come": f"{to_come} are still to come" if to_come else "none is missing",
        "data": FigureData(pd.DataFrame(), study, evidence.tables.runs).sentence().removeprefix("Data: "),
    }


def _row(claim: str, evidence: Evidence) -> list:
    verdict = evidence.amended[claim]
    before = [{"verdict": evidence.verdicts[claim].word}] if find_claim(claim).registered else "not registered"
    return [_question(claim), [{"verdict": verdict.word}], _number(verdict), before]


def _said(claim: str, evidence: Evidence) -> str:
    """Return the short answer to a claim's question with its number, as one sentence where it is one."""
    verdict = evidence.amended[claim]
    text = words.answer(evidence.amended, claim)
    number = ", ".join(filter(None, (words.amount(verdict), words.interval(verdict), words.sample(verdict))))
    return f"{text.removesuffix('.')} ({number})." if verdict.measured else text


def _question(claim: str) -> list:
    described = find_claim(claim)
    return [{"page": described.page, "text": described.question}]


def _number(verdict) -> str:
    return f"{words.number(verdict)}." if verdict.measured else "no runs yet"


def _counts(found: list[str]) -> str:
    counted = Counter(found)
    return ", ".join(f"{counted[word]} {word}" for word in VERDICTS if word in counted)


def _one_check(evidence: Evidence) -> dict[str, str]:
    """Return accuracies (%) with the long averaging window: of training and test images, evaluated alike."""
    runs, _ = evidence.published(ARTEFACTS, EXPERIMENT)
    long = runs[runs[MOMENTUM] == runs[MOMENTUM].max()]
    return {split: f"{100 * long[f'moving_{split}_accuracy'].mean():.1f}" for split in ("train", "test")}
