"""Over twenty small models: the moving averages score what `evaluate` reports, and recalibrating does no harm."""

import keras
import numpy as np
import pytest

import smallbatch
from smallbatch.batchnorm.recalibration import batch_norm_layers
from smallbatch.errors import UserError
from tests.diagnosis.zoo import ZOO, trained

# What is refused: its evaluation cannot be looked at.
REFUSED = {"preprocessing": "prepares them on the way"}
NOTHING_TO_CHANGE = {"without training", "always training=False", "always training=True", "train_step without training"}
SOUND = set(ZOO) - set(REFUSED) - NOTHING_TO_CHANGE - {"lagging", "overfitting", "float16", "dropout"}


def statistics(model):
    return [np.array(v) for layer in batch_norm_layers(model) for v in (layer.moving_mean, layer.moving_variance)]


# So many train in a few seconds; the others are of the same kinds.
QUICK = {"sequential", "without training", "preprocessing", "masked pooling", "lagging"}


@pytest.mark.parametrize("name", [pytest.param(k, marks=[] if k in QUICK else pytest.mark.slow) for k in ZOO])
def test_moving_is_what_evaluate_reports_and_recalibrating_does_no_harm(name):
    if name == "renorm" and not hasattr(keras.layers.BatchNormalization(), "renorm"):
        pytest.skip("this Keras has no batch renormalization")
    if name == "train_step without training" and keras.backend.backend() == "torch":
        pytest.skip("no such train_step is written for PyTorch")
    model, train, validation = trained(name)
    before = model.evaluate(*validation, verbose=0, return_dict=True)["accuracy"]
    kept = [np.array(w) for w in model.get_weights()]
    if name in REFUSED:
        with pytest.raises(UserError, match=REFUSED[name]):
            smallbatch.diagnose(model, train, validation)
        with pytest.raises(UserError, match=REFUSED[name]):
            smallbatch.recalibrate(model, train)
        after = model.evaluate(*validation, verbose=0, return_dict=True)["accuracy"]
        assert after == before
        return
    found = smallbatch.diagnose(model, train, validation)
    moving = found.accuracy.set_index(["evaluation", "set"])["accuracy"]["moving", "validation"]
    assert moving == pytest.approx(before, abs=2 / 320 if name in ("mixed precision", "float16") else 1e-6)
    if name != "always training=True":  # whose `evaluate` moves its averages by itself
        assert all((a == b).all() for a, b in zip(kept, model.get_weights(), strict=True))
    if name in NOTHING_TO_CHANGE:
        assert not {"moving averages lag", "moving averages never updated"} & {*found.causes, *found.loss_causes}
        averages = statistics(model)
        with pytest.raises(UserError, match="nothing was changed"):
            smallbatch.recalibrate(model, train)
        assert all((a == b).all() for a, b in zip(averages, statistics(model), strict=True))
        return
    if name in SOUND:
        assert "moving averages lag" not in found.causes
    if name == "lagging":
        assert found.causes[0] == "moving averages lag" and found.recalibrate
        assert found.parts.loc["moving averages", "points"] > 20
    if name == "overfitting":
        assert "overfitting" in found.causes
    done = smallbatch.recalibrate(model, train)
    after = model.evaluate(*validation, verbose=0, return_dict=True)["accuracy"]
    assert after > before - 0.02
    assert len(done) == (1 if name == "frozen" else len(batch_norm_layers(model)))
    done.undo()
    assert all((a == b).all() for a, b in zip(kept, model.get_weights(), strict=True))
