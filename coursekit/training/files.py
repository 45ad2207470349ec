"""Files that are either whole or not there, whenever the process dies."""

import os
from collections.abc import Callable
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
    except OSError as error:
        raise CourseError(f"Could not write {path}: {error.strerror or error}. What was there before is untouched. "
                          "Free some space or choose another folder.") from error
    finally:
        temporary.unlink(missing_ok=True)
