"""Parameters: a mistake is named with its value and what is allowed; a run's name depends on what it is."""

import numpy as np
import pytest

from smallbatch.errors import ParameterError
from smallbatch.training.checks import last_map_side
from smallbatch.training.config import RunConfig


@pytest.mark.parametrize(
    ("parameters", "needed"),
    [
        ({"batch_sise": 4}, ["batch_sise = 4", "batch_size?"]),
        ({"batch_size": "4"}, ["batch_size = '4'", "whole number", "≥ 1"]),
        ({"batch_size": 0}, ["batch_size = 0", "≥ 1"]),
        ({"batch_size": 4.0}, ["batch_size = 4.0", "whole number"]),
        ({"batch_size": np.int64(4)}, ["batch_size", "whole number"]),
        ({"batch_size": True}, ["batch_size = True", "whole number"]),
        ({"learning_rate": "1e-5"}, ["learning_rate = '1e-5'", "1.0e-5"]),
        ({"learning_rate": float("nan")}, ["learning_rate = nan", "≥ 1e-12"]),
        ({"learning_rate_scaling": "cubic"}, ["'cubic'", "none, linear, sqrt"]),
        ({"width": 0.3}, ["width = 0.3", "0.125"]),
        ({"depth": 0.25}, ["depth = 0.25", "0.2, 0.3"]),
        ({"image_size": 60}, ["image_size = 60", "≥ 75"]),
        ({"dataset": "cifar"}, ["dataset = 'cifar'", "digits, clothing, clothing-full, signs, folder"]),
        ({"n_train": 16}, ["batch_size = 32", "n_train = 16"]),
        ({"momentum": 1.0}, ["momentum = 1.0", "≤ 0.9999"]),
        ({"weights": "imagenet"}, ["weights = 'imagenet'", "width = 1.0"]),
    ],
)
def test_a_bad_parameter_is_named_with_its_value_and_what_is_allowed(parameters, needed):
    with pytest.raises(ParameterError) as caught:
        RunConfig.create(**parameters)
    for text in needed:
        assert text in str(caught.value)


def test_two_bad_parameters_are_both_named():
    with pytest.raises(ParameterError, match=r"(?s)width = 0.3.*\nbatch_size = 0"):
        RunConfig.create(batch_size=0, width=0.3)


def test_one_value_per_channel_is_refused_unless_allowed():
    with pytest.raises(ParameterError, match="1x1"):
        RunConfig.create(batch_size=1, image_size=106)
    assert RunConfig.create(batch_size=1, image_size=107).batch_size == 1
    assert RunConfig.create(batch_size=2, image_size=75).batch_size == 2
    assert RunConfig.create(batch_size=1, image_size=75, allow_one_value_per_channel=True).batch_size == 1


@pytest.mark.parametrize(
    ("image_size", "side"), [(75, 1), (106, 1), (107, 2), (138, 2), (139, 3), (170, 3), (171, 4), (299, 8)]
)
def test_side_of_the_last_map(image_size, side):
    assert last_map_side(image_size) == side


def test_a_notebooks_misspelt_name_is_an_error_though_papermill_only_warns():
    names = {
        "batch_size": 4,
        "seed": 1,
        "_i1": "text of a cell",
        "RunConfig": RunConfig,
        "In": [],
        "exit": object(),
    }
    assert RunConfig.from_notebook(names).batch_size == 4
    with pytest.raises(ParameterError, match="batch_sise"):
        RunConfig.from_notebook(names | {"batch_sise": 8})


def test_run_id_depends_on_what_is_run_and_not_on_where():
    one = RunConfig.create(batch_size=4, seed=1)
    assert one.run_id() == RunConfig.create(batch_size=4, seed=1, record_folder="elsewhere").run_id()
    assert one.run_id() == RunConfig.create(batch_size=4, seed=1, data_folder="unused").run_id()
    assert one.run_id().startswith("b4-s1-")
    assert RunConfig.create(learning_rate=1).run_id() == RunConfig.create(learning_rate=1.0).run_id()
    others = [RunConfig.create(batch_size=4, seed=1, **p) for p in ({"width": 0.5}, {"steps": 3}, {"momentum": 0.0})]
    assert len({one.run_id(), *(c.run_id() for c in others)}) == 4


def test_own_images_of_two_folders_are_two_runs(monkeypatch):
    cats, dogs = (RunConfig.create(dataset="folder", data_folder=f"/some/{name}") for name in ("cats", "dogs"))
    assert cats.run_id() != dogs.run_id()
    assert cats.identity()["data_folder"] == "cats"  # the name alone: a record holds no path of a machine
    monkeypatch.setenv("SMALLBATCH_DATA_FOLDER", "/other/cats")
    assert RunConfig.create(dataset="folder").run_id() == cats.run_id()


def test_run_ids_stay_what_they_were():
    # Published records are found by these names: a change here orphans them.
    assert RunConfig.create().run_id() == "b32-s0-44136fa3"
    assert RunConfig.create(batch_size=4, seed=1, n_train=512).run_id() == "b4-s1-f3ccca16"


def test_reference_explains_every_parameter():
    table = RunConfig.reference()
    assert list(table.index) == list(RunConfig.model_fields)
    assert (table["meaning"].str.len() > 10).all() and (table["allowed"] != "").all()


@pytest.mark.parametrize(
    ("rule", "parameters", "factor"),
    [
        ("none", {"batch_size": 4}, 1),
        ("linear", {"batch_size": 4}, 1 / 8),
        ("linear", {"batch_size": 64}, 2),
        ("linear", {"batch_size": 32, "masked_loss_batch_size": 4}, 1 / 8),
        ("linear", {"batch_size": 32, "normalization": "ghost", "ghost_batch_size": 4}, 1),
        ("sqrt", {"batch_size": 8}, 0.5),
        ("sqrt", {"batch_size": 32}, 1),
    ],
)
def test_learning_rate_rules(rule, parameters, factor):
    config = RunConfig.create(learning_rate=0.3, learning_rate_scaling=rule, **parameters)
    assert config.scaled_learning_rate() == pytest.approx(0.3 * factor)


@pytest.mark.parametrize(
    ("parameters", "sgd", "normalization"),
    [
        ({"batch_size": 8}, 8, 8),
        ({"batch_size": 8, "normalization": "ghost", "ghost_batch_size": 2}, 8, 2),
        ({"batch_size": 8, "masked_loss_batch_size": 2}, 2, 8),
        ({"batch_size": 8, "normalization": "group"}, 8, None),
        ({"batch_size": 8, "normalization": "frozen"}, 8, None),
    ],
)
def test_the_two_batch_sizes_of_an_arm(parameters, sgd, normalization):
    config = RunConfig.create(**parameters)
    assert (config.sgd_batch_size, config.normalization_batch_size) == (sgd, normalization)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"normalization": "ghost"}, r"ghost_batch_size = None .* a divisor of the batch size \(1, 2, 4, 8, 16, 32\)"),
        ({"normalization": "ghost", "ghost_batch_size": 5}, "ghost_batch_size = 5 "),
        ({"ghost_batch_size": 4}, "ghost_batch_size = 4 with normalization = 'batch' would do nothing"),
        ({"masked_loss_batch_size": 33}, "masked_loss_batch_size = 33 with batch_size = 32. Allowed: 1 to 32"),
        ({"masked_loss_batch_size": 4, "augmentation": "mixup"}, "mix images without loss"),
        ({"normalization": "group", "weights": "imagenet", "width": 1.0, "depth": 1.0}, "normalization = 'group'"),
        ({"normalization": "layer"}, "normalization = 'layer' is not allowed. Allowed: batch, ghost, group, frozen"),
        (
            {"batch_norm_momentum": 1.0},
            "batch_norm_momentum = 1.0 is not allowed. Allowed: number, ≥ 0, ≤ 0.99999, or scaled",
        ),
        ({"batch_norm_momentum": "scale"}, "batch_norm_momentum = 'scale' is not allowed"),
        ({"dropout": 1.0}, "dropout = 1.0 is not allowed. Allowed: number, ≥ 0, ≤ 0.99"),
        ({"augmentation": "rotate"}, "Allowed: none, flip, randaugment, mixup, cutmix"),
        ({"early_stopping_patience": 0}, "early_stopping_patience = 0 is not allowed"),
        ({"label_smoothing": -0.1}, "label_smoothing = -0.1 is not allowed"),
        ({"weight_decay": -1.0}, "weight_decay = -1.0 is not allowed"),
        ({"warmup_epochs": -1.0}, "warmup_epochs = -1.0 is not allowed"),
        (
            {"normalization": "ghost", "ghost_batch_size": 1, "image_size": 75},
            "ghost_batch_size = 1 with image_size = 75: the last feature map is 1x1",
        ),
    ],
    ids=str,
)
def test_arms_and_remedies_that_cannot_be_are_refused_once_and_clearly(parameters, message):
    with pytest.raises(ParameterError, match=message) as error:
        RunConfig.create(**parameters)
    assert len(str(error.value).splitlines()) == 1


def test_one_value_per_channel_does_not_matter_without_batch_statistics():
    for kind in ("group", "frozen"):
        assert RunConfig.create(batch_size=1, image_size=75, normalization=kind)
    masked = RunConfig.create(batch_size=8, masked_loss_batch_size=1, image_size=75)
    assert masked.normalization_batch_size == 8
