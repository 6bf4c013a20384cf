"""The callback, the command, the examples in docstrings, and what using them costs."""

import doctest
import importlib
import subprocess
import sys

import keras
import numpy as np
import pytest

import smallbatch
from smallbatch.batchnorm import evaluator
from smallbatch.diagnosis import command, preparing
from smallbatch.diagnosis.folders import ClassFolders
from smallbatch.errors import UserError
from tests.conftest import ROOT
from tests.diagnosis.zoo import images, sequential

layers = keras.layers


def compiled(momentum=0.999):
    keras.utils.set_random_seed(0)
    model = sequential(momentum)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.02, 0.9), loss, metrics=["accuracy"], jit_compile=False)
    return model


def bright(seed):
    x, y = images(seed=seed)
    return x + 4, y


def test_the_callback_logs_validation_as_it_would_be_recalibrated_and_compiles_once(monkeypatch):
    made = []
    original = evaluator.Evaluator.__init__
    monkeypatch.setattr(evaluator.Evaluator, "__init__", lambda self, *a: made.append(1) or original(self, *a))
    train, validation = bright(0), bright(1)
    alone = compiled()
    without = alone.fit(*train, epochs=4, verbose=0, validation_data=validation).history
    model = compiled()  # which sets the seed of the order of the images again
    callback = smallbatch.Recalibrated(train, validation)
    history = model.fit(*train, epochs=4, verbose=0, validation_data=validation, callbacks=[callback]).history
    assert history["val_accuracy"] == without["val_accuracy"] and history["loss"] == without["loss"]
    assert history["recalibrated_val_accuracy"][-1] > history["val_accuracy"][-1] + 0.2
    assert made == [1]
    smallbatch.recalibrate(model, train)
    loss, accuracy = model.evaluate(*validation, verbose=0)
    assert history["recalibrated_val_accuracy"][-1] == pytest.approx(accuracy, abs=1e-6)
    assert history["recalibrated_val_loss"][-1] == pytest.approx(loss, rel=1e-4)


def test_a_second_diagnosis_compiles_nothing(monkeypatch):
    model, train, validation = compiled(), bright(0), bright(1)
    first = smallbatch.diagnose(model, train, validation)

    def refuse(*_, **__):
        raise AssertionError("compiled again")

    monkeypatch.setattr(preparing, "usage", refuse)
    monkeypatch.setattr(keras.Model, "make_predict_function", lambda self, force=False: self.predict_function)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        monkeypatch.setattr(tf, "function", refuse)
    assert smallbatch.diagnose(model, train, validation).parts.equals(first.parts)
    monkeypatch.undo()
    model.layers[1].trainable = False  # then it runs in another way
    roles = smallbatch.diagnose(model, train, validation).layers["role"]
    assert roles[0].startswith("is frozen") and roles[1].startswith("uses the statistics of batches")


def test_a_second_diagnosis_runs_the_model_as_often_as_it_has_evaluations_to_score(monkeypatch):
    model, train, validation = compiled(), bright(0), bright(1)
    smallbatch.diagnose(model, train, validation)

    def refuse(*_, **__):
        raise AssertionError("compared again, though the model's compiled functions are the same")

    monkeypatch.setattr(keras.Model, "predict", refuse)
    monkeypatch.setattr(keras.Model, "evaluate", refuse)
    ran, outputs = [], evaluator.Evaluator._outputs
    monkeypatch.setattr(
        evaluator.Evaluator, "_outputs", lambda self, x, *more: ran.append(len(x)) or outputs(self, x, *more)
    )
    smallbatch.diagnose(model, train, validation)
    assert sum(ran) == 3 * (len(train[0]) + len(validation[0]))
    monkeypatch.undo()
    model.compile("sgd", "mse", metrics=["accuracy"], jit_compile=False)  # another evaluate than before
    with pytest.raises(UserError):
        smallbatch.diagnose(model, train, validation)


def test_what_was_changed_is_returned_and_undone():
    model, train = compiled(), bright(0)
    model.layers[1].trainable = False
    before = [np.array(w) for w in model.get_weights()]
    done = smallbatch.recalibrate(model, train)
    assert len(done) == int(done) == 1 and done == 1 and done.changed == (model.layers[4].name,)
    assert done.left_alone == {model.layers[1].name: "is frozen (trainable = False)"}
    assert "Left alone" in str(done)
    assert not all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
    done.undo()
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.fixture
def folders(tmp_path):
    from PIL import Image

    generator = np.random.default_rng(0)
    for part in ("train", "validation"):
        for name, level in (("bright", 150), ("dark", 100)):
            (tmp_path / part / name).mkdir(parents=True)
            for k in range(20):
                pixels = np.clip(level + generator.normal(0, 30, (10, 12, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / part / name / f"{k}.png")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)), layers.Rescaling(1 / 255), layers.Conv2D(4, 3), layers.BatchNormalization(),
            layers.Flatten(), layers.Dense(2, activation="softmax"),
        ]
    )  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    model.save(tmp_path / "model.keras")
    return tmp_path


def test_the_command_diagnoses_a_saved_model_on_folders_of_classes(folders, capsys):
    paths = [str(folders / name) for name in ("model.keras", "train", "validation")]
    figure = folders / "figure.png"
    assert command.main(["diagnose", *paths, "--batch-size", "10", "--figure", str(figure)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Diagnosis: ") and "batches of 10" in said and figure.stat().st_size > 1000


def test_the_command_says_in_a_sentence_what_is_wrong(folders, capsys):
    model, train, validation = (str(folders / name) for name in ("model.keras", "train", "validation"))
    (folders / "validation" / "dark").rename(folders / "validation" / "night")
    (folders / "empty").mkdir()
    for arguments, message in (
        ([str(folders / "none.keras"), train, train], "is no file. Allowed: a model saved by Keras 3"),
        ([model, train, validation], "the folders of classes differ: bright, dark and bright, night. Allowed"),
        ([model, str(folders / "empty"), train], "holds no images in folders of classes. Allowed"),
        ([model, train, train, "--batch-size", "0"], "--batch-size = 0 is not allowed. Allowed"),
    ):
        assert command.main(["diagnose", *arguments]) == 2
        said = capsys.readouterr().err
        assert message in said and len(said.splitlines()) == 1


def test_images_in_folders_are_read_as_they_are_meant_or_named(folders, capsys):
    from PIL import Image

    dark = folders / "train" / "dark"
    Image.fromarray(np.full((8, 8), 30000, np.uint16)).save(dark / "0.png")
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(dark / "1.jpg")
    images = {path.name: ClassFolders(folders / "train", (8, 8, 3), 4)._image(path) for path in dark.iterdir()}
    assert images["0.png"].tolist() == np.full((8, 8, 3), 30000 // 257).tolist()  # not cut off at 255
    assert images["1.jpg"][..., 0].min() > 200 and images["1.jpg"][..., 1:].max() < 50
    (dark / "0.png").write_bytes((dark / "2.png").read_bytes()[:60])
    arguments = [str(folders / name) for name in ("model.keras", "train", "train")]
    assert command.main(["diagnose", *arguments]) == 2
    said = capsys.readouterr().err
    assert "0.png cannot be read as an image" in said and len(said.splitlines()) == 1


@pytest.mark.parametrize("name", ["diagnosing", "recalibrating", "callback"])
def test_the_examples_in_docstrings_run(name):
    found = doctest.testmod(importlib.import_module(f"smallbatch.diagnosis.{name}"))
    assert found.attempted > 3 and found.failed == 0


def test_importing_loads_nothing_and_diagnosing_no_more_than_it_needs():
    code = "import sys, smallbatch; assert not {'keras', 'numpy', 'pandas', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    code = (
        "import sys, smallbatch; smallbatch.diagnose, smallbatch.recalibrate, smallbatch.Recalibrated; "
        "assert not {'seaborn', 'pydantic', 'keras_cv', 'smallbatch.figures', "
        "'smallbatch.training'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
