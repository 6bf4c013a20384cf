"""The best remedies together: chosen by validation images, each parameter once."""

import dataclasses

import pytest

from smallbatch import claims
from smallbatch.claims.remedies import best_together, combinations, find_remedies, in_words
from tests.simulated import study, with_combination


def test_the_best_are_combined_by_validation_and_never_by_test():
    # Weight decay takes 3 points away, the lag of momentum 0.99 adds 4; neither dropout nor flipping does anything.
    tables = study(remedy=(-3, 0.5), lag={0.99: (4, 0.5)}, experiments=("remedies",))
    chosen = best_together(tables)
    assert chosen.keys() == {"batch_norm_momentum", "weight_decay"} and chosen["weight_decay"] == "0.0005"
    assert chosen["batch_norm_momentum"] in ("0.9", "scaled")  # one of two that change the same parameter
    tests = [name for name in tables.runs if "_test_accuracy" in name]
    other = tables.runs.assign(**{name: 1 - tables.runs[name] for name in tests})
    assert best_together(dataclasses.replace(tables, runs=other)) == chosen
    with pytest.raises(claims.NotMeasured, match="fewer than two remedies"):
        best_together(study(remedy=(-3, 0.5), experiments=("remedies",)))


def test_a_combination_that_was_tried_is_no_remedy_to_combine():
    tables = study(remedy=(-3, 0.5), lag={0.99: (4, 0.5)}, experiments=("remedies",))
    assert best_together(with_combination(tables, (-20, 0.5))) == best_together(tables)


def test_a_record_that_is_older_than_a_parameter_has_its_default():
    tables = study(remedy=(-3, 0.5), experiments=("remedies",))
    names = set(find_remedies(tables).runs)
    old = tables.runs["seed"] < 3
    for parameter in ("label_smoothing", "followed_batch_norm_momenta", "weights"):
        runs = tables.runs.assign(**{parameter: tables.runs[parameter].where(~old)})
        assert set(find_remedies(dataclasses.replace(tables, runs=runs)).runs) == names


def test_a_combination_holds_another_remedy_whole():
    names = ["plain", "dropout = 0.2", "dropout = 0.2, augmentation = flip", "dropout = 0.5, augmentation = mixup"]
    assert combinations(names) == ["dropout = 0.2, augmentation = flip"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("weight_decay = 0.0005", "weight decay 0.0005"),
        ("normalization = ghost, ghost_batch_size = 8", "ghost batches of 8 images"),
        ("dropout = 0.2, augmentation = flip", "dropout 0.2 + augmentation flip"),
        ("recalibrate the moving averages", "recalibrate moving averages"),
    ],
)
def test_a_remedy_is_told_in_words(name, said):
    assert in_words(name) == said
