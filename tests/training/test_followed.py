"""Moving averages that are followed beside the model's own: they change nothing and are what another run would have."""

import keras
import numpy as np
import pytest

from smallbatch.batchnorm import layers, recalibration
from smallbatch.errors import ParameterError
from smallbatch.training import data as data_sets
from smallbatch.training import evaluation, loop, model
from smallbatch.training.config import RunConfig

TINY = {"n_train": 48, "width": 0.125, "depth": 0.1, "batch_size": 8, "epochs": 2, "learning_rate": 0.02}
FOLLOWED = [0.9, 0.5, "scaled", "steps_per_epoch"]


def trained(weights_of=None, **parameters):
    """The smallest miniature of the network, trained for two epochs of six steps.

    It starts from the initial weights and random states `weights_of` gives, so that nothing else in this process that
    draws from Python's generator while layers are made can part two trainings that are compared.
    """
    config = RunConfig.create(**TINY | parameters)
    loop.prepare(config)
    images = data_sets.load(config)
    network = model.build(config, 10, len(images.train))
    own = [v for v in network.variables if not v.name.startswith("followed_")]
    for variable, value in zip(own, weights_of or [], strict=weights_of is not None):
        variable.assign(value)
    initial = [keras.ops.convert_to_numpy(v).copy() for v in own]
    observed = recalibration.Observed(network)
    loop.compile_model(network, config, len(images.train))
    fitted = loop.fit(network, images, config, observed)
    return config, images, network, observed, fitted, initial


@pytest.fixture(scope="module")
def plain():
    return trained()


@pytest.fixture(scope="module")
def following(plain):
    return trained(plain[5], followed_batch_norm_momenta=FOLLOWED)


def own_weights(network):
    return [keras.ops.convert_to_numpy(v) for v in network.weights if not v.name.startswith("followed_")]


def test_no_weight_and_no_moving_average_changes_by_a_single_bit(plain, following):
    for one, other in zip(own_weights(plain[2]), own_weights(following[2]), strict=True):
        np.testing.assert_array_equal(one, other)
    drop = {"seconds", "seconds_lag"}
    histories = [
        [{k: v for k, v in row.items() if k not in drop} for row in run[4].history] for run in (plain, following)
    ]
    assert histories[0] == histories[1]


def test_followed_averages_are_those_of_a_run_with_that_momentum(following):
    _, _, _, observed, _, _ = trained(following[5], batch_norm_momentum=0.5)
    own = recalibration.moving_averages(observed.layers)
    place = FOLLOWED.index(0.5)
    for layer, (mean, variance) in zip(following[3].layers, own, strict=True):
        followed = layer.followed_averages(place)
        np.testing.assert_allclose(followed[0], mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(followed[1], variance, rtol=1e-5, atol=1e-6)
    assert (
        sum(
            np.abs(layer.followed_averages(0)[0] - own[k][0]).max() > 1e-3
            for k, layer in enumerate(following[3].layers)
        )
        > len(own) / 2
    )  # another momentum's are not the same


def test_each_is_an_evaluation_of_its_own_and_leaves_the_model_as_it_is(following):
    config, images, network, observed, _, _ = following
    before = [w.copy() for w in network.get_weights()]
    found = evaluation.evaluate(images, config, observed)
    names = [f"moving_{momentum}" for momentum in FOLLOWED]
    assert list(found.metrics) == [*evaluation.EVALUATIONS, *names]
    assert set(found.test_correct) == set(found.seconds) == set(found.metrics)
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    with recalibration.using(observed.layers, [layer.followed_averages(1) for layer in observed.layers]):
        assert evaluation.evaluate(images, config, observed).metrics["moving"] == found.metrics["moving_0.5"]


def test_rules_are_worked_out_from_batch_size_and_steps():
    config = RunConfig.create(batch_size=10, followed_batch_norm_momenta=[0.9, "scaled", "steps_per_epoch"])
    followed = config.followed_momenta(5000)
    assert followed == pytest.approx(
        {"moving_0.9": 0.9, "moving_scaled": 0.99 ** (10 / 32), "moving_steps_per_epoch": 0.98}
    )
    assert RunConfig.create(batch_size=32, followed_batch_norm_momenta=["steps_per_epoch"]).followed_momenta(5000) == {
        "moving_steps_per_epoch": pytest.approx(1 - 10 / 156)
    }
    few = RunConfig.create(batch_size=32, followed_batch_norm_momenta=["steps_per_epoch"])
    assert few.followed_momenta(512) == {"moving_steps_per_epoch": 0.9}


def test_ghost_batch_norm_follows_the_mean_of_its_ghost_batches():
    layer = layers.GhostBatchNormalization(2, momentum=0.9, followed_momenta=(0.9, 0.0))
    inputs = np.random.default_rng(0).normal(3, 2, (6, 4)).astype("float32")
    layer(inputs, training=True)
    for place, own in ((0, layer.moving_mean), (1, None)):
        mean, variance = layer.followed_averages(place)
        groups = inputs.reshape(3, 2, 4)
        expected = groups.mean((0, 1)) if own is None else keras.ops.convert_to_numpy(own)
        np.testing.assert_allclose(mean, expected, rtol=1e-5)
        assert own is not None or variance == pytest.approx(groups.var(1).mean(0), rel=1e-5)


def test_a_layer_that_follows_is_saved_and_loaded():
    layer = layers.BatchNormalization(followed_momenta=(0.5,))
    again = layers.BatchNormalization.from_config(layer.get_config())
    assert again.followed_momenta == (0.5,)
    assert "followed_momenta" not in layers.BatchNormalization().get_config()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"followed_batch_norm_momenta": [0.9, 0.9]}, "twice"),
        ({"followed_batch_norm_momenta": [1.0]}, r"followed_batch_norm_momenta\[0\] = 1.0"),
        ({"followed_batch_norm_momenta": ["scale"]}, "scaled or steps_per_epoch"),
        ({"followed_batch_norm_momenta": [0.9], "normalization": "group"}, "no moving averages"),
    ],
)
def test_what_cannot_be_followed_is_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        RunConfig.create(**parameters)
