"""Batch norm that cannot be looked at: refused or named, so that nobody is told "as in training" about it."""

import keras

from smallbatch.errors import ParameterError

# Layers that run a program made elsewhere: what is in it cannot be observed.
FOREIGN_PROGRAMS = ("TFSMLayer", "JaxLayer", "FlaxLayer")


def refuse(model) -> None:
    """Raise `ParameterError` for what is no Keras 3 model, or holds layers whose inside cannot be looked at."""
    if not isinstance(model, keras.Model):
        kind = f"{type(model).__module__.split('.')[0]}.{type(model).__name__}"
        keras_2 = "tf_keras" in type(model).__module__ or "keras.src.engine" in type(model).__module__
        hint = "; this one is a Keras 2 model: save it, and load it with keras.models.load_model" if keras_2 else ""
        raise ParameterError(f"model is a {kind}. Allowed: a Keras 3 model (keras.Model){hint}")
    for layer in model._flatten_layers():
        kind = type(layer).__name__
        if kind in FOREIGN_PROGRAMS:
            raise ParameterError(
                f"model: layer {layer.name!r} ({kind}) runs a saved program, whose batch norm cannot be looked at. "
                "Allowed: a model of Keras layers"
            )
        if kind == "TorchModuleWrapper" and _torch_batch_norm(layer):
            raise ParameterError(
                f"model: layer {layer.name!r} ({kind}) holds batch norm of PyTorch, which cannot be looked at. "
                "Allowed: a model of Keras layers"
            )
        if isinstance(layer, keras.layers.RNN) and getattr(layer, "stateful", False):
            raise ParameterError(
                f"model: layer {layer.name!r} is stateful: what it says of a sequence depends on what came before. "
                "Allowed: stateful=False"
            )
    shape = _input_shape(model)
    if shape is not None and shape[0] is not None and not _takes_another_size(model, shape):
        raise ParameterError(
            f"model = {model.name!r} takes batches of exactly {shape[0]} images. Allowed: a batch size of None"
        )


def in_recurrent_cells(model: keras.Model) -> list:
    """Return the batch norm layers that run once per time step, inside of a recurrent layer's loop."""
    cells = [layer.cell for layer in model._flatten_layers() if isinstance(layer, keras.layers.RNN)]
    found = [layer for cell in cells if isinstance(cell, keras.layers.Layer) for layer in cell._flatten_layers()]
    return list({id(k): k for k in found if isinstance(k, keras.layers.BatchNormalization)}.values())


def refuse_state(model: keras.Model, batch_norms: list, predicted, fitted) -> None:
    """Raise `ParameterError` where something else than Keras's batch norm keeps statistics while the model runs."""
    known = {id(v) for layer in batch_norms for v in layer.variables}
    by_path = {id(v): layer for layer in model._flatten_layers() for v in layer._non_trainable_variables}
    for when, seen in (("training", fitted), ("predict", predicted)):
        for variable in seen.assigned:
            if id(variable) in known or not keras.backend.is_float_dtype(variable.dtype):
                continue
            owner = by_path.get(id(variable))
            if owner is not None and type(owner).__module__.startswith("keras.") and when == "training":
                continue  # spectral normalization, for one, whose state is none of the batch
            kind = f" ({type(owner).__name__})" if owner is not None else ""
            raise ParameterError(
                f"model: {variable.path!r}{kind} changes in {when}: moving statistics of a layer that is not Keras's "
                "batch norm, which cannot be looked at. Allowed: keras.layers.BatchNormalization"
            )
        if seen.raw:
            raise ParameterError(
                f"model: {seen.raw[0]!r} changes a variable in {when} that belongs to no Keras layer, maybe moving "
                "statistics, which cannot be looked at. Allowed: keras.layers.BatchNormalization"
            )


def _input_shape(model):
    shape = getattr(model, "input_shape", None)
    return shape if isinstance(shape, tuple) and all(k is None or isinstance(k, int) for k in shape) else None


def _takes_another_size(model: keras.Model, shape: tuple) -> bool:
    """Return whether batches of another size can be run than the one in the model's input shape.

    Keras notes that of the first batch there, where a model is built by being fitted, and takes others all the same.
    """
    try:
        model.compute_output_spec(keras.KerasTensor((shape[0] + 1, *shape[1:]), dtype=model.inputs[0].dtype))
    except Exception:  # whatever the layer raises that does not fit
        return False
    return True


def _torch_batch_norm(layer) -> bool:
    import torch

    return any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in layer.module.modules())
