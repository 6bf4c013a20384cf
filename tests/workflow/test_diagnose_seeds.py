"""The examples of the page about `diagnose` over seeds: measured with the page's own cells, none twice."""

import types

import pandas as pd
import pytest

from tests.conftest import ROOT
from workflow import diagnose_seeds
from workflow.page_numbers import SOURCES, numbers_of

AVERAGES = diagnose_seeds.PARTS[-1]


def found(points, *causes):
    parts = pd.DataFrame({"points": [0.0, 1.504, points]}, index=diagnose_seeds.PARTS)
    return types.SimpleNamespace(parts=parts, causes=causes)


def test_a_network_is_trained_once_and_kept_when_interrupted(project):
    trained = []

    def run(example, seed):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append((example, seed))
        return found(10.0 + seed, "moving averages lag")

    settings = [("lagging", seed) for seed in range(4)]
    with pytest.raises(KeyboardInterrupt):
        diagnose_seeds.measure(run, settings)
    kept = diagnose_seeds.read()
    assert kept[AVERAGES].tolist() == [10, 11] and kept["overfitting"].tolist() == [1.5, 1.5]
    assert kept["gap"].tolist() == [11.5, 12.5] and set(kept["causes"]) == {"moving averages lag"}
    trained.clear()
    assert len(diagnose_seeds.measure(lambda example, seed: (trained.append(seed), found(0.0))[1], settings)) == 4
    assert trained == [2, 3] and diagnose_seeds.read()["causes"].tolist()[2:] == ["none", "none"]


def test_each_example_runs_the_cells_of_the_page_before_the_first_and_its_own_with_another_seed(monkeypatch):
    cells = ["seed = 0\nran = []", "def network():\n    ran.append(seed)\n    return seed"] + [
        f"{name} = network()\n# diagnose({name}, ...)\nfound = '{name}', {name}, ran"
        for name in diagnose_seeds.EXAMPLES
    ]
    monkeypatch.setattr(diagnose_seeds, "cells_of", lambda page: cells)
    assert diagnose_seeds.run_page("memorizing", 7) == ("memorizing", 7, [7])


def test_the_page_has_the_cells_that_are_run():
    cells = diagnose_seeds.cells_of(diagnose_seeds.PAGE)
    assert sum("seed = 0" in cell for cell in cells) == 1
    for name in diagnose_seeds.EXAMPLES:
        assert sum(f"diagnose({name}," in cell for cell in cells) == 1


def test_the_committed_table_is_whole_and_the_page_has_its_ranges():
    table = pd.read_csv(ROOT / diagnose_seeds.TABLE)
    seeds = table.groupby("example")["seed"].nunique()
    assert list(seeds.index) == sorted(diagnose_seeds.EXAMPLES)
    # How much one seed says about another is the point of the first example.
    assert seeds["lagging"] >= 10 and seeds.min() >= 5
    assert not table.isna().any().any()
    assert table["gap"].to_numpy() == pytest.approx(table[diagnose_seeds.PARTS].sum(axis=1).to_numpy(), abs=0.02)
    numbers = numbers_of(SOURCES / "diagnose.py")("laptop")
    lagging = table[table["example"] == "lagging"]
    shown = f"{lagging[AVERAGES].min():.1f} to {lagging[AVERAGES].max():.1f}"
    assert numbers["by_example"]["rows"][0][4] == shown
    assert numbers["lagging_named"] == lagging["causes"].str.contains("moving averages lag").sum()


def test_a_cause_that_fewer_seeds_show_is_counted_so():
    of_table = numbers_of(SOURCES / "diagnose.py").__globals__["of_table"]
    rows = [
        diagnose_seeds.row_of("lagging", 0, found(-3.0, "moving averages lag")),
        diagnose_seeds.row_of("lagging", 1, found(4.0)),
        diagnose_seeds.row_of("lagging", 2, found(4.0, "moving averages lag", "overfitting")),
    ]
    assert of_table(pd.DataFrame(rows))["sound_most"] == ""
    rows.append(diagnose_seeds.row_of("sound", 0, found(0.2, "overfitting")))
    numbers = of_table(pd.DataFrame(rows))
    assert (numbers["lagging_seeds"], numbers["lagging_named"], numbers["sound_named"]) == (3, 2, 0)
    assert numbers["sound_most"] == "1.5"
    row, _ = numbers["by_example"]["rows"]
    assert row[4] == "\N{MINUS SIGN}3.0 to 4.0" and row[5].split(", ")[-1] == "moving averages lag and overfitting: 1"


def test_the_page_names_causes_as_diagnose_does():
    from smallbatch.diagnosis import LAG, OVERFITTING

    examples = numbers_of(SOURCES / "diagnose.py").__globals__["EXAMPLES"]
    assert [cause for _, cause in examples.values()] == [LAG, OVERFITTING, "none"]
