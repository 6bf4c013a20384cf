"""The words of the verdicts: other truths give other words, and none that the interval denies."""

import dataclasses
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from smallbatch import claims
from smallbatch.claims import answers
from smallbatch.claims.rules import Found, IntervalRule, RemedyRule
from smallbatch.figures.catalogue import verdicts as catalogue
from smallbatch.figures.catalogue import verdicts as drawn
from tests.simulated import study, with_combination

LONG = 0.9997
# Claim, its truth, what is found and how the answer begins; then the same with the truth inverted, and with none.
TRUTHS = {
    "regularization": [
        ({"sgd": (1.0, 0.2)}, "supported", "Yes. On the whole, smaller batches have a lower"),
        ({"sgd": (-1.0, 0.2)}, "opposite", "No, the opposite. On the whole, smaller batches have a higher"),
        ({"rate": 0.02}, "nothing", "No. The test error has no trend"),
        ({"sgd": (0.1, 1.0)}, "not decided", "It is not decided whether smaller batches generalize better"),
    ],
    "noise": [
        ({"sgd": (1.0, 0.2)}, "supported", "Yes. A noisier gradient alone lowers"),
        ({"sgd": (-1.0, 0.2)}, "opposite", "No, the opposite. A noisier gradient alone raises"),
        ({"norm": (1.0, 0.2)}, "nothing", "No. A noisier gradient alone changes"),
    ],
    "batch-one": [
        ({"sgd": (1.0, 0.2), "rate": 0.02}, "supported", "Yes. Batch size 1 has the lowest"),
        ({"sgd": (-1.0, 0.2), "rate": 0.02}, "opposite", "No. Another batch size"),
    ],
    "stability": [
        ({"limit": (-2.0, 0.5)}, "supported", "Yes. Training at batch size 1 breaks down"),
        ({"limit": (2.0, 0.5)}, "opposite", "No, the opposite. Training at batch size 1 survives"),
        ({}, "nothing", "No. Batch sizes 1 and 32 survive the same"),
    ],
    "runtime": [
        ({"twice": (2.0, 0.2)}, "supported", "Yes. For the same epochs, batch size 1 takes more than twice"),
        ({"twice": (-2.0, 0.2)}, "opposite", "No, the opposite. For the same epochs, batch size 1 takes less time"),
        ({"twice": (0.5, 0.2)}, "nothing", "No. For the same epochs, batch size 1 takes less than twice"),
    ],
    "decay-lag": [
        ({"lag": {LONG: (30, 5)}}, "supported", "Yes. With a long memory"),
        ({"lag": {LONG: (30, 5), 0.9: (10, 1)}}, "opposite", "Not as suspected. The moving averages spoil"),
        ({"lag": {LONG: (-30, 5)}}, "nothing", "No. Even with a long memory"),
    ],
    "batch-32-worse": [
        ({"sgd": (2.0, 0.3)}, "supported", "The network itself is worse"),
        ({"sgd": (-2.0, 0.3)}, "opposite", "Not because of the network itself"),
        ({"lag": {0.99: (30, 1)}}, "nothing", "Not because of the network itself"),
    ],
    "dropout": [
        ({"dropout": (-3, 0.5)}, "supported", "Yes. Dropout after the last batch norm lowers"),
        ({"dropout": (3, 0.5)}, "opposite", "No. Dropout after the last batch norm raises"),
        ({}, "nothing", "It matters little."),
    ],
    "sixty-epochs": [
        ({"regret": (3, 0.5)}, "supported", "Yes. Training on to 60 epochs costs"),
        ({"regret": (-3, 0.5)}, "opposite", "No, the opposite. After 60 epochs the test error is lower"),
        ({}, "nothing", "No. Training on to 60 epochs changes"),
    ],
    "remedies": [
        ({"remedy": (-3, 0.5), "seeds": range(10)}, "supported", "At least one of the remedies tried lowers"),
        ({"remedy": (3, 0.5)}, "nothing", "None of the remedies tried"),
        ({"remedy": (-3, 0.5)}, "not decided", "It is not decided whether any of the remedies helps"),
    ],
}  # fmt: skip


def main_verdicts(tables, claim):
    """Return the table of verdicts with the rows of one claim that its answer needs, which takes less time than all."""
    wanted = next(each for each in claims.CLAIMS if each.id == claim)

    def needed(tables):
        return [check for check in wanted.checks(tables) if check.name in (answers.MAIN, answers.WITHOUT_ONE)]

    return claims.verdicts(tables, (dataclasses.replace(wanted, checks=needed),))


@pytest.mark.parametrize("claim", answers.WORDS)
def test_the_words_follow_the_truth_and_change_when_it_is_inverted(claim):
    words = []
    for truth, found, beginning in TRUTHS[claim]:
        verdicts = main_verdicts(study(**truth), claim)
        assert answers.finding(verdicts, claim) == found, verdicts.iloc[0].to_dict()
        words.append(answers.answer(verdicts, claim))
        assert words[-1].startswith(beginning)
        assert answers.number(verdicts.iloc[0]) in answers.sentence(verdicts, claim)
    assert len(set(words)) == len(words)


@pytest.mark.parametrize(
    ("effect", "beginning"),
    [
        ((-6, 0.5), "The remedies that lower the validation error, taken together, lower the test error."),
        ((6, 0.5), "Not the remedies that lower the validation error: taken together, they raise"),
        ((0, 0.5), "Not the remedies that lower the validation error: taken together, they change"),
        ((-1, 3), "It is not decided whether the remedies that lower the validation error help together"),
    ],
)
def test_where_remedies_were_combined_the_answer_is_about_the_combination(effect, beginning):
    verdicts = main_verdicts(with_combination(study(experiments=("remedies",)), effect), "remedies")
    assert answers.answer(verdicts, "remedies").startswith(beginning)
    named = "dropout between batch norms 0.1 + weight decay 0.0005: "
    assert answers.sentence(verdicts, "remedies").startswith(f"{named}{effect[0]}.")


@pytest.fixture(scope="module")
def table():
    return claims.verdicts(study(sgd=(0.5, 0.1), norm=(-0.3, 0.1), lag={LONG: (30, 5), 0.99: (4, 1)}))


def test_every_claim_has_words_and_every_check_a_sentence_with_its_number(table):
    assert list(answers.WORDS) == [claim.id for claim in claims.CLAIMS]
    for row in table.itertuples():
        text = answers.sentence(table, row.claim, row.check)
        assert f"{row.number:z.1f}" in text or f"{row.number:z.2f}" in text
        assert f"{row.n_seeds} " in text
        assert "nan" not in text and "inf" not in text
        assert answers.verdict(table, row.claim, row.check) == row.verdict


def test_a_sentence_has_number_unit_interval_and_seeds(table):
    row = answers.row_of(table, "noise")
    expected = f"{row['number']:.2f} points per doubling (95 % interval {row['low']:.2f} to {row['high']:.2f}, 6 seeds)"
    assert answers.sentence(table, "noise") == expected
    assert answers.sentence(table, "batch-one") == "probability 0.00 (6 seeds)"
    assert answers.sentence(table, "stability") == "0.0 doublings (95 % interval 0.0 to 0.0, 6 checkpoints)"
    assert answers.sentence(table, "remedies").startswith("best of those tried, ")


def test_an_interval_that_alone_would_decide_is_not_left_unexplained():
    alone = study(remedy=(-3, 0.5), seeds=range(4), experiments=("remedies",))
    few = claims.verdicts(with_combination(alone, (-6, 0.5)))
    row = answers.row_of(few, "remedies")
    assert row["verdict"] == "not decided" and row["high"] < 0
    text = answers.caution(few, "remedies")
    assert "The interval is below 0, but p is 0.125; the rule asks for p below 0.05 too." in text
    assert answers.sentence(few, "remedies").startswith("dropout between batch norms 0.1 + weight decay 0.0005: -6.0")
    enough = study(remedy=(-3, 0.5), experiments=("remedies",))
    assert "The interval" not in answers.caution(claims.verdicts(with_combination(enough, (-6, 0.5))), "remedies")


def test_bounds_of_the_words_are_those_of_the_rules():
    tables = study(seeds=range(3))
    for claim in claims.CLAIMS:
        for check in claim.checks(tables):
            if isinstance(check.rule, IntervalRule):
                rule = answers.RULES[check.rule.unit]
                assert (rule.margin, rule.contradicted) == (check.rule.margin, check.rule.contradicted)
                assert check.rule.above == (claim.id not in answers.BELOW), check
            if isinstance(check.rule, RemedyRule):
                assert check.rule.margin == answers.RULES[check.rule.unit].margin and claim.id in answers.BELOW


def row_for(claim, check, low, high):
    found = Found((low + high) / 2, low, high, n_seeds=6)
    return pd.Series(
        {"claim": claim, "check": check.name, "verdict": check.rule.verdict(found), "unit": check.rule.unit}
        | {name: getattr(found, name) for name in ("number", "low", "high", "n_seeds", "experiment")}
        | {"notes": "", "statement": ""}
    )


def test_what_is_called_opposite_or_nothing_lies_there():
    generator, tables = np.random.default_rng(0), study(seeds=range(3))
    for claim in claims.CLAIMS:
        by_rule = {check.rule: check for check in claim.checks(tables)}  # one check for each rule of a claim
        for rule, check in by_rule.items():
            if not isinstance(rule, IntervalRule | RemedyRule):
                continue
            kinds = set()
            for low, high in np.sort(generator.normal(0, 1, (100, 2)) * 10 ** generator.uniform(-2, 1, (100, 1))):
                row = row_for(claim.id, check, low, high)
                found = answers.finding(pd.DataFrame([row]), claim.id, check.name)
                kinds.add(found)
                if found == "opposite":
                    assert low > 0 if claim.id in answers.BELOW else high < (1 if claim.id == "runtime" else 0)
                elif found == "nothing":
                    assert high < 2 if claim.id == "runtime" else max(-low, high) <= rule.margin
                else:
                    assert found == row["verdict"] != "contradicted"
            assert {"opposite", "nothing"} <= kinds, (claim.id, check.name, kinds)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (-np.inf, -1.0, "95 % interval below -1.0, its lower end not seen"),
        (-1.0, np.inf, "95 % interval above -1.0, its upper end not seen"),
        (-np.inf, np.inf, "neither end of its 95 % interval seen"),
        (np.nan, np.nan, ""),
        (-0.01, 0.01, "95 % interval 0.0 to 0.0"),
    ],
)
def test_ends_that_were_not_seen_and_intervals_that_are_none(low, high, words):
    check = claims.CLAIMS[3].checks(study(seeds=range(3)))[0]
    assert answers.interval(row_for("stability", check, low, high)) == words


@pytest.mark.parametrize(("experiments", "seeds"), [((), 0), (("batch_size",), 2), (("batch_size", "remedies"), 3)])
def test_nothing_raises_where_tables_are_missing(tmp_path, experiments, seeds):
    tables = study(range(seeds), experiments) if experiments else claims.read(tmp_path)
    tables = dataclasses.replace(tables, stable_learning_rate=pd.DataFrame())
    table = claims.verdicts(tables)
    for row in table.itertuples():
        sentence = answers.sentence(table, row.claim, row.check)
        assert "nan" not in sentence
        assert ("not measured in this study: " in sentence) == (row.verdict == "not measured")
    for claim in answers.WORDS:
        text = answers.answer(table, claim)
        assert text.endswith(".") and "nan" not in text
        assert ("Not measured" in text) == (answers.verdict(table, claim) == "not measured")
    if experiments and seeds < 3:
        assert "Fewer than 3 seeds decide nothing" in answers.answer(table, "regularization")
        assert "too few for an interval" in answers.sentence(table, "regularization")
    if experiments:
        assert "All batch sizes had the same learning rate" in answers.answer(table, "regularization") or seeds < 3


def test_the_statement_of_a_study_without_tuning_is_about_a_fixed_rate(table):
    assert "its own best" in answers.statement(answers.row_of(table, "regularization"))
    fixed = main_verdicts(study(experiments=("batch_size",), sgd=(1.0, 0.2)), "regularization")
    assert "the same learning rate" in answers.statement(answers.row_of(fixed, "regularization"))


def test_names_that_no_study_has_are_errors_and_remedies_that_this_one_lacks_are_not_measured(table):
    with pytest.raises(KeyError, match="no claim 'regularisation'"):
        answers.answer(table, "regularisation")
    with pytest.raises(KeyError, match="no check 'moving'"):
        answers.sentence(table, "noise", "moving")
    assert answers.verdict(table, "remedies", "augmentation = mixup, moving") == "not measured"
    assert "no runs for augmentation = mixup" in answers.sentence(table, "remedies", "augmentation = mixup, moving")


def test_the_figure_has_a_line_symbol_and_word_for_every_verdict(table):
    made_up = SimpleNamespace(verdicts=table, study="made-up", tables=study(seeds=range(3)))
    rows = catalogue.verdict_table(made_up).table
    for k, verdict in enumerate(drawn.VERDICTS):  # whatever the truth, all four are drawn
        rows.loc[k, "verdict"] = verdict
    figure = drawn.claims_at_a_glance(rows)
    texts = [text.get_text() for text in figure.axes[0].texts]
    plt.close(figure)
    for verdict, (_, symbol) in drawn.VERDICTS.items():
        assert texts.count(verdict) == texts.count(symbol) == (rows["verdict"] == verdict).sum() > 0
    assert set(drawn.VERDICTS) == set(claims.VERDICTS)
    alt = catalogue.FIGURES[0].alt(rows)
    assert all(row.statement in alt and row.verdict in alt for row in rows.itertuples())


@pytest.mark.parametrize(("truth", "words"), [
    ({"bend": (1.0, 0.1), "sgd": (-1.5, 0.1)}, "higher test error. Without batch size 1, smaller batches have a lower"),
    ({"bend": (-1.0, 0.1), "sgd": (1.5, 0.1)}, "lower test error. Without batch size 1, smaller batches have a higher"),
    ({"bend": (1.0, 0.1), "sgd": (-1.0, 0.1)}, "Without batch size 1, smaller batches have a lower one."),
    ({"sgd": (1.0, 0.2)}, ""),
    ({"sgd": (-1.0, 0.2)}, ""),
])  # fmt: skip
def test_an_answer_says_where_batch_size_1_alone_makes_it(truth, words):
    verdicts = main_verdicts(study(**truth), "regularization")
    text = answers.answer(verdicts, "regularization")
    assert (words in text) if words else ("Without batch size 1" not in text), text


def test_what_speaks_against_a_verdict_stands_beside_it():
    few = claims.verdicts(study(seeds=range(3), sgd=(0.5, 0.1)))
    assert "Provisional: fewer than 6 seeds." in answers.caution(few, "regularization")
    # A U: the slope over all sizes is about nothing, without batch size 1 the error rises.
    bent = claims.verdicts(study(bend=(1.0, 0.1), sgd=(-1.0, 0.1), rate=0.02))
    without = bent[(bent["claim"] == "regularization") & (bent["check"] == "without batch size 1")]["verdict"].item()
    assert without != answers.verdict(bent, "regularization")
    text = answers.caution(bent, "regularization")
    assert f"without batch size 1 ({without})" in text and "Provisional" not in text
    assert answers.caution(claims.verdicts(study(experiments=["batch_size"])), "noise") == ""
