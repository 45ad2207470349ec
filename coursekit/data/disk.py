"""Files as the disk has them: names that are no text, space that is really there, what killed processes have left."""

import errno
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

BLOCK = 2**20  # bytes written at a time
CANNOT_RESERVE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)  # what file systems without the call answer
PART = re.compile(r"\.(.+)\.(\d+)\.part", re.DOTALL)  # .NAME.PID.part


def shown(text: str | Path) -> str:
    r"""A path, or a message with paths in it, that any UTF-8 output can print: bytes that are no UTF-8 become \xNN."""
    try:
        raw = os.fsencode(text)
    except UnicodeEncodeError:  # half a surrogate pair, out of a JSON file say: no file has this name
        raw = str(text).encode("utf-8", "backslashreplace")
    return raw.decode("utf-8", "backslashreplace")


def reserve(file: Path, start: int, end: int) -> None:
    """Make the bytes from `start` to `end` (the file's length) the file's own; they may be written over with zeros.

    A file that is mapped into memory has holes at first, and a hole that finds the disk full later kills the process
    with SIGBUS. Here it is an OSError.
    """
    with open(file, "r+b") as opened:
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(opened.fileno(), start, end - start)
                return
            except OSError as error:
                if error.errno not in CANNOT_RESERVE:
                    raise
        opened.seek(start)
        for at in range(start, end, BLOCK):
            opened.write(bytes(min(BLOCK, end - at)))
        opened.flush()
        os.fsync(opened.fileno())  # some disks say only now that they are full


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove `.NAME.PID.part` files and folders in `folder` whose process no longer lives; name: None for any."""
    try:
        entries = list(folder.iterdir())
    except OSError:  # not there, or closed to this user
        return
    for old in entries:
        match = PART.fullmatch(old.name)
        if match is None or name not in (None, match[1]) or _runs(int(match[2])):
            continue
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old, ignore_errors=True)
        else:
            with suppress(OSError):  # another user's file in a shared folder: it is theirs to remove
                old.unlink()


def _runs(pid: int) -> bool:
    if os.name == "nt":  # there, signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
