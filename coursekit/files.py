"""Files and folders that are whole or not there, whenever the process dies; one process at a time; names to print."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import psutil

from coursekit.runtime import CourseError

BLOCK = 2**20  # bytes written at a time
PART = re.compile(r"\.(.+)\.(\d{1,9})\.part", re.DOTALL)  # .NAME.PID.part


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a name beside `path`; the file or folder that is made there takes the place of `path` at the end.

    A folder can only take the place of an empty one. Nothing happens if nothing is there at the end. After an error, what
    was made is removed and `path` is as it was. The parts of killed processes are swept first. Raises OSError.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, path.name)
    _remove(part)  # of a killed process with the same number, as they come in containers
    try:
        yield part
        if part.is_dir() and path.exists():
            path.rmdir()
        if part.exists():
            os.replace(part, path)
    finally:
        _remove(part)


def write_atomically(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Call write(file) on a temporary file beside `path`, bring it to the disk, then rename it into place.

    A reader sees the old file or the new one, never a part. Raises CourseError if the folder cannot be written to.
    """
    with _writing(path), replacing(Path(path)) as part, open(part, "wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())


def check_writable(folder: str | Path) -> None:
    """Raises CourseError if no file can be kept in `folder`, so that hours of work do not end there.

    Leaves nothing behind: a folder that was not there before is removed again.
    """
    folder = named(folder)
    new = not folder.is_dir()
    try:
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as probe:
                probe.write(b"x")
                probe.flush()
                os.fsync(probe.fileno())
    finally:
        if new:
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def _writing(path: str | Path) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as a RuntimeError
        why = getattr(error, "strerror", None) or str(error).splitlines()[0]
        kept = "What was there before is untouched. Free some space or choose another folder."
        raise CourseError(f"Could not write {shown(path)}: {why}. {kept}") from error


def named(folder: str | Path) -> Path:
    """A folder as a user names it, with `~` written out. Raises CourseError for an empty name."""
    if not str(folder).strip():
        raise CourseError("The name of the folder is empty: name one, such as --out runs/first.")
    return Path(folder).expanduser()


@contextmanager
def only_one(makes: Path, lock: Path, wait: bool = True) -> Iterator[bool]:
    """Yield whether it is for this process, and no other, to make a file now. A process that dies lets go of the lock.

    makes: the file; if it is there, the answer is no. lock: a file for this alone, gone at the end. wait: for a process
    that is making the file, until that is done.
    """
    try:
        import fcntl
    except ImportError:  # Windows: two processes would do the same work twice
        yield not makes.exists()
        return
    lock.parent.mkdir(parents=True, exist_ok=True)
    while True:
        file = open(lock, "wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            file.close()
            yield False
            return
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), os.stat(lock)):
                break
        file.close()  # while this process waited, the one before it removed the file: it protects nothing any more
    try:
        yield not makes.exists()
    finally:
        lock.unlink(missing_ok=True)
        fcntl.flock(file, fcntl.LOCK_UN)  # closing is not enough if a worker process inherited the file
        file.close()


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove `.NAME.PID.part` files and folders in `folder` whose process no longer lives; name: None for any."""
    try:
        entries = list(folder.iterdir())
    except OSError:  # not there, or closed to this user
        return
    for old in entries:
        match = PART.fullmatch(old.name)
        if match and name in (None, match[1]) and not psutil.pid_exists(int(match[2])):
            _remove(old)


def _remove(part: Path) -> None:
    if part.is_dir() and not part.is_symlink():
        shutil.rmtree(part, ignore_errors=True)
    else:
        with suppress(OSError):  # not there, or another user's in a shared folder: it is theirs to remove
            part.unlink()


def reserve(file: Path, start: int, end: int) -> None:
    """Make the bytes from `start` to `end` (the file's length) the file's own; they may be overwritten with zeros.

    A file that is mapped into memory has holes at first, and a hole that finds the disk full later kills the process
    with SIGBUS. Here it is an OSError.
    """
    with open(file, "r+b") as opened:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(opened.fileno(), start, end - start)
            return
        opened.seek(start)
        for at in range(start, end, BLOCK):
            opened.write(bytes(min(BLOCK, end - at)))
        opened.flush()
        os.fsync(opened.fileno())  # some disks say only now that they are full


def shown(text: str | Path) -> str:
    r"""A path, or a line with paths in it, as one line that any UTF-8 output can print: other bytes become \xNN."""
    try:
        raw = os.fsencode(text)
    except UnicodeEncodeError:  # half a surrogate pair, as JSON can hold it: no file has this name
        raw = str(text).encode("utf-8", "backslashreplace")
    return re.sub(r"[\0-\x1f\x7f]", lambda c: f"\\x{ord(c[0]):02x}", raw.decode("utf-8", "backslashreplace"))


def listed(problems: Sequence, most: int = 5) -> str:
    """The first problems, each on a line of its own, and how many more there are."""
    more = f"\n  ... and {len(problems) - most} more" if len(problems) > most else ""
    return "".join(f"\n  {shown(str(problem))}" for problem in problems[:most]) + more


def brief(value) -> str:
    """A value from a file for a message, 80 characters of it at most."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
