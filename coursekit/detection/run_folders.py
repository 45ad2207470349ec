"""Folders of trainings: each has one of its own, and one that nothing was written to goes again."""

import contextlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from coursekit.runtime import CourseError


def claim(first: Path) -> Path:
    """A folder that nobody had before: project/name, name2, name3, ..."""
    try:
        # First, because it raises FileExistsError if the project is a file or a broken link; below, only a name is taken
        first.parent.mkdir(parents=True, exist_ok=True)
        for attempt in count(1):
            folder = first if attempt == 1 else first.with_name(f"{first.name}{attempt}")
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                print(f"results go to {folder}" + (f" ({first.name} exists already)" if attempt > 1 else ""))
                return folder.resolve()
    except OSError as error:
        why = "a file or a broken link is in the way" if isinstance(error, FileExistsError) else error.strerror
        raise CourseError(f"Cannot make the run folder {first}: {why}. Choose another project (--project).") from error


@contextlib.contextmanager
def no_empty_folder(folder: Path) -> Iterator[None]:
    """If the training fails before it has written anything, the run's folder goes as well."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # it holds something
            folder.rmdir()
        raise
