"""Files written whole or not at all, locks, and one sentence where a disk does not play along."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from smallbatch.errors import StorageError
from smallbatch.paths import in_project, published

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

# What a disk can do to anyone. Other errors of the operating system are mistakes of ours and keep their traceback.
DISK = {getattr(errno, name) for name in
        ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EIO", "ESTALE", "EFBIG", "ENAMETOOLONG",
         "ENOTDIR", "EEXIST", "ELOOP")}  # fmt: skip
WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Turn what a disk can do to anyone, inside, into a `StorageError` of one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK:
            raise
        place = f": {shown(Path(os.fsdecode(error.filename)))}" if error.filename else ""
        raise StorageError(
            f"{error.strerror}{place}. Nothing half-written is used; once this is put right, the same command goes on"
        ) from None


def shown(path: Path) -> Path:
    """Return a path as messages name it: from the project's root where it lies inside."""
    root = in_project(".")
    return path.relative_to(root) if path.is_relative_to(root) else path


def write_if_changed(path: Path, text: str) -> None:
    """Write a file whole or not at all; one that says the same already keeps its time stamp."""
    content = text.encode()
    if path.is_file() and path.read_bytes() == content:
        return
    with published(path) as stream:
        stream.write(content)


@contextlib.contextmanager
def only_one(lock: Path, what: str, doing: str = "trained") -> Iterator[int]:
    """Hold a lock, waiting for it where another process has it; yield its file descriptor.

    The system releases it when this process, and every process that was handed the descriptor, has ended. Where the
    file system has no locks, a warning says so and the work goes on: records and tables are whole all the same.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as stream:
        try:
            _wait_for(stream, f"{what} is being {doing} by another process; waiting for it")
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
            print(f"The file system of {shown(lock.parent)} has no locks ({error.strerror}), so nothing stops a second "
                  f"process from doing the same at once: {what} goes on without", flush=True)  # fmt: skip
        stream.truncate(0)
        stream.write(f"process {os.getpid()}")
        stream.flush()
        yield stream.fileno()


def _wait_for(stream, message: str) -> None:
    if fcntl is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.seek(0)
        holder = stream.read(40)
        print(f"{message} ({holder})" if holder else message, flush=True)
        fcntl.flock(stream, fcntl.LOCK_EX)
