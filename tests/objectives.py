"""Objectives whose noise, best rate and stability are known exactly: a linear regression and quadratics."""

import numpy as np


class Regression:
    """Half the squared error of a linear regression, times `scale`; all gradients of single images are known."""

    def __init__(self, n=200, scale=1.0, seed=0):
        generator = np.random.default_rng(seed)
        self.inputs, self.scale = generator.normal(size=(n, 3)), scale
        self.targets = self.inputs @ [1.0, -2.0, 0.5] + generator.normal(size=n)
        self.weights, self.n_images = np.zeros(3), n

    def errors(self, weights, indices):
        indices = slice(None) if indices is None else indices
        return self.inputs[indices], self.inputs[indices] @ weights - self.targets[indices]

    def loss(self, weights, indices=None):
        return self.scale * np.square(self.errors(weights, indices)[1]).mean() / 2

    def gradient(self, weights, indices=None):
        inputs, errors = self.errors(weights, indices)
        return self.scale * inputs.T @ errors / len(errors)

    def exact(self):
        """Return |G|^2 and S of the images there are."""
        gradients = np.array([self.gradient(self.weights, [i]) for i in range(self.n_images)])
        return np.square(gradients.mean(0)).sum(), gradients.var(0).sum()


class Quadratic:
    """The loss w'Hw/2 + c, with a gradient that is off by `spread` (zero in the mean) from image to image."""

    def __init__(self, curvatures, weights, spread=((0.0, 0.0),), c=0.0):
        self.curvatures, self.weights, self.c = np.array(curvatures, float), np.array(weights, float), c
        self.spread = np.array(spread) - np.mean(spread, axis=0)
        self.n_images = len(self.spread)

    def loss(self, weights, indices=None):
        linear = 0.0 if indices is None else self.spread[indices].mean(0) @ weights
        return (self.curvatures * weights**2).sum() / 2 + linear + self.c

    def gradient(self, weights, indices=None):
        return self.curvatures * weights + (0.0 if indices is None else self.spread[indices].mean(0))

    def exact(self):
        """Return eps_max and B_noise of McCandlish et al. 2018, section 2.2."""
        gradient = self.gradient(self.weights)
        curvature = (self.curvatures * gradient**2).sum()
        return gradient @ gradient / curvature, (self.curvatures * self.spread.var(0)).sum() / curvature


def short_sgd(objective, steps):
    """Return a short training by plain SGD, whose final loss is that over all images."""

    def final_loss(batch_size, learning_rate, seed):
        generator = np.random.default_rng([seed, batch_size])
        weights = objective.weights
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(steps):
                batch = generator.integers(objective.n_images, size=batch_size)
                weights = weights - learning_rate * objective.gradient(weights, batch)
            return objective.loss(weights)

    return final_loss
