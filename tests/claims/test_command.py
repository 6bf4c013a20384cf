"""The command: every verdict in the terminal, the table in a file, and what a study file is to have."""

import dataclasses
import textwrap

import pytest
import yaml

from smallbatch import claims
from smallbatch.claims.__main__ import main as command
from smallbatch.figures.__main__ import main as draw
from smallbatch.study.file import parse_study
from tests.simulated import SIZES, study, write_tables


def test_it_prints_every_claim_and_writes_the_table(usual, project, capsys):
    write_tables(project / "results/made-up", usual)
    assert command(["made-up", "--all", "--csv", "verdicts.csv"]) == 0
    printed = capsys.readouterr().out
    verdicts = claims.judge(claims.read("results/made-up"))
    for verdict in verdicts:
        main = verdict.analysis == "main"
        line = f"{verdict.claim}: {verdict.word.upper()}" if main else f"- {verdict.analysis}: {verdict.word}"
        assert line in printed
    assert (project / "verdicts.csv").read_text() == verdicts.table.to_csv(index=False)
    assert command(["made-up"]) == 0
    assert "- moving evaluation" not in capsys.readouterr().out


def test_a_study_that_is_not_there_ends_it_with_a_sentence(project, capsys):
    assert command(["no-such-study"]) == 2
    assert "no-such-study" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../outside", "/etc", "a b", "", "made-up/../made-up", "x" * 101])
def test_a_name_that_is_not_one_word_is_refused_with_those_there_are(project, capsys, name):
    write_tables(project / "results/made-up", study())
    write_tables(project / "outside", study())
    for refuse in (command, draw):
        assert refuse([name]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"study = {name!r} is not allowed" in line and line.endswith("There are: made-up")
    assert sorted(path.name for path in project.iterdir()) == ["notebooks", "outside", "results", "studies"]


def test_the_chosen_rates_are_printed_as_an_experiment_of_a_study_file(project, capsys):
    write_tables(project / "results/made-up", study())
    assert command(["made-up", "--tuned"]) == 0
    head = "title: Made up\ndefaults: {dataset: digits}\nexperiments:\n"
    made = parse_study("made-up", head + textwrap.indent(capsys.readouterr().out, "  "))
    rates = {config.batch_size: config.learning_rate for config in made.runs.values()}
    assert rates == {1: 0.005} | dict.fromkeys(SIZES[1:], 0.02)
    assert len(made.runs) == 36
    one_rate = study(experiments=["batch_size"])
    searched = dataclasses.replace(one_rate, runs=one_rate.runs.assign(experiments="search"))
    write_tables(project / "results/one", searched)
    assert command(["one", "--tuned"]) == 2
    assert "fewer than two learning rates" in capsys.readouterr().err


def test_the_combination_is_printed_as_a_row_of_a_study_file(project, capsys):
    tables = study(remedy=(-3, 0.5), lag={0.99: (4, 0.5)}, experiments=("remedies",))
    write_tables(project / "results/made-up", tables)
    assert command(["made-up", "--together"]) == 0
    (row,) = yaml.safe_load(capsys.readouterr().out)
    assert row["weight_decay"] == 0.0005 and row["batch_norm_momentum"] in (0.9, "scaled")
