"""Images cut into chunks: each counts once, in groups that mix the classes."""

import numpy as np
import pytest

from smallbatch.batchnorm.chunks import chunks
from smallbatch.errors import DataError


def numbered(n):
    """Images whose one value is their number, sorted by class as a folder of images is."""
    return np.arange(n, dtype="float32").reshape(n, 1), np.arange(n) // (n // 2)


@pytest.mark.parametrize(
    ("n", "group_size", "size"), [(100, 1, 64), (100, 32, 64), (64, 32, 64), (10, 32, 64), (7, 5, 60)]
)
def test_every_image_counts_once_and_every_chunk_is_as_large(n, group_size, size):
    images, labels = numbered(n)
    found = list(chunks((images, labels), group_size))
    assert {len(chunk) for chunk, _, _ in found} == {size}
    counted = np.concatenate([chunk[:count, 0] for chunk, _, count in found])
    assert sorted(counted) == list(range(n))
    for chunk, names, _ in found:
        np.testing.assert_array_equal(names, labels[chunk[:, 0].astype(int)])


def test_arrays_sorted_by_class_are_normalized_with_the_classes_mixed():
    images, labels = numbered(128)
    for chunk, names, _ in chunks((images, labels), 32):
        for group in names.reshape(-1, 32):
            assert 6 < group.sum() < 26  # of 32 images half are of class 1, within four standard deviations
        assert not (np.diff(chunk[:, 0]) > 0).all()
    first, again = ([chunk for chunk, _, _ in chunks(images)] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_other_data_come_in_their_own_order():
    images, labels = numbered(10)
    batches = ((images[k : k + 3], labels[k : k + 3]) for k in range(0, 10, 3))
    ((chunk, names, counted),) = chunks(batches, 2, 12)
    np.testing.assert_array_equal(chunk[:, 0], [*range(10), 0, 1])  # filled up from the start
    np.testing.assert_array_equal(names[:10], labels)
    assert counted == 10


@pytest.mark.parametrize("data", [np.zeros((0, 4)), iter([])])
def test_data_without_images_are_refused(data):
    with pytest.raises(DataError, match="no images"):
        list(chunks(data))
