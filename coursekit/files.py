"""Files that are either whole or not there, whenever the process dies."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from coursekit.runtime import CourseError


def write_atomically(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Call write(file) on a temporary file beside `path`, bring it to the disk, then rename it into place.

    A reader sees the old file or the new one, never a part. Raises CourseError where the folder cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as a RuntimeError
        why = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise CourseError(
            f"Could not write {path}: {why}. What was there before is untouched. "
            "Free some space or choose another folder."
        ) from error
    finally:
        with suppress(OSError):  # where a part of the path is no folder, there is nothing to remove
            temporary.unlink(missing_ok=True)


def check_writable(folder: str | Path) -> None:
    """Try whether files can be kept in `folder`, so that hours of work do not end where they cannot. Raises CourseError.

    Leaves nothing behind: a folder that was not there before is gone again.
    """
    if not str(folder).strip():
        raise CourseError("The name of the folder is empty: name one, such as --out runs/first.")
    folder = Path(folder)
    new, probe = not folder.is_dir(), folder / f".probe.{os.getpid()}"
    write_atomically(probe, lambda file: file.write(b"x"))
    probe.unlink(missing_ok=True)
    if new:
        with suppress(OSError):
            folder.rmdir()
