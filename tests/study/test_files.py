"""Files: whole or not at all, on full and read-only disks too; locks, and disks without them."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smallbatch.errors import StorageError
from smallbatch.study import files, records
from tests.study.test_records import write as write_training_run


def refuse(number):
    def fail(*args, **kwargs):
        raise OSError(number, os.strerror(number), "/some/file")

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO])
def test_a_disk_that_refuses_leaves_nothing_and_says_so_in_a_sentence(tmp_path, monkeypatch, number):
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", refuse(number))
        with pytest.raises(StorageError, match=rf"{os.strerror(number)}: /some/file. Nothing half-written") as error:
            write_training_run(tmp_path)
        assert len(str(error.value).splitlines()) == 1
        assert list((tmp_path / "runs").iterdir()) == []
        with pytest.raises(OSError):
            files.write_if_changed(tmp_path / "table.csv", "1\n")
    assert [f.name for f in tmp_path.iterdir()] == ["runs"]
    _, folder = write_training_run(tmp_path)  # the next call goes on
    assert records.read_record(folder)


def test_a_disk_that_refuses_leaves_the_older_record(tmp_path, monkeypatch):
    _, folder = write_training_run(tmp_path, test_accuracy=0.5)
    monkeypatch.setattr(os, "fsync", refuse(errno.ENOSPC))
    with pytest.raises(StorageError):
        write_training_run(tmp_path, test_accuracy=0.75)
    assert records.read_record(folder)["metrics"]["moving"]["test"]["accuracy"] == 0.5


def test_an_interrupted_replacement_leaves_the_older_record(tmp_path, monkeypatch):
    _, folder = write_training_run(tmp_path, test_accuracy=0.5)
    rename, done = type(folder).rename, []

    def interrupted(path, target):
        if path.name.startswith(".partial-") and done:
            raise KeyboardInterrupt
        done.append(path)
        return rename(path, target)

    monkeypatch.setattr(type(folder), "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_training_run(tmp_path, test_accuracy=0.75)
    assert records.read_record(folder)["metrics"]["moving"]["test"]["accuracy"] == 0.5
    assert [f.name for f in (tmp_path / "runs").iterdir()] == [folder.name]


def test_what_a_killed_process_left_is_put_back_or_cleared(tmp_path):
    _, folder = write_training_run(tmp_path)
    runs = tmp_path / "runs"
    (runs / ".old-a").mkdir()
    folder.rename(runs / ".old-a" / folder.name)  # killed between the two renames
    (runs / ".partial-b").mkdir()
    (runs / ".partial-b" / "record.json").write_text("{")
    records.recover(runs)
    assert [f.name for f in runs.iterdir()] == [folder.name] and records.read_record(folder)
    records.recover(tmp_path / "not-there")


def test_mistakes_of_ours_keep_their_traceback():
    with pytest.raises(FileNotFoundError), files.disk_errors():
        Path("/no/such/file").read_text()


HOLDER = """
import sys, time
from pathlib import Path
from smallbatch.study.files import only_one
with only_one(Path(sys.argv[1]), "the book", "built"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_says_who_it_waits_for(tmp_path, capfd):
    lock = tmp_path / "locks" / "book.lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    waiting = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    said = waiting.stdout.readline()
    assert said == f"the book is being built by another process; waiting for it (process {process.pid})\n"
    process.communicate("")
    assert waiting.stdout.readline() == "held\n"
    waiting.communicate("")


def test_a_disk_without_locks_is_said_and_the_work_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fcntl, "flock", refuse(errno.ENOLCK))
    for _ in range(2):
        with files.only_one(tmp_path / "a.lock", "study x"):
            pass
    assert capsys.readouterr().out.count("has no locks") == 2
