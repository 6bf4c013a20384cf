"""Weights files from strangers: weights are read, code in them never runs, and what is no weights file is named."""

import base64
import json
import marshal
import pickle
import shutil
import zipfile

import numpy as np
import pytest

from smallbatch.errors import ParameterError
from smallbatch.training import model
from smallbatch.training.config import RunConfig

# Small for testing: the smallest miniature.
SMALL = {"width": 0.125, "depth": 0.1, "image_size": 75, "batch_size": 2}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A whole model in Keras's archive, and its weights."""
    path = tmp_path_factory.mktemp("weights") / "network.keras"
    network = model._network(model.build(RunConfig.create(**SMALL, seed=1), n_classes=3))
    network.save(path)
    return path, network.get_weights()


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return shutil.copyfile, ("/dev/null", str(self.path))


def test_code_in_an_archive_is_not_run_and_its_weights_are_read(saved, tmp_path):
    path, weights = saved
    canary, poisoned = tmp_path / "ran", tmp_path / "network.keras"
    code = compile(f"open({str(canary)!r}, 'w')", "layer", "exec")
    function = base64.b64encode(marshal.dumps(code)).decode()
    called = {"class_name": "__lambda__", "config": {"code": function, "defaults": None, "closure": None}}
    layer = {"class_name": "Lambda", "module": "keras.layers", "config": {"name": "x", "function": called}}
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(poisoned, "w") as target:
        for name in source.namelist():
            text = source.read(name)
            if name == "config.json":
                config = json.loads(text)
                config["config"]["layers"].insert(0, layer)
                text = json.dumps(config).encode()
            target.writestr(name, text)
        target.writestr("payload.pkl", pickle.dumps(Touch(canary)))
    built = model.build(RunConfig.create(**SMALL, weights=str(poisoned)), n_classes=3)
    for read, expected in zip(model._network(built).get_weights(), weights, strict=True):
        np.testing.assert_array_equal(read, expected)
    assert not canary.exists()


@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5", "w.keras", "w.pkl", "w.npz", "w.pt"])
def test_a_pickle_by_any_name_is_refused_in_one_line_and_not_opened_as_one(tmp_path, name):
    canary = tmp_path / "ran"
    (tmp_path / name).write_bytes(pickle.dumps(Touch(canary)))
    with pytest.raises(ParameterError, match=r"weights = .*(does not fit this network|no file of weights)") as error:
        model.build(RunConfig.create(**SMALL, weights=str(tmp_path / name)), n_classes=3)
    assert len(str(error.value).splitlines()) == 1 and not canary.exists()


def test_a_truncated_file_is_named(saved, tmp_path):
    cut = tmp_path / "cut.keras"
    cut.write_bytes(saved[0].read_bytes()[:10_000])
    with pytest.raises(ParameterError, match=r"cut.keras' does not fit this network"):
        model.build(RunConfig.create(**SMALL, weights=str(cut)), n_classes=3)
