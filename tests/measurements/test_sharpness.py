"""Sharpness and curvature: against quadratics, whose highest corner and eigenvalues are known exactly."""

import numpy as np
import pytest

from smallbatch.errors import ParameterError
from smallbatch.measurements import sharpness


class Quadratic:
    """The loss (w - minimum)' H (w - minimum) / 2 + c."""

    def __init__(self, hessian, weights, minimum=None, c=0.2):
        self.hessian, self.weights, self.c = np.array(hessian, float), np.array(weights, float), c
        self.minimum = self.weights if minimum is None else np.array(minimum, float)
        self.n_images = 1

    def loss(self, weights, indices=None):
        return (weights - self.minimum) @ self.hessian @ (weights - self.minimum) / 2 + self.c

    def gradient(self, weights, indices=None):
        return self.hessian @ (weights - self.minimum)

    def hessian_vector(self, weights, vector, indices=None):
        return self.hessian @ vector


def diagonal(p):
    """A spectrum of four decades, at its minimum, weights of very different size."""
    generator = np.random.default_rng(p)
    return Quadratic(np.diag(np.geomspace(1e-2, 1e2, p)), generator.normal(size=p) * np.geomspace(1, 1e-3, p))


@pytest.mark.parametrize("p", [1, 5, 60])
@pytest.mark.parametrize("epsilon", [1e-4, 1e-3, 0.5])
def test_the_full_box_has_its_highest_loss_in_a_corner(p, epsilon):
    objective = diagonal(p)
    corner = epsilon * (np.abs(objective.weights) + 1)
    rise = (np.diag(objective.hessian) * corner**2).sum() / 2
    result = sharpness.box_sharpness(objective, epsilon, dimensions=None)
    assert result["sharpness"] == pytest.approx(100 * rise / 1.2, rel=1e-6)
    assert result["loss"] == pytest.approx(0.2)
    assert result["highest_loss"] == pytest.approx(0.2 + rise)
    assert result["evaluations"] < 30


def test_a_slope_has_its_highest_loss_uphill():
    """Away from the minimum the search must choose the corner that the gradient points to."""
    objective = Quadratic(np.diag([1.0, 3.0]), [2.0, -1.0], minimum=[0.0, 0.0])
    highest = objective.loss(objective.weights + np.array([0.3, -0.2]))  # 0.1 (|w| + 1), outwards
    result = sharpness.box_sharpness(objective, epsilon=0.1, dimensions=None)
    assert result["highest_loss"] == pytest.approx(highest)


def test_in_one_random_direction_the_highest_loss_is_that_of_brute_force():
    objective = diagonal(20)
    # The direction is the first thing drawn from the seed.
    direction = np.random.default_rng(7).standard_normal((20, 1), dtype=np.float32)[:, 0].astype(float)
    direction /= np.linalg.norm(direction)
    coordinate = direction @ objective.weights  # the pseudo-inverse of a unit vector
    ends = np.linspace(-1, 1, 201) * 0.01 * (abs(coordinate) + 1)
    highest = max(objective.loss(objective.weights + z * direction) for z in ends)
    result = sharpness.box_sharpness(objective, epsilon=0.01, dimensions=1, seed=7)
    assert result["highest_loss"] - 0.2 == pytest.approx(highest - 0.2, rel=1e-4)


def test_random_directions_are_of_length_one():
    directions = sharpness._directions(50, 4, np.random.default_rng(0))
    assert directions.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(directions, axis=0), 1, rtol=1e-6)


def test_the_box_belongs_to_the_pseudo_inverse():
    generator = np.random.default_rng(0)
    directions, weights = sharpness._directions(50, 4, generator), generator.normal(size=50)
    expected = np.linalg.pinv(directions.astype(float)) @ weights
    np.testing.assert_allclose(sharpness._coordinates(weights, directions), expected, rtol=1e-4)


def test_in_several_random_directions_a_corner_near_the_highest_is_found():
    objective = Quadratic(3 * np.eye(30), np.zeros(30))  # A+ 0 = 0, so the box is epsilon wide everywhere
    directions = sharpness._directions(30, 5, np.random.default_rng(0)).astype(float)
    corners = np.stack(np.meshgrid(*[[-1, 1]] * 5), -1).reshape(-1, 5)
    highest = max(1.5 * np.square(directions @ (1e-3 * corner)).sum() for corner in corners)
    rise = sharpness.box_sharpness(objective, dimensions=5)["highest_loss"] - 0.2
    assert 0.7 * highest < rise <= highest * (1 + 1e-5)


def test_a_flat_loss_has_no_sharpness():
    result = sharpness.box_sharpness(Quadratic(np.zeros((3, 3)), [1, 2, 3]), dimensions=None)
    assert result["sharpness"] == 0


def test_a_loss_that_is_highest_here_has_no_sharpness():
    result = sharpness.box_sharpness(Quadratic(-np.eye(3), [1, 2, 3]), dimensions=None)
    assert result["sharpness"] == 0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"epsilon": -1e-3}, "epsilon = -0.001 .*Allowed: a finite number, more than 0"),
        ({"epsilon": np.nan}, "epsilon = nan"),
        ({"iterations": 0}, "iterations = 0 .*Allowed: at least 1"),
        ({"dimensions": 0}, "dimensions = 0 .*Allowed: None, or 1 to 5"),
        ({"dimensions": 6}, "dimensions = 6 "),
    ],
)
def test_impossible_boxes_are_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        sharpness.box_sharpness(diagonal(5), **({"dimensions": None} | parameters))


def symmetric(eigenvalues):
    basis, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(len(eigenvalues), len(eigenvalues))))
    return Quadratic(basis @ np.diag(eigenvalues) @ basis.T, np.ones(len(eigenvalues)))


@pytest.mark.parametrize(
    ("eigenvalues", "top"),
    [([5, 3, 1], 5), ([-7, 4, 2, 1], -7), ([1e-6, 5e-7], 1e-6), ([2, 2, 1], 2), ([0, 0], 0), ([-3], -3)],
)
def test_the_top_eigenvalue_with_its_sign(eigenvalues, top):
    result = sharpness.top_eigenvalue(symmetric(eigenvalues))
    assert result["converged"] and result["iterations"] <= 50
    assert result["eigenvalue"] == pytest.approx(top, rel=1e-3)
    assert result["residual"] <= 1e-3 * abs(top)


@pytest.mark.parametrize(("eigenvalues", "iterations"), [([5, 4.9, 1], 3), ([5, -5, 1], 50)])
def test_too_few_iterations_are_told(eigenvalues, iterations):
    result = sharpness.top_eigenvalue(symmetric(eigenvalues), iterations=iterations)
    assert not result["converged"] and result["iterations"] == iterations
    assert result["residual"] > 1e-3 * abs(result["eigenvalue"])
    # There is an eigenvalue within the residual, converged or not.
    assert np.abs(np.array(eigenvalues) - result["eigenvalue"]).min() <= result["residual"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"iterations": 0}, "iterations = 0 .*Allowed: at least 1"),
        ({"tolerance": 0}, "tolerance = 0 .*Allowed: more than 0"),
    ],
)
def test_impossible_power_iterations_are_refused(parameters, message):
    with pytest.raises(ParameterError, match=message):
        sharpness.top_eigenvalue(diagonal(3), **parameters)
