"""What a training step computes, moves and keeps in memory, counted from the layers of a network.

Nothing is run, so it also tells what a machine would need that is not at hand. Knows no machine: rates and limits come
from the caller.
"""

from typing import NamedTuple

import keras
import numpy as np
import pandas as pd

from smallbatch.measurements.cost.parameters import N_CLASSES, Config, Network
from smallbatch.training import model
from smallbatch.training.config import RunConfig

FLOAT = 4  # bytes
MIB = 2**20


def layers(network: keras.Model) -> pd.DataFrame:
    """Return a row per layer of a network built by Keras; inner models count as their layers.

    Columns: `layer` (its name), `kind` (its class); then, for one image, the numbers that are its `inputs` and its
    `outputs`; `read_back`, what its backward pass reads of what the forward pass has left; `kept`, those of `read_back`
    that no layer above keeps already, so that their sum is what lies in memory between the two passes; `kernel`, its
    weights but for vectors; `multiplications` of its forward pass, one per weight and position, each with an addition.
    Activations count as layers of their own, as they are in the network of this book.
    """
    rows, kept = [], set()
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.InputLayer | keras.Model):
            continue
        read_back = {id(tensor): tensor for tensor in _read_back(layer)}
        new = {key: tensor for key, tensor in read_back.items() if key not in kept}
        kept |= new.keys()
        kernel, multiplications = 0, 0
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            kernel = int(np.prod(layer.kernel.shape))
            multiplications = kernel * (_numbers([layer.output]) // layer.output.shape[-1])
        rows.append(
            {
                "layer": layer.name,
                "kind": type(layer).__name__,
                "inputs": _numbers(_as_list(layer.input)),
                "outputs": _numbers(_as_list(layer.output)),
                "read_back": _numbers(read_back.values()),
                "kept": _numbers(new.values()),
                "kernel": kernel,
                "multiplications": multiplications,
            }
        )
    return pd.DataFrame(rows)


def work(table: pd.DataFrame, batch_size: int) -> pd.DataFrame:
    """Return what a training step does in each of the `layers`: `operations`, `bytes` and `starts`.

    `operations`, in floating point: a layer with weights computes its outputs, the gradient of its inputs and that of
    its weights, at the same number each; what other layers compute is left out. `bytes` are moved: each number is read
    or written once where it is needed. A layer reads its inputs and writes its outputs going forward; going backward
    it reads the outputs' gradient and what it has kept, and writes the inputs' gradient. Weights are read twice, their
    gradient is written and read, they and their velocity are read and written by the optimizer. `starts` counts the
    pieces that a CPU or GPU is handed: one forward, one for each gradient, one for the update.
    """
    has_weights = table["kernel"] > 0
    maps = 2 * (table["inputs"] + table["outputs"]) + table["read_back"]
    return pd.DataFrame(
        {
            "layer": table["layer"],
            "operations": 3 * 2.0 * batch_size * table["multiplications"],
            "bytes": FLOAT * (batch_size * maps + 8.0 * table["kernel"]),
            "starts": np.where(has_weights, 4, 2),
        }
    )


def operations_and_bytes(network: keras.Model, batch_size: int) -> tuple[float, float]:
    """Return the operations and the bytes moved of one training step, in convolutions and the classifier only."""
    table = layers(network)
    done = work(table[table["kernel"] > 0], batch_size)
    return float(done["operations"].sum()), float(done["bytes"].sum())


def seconds(
    table: pd.DataFrame,
    batch_size: int,
    operations_per_second: float,
    bytes_per_second: float,
    seconds_to_start: float = 0.0,
) -> float:
    """Return how long a training step takes if each layer takes the longest of computing, moving and starting."""
    done = work(table, batch_size)
    computing, moving = done["operations"] / operations_per_second, done["bytes"] / bytes_per_second
    return float(np.maximum.reduce([computing, moving, done["starts"] * seconds_to_start]).sum())


def memory_mib(table: pd.DataFrame, batch_size: int, trainable: int, others: int = 0) -> float:
    """Return the memory of a training step in MiB: what the backward pass needs again, weights, and a workspace.

    `trainable` weights are there three times, with their gradient and velocity; `others`, such as moving averages,
    once. The workspace is the largest gradient of a layer's outputs together with that of its inputs. Scratch space
    that libraries take for single operations is not counted.
    """
    workspace = (table["inputs"] + table["outputs"]).max()
    return FLOAT * (batch_size * (table["kept"].sum() + workspace) + 3 * trainable + others) / MIB


class Counted(NamedTuple):
    """A network's layers as `layers` counts them, and its numbers of trainable weights and of others."""

    layers: pd.DataFrame
    trainable: int
    others: int

    def memory_mib(self, batch_size: int) -> float:
        """Return the memory of a training step (see `memory_mib`)."""
        return memory_mib(self.layers, batch_size, self.trainable, self.others)


def count(config: Config) -> dict[Network, Counted]:
    """Return the counted layers of every network that is measured or estimated. Builds them without values."""
    found = {}
    for network in dict.fromkeys([*config.measured(), *config.estimated()]):
        with model.without_values():
            built = model.build(RunConfig.create(**config.run(network, max(2, *config.batch_sizes))), N_CLASSES)
        numbers = [sum(int(np.prod(v.shape)) for v in some) for some in (built.trainable_variables, built.variables)]
        found[network] = Counted(layers(built), numbers[0], numbers[1] - numbers[0])
    return found


def _read_back(layer: keras.layers.Layer) -> list:
    """Return the tensors that the layer's backward pass needs."""
    if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense | keras.layers.BatchNormalization):
        return _as_list(layer.input)
    if isinstance(layer, keras.layers.Activation | keras.layers.ReLU):
        return _as_list(layer.output)
    if isinstance(layer, keras.layers.MaxPooling2D):
        return [*_as_list(layer.input), *_as_list(layer.output)]
    return []  # sums, concatenations, means, reshaping and scaling by a constant


def _as_list(tensors) -> list:
    return list(tensors) if isinstance(tensors, list | tuple) else [tensors]


def _numbers(tensors) -> int:
    return sum(int(np.prod(tensor.shape[1:])) for tensor in tensors)
