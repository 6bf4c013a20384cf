"""Random draws that keep the classes in proportion; each a function of the seed alone."""

import numpy as np
from sklearn.model_selection import train_test_split

# Shares of the images of a data set that brings no split of its own.
VALIDATION_SHARE, TEST_SHARE = 0.15, 0.25


def stratified_subset(labels: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return the sorted indices of `n` images with the classes in proportion and none missing."""
    if n == len(labels):
        return np.arange(n)
    generator = np.random.default_rng([seed, 1])
    counts = _proportional_counts(np.bincount(labels), n)
    chosen = [generator.permutation(np.flatnonzero(labels == label))[:count] for label, count in enumerate(counts)]
    return np.sort(np.concatenate(chosen))


def _proportional_counts(available: np.ndarray, n: int) -> np.ndarray:
    """Return how many of each class to draw: proportional, at least one each, `n` in all (largest remainders)."""
    counts = np.where(available > 0, np.maximum(1, available * n // available.sum()), 0)
    remainders = available * n / available.sum() - counts
    while counts.sum() != n:
        if counts.sum() < n:
            label = np.argmax(np.where(counts < available, remainders, -np.inf))
            step = 1
        else:
            label = np.argmin(np.where(counts > 1, remainders, np.inf))
            step = -1
        counts[label] += step
        remainders[label] -= step
    return counts


def stratified_split(labels: np.ndarray, shares: tuple[float, float], seed: int) -> list[np.ndarray]:
    """Return indices of train, validation and test, where `shares` are those of validation and test."""
    indices = np.arange(len(labels))
    n_validation, n_test = (round(share * len(labels)) for share in shares)
    rest, test = train_test_split(indices, test_size=n_test, stratify=labels, random_state=seed)
    train, validation = train_test_split(rest, test_size=n_validation, stratify=labels[rest], random_state=seed)
    return [np.sort(part) for part in (train, validation, test)]


def add_label_noise(labels: np.ndarray, n_classes: int, share: float, seed: int) -> np.ndarray:
    """Return labels of which `share` (rounded to whole images) are moved to another class, all equally likely."""
    generator = np.random.default_rng([seed, 2])
    changed = generator.permutation(len(labels))[: round(share * len(labels))]
    noisy = labels.copy()
    noisy[changed] = (labels[changed] + generator.integers(1, n_classes, len(changed))) % n_classes
    return noisy
