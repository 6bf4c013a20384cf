"""The report on a study: true in its numbers, one file that needs no other, and honest about what is missing."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from smallbatch.errors import UserError
from smallbatch.study.file import load_study
from tests import simulated
from tests.conftest import ROOT
from tests.study.test_overview import record_of, write
from workflow import report

STUDY = """
title: Mine & yours <b>
defaults: {dataset: clothing, n_train: 960, epochs: 20, learning_rate: 0.01, image_size: 107, width: 0.25, depth: 0.2}
experiments:
  batch_size:
    grid: {batch_size: [1, 2, 4, 8, 16, 32], seed: [0, 1, 2, 3, 4, 5]}
showcase: {batch_size: 32, seed: 0}
"""


def runs(sizes=(4, 32), seeds=3):
    rows = []
    for size in sizes:
        for seed in range(seeds):
            row = {"run": f"b{size}-s{seed}", "seed": seed, "batch_size": size, "epochs": 2, "outcome": "finished"}
            for name, accuracy in (("moving", 0.5), ("batch", 0.8), ("recalibrated", 0.9)):
                row |= {f"{name}_train_accuracy": accuracy + 0.05, f"{name}_test_accuracy": accuracy - 0.01 * seed}
            rows.append(row)
    table = pd.DataFrame(rows)
    return table.assign(condition=report.conditions(table))


def test_conditions_are_named_by_what_differs_and_by_nothing_that_changes_along():
    table = runs().drop(columns="condition")
    assert set(report.conditions(table)) == {"batch_size 4", "batch_size 32"}
    along = table.assign(ghost_batch_size=table["batch_size"] / 2, data_folder=None, steps=float("nan"))
    assert set(report.conditions(along)) == {"batch_size 4", "batch_size 32"}
    assert set(report.conditions(table[table["batch_size"] == 4])) == {"all runs"}


def test_errors_are_means_over_seeds():
    row = report.errors(runs()).set_index("condition").loc["batch_size 4"]
    assert (
        row["seeds"] == 3 and row["moving_test"] == pytest.approx(51) and row["recalibrated_train"] == pytest.approx(5)
    )


@pytest.mark.parametrize(("seeds", "words"), [(1, "1 seed, too few"), (2, "2 seeds, too few"), (3, "40.0 percentage")])
def test_a_cost_is_given_where_seeds_suffice(seeds, words):
    assert all(words in sentence for sentence in report.evaluation_costs(runs(seeds=seeds)))


def test_a_cost_has_its_sign_in_words():
    turned = runs()
    turned["moving_test_accuracy"], turned["recalibrated_test_accuracy"] = (
        turned["recalibrated_test_accuracy"], turned["moving_test_accuracy"],
    )  # fmt: skip
    assert all("points lower with moving-average" in sentence for sentence in report.evaluation_costs(turned))


def test_tables_can_be_scrolled_by_keyboard_and_show_texts_as_texts():
    text = report._table(pd.DataFrame({"a_b": ["<script>"], "x": [1.25]}), 'A "caption"')
    assert '<th scope="col">a b</th>' in text and 'tabindex="0"' in text and "&lt;script&gt;" in text
    assert 'aria-label="A &quot;caption&quot;"' in text


def project(folder):
    """Fill a folder with two studies, of which `mine` has records of made-up runs."""
    for name in ("notebooks", "CITATION.cff"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "studies").mkdir()
    (folder / "studies/mine.yaml").write_text(STUDY)
    (folder / "studies/empty.yaml").write_text(STUDY)
    simulated.write(folder / "results" / "mine", experiments=("batch_size",), sgd=(0.5, 0.1))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for run, config in load_study("mine").runs.items():
            write(folder / "results/mine/runs" / run, record_of(run, config), "history.csv")
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The report on a made-up study, as the command writes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project(tmp_path_factory.mktemp("project")))
        return report.page("mine")


@pytest.mark.slow
def test_a_study_without_records_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(project(tmp_path))
    with pytest.raises(UserError, match=r"no record yet\. Train it first: make study STUDY=empty"):
        report.page("empty")


class Fetched(HTMLParser):
    """The addresses that a browser would fetch."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found += [
            value for name, value in attributes if name in ("src", "href") and tag in ("script", "link", "img")
        ]


@pytest.mark.slow
def test_the_report_needs_no_other_file_and_shows_what_was_run(written):
    assert Fetched(written).found == [] and written.count("<svg ") == 2
    assert "Mine &amp; yours &lt;b&gt;" in written and "36 of 36 runs are done" in written
    for heading in ("What was run", "Errors in the evaluations", "Learning curves", "Verdicts", "Every run"):
        assert f"<h2>{heading}</h2>" in written
    assert len(re.findall("batch_size 32: the test error is", written)) == 1
    assert "claims need runs that this study does not have" in written
