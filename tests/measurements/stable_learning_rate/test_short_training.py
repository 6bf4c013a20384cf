"""The short training: an ordinary one from a checkpoint, which it then puts back."""

import keras
import numpy as np
import pytest

from smallbatch.batchnorm.inference import cross_entropy
from smallbatch.batchnorm.layers import FrozenBatchNormalization
from smallbatch.batchnorm.recalibration import Observed
from smallbatch.errors import ParameterError
from smallbatch.measurements.stable_learning_rate.estimator import loss_limit
from smallbatch.measurements.stable_learning_rate.parameters import Config
from smallbatch.measurements.stable_learning_rate.short_training import ShortTraining, require_below
from smallbatch.training import loop
from smallbatch.training.data import Data, Split


def split(n, seed):
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    images = 60 + 120 * labels[:, None, None, None] + generator.integers(0, 40, (n, 4, 4, 3))
    return Split(images.astype(np.uint8), labels)


@pytest.fixture(scope="module")
def data():
    return Data(split(24, 0), split(8, 1), split(8, 2), ["dark", "bright"])


@pytest.fixture(scope="module")
def judged():
    return split(40, 3)


def network(kind=keras.layers.BatchNormalization):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(4, 3),
            kind(scale=False, momentum=0.9),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )


def config(**parameters):
    return Config.create(**{"batch_sizes": [2, 4, 8], "short_steps": 5, "warmup_epochs": 1.0} | parameters)


@pytest.mark.parametrize("batch_size", [2, 8])
def test_it_ends_where_an_ordinary_training_of_as_many_steps_ends(data, judged, batch_size):
    short = ShortTraining(network(), data, judged, config())
    trained = network()
    # No warm-up, whatever the checkpoint was trained with.
    ordinary = config(batch_size=batch_size, learning_rate=0.05, seed=3, steps=5, warmup_epochs=0.0)
    loop.compile_model(trained, ordinary, len(data.train))
    loop.fit(trained, data, ordinary, Observed(trained))
    short(8, 0.3, 0)  # what was tried before leaves no trace
    assert short(batch_size, 0.05, 3) == pytest.approx(ShortTraining(trained, data, judged, config()).loss(), rel=1e-5)


def test_the_network_is_put_back_and_the_seed_decides(data, judged):
    model = network()
    short = ShortTraining(model, data, judged, config())
    before, loss = [variable.numpy() for variable in model.variables], short.loss()
    first, again, other = (short(4, 0.1, seed) for seed in (0, 0, 1))
    assert first == again != other and first != loss
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert short.loss() == loss


def test_a_training_that_explodes_has_no_loss_and_is_put_back(data, judged):
    short = ShortTraining(network(), data, judged, config())
    loss = short.loss()
    assert np.isnan(short(4, 1e30, 0)) and short.loss() == loss


def test_frozen_statistics_judge_each_image_by_itself(data, judged):
    model = network(FrozenBatchNormalization)
    loss = ShortTraining(model, data, judged, config()).loss()
    logits = model.predict(judged.images.astype("float32"), verbose=0)
    assert loss == pytest.approx(cross_entropy(logits, judged.labels)[0].mean(), rel=1e-5)
    # The same weights judged with batch statistics have another loss.
    assert abs(ShortTraining(network(), data, judged, config()).loss() - loss) > 1e-3


def test_a_checkpoint_that_knows_nothing_has_nothing_to_lose():
    config = Config.create(epochs=1, diverged_above=0.5)
    limit = loss_limit(10, config.diverged_above)
    assert limit == pytest.approx(0.5 * np.log(10))
    require_below(limit, 1.1, config)
    for loss in (1.2, np.nan):
        with pytest.raises(ParameterError, match=r"epochs = 1: the checkpoint's loss of .* Allowed: more epochs"):
            require_below(limit, loss, config)
