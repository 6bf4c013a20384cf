"""How sharp is a minimum: the largest rise of the loss close to it, and the largest curvature in it.

Keskar et al. 2017 tie bad generalization of large batches to sharp minima. Both numbers belong to one way of
normalizing: with batch statistics the same weights have another loss, so an objective fixes stored statistics, best
recalibrated ones. A convolution before a batch norm may be scaled at will if the statistics follow, without any change
in the outputs; but its sharpness changes. Dinh et al. 2017 object, for this reason, that sharpness by itself explains
no generalization: compare it only between like networks, trained alike.

Both functions take an objective such as `smallbatch.measurements.objective.Objective`.
"""

import numpy as np
from scipy.optimize import Bounds, minimize

from smallbatch.errors import require
from smallbatch.measurements.objective import Objective

# Where the search starts, in half-widths of the box: off its middle, where at a minimum there is no gradient to follow.
START = 0.01
# Mean length, in half-widths, of a first step by the gradient. So long a step, cut off at the box, ends in the corner
# that the gradient points to: the maximum of a linear function. Unscaled, ten iterations would stay near the middle.
FIRST_STEP = 1e3


def box_sharpness(
    objective: Objective,
    epsilon: float = 1e-3,
    dimensions: int | None = 100,
    iterations: int = 10,
    seed: int = 0,
) -> dict[str, float]:
    """Return the largest relative rise of the loss f in a small box around the weights x, in percent.

    Keskar et al. 2017, section 2.2.2, metric 2.1: 100 (max f(x + A z) - f(x)) / (1 + f(x)) over |z_i| <= `epsilon`
    (|(A+ x)_i| + 1). A (p, `dimensions`) has random directions of length 1 as columns, A+ is its pseudo-inverse; with
    None, A is the identity: the full space. The maximum is sought by at most `iterations` iterations of L-BFGS-B from
    a random point near the middle, and the highest loss seen counts, so the result is a lower bound.

    Returns `sharpness` (percent), `loss` and `highest_loss` (nats), and `evaluations`, the number of losses and
    gradients over all images. Memory: A has 4 `dimensions` p bytes, about twice that while A+ is applied; the full
    space needs some 200 p bytes instead. Losses are float32 numbers: a rise below 1e-6 nats is rounding.

    Raises `ParameterError` unless `epsilon` > 0, `iterations` >= 1 and `dimensions` is from 1 to p.
    """
    p = len(objective.weights)
    require("epsilon", epsilon, 0 < epsilon < np.inf, "a finite number, more than 0")
    require("iterations", iterations, iterations >= 1, "at least 1")
    require("dimensions", dimensions, dimensions is None or 1 <= dimensions <= p, f"None, or 1 to {p}")
    generator = np.random.default_rng(seed)
    directions = None if dimensions is None else _directions(p, dimensions, generator)
    half_widths = epsilon * (np.abs(_coordinates(objective.weights, directions)) + 1)
    loss = objective.loss(objective.weights)
    rises = _rises(objective, loss, directions, half_widths, iterations, generator)
    highest = loss + max(0.0, *rises)
    sharpness = 100 * (highest - loss) / (1 + loss)
    return {"sharpness": sharpness, "loss": loss, "highest_loss": highest, "evaluations": len(rises)}


def _directions(p, dimensions, generator) -> np.ndarray:
    directions = generator.standard_normal((p, dimensions), dtype=np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    return directions


def _coordinates(weights, directions) -> np.ndarray:
    if directions is None:
        return weights.astype(np.float64)
    return np.linalg.lstsq(directions, weights.astype(np.float32), rcond=None)[0].astype(np.float64)


def _rises(objective, loss, directions, half_widths, iterations, generator) -> list[float]:
    """Return the rise of the loss at every point that the search sees; its variables are in half-widths of the box."""
    rises = []

    def climb(u):
        z = half_widths * u
        point = objective.weights + (z if directions is None else directions @ z.astype(np.float32))
        gradient = objective.gradient(point).astype(np.float64)
        gradient = gradient if directions is None else directions.T @ gradient.astype(np.float32)
        rises.append(objective.loss(point) - loss)
        return rises[-1], half_widths * gradient

    start = generator.uniform(-START, START, len(half_widths))
    scale = np.abs(climb(start)[1]).mean() / FIRST_STEP
    if not scale > 0:  # flat, or not a number
        return rises

    def descend(u):
        rise, gradient = climb(u)
        return -rise / scale, -gradient / scale

    # No tolerance for the rise: near a flat minimum all of it can be tiny.
    options = {"maxiter": iterations, "ftol": 0.0}
    box = Bounds(-np.ones_like(start), np.ones_like(start))
    minimize(descend, start, jac=True, method="L-BFGS-B", bounds=box, options=options)
    return rises


def top_eigenvalue(
    objective: Objective, iterations: int = 50, tolerance: float = 1e-3, seed: int = 0
) -> dict[str, float | int | bool]:
    """Return the eigenvalue of the Hessian that is largest in absolute value, with its sign, by power iteration.

    Returns `eigenvalue` (nats per squared weight), a Rayleigh quotient; `residual`, |H v - eigenvalue v| for the unit
    vector v, within which there surely is an eigenvalue; `iterations`, as many as were used; and `converged`, whether
    the residual is at most `tolerance` times the eigenvalue. Two opposite eigenvalues of the same size never converge.
    An iteration costs a Hessian-vector product over all images.

    Raises `ParameterError` unless `iterations` >= 1 and `tolerance` > 0.
    """
    require("iterations", iterations, iterations >= 1, "at least 1")
    require("tolerance", tolerance, tolerance > 0, "more than 0")
    vector = np.random.default_rng(seed).standard_normal(len(objective.weights))
    for iteration in range(1, iterations + 1):
        vector /= np.linalg.norm(vector)
        product = objective.hessian_vector(objective.weights, vector).astype(np.float64)
        eigenvalue = float(vector @ product)
        residual = float(np.linalg.norm(product - eigenvalue * vector))
        converged = residual <= tolerance * abs(eigenvalue)
        found = {"eigenvalue": eigenvalue, "residual": residual, "iterations": iteration, "converged": converged}
        if converged:
            break
        vector = product
    return found
