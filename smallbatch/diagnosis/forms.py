"""The forms in which people have images and labels: told apart, and turned into arrays or a way to read batches."""

import time
from itertools import islice

import keras
import numpy as np

from smallbatch.errors import DataError, ParameterError, require

FORMS = (
    "a pair (images, labels) of arrays, a tf.data.Dataset, a keras.utils.PyDataset or a list of batches; "
    "with steps=, anything that yields batches"
)
# What does not say how long it is has so many seconds to come to an end by itself.
SECONDS_TO_END = 5.0
# A generator is kept in memory, as it cannot be read twice, up to this size.
GENERATOR_BYTES = 2**30
ONE_OUTPUT = "Allowed: labels as one array, (n, ...), for a model with one output"


def require_steps(name: str, steps) -> None:
    """Raise `ParameterError` unless `steps` is None or a whole number, 1 or more."""
    whole = steps is None or (isinstance(steps, int | np.integer) and not isinstance(steps, bool) and steps >= 1)
    require("steps" if name == "data" else f"steps of {name}", steps, whole, "a whole number, 1 or more")


def as_pair(data, name: str, shape: tuple | None) -> tuple | None:
    """Return (images, labels or None) where the data are arrays; None where they are batches."""
    if data is None or isinstance(data, str | bytes | dict):
        found = "a dict" if isinstance(data, dict) else repr(data)
        raise ParameterError(f"{name} is {found}. Allowed: {FORMS}")
    if isinstance(data, tuple):
        if not 1 <= len(data) <= 3:
            raise ParameterError(f"{name} is a tuple of {len(data)}. Allowed: {FORMS}")
        if isinstance(data[0], dict | tuple | list):
            _refuse_several(name, data[0])
        if len(data) > 1 and isinstance(data[1], dict | tuple):
            raise DataError(f"{name} holds labels of several outputs. {ONE_OUTPUT}")
        return data[0], data[1] if len(data) > 1 else None
    if isinstance(data, list):
        return _list_as_pair(data, shape)
    return (data, None) if _is_array(data) else None


def _list_as_pair(data: list, shape: tuple | None) -> tuple | None:
    """Tell [images, labels] from a list of batches: those are pairs, or arrays that are images themselves."""
    if len(data) == 2 and _is_array(data[0]) and isinstance(data[1], list):
        return data[0], data[1]
    if len(data) not in (2, 3) or not all(_is_array(part) for part in data):
        return None
    all_images = shape is not None and all(np.ndim(part) == len(shape) for part in data)
    one_size = len({tuple(np.shape(part))[1:] for part in data}) == 1
    return None if all_images and one_size else (data[0], data[1])


def _is_array(data) -> bool:
    return (hasattr(data, "shape") and hasattr(data, "dtype")) or hasattr(data, "iloc")


def checked_arrays(pair: tuple, name: str) -> tuple:
    """Return images (n, ...) and labels (n, ...), or None, as NumPy arrays."""
    images, labels = _array(pair[0], name, "images"), None if pair[1] is None else _array(pair[1], name, "labels")
    if images.dtype == object:
        raise DataError(f"{name}: images of several sizes. Allowed: images of one size, as one array")
    if images.ndim == 0 or len(images) == 0:
        raise DataError(f"{name}: there are no images in these data.")
    if labels is not None and (labels.ndim == 0 or len(labels) != len(images)):
        found = "a single number" if labels.ndim == 0 else f"{len(labels)}"
        raise DataError(f"{name}: {len(images)} images with labels: {found}. Allowed: one label per image")
    return images, labels


def as_batches(data, name: str, steps: int | None):
    """Return a function that starts reading the batches anew."""
    if isinstance(data, keras.utils.PyDataset):  # some of which are iterators, too, that never end
        return _by_index(data, name, steps)
    if hasattr(data, "__next__"):
        kept = _kept(data, name, steps)  # it cannot be read twice
        return lambda: iter(kept)
    if hasattr(data, "__getitem__") and _length(data) is not None:
        return _by_index(data, name, steps)
    if not hasattr(data, "__iter__"):
        raise ParameterError(f"{name} is a {type(data).__name__}. Allowed: {FORMS}")
    _refuse_single_images(data, name)
    if steps is not None:
        return lambda: islice(iter(data), steps)
    if _length(data) is None:
        _require_an_end(data, name)
    return lambda: iter(data)


def _kept(data, name: str, steps: int | None) -> list:
    """Return the batches of a generator; refuse one that is long or has no end, unless `steps` says where to stop."""
    if steps is not None:
        return list(islice(data, steps))
    kept, size, start = [], 0, time.monotonic()
    for batch in data:
        kept.append(images_and_labels(batch, name))
        size += sum(part.nbytes for part in kept[-1] if part is not None)
        if time.monotonic() - start > SECONDS_TO_END or size > GENERATOR_BYTES:
            raise ParameterError(
                f"{name} is a generator that did not come to its end soon, and may never. Allowed: steps=, how many "
                f"batches to take from it, or {FORMS}"
            )
    return kept


def _by_index(data, name: str, steps: int | None):
    n = getattr(data, "num_batches", None) if isinstance(data, keras.utils.PyDataset) else _length(data)
    if n is None and steps is None:
        raise ParameterError(f"{name} does not say how many batches it has. Allowed: steps=, how many to take")
    n = steps if n is None else min(n, steps or n)
    return lambda: (data[k] for k in range(n))


def require_batch_of_images(images: np.ndarray, name: str, shape: tuple | None) -> None:
    """Raise `DataError` for a single image, or one that does not fit the model's input, where its shape is known."""
    if images.dtype == object:
        raise DataError(f"{name}: images of several sizes. Allowed: images of one size, as one array")
    if images.ndim == 0 or (shape is not None and images.ndim == len(shape) - 1 and not _lacks_channel(images, shape)):
        raise DataError(
            f"{name} yields single images of shape {images.shape}. Allowed: batches of them, such as dataset.batch(32)"
        )
    if shape is not None and abs(images.ndim - len(shape)) > 1:
        raise DataError(
            f"{name}: a batch of shape {images.shape}. Allowed: {len(shape)} axes, the first one the images"
        )


def _lacks_channel(images: np.ndarray, shape: tuple) -> bool:
    """Return whether Keras adds the last axis: one channel, which grey images may leave out."""
    return shape[-1] == 1 and all(s in (None, k) for s, k in zip(shape[1:-1], images.shape[1:], strict=False))


def _length(data) -> int | None:
    try:
        return len(data)
    except Exception:  # TypeError of most, and of tf.data where there is no end or it is not known
        return None


def _refuse_single_images(data, name: str) -> None:
    """Refuse a tf.data.Dataset of unbatched images, whose elements may have the rank of a batch of features."""
    spec = getattr(data, "element_spec", None)
    if isinstance(spec, tuple) and len(spec) > 1 and getattr(getattr(spec[1], "shape", None), "rank", None) == 0:
        raise DataError(
            f"{name} yields single images of shape {tuple(spec[0].shape)}. Allowed: batches of them, such as "
            "dataset.batch(32)"
        )


def _require_an_end(data, name: str) -> None:
    endless = f"{name} does not end (is there a repeat()?). Allowed: steps=, how many batches to take from it"
    cardinality = getattr(data, "cardinality", None)
    if callable(cardinality) and int(cardinality()) == -1:
        raise ParameterError(endless)
    start = time.monotonic()
    for _ in data:
        if time.monotonic() - start > SECONDS_TO_END:
            raise ParameterError(
                f"{name} does not say how long it is, and {SECONDS_TO_END:.0f} seconds of reading did not come to its "
                "end. Allowed: steps=, how many batches to take from it"
            )


def weights_differ(batch) -> bool:
    """Return whether (images, labels, weights) do not count all images alike, as batch or as a pair of arrays."""
    if not isinstance(batch, tuple | list) or len(batch) != 3 or batch[2] is None or isinstance(batch[2], dict | list):
        return False
    weights = _array(batch[2], "data", "weights")
    return bool(weights.size and (weights != weights.flat[0]).any())


def images_and_labels(batch, name: str) -> tuple:
    """Return images and labels, None where there are none, of one batch in the form in which it came."""
    if isinstance(batch, dict):
        raise DataError(
            f"{name} yields dicts with {', '.join(map(repr, batch))}. Allowed: pairs (images, labels), such as "
            "dataset.map(lambda each: (each['image'], each['label']))"
        )
    if not isinstance(batch, tuple | list):
        return _array(batch, name, "images"), None
    if not 1 <= len(batch) <= 3 or isinstance(batch[0], dict | list | tuple):
        _refuse_several(name, batch[0] if batch else None)
    if len(batch) > 1 and isinstance(batch[1], dict | list | tuple):
        raise DataError(f"{name}: a batch holds labels of several outputs. {ONE_OUTPUT}")
    labels = batch[1] if len(batch) > 1 else None
    return _array(batch[0], name, "images"), None if labels is None else _array(labels, name, "labels")


def _refuse_several(name: str, found) -> None:
    if isinstance(found, tuple | list) and found and _is_array(found[0]) and np.ndim(found[0]) > 1:
        raise DataError(
            f"{name}: a batch holds several inputs, or this is a tuple of batches. Allowed: images as one array "
            "(n, ...), with or without labels; batches as a list"
        )
    raise DataError(
        f"{name}: a batch holds several inputs. Allowed: images as one array (n, ...), with or without labels"
    )


def _array(values, name: str, what: str) -> np.ndarray:
    """Return values as an array, as Keras reads them: images of floating-point numbers in its own precision."""
    if isinstance(values, np.ndarray | np.generic) or not hasattr(values, "detach"):
        try:
            array = np.asarray(values)
        except ValueError as error:
            raise DataError(f"{name}: {what} of several sizes. Allowed: one array") from error
    else:
        array = values.detach().cpu().numpy()
    if type(values).__name__ == "RaggedTensor":
        raise DataError(f"{name}: {what} of several sizes. Allowed: images of one size, as one array")
    if what == "images" and np.issubdtype(array.dtype, np.floating) and array.dtype != keras.config.floatx():
        return array.astype(keras.config.floatx())
    return array
