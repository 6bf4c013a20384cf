"""The passes over the images: what each evaluation scores, and the statistics that are measured on the way."""

from collections.abc import Iterator

import numpy as np

from smallbatch.batchnorm.chunks import CHUNK, whole_groups
from smallbatch.batchnorm.evaluator import Evaluator, Outputs
from smallbatch.batchnorm.observed import Statistics
from smallbatch.batchnorm.pool import AtRest, Pool
from smallbatch.batchnorm.recalibration import GROUP
from smallbatch.diagnosis.data import Source
from smallbatch.diagnosis.scoring import Scores, Scoring
from smallbatch.errors import DataError

MOVING, BATCH, RECALIBRATED = EVALUATIONS = ("moving", "batch", "recalibrated")
# A table of so many classes by so many is kept; of more, classes are not looked at one by one.
MOST_CLASSES = 1000
# Batches count as sorted by class where they are this far from random ones, towards batches of one class each.
SORTED = 0.25


class Tally:
    """The scores of one evaluation on one set: per image, and as tables of true by predicted classes.

    `tables` (2, classes, classes) holds a table for every other image, so that what is found in one can be tested in
    the other; None where there are no single classes.
    """

    def __init__(self, n_classes: int):
        self._parts, self.has_classes = [], False
        self.tables = np.zeros((2, n_classes, n_classes)) if n_classes <= MOST_CLASSES else None

    def add(self, scores: Scores, counted: int) -> None:
        """Add the first `counted` images of a chunk."""
        self.has_classes = scores.truth is not None and scores.truth.ndim == 1
        kept = [*scores[:3], scores.truth] if self.has_classes else scores[:3]
        self._parts.append([part[:counted] for part in kept])
        if scores.truth is None:
            self.tables = None
        if self.tables is None:
            return
        n = self.tables.shape[1]
        for half in (0, 1):
            truth, predicted = (part[half:counted:2].ravel() for part in (scores.truth, scores.predicted))
            inside = truth >= 0
            cells = np.bincount(truth[inside] * n + predicted[inside], minlength=n * n)
            self.tables[half] += cells.reshape(n, n)

    @property
    def truth(self) -> np.ndarray | None:
        """The class of each image, (n,), where it has one."""
        return np.concatenate([part[3] for part in self._parts]) if self.has_classes else None

    @property
    def correct(self) -> np.ndarray:
        """Correct positions of each image, (n,)."""
        return np.concatenate([part[0] for part in self._parts])

    @property
    def loss(self) -> np.ndarray:
        """The loss of each image, summed over its positions, (n,)."""
        return np.concatenate([part[1] for part in self._parts])

    @property
    def count(self) -> np.ndarray:
        """Positions of each image, (n,): 1 where an image has one label."""
        return np.concatenate([part[2] for part in self._parts])


class Values:
    """Mean and standard deviation of the numbers in images."""

    def __init__(self):
        self._n, self._sum, self._squares = 0, 0.0, 0.0

    def add(self, images: np.ndarray) -> None:
        """Add images of numbers; anything else is left out."""
        if images.dtype.kind in "uif":
            self._n += images.size
            self._sum += float(images.sum(dtype=np.float64))
            self._squares += float(np.square(images, dtype=np.float64).sum())

    @property
    def mean(self) -> float:
        """The mean of all numbers."""
        return self._sum / self._n if self._n else float("nan")

    @property
    def sd(self) -> float:
        """The standard deviation of all numbers."""
        return max(self._squares / self._n - self.mean**2, 0.0) ** 0.5 if self._n else float("nan")


class Measured:
    """Pools for each measured layer: over all images, and as moving averages would have them at rest."""

    def __init__(self, evaluator: Evaluator):
        self._layers, self.n_images = evaluator.measured, 0
        self.pools, self.at_rest = [Pool() for _ in self._layers], [AtRest() for _ in self._layers]

    def add(self, outputs: Outputs, counted: int, n: int, size: int) -> None:
        """Add the blocks of a chunk of n images, of which the first `counted` count, in batches of `size`."""
        whole = counted // size * size
        self.n_images += counted
        for pool, rest, blocks in zip(self.pools, self.at_rest, outputs.blocks, strict=True):
            for mean, variance, weight in blocks:
                rows = len(mean) // n
                kept = slice(counted * rows)
                pool.add(mean[kept], variance[kept], None if weight is None else weight[kept])
                if whole:
                    ones = np.ones(len(mean), np.float32) if weight is None else weight
                    inside = slice(whole * rows)
                    rest.add(mean[inside], variance[inside], ones[inside], size * rows)

    def statistics(self, layers: list) -> Statistics:
        """Return mean and variance over all images for each of `layers`; refuse numbers that are not finite."""
        found = [self._of(layer, self.pools).statistics() for layer in layers]
        for layer, pair in zip(layers, found, strict=True):
            if not all(np.isfinite(np.asarray(part).astype(layer.moving_mean.dtype)).all() for part in pair):
                raise DataError(
                    f"batch norm layer {layer.name!r}: the statistics of these images are not finite in "
                    f"{layer.moving_mean.dtype}. Allowed: images and weights with which the layers' inputs are finite"
                )
        return found

    def resting(self, layers: list) -> Statistics | None:
        """Return what the moving averages of `layers` come to at rest, None where no whole batch was seen."""
        rests = [self._of(layer, self.at_rest) for layer in layers]
        return [rest.statistics() for rest in rests] if all(rest.n for rest in rests) else None

    def varies(self, layer) -> bool:
        """Return whether the images differ in what reaches a layer."""
        return self._of(layer, self.pools).varies

    def _of(self, layer, pools):
        return next(pool for other, pool in zip(self._layers, pools, strict=True) if other is layer)


def chunk_size(evaluator: Evaluator, size: int) -> int:
    """Return how many images are run at a time, so that batches of `size` are whole."""
    if evaluator.depends_on_batch:
        return size  # predictions depend on the batch: take those of `evaluate`
    return whole_groups(int(np.lcm(size, evaluator.multiple)), CHUNK)


def in_chunks(evaluator: Evaluator, source: Source, size: int, mixed: bool) -> Iterator[tuple]:
    """Yield images, labels, and how many of them count, as this model has to be evaluated."""
    as_they_are = evaluator.depends_on_batch
    n = chunk_size(evaluator, size)
    return source.chunks(n, mixed and not as_they_are, in_order=as_they_are, fill=not as_they_are)


def filled(images: np.ndarray, size: int) -> np.ndarray:
    """Return images filled up with the first of them to a multiple of `size`."""
    missing = -len(images) % size
    return images if missing == 0 else images[np.resize(np.arange(len(images)), len(images) + missing)]


def measure(evaluator: Evaluator, source: Source, batch_size: int = CHUNK, mixed: bool = False, n_fixed: int = 0):
    """Return the statistics of all images, pooled, with groups of 32 normalized together, and the labels in order."""
    measured, labels_seen = Measured(evaluator), []
    group = int(np.lcm(GROUP, evaluator.multiple))
    for images, labels, counted in source.chunks(whole_groups(group, batch_size), mixed):
        measured.add(evaluator.in_batches(images, GROUP, n_fixed), counted, len(images), GROUP)
        if labels is not None:
            labels_seen.append(labels[:counted])
    return measured, labels_seen


def measure_with_noise(evaluator: Evaluator, source: Source, size: int, most: int) -> Measured:
    """Return what `Measured` has of up to `most` images with dropout and noise on, in batches as in training."""
    measured, seen = Measured(evaluator), 0
    for k, (images, _, counted) in enumerate(source.chunks(chunk_size(evaluator, size))):
        images = filled(images, size)
        outputs = evaluator.in_batches(images, size, noise=True, seed=k)
        measured.add(outputs, counted, len(images), size)
        seen += counted
        if seen >= most:
            break
    return measured


def sortedness(labels: list[np.ndarray], size: int) -> float:
    """Return how far the batches of `size` are from random ones (0) towards batches of one class each (1).

    It is Wright's fixation index: the share of the variance of class memberships that lies between batches, corrected
    for the number of images in a batch. 0 where there is but one class or one batch.
    """
    first = labels[0] if labels else np.zeros(0)
    if first.ndim > 1 and first.shape[-1] > 1 and first.ndim == 2:
        labels = [part.argmax(axis=-1) for part in labels]
    elif first.ndim > 1 and first[0].size > 1:
        return 0.0  # a label for every position
    numbers = np.concatenate([np.ravel(part) for part in labels]) if labels else first
    size = max(size, 2)
    _, numbers = np.unique(numbers, return_inverse=True)
    n_batches = len(numbers) // size
    if n_batches < 2 or numbers.max() == 0:
        return 0.0
    numbers = numbers[: n_batches * size]
    overall = np.bincount(numbers) / len(numbers)
    pairs_overall = float(np.square(overall).sum())
    inside = 0.0
    for batch in numbers.reshape(n_batches, size):
        counts = np.bincount(batch)
        inside += float((counts * (counts - 1)).sum()) / (size * (size - 1))
    return (inside / n_batches - pairs_overall) / max(1 - pairs_overall, 1e-12)


class Sweep:
    """One set, evaluated: tallies by evaluation, what was measured, the values of its images and its labels' order."""

    def __init__(self, evaluator: Evaluator, source: Source, size: int):
        self._evaluator, self.source, self.size, self.name = evaluator, source, size, source.name
        self._scoring = self._first = None
        self._empty(mixed=False)
        self.were_sorted = False

    def start(self) -> tuple[np.ndarray, np.ndarray, Outputs]:
        """Return the first images that count, their labels, and their outputs with the moving averages.

        They are run in a whole chunk and kept for the pass over all images, so that looking at them costs nothing.
        """
        images, labels, counted = next(in_chunks(self._evaluator, self.source, self.size, mixed=False))
        outputs = self._evaluator.predict(images)
        self._first = images, outputs
        mask = None if outputs.mask is None else outputs.mask[:counted]
        return images[:counted], labels[:counted], Outputs(outputs.values[:counted], mask, [])

    def _predict(self, images: np.ndarray) -> Outputs:
        (first, outputs), self._first = self._first or (None, None), None
        return outputs if first is not None and np.array_equal(first, images) else self._evaluator.predict(images)

    def _empty(self, mixed: bool) -> None:
        self.values = Values()
        self.tallies: dict[str, Tally] = {}
        self.measured, self.sorted, self.mixed = Measured(self._evaluator), 0.0, mixed

    def moving_and_batch(self, scoring: Scoring, mixed: bool = False, statistics: Statistics | None = None) -> None:
        """Score with moving averages and per batch (and recalibrated, given statistics), and measure.

        Where the batches turn out to be sorted by class, it starts again with the images mixed.
        """
        evaluator, size, seen = self._evaluator, self.size, []
        self._scoring = scoring
        self._empty(mixed)
        has_batch_norm = bool(evaluator.measured) or evaluator.depends_on_batch
        for images, labels, counted in in_chunks(evaluator, self.source, size, mixed):
            self.values.add(images[:counted])
            seen.append(labels[:counted])
            moving = self._score(MOVING, self._predict(images), images, labels, counted)
            if has_batch_norm:
                full = filled(images, size)
                outputs = evaluator.in_batches(full, size)
                self.measured.add(outputs, counted, len(full), size)
                self._score(BATCH, outputs, images, labels, counted)
            else:
                self._add(BATCH, moving, counted)
            if statistics is not None:
                self._recalibrated(images, labels, counted, statistics, moving)
        self.sorted = sortedness(seen, size)
        if self.sorted > SORTED and not mixed and not self.source.is_arrays:
            self.were_sorted = True
            self.moving_and_batch(scoring, True, statistics)

    def recalibrated(self, statistics: Statistics) -> None:
        """Score with these statistics in the place of the moving averages."""
        if not self._evaluator.layers:
            self.tallies[RECALIBRATED] = self.tallies[MOVING]
            return
        for images, labels, counted in in_chunks(self._evaluator, self.source, self.size, self.mixed):
            self._recalibrated(images, labels, counted, statistics, None)

    def _recalibrated(self, images, labels, counted, statistics, moving) -> None:
        if not self._evaluator.layers:
            self._add(RECALIBRATED, moving, counted)
            return
        self._score(RECALIBRATED, self._evaluator.predict(images, statistics), images, labels, counted)

    def _score(self, mode, outputs: Outputs, images, labels, counted) -> Scores:
        values, mask = outputs.values[: len(images)], outputs.mask
        scores = self._scoring(values, labels, None if mask is None else mask[: len(images)], self.source.name)
        self._add(mode, scores, counted)
        return scores

    def _add(self, mode, scores: Scores, counted) -> None:
        n = 2 if self._scoring.n_classes == 1 else self._scoring.n_classes
        self.tallies.setdefault(mode, Tally(n)).add(scores, counted)
