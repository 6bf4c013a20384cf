"""The network: exactly the published one at full size, a true miniature below, weights and training by choice."""

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from smallbatch.errors import ParameterError
from smallbatch.training import model
from smallbatch.training.config import RunConfig

SMALL = {"width": 0.125, "depth": 0.1, "image_size": 75}


def n_blocks(network, kind):
    return sum(layer.name.startswith(f"{kind}_") and layer.name.endswith("_conv") for layer in network.layers)


@pytest.mark.slow
def test_at_full_size_it_is_exactly_the_published_network():
    published = model._published(75, weights=None)
    ours = model.inception_resnet_v2(75)
    assert ours.count_params() == published.count_params() == 54_336_736
    assert [type(layer).__name__ for layer in ours.layers] == [type(layer).__name__ for layer in published.layers]
    assert [w.shape for w in ours.weights] == [w.shape for w in published.weights]
    generator = np.random.default_rng(0)
    # Statistics and biases other than 0 and 1, so that a layer left out or swapped would show.
    weights = [
        w + generator.uniform(0.0, 0.2, w.shape).astype("float32") if w.ndim == 1 else w
        for w in published.get_weights()
    ]
    published.set_weights(weights)
    ours.set_weights(weights)
    images = generator.uniform(-1, 1, (2, 75, 75, 3)).astype("float32")
    expected = np.asarray(published(images, training=False))
    assert np.isfinite(expected).all() and np.ptp(expected) > 0
    # The same numbers up to rounding: our batch norm is one fused operation, Keras's are several.
    np.testing.assert_allclose(
        np.asarray(ours(images, training=False)), expected, rtol=1e-4, atol=1e-5 * np.ptp(expected)
    )


@pytest.mark.slow
def test_the_published_classifier_has_as_many_batch_norm_layers_as_the_brief_counts():
    network = model.inception_resnet_v2(75, width=0.125)
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    on_last_map = [layer for layer in layers if tuple(layer.output.shape[1:3]) == (1, 1)]
    assert (len(layers), len(on_last_map)) == (204, 44)


@pytest.mark.parametrize(("depth", "blocks"), [(0.1, (1, 2, 1)), (0.2, (2, 4, 2)), (0.5, (5, 10, 5))])
def test_depth_keeps_its_share_of_the_residual_blocks(depth, blocks):
    network = model.inception_resnet_v2(75, width=0.125, depth=depth)
    assert tuple(n_blocks(network, kind) for kind in ("block35", "block17", "block8")) == blocks
    # The last block of the published network, the one without activation, ends every miniature.
    assert network.get_layer("block8_10_conv") is not None
    with pytest.raises(ValueError, match="block8_10_ac"):
        network.get_layer("block8_10_ac")


def test_a_left_out_block_hands_its_input_on():
    network = model.inception_resnet_v2(75, width=0.125, depth=0.2)
    # block35_2 is the last one kept of ten: the reduction that follows reads its activation.
    pooled = [layer for layer in network.layers if isinstance(layer, keras.layers.MaxPooling2D)]
    producers = [layer.input._keras_history.operation.name for layer in pooled]
    assert "block35_2_ac" in producers and "block17_4_ac" in producers


def test_width_scales_every_convolution_exactly():
    network = model.inception_resnet_v2(75, width=0.25, depth=0.1)
    assert network.output_shape == (None, 384)
    stem = [layer.filters for layer in network.layers if isinstance(layer, keras.layers.Conv2D)][:5]
    assert stem == [8, 8, 16, 20, 48]


@pytest.mark.parametrize("image_size", [107, 139])
def test_the_last_map_has_the_side_that_the_parameters_are_checked_by(image_size):
    from smallbatch.training.checks import last_map_side

    network = model.inception_resnet_v2(image_size, width=0.125, depth=0.1)
    assert network.get_layer("conv_7b").output.shape[1:3] == (last_map_side(image_size),) * 2


def test_batch_norm_momentum_reaches_every_layer():
    network = model.inception_resnet_v2(75, 0.125, 0.1, batch_norm_momentum=0.7)
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.momentum for layer in layers} == {0.7}
    assert {(layer.scale, layer.epsilon) for layer in layers} == {(False, 0.001)}


def test_images_are_scaled_as_the_published_preprocessing_does():
    network = model.build(RunConfig.create(**SMALL), n_classes=3)
    images = np.array([0.0, 127.5, 255.0], "float32").reshape(1, 1, 3, 1) * np.ones((1, 1, 1, 3), "float32")
    expected = keras.applications.inception_resnet_v2.preprocess_input(images.copy())
    np.testing.assert_allclose(np.asarray(network.get_layer("scale")(images)), expected, atol=1e-6)
    assert network.output_shape == (None, 3)


def test_weights_of_a_file_are_loaded_for_the_model_and_for_the_network_alone(tmp_path):
    config = RunConfig.create(**SMALL)
    keras.utils.set_random_seed(1)
    first = model.build(config, n_classes=3)
    first.save_weights(tmp_path / "all.weights.h5")
    keras.utils.set_random_seed(2)
    second = model.build(RunConfig.create(**SMALL, weights=str(tmp_path / "all.weights.h5")), n_classes=3)
    for ours, theirs in zip(second.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_published_weights_of_the_network_alone_are_loaded(tmp_path):
    # The published files are in the older HDF5 format, which Keras still reads but no longer writes itself.
    source = model.inception_resnet_v2(75, SMALL["width"], SMALL["depth"])
    with h5py.File(tmp_path / "notop.h5", "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, source)
    loaded = model.build(RunConfig.create(**SMALL, weights=str(tmp_path / "notop.h5")), n_classes=3)
    for ours, theirs in zip(loaded.get_weights(), source.get_weights(), strict=False):  # the classifier comes last
        np.testing.assert_array_equal(ours, theirs)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A network with plain batch norm and the file of its weights."""
    keras.utils.set_random_seed(1)
    network = model.build(RunConfig.create(**SMALL), n_classes=3)
    path = tmp_path_factory.mktemp("weights") / "plain.weights.h5"
    network.save_weights(path)
    return network, str(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arm",
    [
        {"normalization": "ghost", "ghost_batch_size": 4, "batch_size": 8, "dropout": 0.2},
        {"normalization": "frozen", "dropout_between_batch_norms": 0.1},
    ],
    ids=str,
)
def test_weights_load_into_every_arm_with_the_same_variables(plain, tmp_path, arm):
    network, path = plain
    loaded = model.build(RunConfig.create(**SMALL, **arm, weights=path), n_classes=3)
    for ours, theirs in zip(loaded.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    loaded.save_weights(tmp_path / "arm.weights.h5")
    again = model.build(RunConfig.create(**SMALL, **arm, weights=str(tmp_path / "arm.weights.h5")), n_classes=3)
    np.testing.assert_array_equal(again.get_weights()[0], network.get_weights()[0])


def test_weights_with_moving_averages_do_not_fit_group_norm(plain):
    with pytest.raises(ParameterError, match="does not fit this network"):
        model.build(RunConfig.create(**SMALL, normalization="group", weights=plain[1]), n_classes=3)


@pytest.mark.parametrize("kind", ["ghost", "group", "frozen"])
def test_an_arm_replaces_every_batch_norm_of_the_network(kind):
    plain = model.inception_resnet_v2(75, 0.125, 0.1)
    arm = model.inception_resnet_v2(75, 0.125, 0.1, 0.9, kind, ghost_batch_size=2)
    n = sum(isinstance(layer, keras.layers.BatchNormalization) for layer in plain.layers)
    names = {"ghost": "GhostBatchNormalization", "group": "GroupNormalization", "frozen": "FrozenBatchNormalization"}
    kinds = [type(layer).__name__ for layer in arm.layers]
    assert kinds.count(names[kind]) == n > 40 and "BatchNormalization" not in kinds
    assert len(arm.layers) == len(plain.layers)


def test_weights_that_are_missing_or_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="there is no such file"):
        model.build(RunConfig.create(**SMALL, weights="missing.weights.h5"), n_classes=3)
    for name, change in (("wide", {"width": 0.25}), ("deep", {"depth": 0.2})):
        path = tmp_path / f"{name}.weights.h5"
        model.build(RunConfig.create(**SMALL | change), n_classes=3).save_weights(path)
        with pytest.raises(ParameterError, match="does not fit this network"):
            model.build(RunConfig.create(**SMALL, weights=str(path)), n_classes=3)


def test_imagenet_weights_that_cannot_be_downloaded_say_what_to_do(monkeypatch):
    def refuse(*args, **kwargs):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "InceptionResNetV2", refuse)
    with pytest.raises(ParameterError, match=r"cannot be downloaded here \(URL fetch failure\).*give the file"):
        model._imagenet(75)


def test_what_is_trained():
    whole = model.build(RunConfig.create(**SMALL), n_classes=3)
    head = model.build(RunConfig.create(**SMALL, trainable="head"), n_classes=3)
    part = model.build(RunConfig.create(**SMALL, trainable="conv_7b"), n_classes=3)
    assert [w.path for w in head.trainable_weights] == ["logits/kernel", "logits/bias"]
    assert [w.path for w in part.trainable_weights] == [
        "conv_7b/kernel", "conv_7b_bn/beta", "logits/kernel", "logits/bias",
    ]  # fmt: skip
    assert len(whole.trainable_weights) > 60
    with pytest.raises(ParameterError, match=r"no such layer. Allowed: all, head, or a layer such as conv_7b"):
        model.build(RunConfig.create(**SMALL, trainable="conv_7c"), n_classes=3)


SMALL = {"width": 0.125, "depth": 0.1}


def built(n_classes=10, **parameters):
    keras.utils.set_random_seed(parameters.get("seed", 0))
    return model.build(RunConfig.create(**SMALL | parameters), n_classes, 100)


def test_a_perturbation_of_the_initial_weights_is_relative_repeatable_and_drawn_by_its_own_seed():
    plain, one, again, other = (
        [keras.ops.convert_to_numpy(v).astype(float) for v in built(**given).trainable_variables]
        for given in (
            {},
            {"initial_perturbation": 1e-3},
            {"initial_perturbation": 1e-3},
            {"initial_perturbation": 1e-3, "perturbation_seed": 1},
        )
    )
    kernels = [k for k, value in enumerate(plain) if value.ndim == 4 and value.size > 1000]
    for k in kernels:
        relative = one[k] / plain[k] - 1
        assert relative.std() == pytest.approx(1e-3, rel=0.1) and abs(relative.mean()) < 2e-4
        assert (one[k] == again[k]).all() and (one[k] != other[k]).any()


def test_a_run_starts_from_the_network_that_another_kept_and_has_a_classifier_of_its_own(tmp_path):
    first = built(n_classes=4, seed=1, followed_batch_norm_momenta=[0.9])
    for variable in first.weights:
        variable.assign(np.random.default_rng(0).uniform(0.5, 1, variable.shape))
    config = RunConfig.create(record_folder=str(tmp_path), weights="run:before", **SMALL)
    model.keep_weights(first, config.weights_of("before"))
    for parameters in ({}, {"normalization": "frozen"}, {"followed_batch_norm_momenta": [0.5]}):
        second = built(record_folder=str(tmp_path), weights="run:before", **parameters)
        pairs = zip(model._kept_variables(first), model._kept_variables(second), strict=True)
        assert all((keras.ops.convert_to_numpy(a) == keras.ops.convert_to_numpy(b)).all() for a, b in pairs)
        assert second.output_shape == (None, 10)


@pytest.mark.parametrize(
    ("weights", "other", "message"),
    [
        ("run:missing", {}, "train it first"),
        ("run:kept", {"width": 0.25}, "same width, depth"),
        ("run:broken", {}, "cannot be read"),
    ],
)
def test_weights_of_a_run_that_are_missing_broken_or_do_not_fit_are_refused(tmp_path, weights, other, message):
    config = RunConfig.create(record_folder=str(tmp_path), **SMALL)
    if weights == "run:kept":
        model.keep_weights(built(), config.weights_of("kept"))
    (tmp_path / "weights").mkdir(exist_ok=True)
    (tmp_path / "weights" / "broken.npz").write_bytes(b"PK broken")
    with pytest.raises(ParameterError, match=message):
        built(record_folder=str(tmp_path), weights=weights, **other)
