"""The short training: an ordinary one from a checkpoint, which it then puts back."""

import numpy as np
import pytest

from smallbatch.errors import ParameterError
from smallbatch.measurements.stable_learning_rate.estimator import loss_limit
from smallbatch.measurements.stable_learning_rate.parameters import Config
from smallbatch.measurements.stable_learning_rate.short_training import require_below


def test_a_checkpoint_that_knows_nothing_has_nothing_to_lose():
    config = Config.create(epochs=1, diverged_above=0.5)
    limit = loss_limit(10, config.diverged_above)
    assert limit == pytest.approx(0.5 * np.log(10))
    require_below(limit, 1.1, config)
    for loss in (1.2, np.nan):
        with pytest.raises(ParameterError, match=r"epochs = 1: the checkpoint's loss of .* Allowed: more epochs"):
            require_below(limit, loss, config)
