"""The catalogue: every claim is whole, has its page and its test, and asks only for experiments that there are."""

import ast
import re

import pytest
import yaml

from smallbatch import claims
from smallbatch.claims import tables as claims_tables
from smallbatch.claims.catalogue import SECOND_ROUND, find_claim
from smallbatch.claims.rules import IntervalRule
from smallbatch.figures.catalogue import verdicts as glance
from smallbatch.figures.evidence import Evidence
from tests.conftest import ROOT

ALL_CLAIMS = (*claims.CLAIMS, *claims.SOURCE_CLAIMS, *SECOND_ROUND)


def planned():
    """Return the experiments of the studies that are published, or are as far as their runs are done."""
    files = [yaml.safe_load(path.read_text()) for path in (ROOT / "studies").glob("*.yaml")]
    return {name for file in files if file.get("published") for name in file["experiments"]}


@pytest.mark.parametrize("claim", ALL_CLAIMS, ids=lambda claim: claim.id)
def test_a_claim_is_whole(claim):
    assert claim.question.endswith("?") and claim.statement and claim.registered.estimator and claim.registered.rule
    for text in (claim.statement, claim.words.whether, claim.words.supported, *claim.words.contradicted.values()):
        assert not text.endswith(".")
    assert (ROOT / "book" / f"{claim.page}.md").is_file()
    assert find_claim(claim.id) is claim
    primary = claim.registered.analyses(claims.Tables()).primary
    assert primary.name == claims.PRIMARY
    if isinstance(primary.rule, IntervalRule):
        assert claim.registered.rule == primary.rule.words()


def test_ids_are_used_once_and_a_file_of_the_catalogue_has_its_test():
    assert len({claim.id for claim in ALL_CLAIMS}) == len(ALL_CLAIMS)
    files = {path.stem for path in (ROOT / "smallbatch/claims/catalogue").glob("*.py")} - {"__init__"}
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests/claims/catalogue").glob("test_*.py")}
    assert files == tests
    assert {claim.id.replace("-", "_") for claim in (*claims.AMENDED_CLAIMS, *SECOND_ROUND)} == files - {"source"}


def test_no_id_of_a_claim_stands_in_the_machinery():
    """What is special about a claim is in its file: adding one touches that, its page and its test."""
    ids = {claim.id for claim in ALL_CLAIMS}
    # The answer to the question is what certain claims say together.
    for path in sorted(set((ROOT / "smallbatch/claims").glob("*.py")) - {ROOT / "smallbatch/claims/answer.py"}):
        tree = ast.parse(path.read_text())
        texts = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        # `remedies` and `dropout` are an experiment and a parameter, too.
        assert not texts & (ids - {"remedies", "dropout"}), path.name


def test_the_five_claims_of_the_answer_come_first_and_predict_something():
    predicting = [claim.id for claim in claims.CLAIMS if claim.prediction]
    assert predicting == [claim.id for claim in claims.CLAIMS[:5]]
    assert predicting == ["regularization", "noise", "batch-one", "stability", "runtime"]


@pytest.fixture
def asked(monkeypatch):
    """The names of the experiments that code asks for while this is in use: each is looked up among the families."""
    names, real = set(), claims_tables.read_families

    class Noting(dict):
        def get(self, name, default=None):
            names.add(name)
            return super().get(name, default)

    monkeypatch.setattr(claims_tables, "read_families", lambda name: Noting(real(name)))
    return names


def test_claims_and_figures_ask_only_for_experiments_that_published_studies_have(asked):
    for study in ("laptop", "gpu"):
        evidence = Evidence(study)
        claims.judge(evidence.tables)
        for module in figure_modules():
            for figure in module.FIGURES:
                try:
                    figure.data(evidence)
                except claims.NotMeasured:
                    continue
    assert {"batch_size", "tuned", "search", "duration", "remedies", "momentum_lag"} <= asked
    assert asked <= planned(), f"no published study has {asked - planned()}"


def figure_modules():
    import importlib
    import pkgutil

    from smallbatch.figures import catalogue

    names = [module.name for module in pkgutil.iter_modules(catalogue.__path__)]
    modules = [importlib.import_module(f"{catalogue.__name__}.{name}") for name in names]
    found = [module for module in modules if hasattr(module, "FIGURES")]
    assert glance in found
    return found


def test_every_experiment_written_in_code_or_on_a_page_is_one_of_a_published_study():
    """Also those that are asked for only where something else is missing."""
    # Where a call has the name of an experiment; elsewhere it stands beside the values wanted there.
    places = {"runs_of": 1, "cells_across": 1} | dict.fromkeys(
        ("slope", "slope_at_matched_loss", "probability_of_one", "runs", "experiment", "histories", "artefacts"), 0
    )
    found = {}
    for path in (*(ROOT / "smallbatch/claims").rglob("*.py"), *(ROOT / "smallbatch/figures").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = None
            if isinstance(node, ast.Call):
                place = places.get(getattr(node.func, "id", getattr(node.func, "attr", "")))
                name = node.args[place] if place is not None and len(node.args) > place else None
            elif isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[1], ast.Dict):
                name = node.elts[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                found.setdefault(name.value, path.name)
    for path in (ROOT / "book").glob("*.md"):
        for name in re.findall(r'\.(?:runs|histories|experiment)\("(\w+)"', path.read_text()):
            found.setdefault(name, path.name)
    assert {"linear_scaling", "fixed_steps", "ghost", "group_norm", "masked_loss"} <= found.keys()
    unknown = {name: where for name, where in found.items() if name not in planned()}
    assert not unknown, f"no published study has {unknown}"
