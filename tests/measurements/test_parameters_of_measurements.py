"""What the notebooks that measure at a checkpoint compute beside the estimators: parameters, tables, summaries."""

import numpy as np
import pandas as pd
import pytest

from smallbatch.errors import ParameterError
from smallbatch.measurements import checkpoint
from smallbatch.measurements.batch_norm_noise import parameters as batch_norm_noise
from smallbatch.measurements.gradient_noise import parameters as gradient_noise
from smallbatch.measurements.stable_learning_rate import estimator, scaling_laws
from smallbatch.measurements.stable_learning_rate import parameters as stable_learning_rate
from smallbatch.training.data import Split
from smallbatch.training.loop import TrainingResult


@pytest.mark.parametrize("module", [batch_norm_noise, gradient_noise, stable_learning_rate])
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"normalization": "group"}, "normalization = 'group' .*Allowed: normalization = 'batch'"),
        ({"masked_loss_batch_size": 2}, "masked_loss_batch_size = 2: this notebook measures plain batch norm"),
        ({"batch_sizes": [0, 1, 2]}, r"batch_sizes = \[0, 1, 2\].*Allowed"),
        ({"batch_sizes": ["one"]}, r"batch_sizes\[0\] = 'one' is not allowed"),
        ({"images_measured": 1}, "images_measured = 1 is not allowed"),
    ],
)
def test_parameters_that_cannot_be_measured_are_refused(module, parameters, message):
    with pytest.raises(ParameterError, match=message):
        module.Config.create(**parameters)


@pytest.mark.parametrize(
    ("module", "parameters", "message"),
    [
        (stable_learning_rate, {"batch_sizes": [1, 2]}, "three or more"),
        (stable_learning_rate, {"n_train": 16, "batch_size": 8}, "batch_sizes = .* with n_train = 16"),
        (stable_learning_rate, {"lowest_rate": 1.0, "highest_rate": 2.0}, "highest_rate = 2.0 .*more than twice"),
        (gradient_noise, {"steps": 10}, "steps = 10 .*Allowed: None for both"),
        (gradient_noise, {"early_stopping_patience": 1}, "early_stopping_patience = 1: the checkpoints"),
        (batch_norm_noise, {"batch_sizes": [1, 64], "images_measured": 128}, "a quarter of the images"),
    ],
)
def test_contradictions_are_refused(module, parameters, message):
    with pytest.raises(ParameterError, match=message):
        module.Config.create(**parameters)


def test_a_diverged_training_is_no_checkpoint():
    config = gradient_noise.Config.create(learning_rate=5.0)
    checkpoint.require_trained(TrainingResult([], False, 1), config)
    with pytest.raises(ParameterError, match=r"learning_rate = 5.0 at batch_size = 32: .* diverged"):
        checkpoint.require_trained(TrainingResult([], True, 1), config)


def test_a_checkpoint_that_knows_nothing_has_nothing_to_lose():
    config = stable_learning_rate.Config.create(epochs=1, diverged_above=0.5)
    limit = stable_learning_rate.loss_limit(10, config)
    assert limit == pytest.approx(0.5 * np.log(10))
    stable_learning_rate.require_below(limit, 1.1, config)
    for loss in (1.2, np.nan):
        with pytest.raises(ParameterError, match=r"epochs = 1: the checkpoint's loss of .* Allowed: more epochs"):
            stable_learning_rate.require_below(limit, loss, config)


def test_measured_images_are_drawn_without_repetition_by_seed():
    split = Split(np.arange(20)[:, None, None, None], np.arange(20))
    drawn = [checkpoint.some(split, 8, seed).labels.tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2] and len(set(drawn[0])) == 8
    with pytest.raises(ParameterError, match=r"images_measured = 21 is not allowed. Allowed: at most the 20"):
        checkpoint.some(split, 21, 0)


@pytest.mark.parametrize(("epochs", "checkpoints"), [(1, [0, 1]), (8, [0, 1, 2, 4, 8]), (6, [0, 1, 2, 4, 6])])
def test_checkpoints_lie_at_powers_of_two(epochs, checkpoints):
    assert gradient_noise.Config.create(epochs=epochs).checkpoints() == checkpoints


def test_batches_fill_up_the_images_drawn_in_whole_blocks():
    config = gradient_noise.Config.create(images_drawn=650)
    assert [config.batches(size) for size in (1, 8, 32, 64)] == [640, 80, 20, 20]


def test_the_summary_of_noise_names_epoch_and_kind():
    rows = [(0, "recalibrated", 8, 5.0, np.nan), (0, "batch", 2, np.inf, 0.4), (0, "batch", 8, 6.0, np.nan)]
    table = pd.DataFrame(rows, columns=["epoch", "batch_norm", "batch_size", "noise_scale", "cosine"])
    summary = gradient_noise.summarize(table.assign(low=1.0, high=9.0, cosine_low=0.1, cosine_high=0.7))
    assert summary["recalibrated"]["epoch_0"] == {"noise_scale": 5.0, "low": 1.0, "high": 9.0}
    assert summary["batch_of_2"]["epoch_0"] == {
        "noise_scale": np.inf, "low": 1.0, "high": 9.0, "cosine": 0.4, "cosine_low": 0.1, "cosine_high": 0.7,
    }  # fmt: skip


def test_rates_to_try_are_a_geometric_series():
    config = stable_learning_rate.Config.create(lowest_rate=0.01, highest_rate=0.16)
    np.testing.assert_allclose(config.rates(1), [0.01, 0.02, 0.04, 0.08])
    np.testing.assert_allclose(config.rates(2)[:3], [0.01, 0.01 * 2**0.5, 0.02])
    assert config.rates(2).max() < 0.16


def test_small_batches_are_drawn_more_often():
    config = stable_learning_rate.Config.create(draws=12, batch_sizes=[1, 2, 8, 32])
    assert list(config.draws_by_batch_size().items()) == [(32, 12), (8, 24), (2, 48), (1, 68)]


def test_the_summary_of_rates_holds_rates_laws_and_the_best_of_them():
    runs = pd.DataFrame(
        [(b, s, 0.1 * b * 2**s, True) for b in (1, 2, 4, 8) for s in (0, 1)],
        columns=["batch_size", "seed", "learning_rate", "stable"],
    )
    points = estimator.stable_limit(runs)
    fits = scaling_laws.fit_laws(points["batch_size"], points["learning_rate"])
    summary = stable_learning_rate.summarize(fits, points)
    assert summary["rate"]["batch_4"] == pytest.approx(0.4 * 2**0.5)
    assert summary["power_exponent"]["value"] == pytest.approx(1)
    assert summary["best_law"] == "linear" and summary["at_edge"] == 8
    assert summary["left_out_error"]["square_root"] > summary["left_out_error"]["linear"]


def test_the_table_of_rates_keeps_every_loss():
    steps = pd.DataFrame([(1, 0.123456789, 0, 2.0)], columns=["batch_size", "learning_rate", "draw", "loss"])
    columns = ["batch_norm", "batch_size", "learning_rate", "seed", "loss", "stable"]
    runs = pd.DataFrame([("batch", 2, 0.5, 3, np.nan, False)], columns=columns)
    table = stable_learning_rate.tidy(steps, runs)
    assert table["repetition"].tolist() == [0, 3] and table["learning_rate"].tolist() == [0.123457, 0.5]
    assert table["batch_norm"].tolist() == ["recalibrated", "batch"] and np.isnan(table["loss"][1])


def noise_table(measured, predicted, deals=2):
    rows = [(k, f"layer{k}", 4, 2, d, measured, 0.1, predicted, 0.3) for k in range(3) for d in range(deals)]
    columns = ["place", "layer", "positions", "batch_size", "deal"]
    return pd.DataFrame(rows, columns=[*columns, "mean_noise", "sd_noise", "predicted", "between_images"])


def test_measured_noise_is_compared_with_the_formula_of_independent_images():
    batch, fixed = noise_table(0.2, 0.35), noise_table(0.4, 0.4, deals=5)
    batch.loc[0, "mean_noise"] = 0.6  # one of the two deals of the first layer
    table = batch_norm_noise.compare(batch, fixed).set_index(["upstream", "place"])
    assert len(table) == 6 and (table["predicted"] == 0.4).all()
    assert table.loc[("fixed", 2), "ratio"] == pytest.approx(1)
    assert table.loc[("batch", 2), "ratio"] == pytest.approx(0.5)
    assert table.loc[("batch", 0), "mean_noise"] == pytest.approx(np.sqrt((0.6**2 + 0.2**2) / 2))
    assert table.loc["batch", "part"].tolist() == ["first third", "middle third", "last third"]
    summary = batch_norm_noise.summarize(table.reset_index().assign(state="after training"))
    assert summary["after_training"].keys() == {"all_layers", "first_third", "middle_third", "last_third"}
    last = summary["after_training"]["last_third"]
    assert last.pop("ratio_batch_2")["median"] == pytest.approx(0.5)
    assert last.pop("ratio_fixed_2")["median"] == pytest.approx(1)
    assert last == pytest.approx({"between_images": 0.3, "mean_noise_2": 0.2, "sd_noise_2": 0.1})
    ratios = summary["after_training"]["all_layers"]["ratio_batch_2"]
    assert list(ratios.values()) == pytest.approx([0.5, 0.5, (0.5 + np.sqrt(0.2) / 0.4) / 2])
