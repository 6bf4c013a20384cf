"""Images in any of the forms that Keras takes, cut into chunks whose images can be normalized in equal groups."""

from collections.abc import Iterator

import numpy as np

from smallbatch.errors import DataError

CHUNK = 64


def chunks(data, group_size: int = 1, chunk_size: int = CHUNK) -> Iterator[tuple[np.ndarray, np.ndarray | None, int]]:
    """Yield float32 images (n, ...), their labels (None where there are none) and how many of the n count.

    `data` is an array of images, a pair (images, labels), or anything that yields batches of either, such as a
    `tf.data.Dataset` or a `keras.utils.PyDataset`. Arrays are taken in a fixed random order, since images sorted by
    class would be normalized class by class; other data come in their own order. n is a multiple of `group_size`, about
    `chunk_size`, and always the same: the last chunk is filled up with images from the start, which do not count. So
    each image counts once, none is normalized over fewer than `group_size` images, and a compiled program sees one
    shape. Raises `DataError` where there are no images.
    """
    size = whole_groups(group_size, chunk_size)
    yield from in_chunks(_batches(data, size), size)


def whole_groups(group_size: int, chunk_size: int = CHUNK) -> int:
    """Return the multiple of `group_size` that is `chunk_size` or the next below it, but at least one group."""
    return max(group_size, chunk_size // group_size * group_size)


def in_chunks(batches: Iterator, size: int, fill: bool = True) -> Iterator[tuple]:
    """Cut batches (images, labels) of any size into chunks of exactly `size`: yield images, labels, how many count.

    The last chunk is filled up with images from the first; without `fill` it is as short as what is left.
    """
    first, waiting = None, None
    for batch in batches:
        waiting = batch if waiting is None else _join(waiting, batch)
        while len(waiting[0]) >= size:
            chunk, waiting = _part(waiting, slice(size)), _part(waiting, slice(size, None))
            first = first or chunk
            yield *chunk, size
    left = 0 if waiting is None else len(waiting[0])
    if left and not fill:
        yield *waiting, left
    elif left:
        filling = _part(first or waiting, np.arange(size - left) % len((first or waiting)[0]))
        yield *_join(waiting, filling), left
    elif first is None:
        raise DataError("There are no images in these data.")


def _batches(data, size: int) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    pair = isinstance(data, tuple | list) and len(data) in (2, 3)
    if pair or hasattr(data, "shape"):
        images, labels = (np.asarray(data[0]), np.asarray(data[1])) if pair else (np.asarray(data), None)
        order = np.random.default_rng(0).permutation(len(images))
        for start in range(0, len(order), size):
            yield _arrays(_part((images, labels), order[start : start + size]))
        return
    # A PyDataset has a length and no end: it must not be iterated over.
    by_index = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    for batch in (data[k] for k in range(len(data))) if by_index else data:
        yield _arrays(batch if isinstance(batch, tuple | list) else (batch, None))


def _arrays(batch) -> tuple[np.ndarray, np.ndarray | None]:
    images, labels = batch[0], batch[1] if len(batch) > 1 else None
    if isinstance(images, dict | list | tuple):
        raise DataError("A batch holds several inputs. Allowed: images as one array (n, ...), with or without labels.")
    return np.asarray(images, np.float32), None if labels is None else np.asarray(labels)


def _part(batch, index):
    return tuple(None if array is None else array[index] for array in batch)


def _join(one, other):
    return tuple(None if a is None else np.concatenate([a, b]) for a, b in zip(one, other, strict=True))
