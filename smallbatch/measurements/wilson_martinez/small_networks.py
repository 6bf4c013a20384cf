"""Networks with one hidden layer, hundreds of them trained side by side, for the replication of Wilson & Martinez 2003.

What one network does is written down; JAX makes the rest of it. `jax.grad` is its gradient, and `jax.vmap`, twice, lets
an array of weights start with the axes (repetition, learning rate), so that one program trains all of them on one
core. This module knows neither Keras nor data sets.
"""

import functools
import os
from collections.abc import Iterable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Gradient = Literal["mean", "sum"]


class Weights(NamedTuple):
    """Weights of a network, the biases in the last row: `hidden` (features + 1, units), `output` (units + 1, classes).

    Of many networks: with more axes in front.
    """

    hidden: np.ndarray
    output: np.ndarray


class Examples(NamedTuple):
    """Examples: `inputs` (n, features + 1), whose last column is 1, and `targets` (n, classes), one 1 in each row.

    Of many repetitions: with an axis in front.
    """

    inputs: np.ndarray
    targets: np.ndarray


class Sets(NamedTuple):
    """The examples to train on, those to choose rates and epochs by, and those to test on."""

    train: Examples
    holdout: Examples
    test: Examples


class Curves(NamedTuple):
    """The outcome of training at one batch size.

    `holdout` and `test`: accuracy after each epoch, as fractions (epochs, repetitions, rates). `initial_loss` and
    `final_loss`: training loss before the first and after the last epoch, in nats (repetitions, rates).
    """

    holdout: np.ndarray
    test: np.ndarray
    initial_loss: np.ndarray
    final_loss: np.ndarray


# --- One network ---


def scores(weights: Weights, inputs: jax.Array) -> jax.Array:
    """Return the scores of the classes, (n, classes). Hidden units are tanh: centred on zero, as the inputs are."""
    values = jnp.tanh(inputs @ weights.hidden)
    return values @ weights.output[:-1] + weights.output[-1]


def loss(weights: Weights, examples: Examples) -> jax.Array:
    """Return the mean cross-entropy of a softmax over the scores, in nats."""
    log_probabilities = jax.nn.log_softmax(scores(weights, examples.inputs))
    return -(examples.targets * log_probabilities).sum(axis=-1).mean()


def accuracy(weights: Weights, examples: Examples) -> jax.Array:
    """Return the fraction of examples classified correctly."""
    found = scores(weights, examples.inputs).argmax(axis=-1)
    return (found == examples.targets.argmax(axis=-1)).mean()


def step(weights: Weights, batch: Examples, rate: jax.Array, gradient: Gradient) -> Weights:
    """Return the weights after a step of gradient descent, by the mean of the examples' gradients or by their sum."""
    slope = jax.grad(loss)(weights, batch)
    factor = rate * (len(batch.inputs) if gradient == "sum" else 1)
    return jax.tree.map(lambda w, s: w - factor * s, weights, slope)


# --- Many of them ---


def _side_by_side(function, *, rates: bool):
    """Return a function of one network and its examples for all repetitions and rates; the latter share examples."""
    last = (0,) if rates else ()
    over_rates = jax.vmap(function, in_axes=(0, None, *last))
    return jax.vmap(over_rates, in_axes=(0, 0, *(None for _ in last)))


@functools.partial(jax.jit, static_argnames=("batch_size", "gradient"))
def _train_epoch(networks, examples, order, rates, batch_size: int, gradient: Gradient):
    """Return the networks after a pass over the examples in this order; an incomplete last batch counts too."""
    steps = _side_by_side(functools.partial(step, gradient=gradient), rates=True)
    shuffled = jax.tree.map(lambda array: jnp.take_along_axis(array, order[..., None], axis=1), examples)
    repetitions, n = order.shape
    whole = n - n % batch_size

    def cut(array):
        return array[:, :whole].reshape(repetitions, -1, batch_size, array.shape[-1]).swapaxes(0, 1)

    networks, _ = jax.lax.scan(
        lambda now, batch: (steps(now, batch, rates), None), networks, jax.tree.map(cut, shuffled)
    )
    if whole < n:
        networks = steps(networks, jax.tree.map(lambda array: array[:, whole:], shuffled), rates)
    return networks


_losses = jax.jit(_side_by_side(loss, rates=False))
_accuracies = jax.jit(_side_by_side(accuracy, rates=False))


def train(
    initial: Weights, sets: Sets, orders: Iterable[np.ndarray], batch_size: int, rates: np.ndarray, gradient: Gradient
) -> Curves:
    """Train a network for each repetition and rate, by plain gradient descent: no momentum, no decay, a constant rate.

    `initial`: weights with an axis of repetitions; all rates start from the same. `orders`: for each epoch the order of
    the training examples, (repetitions, n). `rates` (rates,).
    """
    networks = jax.tree.map(lambda w: jnp.repeat(jnp.asarray(w)[:, None], len(rates), axis=1), initial)
    rates = jnp.asarray(rates, networks.hidden.dtype)
    sets = jax.tree.map(jnp.asarray, sets)
    initial_loss = _losses(networks, sets.train)
    holdout, test = [], []
    for order in orders:
        networks = _train_epoch(networks, sets.train, jnp.asarray(order), rates, batch_size, gradient)
        holdout.append(np.asarray(_accuracies(networks, sets.holdout), float))
        test.append(np.asarray(_accuracies(networks, sets.test), float))
    return Curves(
        np.stack(holdout),
        np.stack(test),
        np.asarray(initial_loss, float),
        np.asarray(_losses(networks, sets.train), float),
    )


def use_one_thread() -> None:
    """Keep JAX to one thread of the CPU: small matrices gain nothing from more. Call it before JAX computes."""
    flag = "--xla_cpu_multi_thread_eigen=false"
    if flag not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()
