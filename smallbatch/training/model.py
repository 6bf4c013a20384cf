"""Inception-ResNet-v2 (Szegedy et al. 2017) as `keras.applications` publishes it, whole or in miniature.

The published network is cloned layer by layer: `width` scales the filters of every convolution, `depth` leaves
residual blocks out. With both at 1.0 the clone is exactly the published network. Nothing here knows the data.
"""

import contextlib
import difflib
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
from keras.src.backend.common import global_state  # there is no public way to leave variables without values

from smallbatch.batchnorm.layers import layer as normalizing_layer
from smallbatch.errors import ParameterError
from smallbatch.paths import published
from smallbatch.training.config import FROM_RUN, RunConfig

# Keras's list of variables that are still to get their first values.
WAITING = "uninitialized_variables"
# Of a file of a whole model too only the weights are read, never what could be run: layers, functions, pickles.
WEIGHTS = (".weights.h5", ".h5", ".hdf5", ".keras")
BLOCKS = {"block35": 10, "block17": 20, "block8": 10}


@contextlib.contextmanager
def without_values() -> Iterator[None]:
    """Let networks that are built inside have layers, connections and shapes, but no values of their weights.

    They can be counted, not run. Drawing the published network's 54 million weights takes longer than all else.
    """
    waiting = list(global_state.get_global_attribute(WAITING, []))
    with keras.StatelessScope(initialize_variables=False):
        yield
    # Keras would draw them after all together with the next model's.
    global_state.set_global_attribute(WAITING, waiting)


def build(config: RunConfig, n_classes: int, n_train: int | None = None) -> keras.Model:
    """Return the network with its classifier: images (n, side, side, 3) with values 0-255 to logits (n, n_classes).

    With `n_train`, the number of training images, batch norm follows the further moving averages asked for. Raises
    `ParameterError` where `weights` or `trainable` do not fit.
    """
    model = _classifier(config, n_classes, n_train)
    _load_weights(model, config, n_classes)
    if config.initial_perturbation:
        _perturb(model, config)
    _choose_trainable(_network(model), config.trainable)
    return model


def keep_weights(model: keras.Model, path: Path) -> None:
    """Write the values of the network without its classifier to a file of NumPy's, whole or not at all.

    Followed moving averages are left out, so that the file fits a network of any condition with batch norm.
    """
    with published(path) as stream:
        np.savez(stream, *[keras.ops.convert_to_numpy(variable) for variable in _kept_variables(model)])


def inception_resnet_v2(
    image_size: int,
    width: float = 1.0,
    depth: float = 1.0,
    batch_norm_momentum: float = 0.99,
    normalization: str = "batch",
    ghost_batch_size: int | None = None,
    dropout_between_batch_norms: float = 0.0,
    followed_momenta: Sequence[float] = (),
) -> keras.Model:
    """Return the network up to its pooled features: (n, side, side, 3) to (n, 1536 * width)."""
    with without_values():
        published = _published(image_size, weights=None)

    def clone(layer):
        parameters = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            parameters["momentum"] = batch_norm_momentum
            return normalizing_layer(normalization, parameters, ghost_batch_size, width, followed_momenta)
        if isinstance(layer, keras.layers.Conv2D):
            parameters["filters"] = int(parameters["filters"] * width)
        return type(layer).from_config(parameters)

    ends = _block_ends(published)
    left_out = {name for name, block in ends.items() if not _is_kept(block, depth)}
    needed = _needed(published, left_out)

    def call(layer, *args, **kwargs):
        # A block that is left out hands its input on; what its branches would compute, nobody asks for.
        if layer.name in left_out or layer.name not in needed:
            return args[0][0] if isinstance(args[0], list) else args[0]
        outputs = layer(*args, **kwargs)
        if dropout_between_batch_norms and layer.name.endswith("_ac") and layer.name in ends:
            name = f"{ends[layer.name]}_dropout"
            return keras.layers.Dropout(dropout_between_batch_norms, name=name)(outputs)
        return outputs

    return keras.models.clone_model(published, clone_function=clone, call_function=call)


@contextlib.contextmanager
def _precision(policy: str) -> Iterator[None]:
    """Let layers that are made inside compute by a policy of Keras, such as `mixed_float16`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _classifier(config: RunConfig, n_classes: int, n_train: int | None) -> keras.Model:
    with _precision(config.precision):
        return _connected(config, n_classes, n_train)


def _connected(config: RunConfig, n_classes: int, n_train: int | None) -> keras.Model:
    network = inception_resnet_v2(
        config.image_size,
        config.width,
        config.depth,
        config.momentum_of_averages(),
        config.normalization,
        config.ghost_batch_size,
        config.dropout_between_batch_norms,
        [] if n_train is None else list(config.followed_momenta(n_train).values()),
    )
    images = keras.Input((config.image_size, config.image_size, 3), dtype="float32", name="images")
    # The published preprocessing: values from -1 to 1.
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1, name="scale", dtype="float32")(images)
    features = network(scaled)
    if config.dropout:
        features = keras.layers.Dropout(config.dropout, name="dropout")(features)
    # In float32 whatever the precision: the loss takes exponentials of them.
    logits = keras.layers.Dense(n_classes, name="logits", dtype="float32")(features)
    return keras.Model(images, logits, name="classifier")


def _network(model: keras.Model) -> keras.Model:
    return next(layer for layer in model.layers if isinstance(layer, keras.Model))


def _published(image_size: int, weights: str | None) -> keras.Model:
    return keras.applications.InceptionResNetV2(
        include_top=False, weights=weights, input_shape=(image_size, image_size, 3), pooling="avg"
    )


def _block_ends(published: keras.Model) -> dict[str, str]:
    """Return the layers that end a residual block, its addition and its last activation, with the block's name."""
    ends = {}
    for layer in published.layers:
        if type(layer).__name__ == "CustomScaleLayer":
            # The addition itself has no telling name, but the convolution that feeds it has.
            ends[layer.name] = layer.input[1]._keras_history.operation.name.removesuffix("_conv")
        elif re.fullmatch(r"block\d+_\d+_ac", layer.name):
            ends[layer.name] = layer.name.removesuffix("_ac")
    return ends


def _needed(published: keras.Model, left_out: set[str]) -> set[str]:
    """Return the names of the layers that the output depends on, where those left out hand on their first input."""
    needed, waiting = set(), [published.outputs[0]]
    while waiting:
        layer = waiting.pop()._keras_history.operation
        if layer.name in needed or isinstance(layer, keras.layers.InputLayer):
            continue
        needed.add(layer.name)
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        waiting += inputs[:1] if layer.name in left_out else inputs
    return needed


def _is_kept(block: str, depth: float) -> bool:
    kind, number = block.split("_")
    n_kept = round(BLOCKS[kind] * depth)
    # The very last block differs from the others (no scaling, no activation), so every miniature ends with it.
    if kind == "block8":
        return int(number) < n_kept or int(number) == BLOCKS[kind]
    return int(number) <= n_kept


def _load_weights(model: keras.Model, config: RunConfig, n_classes: int) -> None:
    weights = config.weights
    if weights == "none":
        return
    if weights == "imagenet":
        _set_network(model, _imagenet(config.image_size).get_weights(), config)
        return
    if weights.startswith(FROM_RUN):
        _set_network(model, _read_kept(config), config)
        return
    if not weights.endswith(WEIGHTS) or not Path(weights).is_file():
        reason = "there is no such file" if weights.endswith(WEIGHTS) else "that is no file of weights"
        raise ParameterError(
            f"weights = {weights!r}: {reason}. Allowed: none, imagenet, or a file {', '.join(WEIGHTS)}"
        )
    try:
        _read_file(model, weights)
    except Exception as error:  # Keras and HDF5 raise whatever a damaged file leads them to
        # Keras looks weights up by the class of their layer, so those of a network with plain batch norm and
        # without dropout only fit its like. The variables are the same, though, and in the same order.
        plain = config.model_copy(
            update={"normalization": "batch", "ghost_batch_size": None, "dropout": 0.0}
            | {"dropout_between_batch_norms": 0.0, "initial_perturbation": 0.0}
            | {"followed_batch_norm_momenta": []}
        )
        if plain == config or config.normalization == "group":
            reason = " ".join(str(error).split())
            raise ParameterError(f"weights = {weights!r} does not fit this network: {reason}") from None
        values = iter(build(plain, n_classes).get_weights())
        for variable in model.weights:
            if not variable.name.startswith("followed_"):
                variable.assign(next(values))


def _kept_variables(model: keras.Model) -> list[keras.Variable]:
    """Return the network's variables without the followed averages, which are none of its function."""
    return [variable for variable in _network(model).weights if not variable.name.startswith("followed_")]


def _set_network(model: keras.Model, values: list[np.ndarray], config: RunConfig) -> None:
    variables = _kept_variables(model)
    if [tuple(v.shape) for v in variables] != [value.shape for value in values]:
        raise ParameterError(
            f"weights = {config.weights!r} does not fit this network of {len(variables)} variables with width = "
            f"{config.width} and depth = {config.depth}. Allowed: weights of a network with the same width, depth "
            "and batch norm"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _read_kept(config: RunConfig) -> list[np.ndarray]:
    path = config.weights_of(config.weights.removeprefix(FROM_RUN))
    try:
        with np.load(path, allow_pickle=False) as file:
            return [file[name] for name in file.files]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ParameterError(
            f"weights = {config.weights!r}: the weights of that run cannot be read ({error}). Allowed: a run of the "
            "same record folder with keep_weights = True; train it first"
        ) from None


def _perturb(model: keras.Model, config: RunConfig) -> None:
    """Multiply each initial weight by 1 + noise; in double precision, then rounded."""
    generator = np.random.default_rng([config.perturbation_seed, 5])
    for variable in model.trainable_variables:
        value = keras.ops.convert_to_numpy(variable).astype(np.float64)
        variable.assign(value * (1 + config.initial_perturbation * generator.standard_normal(value.shape)))


def _read_file(model: keras.Model, path: str) -> None:
    # Keras saves a whole model as *.weights.h5; the published files of the network alone are *.h5.
    target = model if path.endswith(".weights.h5") else _network(model)
    with warnings.catch_warnings():
        # Keras only warns where a part of the model is not in the file, and leaves it at random.
        warnings.simplefilter("error")
        target.load_weights(path)


def _imagenet(image_size: int) -> keras.Model:
    try:
        return _published(image_size, weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception where the download fails
        raise ParameterError(
            f"weights = 'imagenet' cannot be downloaded here ({error}). Download "
            "inception_resnet_v2_weights_tf_dim_ordering_tf_kernels_notop.h5 on another machine and give the file "
            "as weights, or use weights = 'none'"
        ) from None


def _choose_trainable(network: keras.Model, trainable: str) -> None:
    if trainable == "all":
        return
    names = [layer.name for layer in network.layers]
    if trainable != "head" and trainable not in names:
        # Names that count up, such as conv2d_7, say nothing to a person and differ from model to model.
        telling = [name for name in names if re.match(r"mixed_|block|conv_7b", name)]
        close = ", ".join(difflib.get_close_matches(trainable, telling, n=3) or ["mixed_5b", "mixed_7a", "conv_7b"])
        raise ParameterError(
            f"trainable = {trainable!r}: the network has no such layer. Allowed: all, head, or a layer such as {close}"
        )
    first = len(names) if trainable == "head" else names.index(trainable)
    for layer in network.layers[:first]:
        layer.trainable = False
