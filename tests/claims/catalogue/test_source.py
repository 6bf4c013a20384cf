"""The claims of the cited paper: judged on each data set, and on all of them together."""

import numpy as np
import pandas as pd
import pytest

from smallbatch import claims
from smallbatch.claims import SOURCE_CLAIMS, words
from smallbatch.claims.catalogue import source

SAME, FASTER = "same-accuracy", "much-faster"


def run(dataset="iris", accuracy=(0.0, -0.5, 0.5), ratio=(3.0, 2.5, 4.0), censored=(0.0, 0.0), **others):
    """Return a row of the gathered table."""
    ends = ("", "_low", "_high")
    return {
        "dataset": dataset, "gradient": "mean",
        **{f"accuracy_difference{end}": value for end, value in zip(ends, accuracy, strict=True)},
        **{f"epoch_ratio{end}": value for end, value in zip(ends, ratio, strict=True)},
        "censored_smallest": censored[0], "censored_largest": censored[1], **others,
    }  # fmt: skip


def judged(*runs):
    return claims.judge(claims.Tables(wilson_martinez=pd.DataFrame(runs)), SOURCE_CLAIMS)


@pytest.mark.parametrize(
    ("interval", "kind"),
    [
        ((-0.9, 0.9), "supported"),
        ((0.2, 0.9), "supported"),
        ((-1.1, 0.9), "not decided"),
        ((0.2, 1.1), "above"),
        ((-3.0, -0.1), "below"),
        ((np.nan, np.nan), "not decided"),
    ],
)
def test_accuracies_are_the_same_within_a_point(interval, kind):
    verdict = judged(run(accuracy=(np.mean(interval), *interval)))[SAME, "iris, mean"]
    assert verdict.kind == kind
    said = {"above": "batch size 1 is better", "below": "batch size 1 is worse"}
    assert source.BETTER_OR_WORSE.get(verdict.kind) == said.get(kind)


@pytest.mark.parametrize(
    ("interval", "censored", "kind"),
    [
        ((2.1, 9.0), (0.0, 0.0), "supported"),
        ((2.1, 9.0), (0.1, 1.0), "supported"),  # the true ratio is even larger
        ((2.1, 9.0), (0.2, 0.0), "not decided"),
        ((1.9, 9.0), (0.0, 0.0), "not decided"),
        ((0.5, 1.9), (0.0, 0.0), "nothing"),
        ((0.5, 0.9), (0.0, 0.0), "opposite"),
        ((0.5, 1.9), (1.0, 0.1), "nothing"),
        ((0.5, 1.9), (0.0, 0.2), "not decided"),
        ((np.nan, np.nan), (1.0, 1.0), "not decided"),
    ],
)
def test_much_faster_is_a_ratio_above_two_unless_the_target_was_missed(interval, censored, kind):
    assert judged(run(ratio=(np.mean(interval), *interval), censored=censored))[FASTER, "iris, mean"].kind == kind


@pytest.mark.parametrize(
    ("differences", "kind", "beginning"),
    [
        ([0.0, 0.1], "supported", "Yes. On every data set, their test accuracies are within 1 point of each other."),
        ([3.0, 4.0], "above", "No. On every data set, batch size 1 has the higher test accuracy."),
        ([-3.0, -4.0], "below", "No. On every data set, batch size 1 has the lower test accuracy."),
        ([-3.0, 3.0], "mixed", "No. On every data set the test accuracies differ, and not all in the same direction."),
        ([0.0, 3.0], "not decided", "It is not decided whether online and batch training reach the same accuracy"),
    ],
)
def test_all_data_sets_together_have_the_verdict_that_they_share(differences, kind, beginning):
    runs = [run(f"set{k}", (d, d - 0.5, d + 0.5)) for k, d in enumerate(differences)]
    verdicts = judged(*runs)
    assert verdicts[SAME].kind == kind and words.answer(verdicts, SAME).startswith(beginning)
    shared = dict(zip(("set0", "set1"), (verdicts[SAME, f"set{k}, mean"].word for k in (0, 1)), strict=True))
    assert all(f"{name}: {word}" in verdicts[SAME].notes for name, word in shared.items())


@pytest.mark.parametrize(
    ("ratios", "kind", "beginning"),
    [
        ([3.0, 4.0], "supported", "Yes. On every data set, batch training takes more than 2 times as many epochs."),
        ([0.5, 0.6], "opposite", "No, the opposite. On every data set, batch training takes fewer epochs."),
        ([1.5, 1.6], "nothing", "No. On every data set, batch training takes less than 2 times as many epochs."),
        ([0.5, 1.6], "mixed", "No. On every data set, batch training takes less than 2 times as many epochs, and on"),
        ([0.5, 4.0], "not decided", "It is not decided whether online training is much faster on every data set."),
    ],
)
def test_speed_has_words_for_every_verdict(ratios, kind, beginning):
    verdicts = judged(*(run(f"set{k}", ratio=(r, r - 0.1, r + 0.1)) for k, r in enumerate(ratios)))
    assert verdicts[FASTER].kind == kind and words.answer(verdicts, FASTER).startswith(beginning)


def test_the_mean_of_the_gradients_decides_and_their_sum_stands_beside_it():
    verdicts = judged(run(), run(gradient="sum", accuracy=(4.0, 3.0, 5.0)))
    assert verdicts[SAME].word == "supported" and verdicts[SAME, "sum of gradients"].kind == "above"
    assert verdicts[SAME].differ == (("sum of gradients", "contradicted"),)
    only_sum = judged(run(gradient="sum"))
    assert not only_sum[SAME].measured and "gradient = mean" in only_sum[SAME].notes


def test_gathered_tables_of_default_runs_are_those_of_iris_and_means():
    """Gathering leaves out the parameters that all runs have at their defaults."""
    row = {name: value for name, value in run().items() if name not in ("dataset", "gradient")}
    verdict = judged(row)[SAME, "iris, mean"]
    assert words.number(verdict) == "0.0 points (95% CI −0.5 to 0.5, 20 repetitions)"
    assert words.sample(judged(row | {"repetitions": 4})[SAME]) == "4 repetitions"


def test_without_runs_nothing_is_measured():
    verdicts = claims.judge(claims.Tables(), SOURCE_CLAIMS)
    for claim in (SAME, FASTER):
        assert words.answer(verdicts, claim).startswith("Not measured in this study: whether")
        assert "no runs of the notebook wilson_martinez" in verdicts[claim].notes


def test_on_iris_batch_size_1_is_better_in_the_published_runs():
    verdicts = claims.judge(claims.read("results/laptop"), SOURCE_CLAIMS)
    kinds = {verdict.analysis: verdict.kind for verdict in verdicts.of(SAME)}
    assert kinds["iris, mean"] == "above" and kinds["main"] == "not decided"
    assert [kinds[f"{name}, mean"] for name in ("wine", "breast_cancer", "digits")] == ["supported"] * 3
    faster = {verdict.analysis: verdict.word for verdict in verdicts.of(FASTER)}
    assert [faster[f"{name}, mean"] for name in ("iris", "digits")] == ["supported"] * 2
    assert [faster[f"{name}, mean"] for name in ("wine", "breast_cancer")] == ["not decided"] * 2
