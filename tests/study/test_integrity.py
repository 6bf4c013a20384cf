"""Damaged records: named with their file, never used, and no wrong number in a table, whatever the damage."""

import hashlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from smallbatch.errors import RecordError
from smallbatch.study import integrity, records, tables
from tests.measuring import Coin
from tests.study.test_records import write as write_training_run

pytestmark = pytest.mark.usefixtures("measuring")


def whole_study(folder):
    """Write two training runs and one measurement below `folder`; return their names."""
    runs = [write_training_run(folder, seed=seed)[0].run_id() for seed in (0, 1)]
    coin = Coin.create(record_folder=str(folder), throws=3)
    record = records.make_measurement(coin, {"heads": {"share": 2 / 3, "n": 2}}, {"measuring": 1.25})
    records.write_measurement(coin, record, pd.DataFrame({"throw": [1, 2, 3], "heads": [1.5, 0.25, 1e-9]}))
    return [*runs, coin.run_id()]


def made_old(folder):
    """Take the version and the checksums out of all records, as they were before."""
    for path in folder.glob("runs/*/record.json"):
        record = json.loads(path.read_text())
        old = {name: value for name, value in record.items() if name not in integrity.MARKS}
        path.write_text(json.dumps(old, indent=1) + "\n")


def listed(folder):
    """Write `runs.sha256`, as `sha256sum` would."""
    files = sorted(folder.glob("runs/*/*"))
    lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.relative_to(folder).as_posix()}\n" for f in files]
    (folder / "runs.sha256").write_text("".join(lines))


def rows(folder):
    """Return the lines of all gathered tables by the run that they are of."""
    found = {}
    for path in sorted(folder.glob("*.csv")):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        for run, some in table.groupby("run"):
            found[path.name, run] = some.to_csv(index=False)
    return found


def places(value, place=()):
    """Yield the way to everything inside nested dicts and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in items:
        yield (*place, key)
        yield from places(inside, (*place, key))


def changed(content, generator, remove):
    """Return a record with one part of it, at random, removed or of another type."""
    record = json.loads(content)
    every = list(places(record))
    *way, last = every[generator.integers(len(every))]
    part = record
    for key in way:
        part = part[key]
    if remove:
        del part[last]
    else:
        others = [None, True, -1, 7, 1.5, "", "text", [], {}, [1], {"a": 1}, 10**400]
        part[last] = others[generator.integers(len(others))]
    return json.dumps(record, indent=1).encode()


def damaged(content, generator):
    """Return what is left of a file after one of many accidents."""
    kind = generator.integers(8)
    at = int(generator.integers(len(content)))
    if kind == 0:
        return content[:at]
    if kind == 1:  # one bit
        return content[:at] + bytes([content[at] ^ (1 << int(generator.integers(8)))]) + content[at + 1 :]
    if kind == 2:  # a digit, which leaves everything well-formed
        digits = [k for k, byte in enumerate(content) if chr(byte).isdigit()]
        at = digits[generator.integers(len(digits))]
        return content[:at] + str(generator.integers(10)).encode() + content[at + 1 :]
    if kind == 3:
        return b"" if generator.random() < 0.5 else b"\0" * len(content)
    if kind == 4:
        return content + content[at:]
    if kind == 5:  # a line
        lines = content.splitlines(keepends=True)
        del lines[generator.integers(len(lines))]
        return b"".join(lines)
    if not content.startswith(b"{"):
        return generator.bytes(len(content))
    return changed(content, generator, remove=kind == 6)


@pytest.mark.parametrize("kind", ["sealed", "old and listed", "old"])
def test_random_damages_are_named_and_never_give_a_wrong_number(tmp_path, kind):
    names = whole_study(tmp_path)
    if kind != "sealed":
        made_old(tmp_path)
    if kind == "old and listed":
        listed(tmp_path)
    tables.gather(tmp_path, names, {})
    right = rows(tmp_path)
    generator = np.random.default_rng(0)
    files = sorted((tmp_path / "runs").glob("*/*"))
    n_named = 0
    for _ in range(100 if kind != "old" else 60):
        file = files[generator.integers(len(files))]
        content = file.read_bytes()
        left = damaged(content, generator)
        file.write_bytes(left)
        found = tables.gather(tmp_path, names, {})
        for run, error in found.damaged.items():
            assert run == file.parent.name and run in str(error) and len(str(error).splitlines()) == 1
        n_named += len(found.damaged)
        if kind != "old":  # of those not every change can be told
            assert bool(found.damaged) == (left != content)
            assert all(right[place] == lines for place, lines in rows(tmp_path).items())
        file.write_bytes(content)
    assert n_named > 35
    tables.gather(tmp_path, names, {})
    assert rows(tmp_path) == right


def test_the_others_go_on_where_one_is_damaged(tmp_path):
    one, other, coin = whole_study(tmp_path)
    (tmp_path / "runs" / one / "record.json").write_text("")
    found = tables.gather(tmp_path, [one, other, coin], {})
    assert found.runs["run"].tolist() == [other] and set(found.history["run"]) == {other}
    assert str(found.damaged[one]).endswith(f"runs/{one}/record.json is damaged: it is empty")
    assert len(tables.read_measurements(tmp_path, "coin")[0]) == 3


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("history.csv", "2,10,40", "", "it has 1 rows, and its record 2 epochs"),
        ("history.csv", "2,10,40", "2,11,40", "its last row has not the steps of its record"),
        ("history.csv", "2,10,40", "3,10,40", "row 2 is of epoch 3"),
        ("history.csv", "2,10,40", "2,1O,40", "'1O' is not a number"),
        ("history.csv", "2,10,40", "2,40", "its rows differ in length"),
        ("record.json", '"metrics"', '"metrix"', "metrics is missing"),
        ("record.json", '"seed": 0', '"seed": 1', "its parameters are not those of its run"),
        ("record.json", "0.75", "0.77", "an accuracy of 0.77 is no number of 20 images"),
        ("record.json", '"b0"', '"f0"', "test_correct and accuracy do not fit together"),
        ("record.json", '"steps": 10', '"steps": "10"', "steps is '10', not a whole number"),
        ("record.json", '"steps": 10', '"steps": NaN', "it holds NaN"),
        ("record.json", '"steps": 10', '"epochs": 2, "steps": 10', "it holds a name twice"),
        ("record.json", '"finished",', '"done",', "outcome is 'done', not finished or diverged"),
        ("record.json", '"version"', '"version', "it is not JSON"),
    ],
)
def test_an_old_record_is_checked_by_what_can_be_checked(tmp_path, file, old, new, message):
    config, folder = write_training_run(tmp_path)
    made_old(tmp_path)
    assert records.read_record(folder)["epochs"] == 2
    text = (folder / file).read_text()
    assert old in text
    lines = text.replace(old, new, 1)
    (folder / file).write_text("".join(line for line in lines.splitlines(keepends=True) if not line.startswith(",")))
    with pytest.raises(RecordError, match=message) as error:
        records.read_record(folder)
    assert f"runs/{config.run_id()}/{file} is damaged" in str(error.value)


def test_a_record_says_its_version_and_what_its_table_must_hold(tmp_path):
    _, folder = write_training_run(tmp_path)
    record = json.loads((folder / "record.json").read_text())
    digest = hashlib.sha256((folder / "history.csv").read_bytes()).hexdigest()
    assert record["version"] == integrity.VERSION
    assert record["tables"] == {"history.csv": {"rows": 2, "sha256": digest}}


def test_a_record_of_another_run_or_of_a_later_version_is_refused(tmp_path):
    _, folder = write_training_run(tmp_path)
    shutil.copytree(folder, folder.with_name("b4-s0-00000000"))
    with pytest.raises(RecordError, match="lies in folder 'b4-s0-00000000'"):
        records.read_record(folder.with_name("b4-s0-00000000"))
    text = (folder / "record.json").read_text()
    (folder / "record.json").write_text(text.replace(f'"version": {integrity.VERSION}', '"version": 99'))
    with pytest.raises(RecordError, match="it has version 99, and this program reads up to 2; use a newer one"):
        records.read_record(folder)


def test_every_published_record_is_whole():
    from tests.conftest import ROOT

    for study in ("artefacts", "full", "gpu", "laptop"):
        runs = ROOT / "results" / study / "runs"
        found = records.read_all(runs, sorted(folder.name for folder in runs.iterdir()))
        assert not found.damaged and len(found.records) == len(list(runs.iterdir()))
