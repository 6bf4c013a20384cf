"""Images in folders named after their classes, read a batch at a time."""

from pathlib import Path

import keras
import numpy as np

from smallbatch.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif")


class ClassFolders(keras.utils.PyDataset):
    """Images of `folder/<class>/`, resized to `image_shape` (height, width, channels), with class numbers.

    Classes are numbered in alphabetical order, as `keras.utils.image_dataset_from_directory` does, and the images come
    in a fixed random order, float32 from 0 to 255. Raises `DataError` where there are no such folders or images.
    """

    def __init__(self, folder: Path, image_shape: tuple[int, int, int], batch_size: int):
        super().__init__()
        if not folder.is_dir():
            raise DataError(f"{str(folder)!r} is no folder. Allowed: a folder with one folder of images per class")
        self.classes = sorted(each.name for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
        found = [
            (path, number)
            for number, name in enumerate(self.classes)
            for path in sorted((folder / name).rglob("*"))
            if path.suffix.lower() in SUFFIXES
        ]
        if not found:
            raise DataError(
                f"{str(folder)!r} holds no images in folders of classes. Allowed: <folder>/<class>/<image> with "
                f"{', '.join(SUFFIXES)}"
            )
        self._found = [found[k] for k in np.random.default_rng(0).permutation(len(found))]
        self._shape, self._size = image_shape, batch_size

    def __len__(self):
        return -(-len(self._found) // self._size)

    def __getitem__(self, k):
        some = self._found[k * self._size : (k + 1) * self._size]
        return np.stack([self._image(path) for path, _ in some]), np.array([number for _, number in some])

    def _image(self, path: Path) -> np.ndarray:
        from PIL import Image

        height, width, channels = self._shape
        try:
            with Image.open(path) as image:
                if image.mode.startswith("I"):  # grey values of 16 bits, which Pillow would cut off at 255
                    image = Image.fromarray((np.asarray(image).clip(0, 65535) // 257).astype(np.uint8))
                image = image.convert({1: "L", 3: "RGB", 4: "RGBA"}[channels])
                pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float32)
        except Exception as error:  # Pillow's decoders raise whatever damaged bytes lead them to
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DataError(f"{path} cannot be read as an image ({reason}). Replace it or take it out") from None
        return pixels.reshape(self._shape)
