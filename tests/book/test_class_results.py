"""What the page of the class experiment says of the seeds: true for any table, and of the committed one complete."""

import sys

import pandas as pd
import pytest

from tests.conftest import ROOT
from workflow import class_experiment

sys.path.insert(0, str(ROOT / "book/_extensions"))
import class_results


def table(bad_seeds, n=10):
    """Batch size 10 is good in every seed, batch size 32 evaluates badly in the first few."""
    rows = []
    for seed in range(n):
        for size in (10, 32):
            found = [30.0, 25.0] if size == 32 and seed < bad_seeds else [100.0, 98.0]
            rows.append([0.99, size, seed, 100.0, *found, 99.0])
    return pd.DataFrame(rows, columns=[*class_experiment.SETTING, *class_experiment.ACCURACIES])


@pytest.mark.parametrize(("bad", "words"), [(10, "all 10 seeds"), (0, "none of 10 seeds"), (7, "7 of 10 seeds")])
def test_a_sentence_says_in_how_many_seeds_it_holds(bad, words):
    first, *others = class_results.holds(table(bad))
    assert first.endswith(f"in {words}.")
    # Where nothing was bad there is nothing to repair.
    assert len(others) == (2 if bad else 0)
    assert class_results.falls(table(bad))[0].split("; ")[0].endswith(f"in {words}")


def test_one_seed_is_singular():
    assert (
        class_results.holds(table(1, n=1))[0].endswith("in all 1 seed.")
        and class_results.how_many(0, 0) == "all 0 seeds"
    )


def test_what_does_not_hold_is_not_said_to():
    broken = table(10)
    broken.loc[broken["batch_size"] == 32, "train_evaluated"] = 100.0
    broken.loc[broken["batch_size"] == 32, "validation_recalibrated"] = 50.0
    _, alike, repaired = class_results.holds(broken)
    assert "none of 10 seeds" in alike and "none of 10 seeds" in repaired


def test_the_committed_table_has_ten_seeds_of_every_setting_and_the_page_its_ranges():
    published = pd.read_csv(ROOT / class_experiment.TABLE)
    counts = published.groupby(["momentum", "batch_size"])["seed"].nunique()
    assert len(counts) == 6 and (counts >= 10).all() and not published.isna().any().any()
    lines = class_results.ranges(published)
    assert len(lines) == 2 + 6
    low, high = published.query("momentum == 0.99 and batch_size == 32")["train_evaluated"].agg(["min", "max"])
    assert f"{low:.0f} to {high:.0f}%" in next(line for line in lines if line.startswith("| 0.99 | 32"))
