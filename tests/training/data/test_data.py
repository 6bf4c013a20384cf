"""Images: four sources, one form; stratified draws; damage is named; decoded once."""

import hashlib
import io
import shutil
import tarfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from smallbatch.errors import DataError, ParameterError
from smallbatch.training import data
from smallbatch.training.config import RunConfig
from smallbatch.training.data import clothing, clothing_full, folder, signs, tfds
from smallbatch.training.data.archive import Archive
from smallbatch.training.data.sampling import add_label_noise, stratified_split, stratified_subset


def load(**parameters):
    return data.load(RunConfig.create(batch_size=2, image_size=75, **parameters))


def test_digits_are_split_without_overlap_and_in_proportion():
    whole = load(dataset="digits")
    assert [len(split) for split in whole.splits().values()] == [1078, 270, 449]
    for split in whole.splits().values():
        assert split.images.shape[1:] == (75, 75, 3) and split.images.dtype == np.uint8
        shares = np.bincount(split.labels) / len(split)
        assert np.all(np.abs(shares - 0.1) < 0.012)
    images = [image.tobytes() for split in whole.splits().values() for image in split.images]
    assert len(set(images)) == len(images) == 1797


def test_the_same_seed_gives_the_same_images_and_another_seed_others():
    one, again, other = (load(dataset="digits", n_train=100, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(one.train.images, again.train.images)
    assert not np.array_equal(one.train.labels, other.train.labels)


def test_check_counts_what_load_would_load(image_tree):
    for parameters in ({"dataset": "digits"}, {"dataset": "folder", "data_folder": str(image_tree)}):
        with pytest.raises(ParameterError, match="larger than the training set of"):
            data.check(RunConfig.create(batch_size=5000, **parameters))
        with pytest.raises(ParameterError, match="n_train = 4000"):
            data.check(RunConfig.create(batch_size=2, n_train=4000, **parameters))


def test_training_images_become_test_images_the_same_for_every_seed(image_tree):
    whole = load(dataset="folder", data_folder=str(image_tree))
    n_train, n_test = len(whole.train), len(whole.test)
    larger = [load(dataset="folder", data_folder=str(image_tree), n_test_from_train=4, seed=s) for s in (0, 1)]
    for data_ in larger:
        assert (len(data_.train), len(data_.test)) == (n_train - 4, n_test + 4)
        assert np.array_equal(data_.test.images[:n_test], whole.test.images)
        assert np.array_equal(data_.test.images, larger[0].test.images)
        seen = [image.tobytes() for split in (data_.train, data_.test) for image in split.images]
        assert sorted(seen) == sorted(i.tobytes() for split in (whole.train, whole.test) for i in split.images)
        assert np.array_equal(np.unique(data_.train.labels), np.unique(whole.train.labels))


def test_too_many_images_moved_to_test_are_refused_before_any_is_read(image_tree):
    place = {"dataset": "folder", "data_folder": str(image_tree)}
    with pytest.raises(ParameterError, match=r"n_test_from_train = 4000 .*Allowed: 0, or"):
        data.check(RunConfig.create(batch_size=2, n_test_from_train=4000, **place))
    with pytest.raises(ParameterError, match="that n_test_from_train = 400 leaves"):
        data.check(RunConfig.create(dataset="digits", n_test_from_train=400, n_train=1000))


@pytest.mark.parametrize("n", [10, 11, 57, 100, 359, 360])
def test_a_subset_has_the_size_asked_for_and_every_class(n):
    labels = np.repeat(np.arange(10), [6, 6, 6, 10, 20, 40, 50, 60, 80, 82])
    chosen = stratified_subset(labels, n, seed=0)
    assert len(np.unique(chosen)) == n
    counts = np.bincount(labels[chosen], minlength=10)
    assert counts.min() >= 1 and np.all(counts <= np.bincount(labels))
    exact = np.bincount(labels) * n / len(labels)
    # Proportional but for rounding, and for small classes that are kept alive at the cost of large ones.
    assert np.all(counts - exact < 1.01)


def test_split_shares():
    parts = stratified_split(np.arange(200) % 4, (0.1, 0.3), seed=0)
    assert [len(part) for part in parts] == [120, 20, 60]
    assert sorted(np.concatenate(parts)) == list(range(200))


def test_label_noise_changes_exactly_its_share_and_always_to_another_class():
    labels = np.arange(1000) % 10
    noisy = add_label_noise(labels, 10, 0.3, seed=0)
    assert (noisy != labels).sum() == 300
    assert noisy.min() >= 0 and noisy.max() <= 9
    # Every other class is equally likely: 300 / 9 = 33 expected for each shift, sd 5.4.
    shifts = np.bincount((noisy - labels) % 10, minlength=10)[1:]
    assert shifts.min() > 15 and shifts.max() < 55


def test_label_noise_touches_the_training_labels_only():
    clean, noisy = load(dataset="digits"), load(dataset="digits", label_noise=0.5)
    assert (clean.train.labels != noisy.train.labels).sum() == 539
    assert np.array_equal(clean.train.images, noisy.train.images)
    assert np.array_equal(clean.test.labels, noisy.test.labels)
    assert np.array_equal(clean.validation.labels, noisy.validation.labels)


def test_a_folder_is_read_by_class(image_tree):
    own = load(dataset="folder", data_folder=str(image_tree))
    assert own.class_names == ["bright", "dark"]
    assert [len(split) for split in own.splits().values()] == [12, 4, 4]
    means = own.train.images.mean((1, 2, 3))
    assert np.all((means > 120) == (own.train.labels == 0))


def test_a_folder_can_be_named_by_the_environment(image_tree, monkeypatch):
    monkeypatch.setenv("SMALLBATCH_DATA_FOLDER", str(image_tree))
    assert len(load(dataset="folder").train) == 12


def test_a_wide_photograph_is_cropped_and_not_squeezed(image_tree):
    pixels = np.zeros((60, 120, 3), np.uint8)
    pixels[:, 30:90] = 255
    Image.fromarray(pixels).save(image_tree / "train" / "bright" / "0.png")
    (image_tree / "train" / "bright" / "0.jpg").unlink()
    own = load(dataset="folder", data_folder=str(image_tree))
    assert own.train.images[0].min() > 200  # squeezed, half of it would be black


def test_images_are_decoded_once_until_they_change(image_tree, monkeypatch):
    decoded = []
    original = folder._decode
    monkeypatch.setattr(folder, "_decode", lambda file, side: decoded.append(file) or original(file, side))
    first = load(dataset="folder", data_folder=str(image_tree))
    assert len(decoded) == 20
    second = load(dataset="folder", data_folder=str(image_tree))
    assert len(decoded) == 20
    assert np.array_equal(first.test.images, second.test.images)
    Image.new("RGB", (50, 50), "red").save(image_tree / "test" / "dark" / "0.jpg")
    changed = load(dataset="folder", data_folder=str(image_tree))
    assert len(decoded) == 24  # the changed split alone
    assert changed.test.images[2, 0, 0, 0] > 200 > changed.test.images[2, 0, 0, 1]


def damage(tree, kind):
    if kind == "empty class":
        for file in (tree / "train" / "dark").iterdir():
            file.unlink()
    elif kind == "corrupt":
        whole = (tree / "test" / "dark" / "1.jpg").read_bytes()
        (tree / "test" / "dark" / "1.jpg").write_bytes(whole[: len(whole) // 2])
    elif kind == "no split":
        (tree / "validation").rename(tree / "valid")
    elif kind == "class missing":
        (tree / "validation" / "dark").rename(tree / "validation" / "dusk")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("empty class", r"train/dark holds no images"),
        ("corrupt", r"test/dark/1.jpg cannot be read as an image"),
        ("no split", r"holds no folder 'validation'"),
        ("class missing", r"validation holds the classes \['bright', 'dusk'\]"),
    ],
)
def test_a_damaged_folder_is_refused_naming_the_place(image_tree, kind, message):
    damage(image_tree, kind)
    with pytest.raises(DataError, match=message):
        load(dataset="folder", data_folder=str(image_tree))


def test_a_missing_folder_is_refused():
    with pytest.raises(DataError, match=r"data_folder = '/no/such/place'"):
        load(dataset="folder", data_folder="/no/such/place")
    with pytest.raises(DataError, match="data_folder is empty"):
        load(dataset="folder")


@pytest.fixture
def small_clothing(image_tree, monkeypatch):
    """The clothing data set's code with a manifest of 20 small images in place of 3,781 photographs."""
    digests = {
        file.relative_to(image_tree).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in image_tree.rglob("*.jpg")
    }
    monkeypatch.setattr(Archive, "manifest", lambda archive: digests)
    return image_tree


def test_the_manifest_is_that_of_the_official_split():
    names = list(clothing.ARCHIVE.manifest())
    assert [sum(n.startswith(s) for n in names) for s in folder.SPLITS] == [3068, 341, 372]
    assert len({n.split("/")[1] for n in names}) == 10


def test_clothing_is_read_from_a_folder_and_checked(small_clothing):
    assert len(load(dataset="clothing", data_folder=str(small_clothing)).train) == 12
    Image.new("RGB", (9, 9)).save(small_clothing / "train" / "dark" / "3.jpg")
    with pytest.raises(DataError, match=r"1 files are missing, added or changed, the first is train/dark/3.jpg"):
        load(dataset="clothing", data_folder=str(small_clothing))
    (small_clothing / "train" / "dark" / "3.jpg").unlink()
    with pytest.raises(DataError, match=r"train/dark/3.jpg"):
        load(dataset="clothing", data_folder=str(small_clothing))


def test_clothing_is_downloaded_once_and_checked(small_clothing, tmp_path, monkeypatch):
    archive = tmp_path / "upstream.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(small_clothing, arcname="clothing-dataset-small-1196151")
    monkeypatch.setattr(Archive, "address", archive.as_uri())
    assert len(load(dataset="clothing").train) == 12
    archive.unlink()
    assert len(load(dataset="clothing").train) == 12


def test_a_failed_or_wrong_download_leaves_nothing_and_says_what_to_do(small_clothing, tmp_path, monkeypatch):
    monkeypatch.setattr(Archive, "address", (tmp_path / "none.tar.gz").as_uri())
    with pytest.raises(DataError, match=r"cannot be downloaded .* SMALLBATCH_DATA_FOLDER"):
        load(dataset="clothing")
    wrong = tmp_path / "wrong.tar.gz"
    with tarfile.open(wrong, "w:gz") as tar:
        text = io.BytesIO(b"not a photograph")
        entry = tarfile.TarInfo("top/train/dark/x.jpg")
        entry.size = 16
        tar.addfile(entry, text)
    monkeypatch.setattr(Archive, "address", wrong.as_uri())
    with pytest.raises(DataError, match="missing, added or changed"):
        load(dataset="clothing")
    assert not list((tmp_path / "cache").iterdir())


def test_a_data_set_may_lie_in_a_folder_of_its_name(small_clothing, tmp_path, monkeypatch):
    (tmp_path / "all").mkdir()
    small_clothing.rename(tmp_path / "all" / "clothing")
    monkeypatch.setenv("SMALLBATCH_DATA_FOLDER", str(tmp_path / "all"))
    assert len(load(dataset="clothing").train) == 12


@pytest.mark.parametrize(
    ("source", "n_files", "n_classes"), [(clothing, 3068, 10), (signs, 1237, 10)], ids=["clothing", "signs"]
)
def test_the_training_images_are_known_before_anything_is_fetched(source, n_files, n_classes):
    labels = source.train_labels(RunConfig.create())
    assert len(labels) == n_files and len(set(labels)) == n_classes


@pytest.fixture
def full_clothing(tmp_path, monkeypatch):
    """The full data set's code on made-up photographs: 40 contributors, three labels in use and two that are not."""
    generator = np.random.default_rng(0)
    root = tmp_path / "full"
    (root / "images").mkdir(parents=True)
    labels = ["Hat"] * 60 + ["Shirt"] * 60 + ["Dress"] * 60 + ["Not sure"] * 60 + ["Blouse"] * 5
    rows = []
    for number, label in enumerate(labels):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(root / "images" / f"{number:03}.jpg")
        rows.append(f"{number:03},{generator.integers(40)},{label},False")
    rows.append("gone,1,Hat,False")
    (root / "images.csv").write_text("\n".join(["image,sender_id,label,kids", *rows]) + "\n")
    names = ["images.csv", *(f"images/{number:03}.jpg" for number in range(len(labels)))]
    digests = {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in names}
    monkeypatch.setattr(Archive, "manifest", lambda archive: digests)
    for name, value in (("FEWEST_IMAGES", 50), ("N_TEST", 40), ("N_VALIDATION", 25)):
        monkeypatch.setattr(clothing_full, name, value)
    return root


def test_the_full_clothing_data_are_split_by_contributor(full_clothing):
    parameters = {"dataset": "clothing-full", "data_folder": str(full_clothing)}
    found = load(**parameters)
    assert found.class_names == ["Dress", "Hat", "Shirt"]
    assert sum(len(split) for split in found.splits().values()) == 180
    table = clothing_full._described(full_clothing)
    assert (table.groupby("sender_id")["split"].nunique() == 1).all()
    assert 40 <= len(found.test) < 50 and 20 <= len(found.validation) < 35
    assert len(load(seed=3, **parameters).test) == len(found.test)  # the same for every seed
    (full_clothing / "images" / "not-described.jpg").write_bytes(b"")
    assert len(load(**parameters).train) == len(found.train)
    (full_clothing / "images" / "000.jpg").unlink()
    with pytest.raises(DataError, match=r"the first is images/000.jpg"):
        load(**parameters)


def test_a_large_contributor_is_never_held_out():
    contributors = pd.Series([1] * 100 + list(range(2, 300)) * 5)
    splits = clothing_full.split_by_contributor(contributors)
    assert (splits[contributors == 1] == "train").all()
    counts = splits.value_counts()
    assert 650 <= counts["test"] < 660 and 240 <= counts["validation"] < 260


def test_class_folders_without_a_split_are_split_by_seed_and_stratified(image_tree):
    whole = image_tree / "train"
    for name in ("bright", "dark"):
        for k in range(6, 40):
            shutil.copy(whole / name / "0.jpg", whole / name / f"{k}.jpg")
    found = load(dataset="folder", data_folder=str(whole))
    assert [len(split) for split in found.splits().values()] == [48, 12, 20]
    for split in found.splits().values():
        assert np.bincount(split.labels).tolist() == [len(split) // 2] * 2
    again, other = (load(dataset="folder", data_folder=str(whole), seed=seed) for seed in (0, 1))
    assert (again.test.images == found.test.images).all() and not (other.test.images == found.test.images).all()


def test_a_folder_that_cannot_be_split_is_refused(image_tree):
    with pytest.raises(DataError, match="smallest class has 6 images"):
        load(dataset="folder", data_folder=str(image_tree / "train"))
    with pytest.raises(DataError, match=r"class folders \[\]"):
        load(dataset="folder", data_folder=str(image_tree / "train" / "dark"))


def test_some_classes_only_with_labels_in_the_order_of_their_names():
    whole, some = load(), load(classes=["7", "2"])
    assert some.class_names == ["7", "2"]
    for name, split in some.splits().items():
        labels = whole.splits()[name].labels
        assert np.bincount(split.labels).tolist() == [(labels == 7).sum(), (labels == 2).sum()]
        np.testing.assert_array_equal(split.images, whole.splits()[name].images[np.isin(labels, [2, 7])])


def test_classes_that_are_not_there_are_refused_before_and_while_loading():
    config = RunConfig.create(dataset="digits", image_size=75, batch_size=2, classes=["7", "ten"])
    for use in (data.load, data.check):
        with pytest.raises(ParameterError, match=r"has no class 'ten'. Allowed: 0, 1, 2"):
            use(config)


class FakeFeatures(dict):
    pass


def fake_fetch(splits):
    class Label:
        names = ("cat", "dog")

    class Info:
        features = FakeFeatures(image=None, label=Label)

    generator = np.random.default_rng(0)

    def rows(n):
        return [{"image": generator.integers(0, 255, (8, 8, 1), np.uint8), "label": i % 2} for i in range(n)]

    return lambda name: (Info, {split: rows(n) for split, n in splits.items()})


def test_tensorflow_datasets_keeps_official_splits_and_divides_a_single_one(monkeypatch):
    monkeypatch.setattr(tfds, "_fetch", fake_fetch({"train": 20, "validation": 6, "test": 8}))
    official = load(dataset="tfds:pets")
    assert [len(split) for split in official.splits().values()] == [20, 6, 8]
    assert official.class_names == ["cat", "dog"] and official.train.images.shape == (20, 75, 75, 3)
    monkeypatch.setattr(tfds, "_fetch", fake_fetch({"train": 40}))
    assert [len(split) for split in load(dataset="tfds:pets").splits().values()] == [24, 6, 10]


@pytest.mark.slow
def test_an_unknown_tensorflow_data_set_is_refused():
    with pytest.raises(DataError, match="tfds:no_such_data_set"):
        load(dataset="tfds:no_such_data_set")
