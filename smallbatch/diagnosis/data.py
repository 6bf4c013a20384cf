"""Images and labels in the forms that people have them in, each read as often as it is needed or refused in a sentence.

Arrays are taken in a fixed random order, since images sorted by class would be normalized class by class. Batches come
in their own order, unless it is asked to mix them. What may never end is refused, or cut by `steps`.
"""

from collections.abc import Iterator

import numpy as np

from smallbatch.batchnorm.chunks import in_chunks
from smallbatch.diagnosis import forms
from smallbatch.errors import DataError, ParameterError

# Images kept at a time where the batches have to be mixed, and the memory they may take.
MIXED_AT_ONCE, MIXED_BYTES = 4096, 512 * 2**20


class Source:
    """Images with or without labels, to be read again and again, in batches and in chunks.

    `name` is that of the parameter, for messages; `steps` the number of batches to read of what does not end;
    `image_shape` that of the model's input, with the batch axis, where it is known. `weighted` says whether weights
    came with the images read so far that differ; every image counts once all the same. Raises `ParameterError` or
    `DataError`, naming what is allowed, for what cannot be read as images in batches.
    """

    def __init__(self, data, name: str, steps: int | None = None, image_shape: tuple | None = None):
        self.name, self._shape = name, image_shape
        forms.require_steps(name, steps)
        self._arrays = self._batches = None
        self.weighted = isinstance(data, tuple) and forms.weights_differ(data)
        pair = forms.as_pair(data, name, image_shape)
        if pair is not None:
            self._arrays = forms.checked_arrays(pair, name)
            if steps is not None:
                raise ParameterError(f"{name}: steps = {steps} with arrays. Allowed: steps where batches do not end")
        else:
            self._batches = forms.as_batches(data, name, steps)
        self.batch_size = 32 if self._arrays else len(next(self._read())[0])
        first, labels = next(self.batches(64))
        self.has_labels, self.first = labels is not None, (first, labels)

    @property
    def is_arrays(self) -> bool:
        """Whether the images lie in memory, so that they can be taken in any order."""
        return self._arrays is not None

    @property
    def labels(self) -> np.ndarray | None:
        """The labels of arrays in their own order, (n, ...); None where there are none, or they come in batches."""
        return self._arrays and self._arrays[1]

    def batches(self, size: int, mixed: bool = False, in_order: bool = False) -> Iterator[tuple]:
        """Yield (images, labels), labels None where there are none.

        Arrays come in a fixed random order in parts of `size`, or `in_order`; batches as they are, or `mixed` with
        those around them.
        """
        if self._arrays is None:
            yield from _mixed(self._read(), size) if mixed else self._read()
            return
        images, labels = self._arrays
        n = len(images)
        order = np.arange(n) if in_order else np.random.default_rng(0).permutation(n)
        for start in range(0, n, size):
            some = order[start : start + size]
            yield self._checked(images[some], None if labels is None else labels[some])

    def chunks(self, size: int, mixed: bool = False, in_order: bool = False, fill: bool = True) -> Iterator[tuple]:
        """Yield (images, labels, how many of them count) in chunks of `size` images; see `batchnorm.chunks`."""
        try:
            yield from in_chunks(self.batches(size, mixed, in_order), size, fill)
        except ValueError as error:
            if isinstance(error, DataError | ParameterError):
                raise
            raise DataError(
                f"{self.name}: batches that do not fit together ({error}). Allowed: images of one size, with or "
                "without labels throughout"
            ) from error

    def _read(self) -> Iterator[tuple]:
        n = 0
        for batch in self._batches():
            n += 1
            self.weighted = self.weighted or forms.weights_differ(batch)
            yield self._checked(*forms.images_and_labels(batch, self.name))
        if n == 0:
            raise DataError(f"{self.name}: there are no images in these data.")

    def _checked(self, images, labels):
        forms.require_batch_of_images(images, self.name, self._shape)
        if labels is not None and labels.ndim == 0:
            raise DataError(f"{self.name} yields single images with their labels. Allowed: batches of them")
        if labels is not None and len(labels) != len(images):
            raise DataError(f"{self.name}: {len(images)} images with {len(labels)} labels. Allowed: one label each")
        if np.issubdtype(images.dtype, np.floating) and not np.isfinite(images).all():
            raise DataError(f"{self.name}: there are images that are not finite (NaN or infinite). Allowed: numbers")
        return images, labels


def _mixed(batches: Iterator[tuple], size: int) -> Iterator[tuple]:
    """Yield the images in a random order within large blocks, in parts of `size`."""
    generator, block, images = np.random.default_rng(0), [], 0
    for batch in batches:
        block.append(batch)
        images += len(batch[0])
        if images >= MIXED_AT_ONCE or sum(part[0].nbytes for part in block) > MIXED_BYTES:
            yield from _parts(block, size, generator)
            block, images = [], 0
    if block:
        yield from _parts(block, size, generator)


def _parts(block: list[tuple], size: int, generator: np.random.Generator) -> Iterator[tuple]:
    images = np.concatenate([batch[0] for batch in block])
    labels = None if block[0][1] is None else np.concatenate([batch[1] for batch in block])
    order = generator.permutation(len(images))
    for start in range(0, len(order), size):
        some = order[start : start + size]
        yield images[some], None if labels is None else labels[some]
