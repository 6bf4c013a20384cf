"""The words of the pages follow the tables: the same pages, for a study and for one whose results are inverted.

The pages' numbers are computed without building a book: that is what a reader finds there.
"""

import dataclasses
import re
from pathlib import Path

import pytest

from smallbatch import claims
from smallbatch.claims import words
from smallbatch.claims.catalogue import SECOND_ROUND
from tests import simulated
from workflow.page_numbers import numbers_of

BOOK = Path(__file__).resolve().parent.parent.parent / "book"
STUDY = """
title: Made up
defaults: {dataset: digits, n_train: 40, image_size: 107, width: 0.125, depth: 0.1, epochs: 2}
experiments:
  batch_size:
    grid: {batch_size: [4, 20], seed: [0, 1]}
"""
LONG = 0.9997
TRUTH = {
    "sgd": (2.0, 0.3), "rate": 0.02, "limit": (-2.0, 0.5), "twice": (2.0, 0.2), "lag": {LONG: (30, 5)},
    "dropout": (-3.0, 0.5), "regret": (3.0, 0.5), "combination": (-6.0, 0.5),
}  # fmt: skip
INVERTED = {
    "sgd": (-2.0, 0.3), "rate": 0.02, "limit": (2.0, 0.5), "twice": (-2.0, 0.2), "lag": {LONG: (-30, 5)},
    "dropout": (3.0, 0.5), "regret": (-3.0, 0.5), "remedy": (3.0, 0.5),
    "combination": (6.0, 0.5),
}  # fmt: skip


def said(value):
    """Return what a value of a page's numbers shows as text: a line per row of a table, cells between bars."""
    if isinstance(value, dict) and "rows" in value:
        return "\n".join(" | ".join(said(cell) for cell in row) for row in value["rows"])
    if isinstance(value, dict):
        return next(str(value[key]) for key in ("verdict", "strong", "text") if key in value)
    return "".join(map(said, value)) if isinstance(value, list) else str(value)


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """A folder with two studies, and their tables of verdicts."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "studies").mkdir()
    (folder / "notebooks").mkdir()
    verdicts = {}
    for name, truth in (("so", TRUTH), ("inverted", INVERTED)):
        (folder / "studies" / f"{name}.yaml").write_text(STUDY)
        simulated.write(folder / "results" / name, **truth)
        tables = claims.read(folder / "results" / name)
        verdicts[name] = claims.judge(tables)
        verdicts[name, "amended"] = claims.judge(tables, claims.AMENDED_CLAIMS, "amended")
    return folder, verdicts


@pytest.fixture
def page_of(studies, monkeypatch):
    """A function that shows a page for one of the studies."""
    folder, verdicts = studies
    monkeypatch.chdir(folder)

    def shown(page, study):
        by_plan = {"registered": verdicts[study], "amended": verdicts[study, "amended"]}
        # Judging takes seconds.
        monkeypatch.setattr(claims, "judge", lambda tables, asked=None, plan="registered": by_plan[plan])
        glued = numbers_of(BOOK / "_numbers" / f"{page}.py")(study)
        return glued, "\n".join(f"{name}: {said(value)}" for name, value in glued.items())

    return shown


pytestmark = pytest.mark.slow


def test_every_verdict_is_another_where_the_results_are_inverted(studies):
    _, verdicts = studies
    for claim in claims.CLAIMS:
        so, inverted = (verdicts[name][claim.id].kind for name in ("so", "inverted"))
        assert so == "supported", claim.id
        assert inverted in ("opposite", "nothing"), claim.id
        assert words.answer(verdicts["so"], claim.id) != words.answer(verdicts["inverted"], claim.id)


def test_the_first_page_answers_by_the_verdicts(page_of, studies):
    _, verdicts = studies
    for name in ("so", "inverted"):
        glued, text = page_of("index", name)
        amended = verdicts[name, "amended"]
        rows = said(glued["at_a_glance"]).splitlines()
        for claim in claims.AMENDED_CLAIMS:
            (row,) = [row for row in rows if row.startswith(claim.question)]
            before = f" | {verdicts[name][claim.id].word}" if claim.registered else " | not registered"
            assert f" | {amended[claim.id].word} | {words.number(amended[claim.id])}" in row and row.endswith(before)
        answers = said(glued["answer"])
        for claim in ("batch-32-worse", "sixty-epochs", "dropout", "regularization", "noise", "batch-norm-noise"):
            assert words.answer(amended, claim).removesuffix(".") in answers
        assert glued["n_claims"] == len(claims.AMENDED_CLAIMS)
    assert glued["counts_registered"] == "10 contradicted"
    assert "Yes." not in text and "The network itself is worse" not in text


def test_the_page_of_the_claim_shows_the_verdicts(page_of):
    for name, word in (("so", "supported"), ("inverted", "contradicted")):
        glued, _ = page_of("claim", name)
        assert {value for key, value in glued.items() if key.startswith("verdict_")} == {word}
        assert len(glued["statements"]["rows"]) == 5
        assert all(said(row).endswith(word * 2) for row in glued["statements"]["rows"])


@pytest.mark.parametrize(
    ("page", "claim", "name"),
    [
        ("channels", "noise", "noise"),
        ("channels", "batch-norm-noise", "batch_norm"),
        ("learning-rates", "stability", "stability"),
        ("cost", "runtime", "runtime"),
    ],
)
def test_a_page_opens_with_its_answer_by_the_amended_rule_and_has_the_registered_verdict_too(
    page_of, studies, page, claim, name
):
    _, verdicts = studies
    answers = set()
    for study in ("so", "inverted"):
        glued, _ = page_of(page, study)
        verdict = verdicts[study, "amended"][claim]
        assert (glued[f"{name}_verdict"], glued[f"{name}_number"]) == (verdict.word, words.number(verdict))
        assert glued[f"{name}_answer"] == words.answer(verdicts[study, "amended"], claim)
        answers.add(glued[f"{name}_answer"])
        if verdict.claim != "batch-norm-noise":
            assert glued[f"registered_{name}"] == verdicts[study][claim].word
        for row in glued["registered"]["rows"]:
            assert row[1][0]["verdict"] in {
                each.word for each in verdicts[study].of("noise" if page == "channels" else claim)
            }
    # The made-up studies have the same noise of batch norm.
    assert len(answers) == (1 if claim == "batch-norm-noise" else 2)


def test_the_appendix_prints_amendments_rules_and_every_analysis(page_of, studies):
    _, verdicts = studies
    glued, _ = page_of("design", "inverted")
    by_plan = {"registered": verdicts["inverted"], "amended": verdicts["inverted", "amended"]}
    for claim in claims.CLAIMS:
        (row,) = [row for row in glued["registered"]["rows"] if said(row[0]) == claim.id]
        assert row[2:] == [claim.registered.estimator, claim.registered.rule]
        (row,) = [row for row in glued["amendments"]["rows"] if said(row[0]) == claim.id]
        assert row[1] == f"{claim.amended.dated}: {claim.amended.reason}"
        assert claim.amended.estimator in row[2] and claim.amended.rule[1:] in row[2]
        assert [said(row[3]), said(row[4])] == [by_plan[plan][claim.id].word for plan in ("amended", "registered")]
    assert [row[0] for row in glued["second_round"]["rows"]] == [claim.study for claim in SECOND_ROUND]
    page = (BOOK / "design.md").read_text()
    for plan, of_plan in by_plan.items():
        for verdict in of_plan:
            name = f"{plan}_{verdict.claim}"
            assert [verdict.analysis, verdict.word] in [[row[0], said(row[1])] for row in glued[name]["rows"]]
            assert f"{{numbers-table}} {name}\n" in page
    assert glued["n_checks"] == len(by_plan["registered"]) and glued["n_checks_amended"] == len(by_plan["amended"])
    assert (glued["smallest_p"], glued["smallest_p_fewer"]) == ("0.031", "0.0625")


def test_the_page_of_remedies_tells_the_combination_from_the_remedies_tried_alone(page_of, studies):
    _, verdicts = studies
    named = "dropout between batch norms 0.1 + weight decay 0.0005"
    for name, word in (("so", "supported"), ("inverted", "contradicted")):
        glued, _ = page_of("remedies", name)
        amended, registered = verdicts[name, "amended"]["remedies"], verdicts[name]["remedies"]
        assert glued["together"] == named
        assert glued["n_alone"] == 9
        assert glued["remedies_answer"] == words.answer(verdicts[name, "amended"], "remedies")
        rows = said(glued["table"]).splitlines()
        (row,) = [row for row in rows if row.startswith(named)]
        _, _, in_moving_averages, _, _, as_registered = row.split(" | ")
        assert in_moving_averages == amended.word == word
        assert as_registered == f"{word}, p {registered.result.p:.2g}"
        assert not [row for row in rows if row.startswith("any")]


def test_the_page_of_remedies_names_those_that_the_moving_averages_show_worse_than_they_are(
    page_of, studies, monkeypatch
):
    _, verdicts = studies
    glued, _ = page_of("remedies", "so")
    assert glued["better_than_they_look"] == ""
    numbers = {"weight_decay = 0.0005, moving": 5.0, "weight_decay = 0.0005, recalibrated": -2.0}
    changed = [
        dataclasses.replace(verdict, result=dataclasses.replace(verdict.result, number=numbers[verdict.analysis]))
        if verdict.claim == "remedies" and verdict.analysis in numbers
        else verdict
        for verdict in verdicts["so", "amended"]
    ]
    monkeypatch.setitem(verdicts, ("so", "amended"), claims.Verdicts(changed, "amended"))
    glued, _ = page_of("remedies", "so")
    assert glued["better_than_they_look"] == "weight decay 0.0005 (+5.0 and \N{MINUS SIGN}2.0)"


@pytest.mark.parametrize("page", ["index", "claim", "teach", "design", "runs"])
def test_prose_holds_no_verdict_of_its_own(page):
    text = re.sub(r"^```\{code-cell\}.*?^```$", "", (BOOK / f"{page}.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    prose = text[: text.find("## Exercises")]
    for said in re.finditer(r"\b(is|are|was|were) (supported|contradicted)\b", prose):
        around = prose[max(0, said.start() - 40) : said.end() + 60]
        assert "A claim is contradicted where" in around.replace("\n", " "), around
