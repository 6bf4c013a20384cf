"""Pictures as people have them, in a folder of their own: each works as one would expect, or is named in a sentence."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from smallbatch.errors import DataError
from smallbatch.training import data
from smallbatch.training.config import RunConfig
from smallbatch.training.data import folder

# Beside the name of the file, what an image of these colours, left and right half, has to come out as.
RED, BLUE = (200, 20, 20), (20, 20, 200)


def load(tree):
    return data.load(RunConfig.create(dataset="folder", data_folder=str(tree), batch_size=2, image_size=75))


def halves(mode="RGB", left=RED, right=BLUE):
    image = Image.new("RGB", (60, 60), left)
    image.paste(right, (30, 0, 60, 60))
    return image.convert(mode)


def put(tree, name, save):
    """Write an image in place of the first of the bright ones."""
    (tree / "train/bright/0.jpg").unlink()
    path = tree / "train/bright" / f"0{name}"
    save(path)
    return path


def first(tree):
    """Return the first image of the class, whose name sorts before those of the others."""
    return load(tree).train.images[0].astype(int)


def assert_halves(image, left, right, within=12):
    assert np.abs(image[37, 10] - left).max() <= within, image[37, 10]
    assert np.abs(image[37, 65] - right).max() <= within, image[37, 65]


@pytest.mark.parametrize(
    ("name", "save"),
    [
        (".jpg", lambda path: halves("CMYK").save(path, quality=95)),
        (".png", lambda path: halves().quantize(8).save(path)),
        (".gif", lambda path: halves().save(path, save_all=True, append_images=[Image.new("RGB", (60, 60), "green")])),
        (".webp", lambda path: halves().save(path, save_all=True, lossless=True, append_images=[halves(left=BLUE)])),
        (".png", lambda path: halves().save(path, save_all=True, append_images=[Image.new("RGB", (60, 60))])),
        (".bmp", lambda path: halves().save(path)),
        (".jpg", lambda path: halves().save(path, format="PNG")),  # a wrong name does not matter
    ],
    ids=["cmyk", "palette", "animated gif", "animated webp", "animated png", "bmp", "png named jpg"],
)
def test_kinds_of_images_come_out_in_their_colours(image_tree, name, save):
    put(image_tree, name, save)
    assert_halves(first(image_tree), RED, BLUE)


def test_cmyk_as_image_programs_write_it_is_not_inverted(image_tree):
    path = put(image_tree, ".jpg", lambda path: halves("CMYK").save(path, quality=95))
    content = path.read_bytes()
    assert b"Adobe" in content  # the mark by which Pillow knows that the inks are stored inverted
    assert_halves(first(image_tree), RED, BLUE)


def printed(*inks_to_lab):
    """Return a colour profile of a press, by the eight-bit CIELAB of each of the 16 combinations of full inks.

    The least that the format (ICC.1:2001, section 6.5.7) asks for: no curves, two grid points per ink.
    """
    straight = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + struct.pack(">9i", *(65536 * (k % 4 == 0) for k in range(9)))
    table += 4 * straight + b"".join(bytes(lab) for lab in inks_to_lab) + 3 * straight
    table += bytes(-len(table) % 4)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    body, places = b"", b""
    for name, tag in ((b"A2B0", table), (b"wtpt", white)):
        places += struct.pack(">4s2I", name, 128 + 4 + 2 * 12 + len(body), len(tag))
        body += tag
    head = struct.pack(">I4sI4s4s4s12s4s", 156 + len(body), b"lcms", 0x02400000, b"prtr", b"CMYK", b"Lab ",
                       struct.pack(">6H", 2026, 1, 1, 0, 0, 0), b"acsp")  # fmt: skip
    head += bytes(128 - len(head) - 60) + struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return head + struct.pack(">I", 2) + places + body


# A press whose cyan comes out as a green: L* = 54.9, a* = -38, b* = 32, which is (67, 148, 72) in sRGB.
PAPER, GREEN, BLACK = (255, 128, 128), (140, 90, 160), (0, 128, 128)
PRESS = printed(*(BLACK if inks & 1 else GREEN if inks & 8 else PAPER for inks in range(16)))


@pytest.mark.parametrize(
    ("profile", "cyan"),
    [(PRESS, (67, 148, 72)), (b"no profile", (0, 255, 255))],
    ids=["whole", "damaged"],
)
def test_inks_look_as_the_profile_of_the_image_says(image_tree, profile, cyan):
    inks = Image.new("CMYK", (60, 60), (255, 0, 0, 0))
    inks.paste((0, 0, 0, 0), (30, 0, 60, 60))
    put(image_tree, ".jpg", lambda path: inks.save(path, quality=95, icc_profile=profile))
    assert_halves(first(image_tree), cyan, (255, 255, 255))


def test_grey_of_sixteen_bits_is_scaled_and_not_cut_off(image_tree):
    values = np.full((60, 60), 20_000, np.uint16)
    values[:, 30:] = 60_000
    put(image_tree, ".png", lambda path: Image.fromarray(values).save(path))
    assert_halves(first(image_tree), (20_000 / 257,) * 3, (60_000 / 257,) * 3, within=1)


def test_colours_of_sixteen_bits_are_scaled(image_tree):
    def save(path):
        row = b"\0" + b"".join(struct.pack(">3H", *(257 * c for c in RED)) for _ in range(60))
        parts = {b"IHDR": struct.pack(">2I5B", 60, 60, 16, 2, 0, 0, 0), b"IDAT": zlib.compress(row * 60), b"IEND": b""}
        chunks = (struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in parts.items())
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))

    put(image_tree, ".png", save)
    assert_halves(first(image_tree), RED, RED, within=1)


def test_what_is_transparent_is_white(image_tree):
    image = halves("RGBA")
    image.paste((0, 0, 0, 0), (30, 0, 60, 60))
    put(image_tree, ".png", lambda path: image.save(path))
    assert_halves(first(image_tree), RED, (255, 255, 255))


def test_a_photograph_is_turned_as_the_camera_says(image_tree):
    # Orientation 6: the top of what was photographed is the right side of what is stored.
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = halves().rotate(90)
    put(image_tree, ".jpg", lambda path: stored.save(path, exif=exif, quality=95))
    assert_halves(first(image_tree), RED, BLUE)


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1)])
def test_an_image_of_one_pixel_is_one_colour(image_tree, size):
    put(image_tree, ".png", lambda path: Image.new("RGB", size, RED).save(path))
    assert_halves(first(image_tree), RED, RED)


def bomb(path):
    """Write a PNG of some hundred bytes that says it has 40,000 x 40,000 pixels."""
    header = struct.pack(">2I5B", 40_000, 40_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    data_ = zlib.compress(b"\0" * 1000)
    rest = struct.pack(">I", len(data_)) + b"IDAT" + data_ + struct.pack(">I", zlib.crc32(b"IDAT" + data_))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + rest)


@pytest.mark.parametrize(
    ("name", "save", "message"),
    [
        (".png", bomb, r"pixels"),
        (".jpg", lambda path: path.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>"), r"none of JPEG, PNG"),
        (".jpg", lambda path: halves().save(path, format="TIFF"), r"none of JPEG, PNG"),
        (".jpg", lambda path: path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), r"none of JPEG"),
        (".jpg", lambda path: path.write_bytes(b""), r"none of JPEG"),
        (".gif", lambda path: path.write_bytes(b"GIF89a" + b"\xff" * 20), r"cannot be read as an image"),
        (".jpg", lambda path: path.symlink_to(path.name), r"is not a file"),
        (".jpg", lambda path: path.symlink_to("nowhere"), r"is not a file"),
        (".jpg", lambda path: path.mkdir(), r"is not a file"),
        (".jpg", os.mkfifo, r"is not a file"),
        ("\nx.jpg", lambda path: halves().save(path, format="JPEG"), r"control character in its name"),
    ],
    ids=["bomb", "svg", "tiff", "postscript", "empty", "broken gif", "loop", "dead link", "folder", "pipe", "newline"],
)
def test_what_cannot_be_read_is_named_in_one_line(image_tree, name, save, message):
    path = put(image_tree, name, save)
    with pytest.raises(DataError, match=message) as error:
        load(image_tree)
    assert str(path) in str(error.value) or repr(str(path)) in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def rename_class(tree, new):
    for split in folder.SPLITS:
        (tree / split / "dark").rename(tree / split / new)


@pytest.mark.parametrize(
    "name", ['it\'s "dark"', "<script>alert(1)<", "a..b", "...", "$x$ \\frac", "ümläut 漢", "x" * 200]
)
def test_a_class_may_have_any_name_that_can_be_shown(image_tree, name):
    if name.startswith("."):
        name = f"_{name}"
    rename_class(image_tree, name)
    images = load(image_tree)
    assert set(images.class_names) == {"bright", name}
    from smallbatch.figures.catalogue import one_run

    figure = one_run.sample_images(images)
    figure.canvas.draw()
    assert {axis.get_title() for axis in figure.axes} == {"bright", name}


@pytest.mark.parametrize("name", ["two\nlines", "bell\a", os.fsdecode(b"no text \xff")])
def test_a_class_whose_name_cannot_be_shown_is_named(image_tree, name):
    rename_class(image_tree, name)
    with pytest.raises(DataError, match="control character in its name"):
        load(image_tree)


def test_links_in_a_circle_are_not_followed(image_tree):
    (image_tree / "train" / "bright" / "up").symlink_to(image_tree / "train")
    (image_tree / "train" / "loop").symlink_to("loop")
    assert len(load(image_tree).train) == 12


def test_a_class_with_a_single_image_is_trained_on_and_never_drawn_away(image_tree):
    for n in range(1, 6):
        (image_tree / "train" / "dark" / f"{n}.jpg").unlink()
    images = load(image_tree)
    assert np.bincount(images.train.labels).tolist() == [6, 1]
    some = RunConfig.create(dataset="folder", data_folder=str(image_tree), batch_size=2, n_train=3, image_size=75)
    assert np.bincount(data.load(some).train.labels).tolist() == [2, 1]
    moved = some.model_copy(update={"n_train": None, "n_test_from_train": 2})
    with pytest.raises(DataError, match="n_test_from_train = 2 leaves no training image of class 'dark'"):
        data.load(moved)


def test_a_damaged_cache_is_decoded_again_and_one_that_cannot_be_written_is_named(image_tree, tmp_path, monkeypatch):
    before = load(image_tree).train.images.copy()
    for file in (tmp_path / "cache").glob("*.npy"):
        file.write_bytes(file.read_bytes()[:50])
    assert np.array_equal(load(image_tree).train.images, before)
    (tmp_path / "no-folder").write_text("")
    monkeypatch.setenv("SMALLBATCH_CACHE", str(tmp_path / "no-folder" / "below"))
    with pytest.raises(DataError, match=r"cannot be kept in .* SMALLBATCH_CACHE"):
        load(image_tree)
