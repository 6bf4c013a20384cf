"""Kept verdicts: whole, of what is there now, and judged once."""

import dataclasses
import json

import pandas as pd
import pytest

from smallbatch import claims
from smallbatch.claims import store, words
from smallbatch.claims.catalogue import find_claim
from smallbatch.claims.store import keep_verdicts, read_verdicts
from smallbatch.claims.verdicts import judge
from smallbatch.figures.evidence import Evidence
from tests.simulated import study, write_tables

TWO = [find_claim("regularization"), find_claim("runtime")]
STUDY = "title: Made up\nexperiments:\n  tuned: {grid: {batch_size: [4, 20]}}\n  more: {grid: {batch_size: [4]}}\n"


@pytest.fixture
def folder(usual, tmp_path, monkeypatch):
    """The results of a made-up study in a project of its own, and two claims, so that judging is quick."""
    for name in ("studies", "notebooks"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies/made-up.yaml").write_text(STUDY)
    tables = study(experiments=("batch_size",), sgd=(1.0, 0.2))
    # At batch size 1 one run never gets there, so that an interval is open.
    lost = tables.runs.loc[tables.runs["batch_size"] == 1, "run"].iloc[0]
    tables.history.loc[tables.history["run"] == lost, "validation_accuracy"] = 0.1
    write_tables(tmp_path / "results/made-up", tables)

    def judge_two(tables, claims=None, plan="registered"):
        return judge(tables, TWO, plan)

    for module in (store, claims):
        monkeypatch.setattr(module, "judge", judge_two)
    return tmp_path / "results/made-up"


@pytest.fixture
def never_again(monkeypatch):
    """Judging is an error from when this is called."""

    def forbid():
        for module in (store, claims):
            monkeypatch.setattr(module, "judge", lambda *arguments, **others: pytest.fail("judged again"))

    return forbid


def test_kept_verdicts_are_those_that_were_judged_in_every_field(folder, never_again):
    assert read_verdicts(folder) is None
    judged = claims.judge(claims.read(folder))
    keep_verdicts(folder)
    never_again()
    kept = read_verdicts(folder)
    # As text, since no NaN equals another.
    assert [repr(verdict) for verdict in kept] == [repr(verdict) for verdict in judged]
    pd.testing.assert_frame_equal(kept.table, judged.table)
    assert any("inf" in repr(verdict.result) for verdict in kept) and any(verdict.agree for verdict in kept)
    for claim in TWO:
        assert words.answer(kept, claim.id) == words.answer(judged, claim.id)
    assert (folder / "verdicts.csv").read_text() == judged.table.to_csv(index=False)


def test_a_whole_study_keeps_every_field(usual, usual_verdicts, folder, monkeypatch):
    write_tables(folder, usual)
    monkeypatch.setattr(store, "judge", lambda tables, asked, plan: judge(tables, asked, plan))
    keep_verdicts(folder)
    by_key = {(verdict.claim, verdict.analysis): repr(verdict) for verdict in usual_verdicts}
    for verdict in read_verdicts(folder):
        assert repr(verdict) == by_key[verdict.claim, verdict.analysis]


def test_pages_read_what_is_kept_and_judge_what_is_not(folder, never_again, monkeypatch):
    judged = Evidence("made-up").verdicts
    keep_verdicts(folder)
    with monkeypatch.context() as context:
        context.setattr(claims, "judge", lambda tables: pytest.fail("judged again"))
        assert repr(list(Evidence("made-up").verdicts)) == repr(list(judged))
    runs = pd.read_csv(folder / "runs.csv")
    runs.loc[0, "recalibrated_test_accuracy"] = 0.0
    runs.to_csv(folder / "runs.csv", index=False)
    assert Evidence("made-up").verdicts["regularization"].result.number != judged["regularization"].result.number


def change_a_number(folder, monkeypatch):
    text = (folder / "runs.csv").read_text()
    assert "0.7" in text
    (folder / "runs.csv").write_text(text.replace("0.7", "0.6", 1))


def take_a_table_away(folder, monkeypatch):
    (folder / "history.csv").unlink()


def add_a_table(folder, monkeypatch):
    (folder / "wilson_martinez-summary.csv").write_text("run\na\n")


def change_a_family(folder, monkeypatch):
    path = folder.parent.parent / "studies/made-up.yaml"
    path.write_text(path.read_text().replace("more: {", "more: {family: tuned, "))


def change_the_code(folder, monkeypatch):
    monkeypatch.setattr(store, "_code", lambda: "of another version")


def damage(folder, monkeypatch):
    path = folder / "verdicts.json"
    path.write_text(path.read_text()[:-40])


def forget_a_field(folder, monkeypatch):
    path = folder / "verdicts.json"
    kept = json.loads(path.read_text())
    kept["registered"][0]["a field of later"] = 1
    path.write_text(json.dumps(kept))


@pytest.mark.parametrize(
    "change",
    [change_a_number, take_a_table_away, add_a_table, change_a_family, change_the_code, damage, forget_a_field],
)
def test_verdicts_of_anything_else_are_never_used_and_kept_anew(folder, monkeypatch, change):
    keep_verdicts(folder)
    assert read_verdicts(folder) is not None
    change(folder, monkeypatch)
    assert read_verdicts(folder) is None
    keep_verdicts(folder)
    assert repr(list(read_verdicts(folder))) == repr(list(claims.judge(claims.read(folder))))


def test_what_has_no_part_in_verdicts_leaves_them_kept(folder, never_again):
    keep_verdicts(folder)
    (folder / "cost.csv").write_text("a\n1\n")
    path = folder.parent.parent / "studies/made-up.yaml"
    path.write_text(path.read_text().replace("title: Made up", "title: Another"))
    never_again()
    before = {file: file.stat().st_mtime_ns for file in folder.iterdir()}
    keep_verdicts(folder)
    assert {file: file.stat().st_mtime_ns for file in folder.iterdir()} == before


def test_the_digest_is_that_of_the_sources_without_the_figures(tmp_path, monkeypatch):
    code = store._code.__wrapped__
    found = []
    for change in (None, "figures/drawing.py", "claims/rules.py"):
        package = tmp_path / "smallbatch"
        for place in ("__init__.py", "claims/rules.py", "figures/drawing.py"):
            (package / place).parent.mkdir(parents=True, exist_ok=True)
            (package / place).write_text("changed" if place == change else "")
        monkeypatch.setattr(store.smallbatch, "__file__", str(package / "__init__.py"))
        found.append(code())
    assert found[0] == found[1] != found[2]


def test_the_published_table_is_left_alone_where_it_differs_by_rounding_alone(folder):
    keep_verdicts(folder)
    path = folder / "verdicts.csv"
    table = pd.read_csv(path, keep_default_na=False, na_values=[""])
    table["number"] *= 1 + 1e-12
    rounded = table.to_csv(index=False)
    path.write_text(rounded)
    keep_verdicts(folder)
    assert path.read_text() == rounded
    for column, value in (("number", 5.0), ("verdict", "supported"), ("notes", "other")):
        path.write_text(table.assign(**{column: value}).to_csv(index=False))
        keep_verdicts(folder)
        again = pd.read_csv(path, keep_default_na=False, na_values=[""])
        pd.testing.assert_frame_equal(again, table)
    path.unlink()
    keep_verdicts(folder)
    assert path.is_file()


def test_a_claim_that_has_been_amended_has_a_table_of_its_own(folder, monkeypatch):
    claim = claims.CLAIMS[0]
    amended = dataclasses.replace(claim, amended=claim.registered)

    monkeypatch.setattr(store, "judge", lambda tables, asked, plan: judge(tables, [amended], plan))
    monkeypatch.setattr(store, "_code", lambda: "of another version")
    keep_verdicts(folder)
    assert set(pd.read_csv(folder / "verdicts-amended.csv")["claim"]) == {"regularization"}
    assert len(read_verdicts(folder, "amended")) == len(read_verdicts(folder, "registered")) > 1


def test_a_folder_without_results_has_no_kept_verdicts(tmp_path):
    assert read_verdicts(tmp_path / "nothing") is None
