"""Words from numbers: means and lines, in the order of their values."""

import pandas as pd

from smallbatch.figures import alt_text

TABLE = pd.DataFrame({"line": ["b", "b", "b", "a"], "size": [32, 1, 1, 1], "error": [0.2, 0.3, 0.4, -0.0001]})


def test_means_are_told_at_each_value_from_the_smallest_on():
    assert alt_text.means(TABLE[:3], "size", "error", 1, 100, " %") == "1: 35.0 %, 32: 20.0 %"


def test_lines_keep_their_order_and_nothing_is_minus_zero():
    assert alt_text.lines(TABLE, "line", "size", "error", 1) == "b: 1: 0.3, 32: 0.2; a: 1: 0.0"


def test_ends_are_those_of_the_batch_sizes():
    assert alt_text.ends(pd.Series({1: 0.5, 8: 0.7, 64: 0.9}), lambda v: f"{v:.2f}") == (
        "0.50 at batch size 1 and 0.90 at batch size 64"
    )


def test_geometric_means_are_those_of_each_group():
    table = pd.DataFrame({"size": [1, 1, 2], "rate": [1, 4, 5]})
    assert alt_text.geometric_means(table, "size", "rate").round(9).to_dict() == {1: 2, 2: 5}


def test_the_last_epoch_is_that_of_each_run_whatever_the_order():
    history = pd.DataFrame({"run": ["a", "b", "a", "b"], "epoch": [3, 1, 1, 2], "loss": [1, 2, 3, 4]})
    last = alt_text.last_epochs(history).set_index("run")["loss"]
    assert last.to_dict() == {"a": 1, "b": 4}
