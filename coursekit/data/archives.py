"""Unpacking archives from the network without trusting them.

Not left to `tarfile`'s own filter "data": it needs Python 3.11.4 or 3.10.12, lets links inside the archive pass, and
counts no bytes. What is refused here leaves it nothing to do.
"""

import shutil
import stat
import tarfile
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from coursekit.files import replacing
from coursekit.runtime import CourseError

MOST_BYTES = 40 * 2**30  # no data set of the course comes near
MOST_FILES = 1_000_000


def extract(
    archive: str | Path, to: str | Path, only: Collection[str] | None = None, most_bytes: int = MOST_BYTES
) -> Path:
    """Unpack a .zip or .tar(.gz, .bz2, .xz) into the new folder `to`, all or nothing. Returns `to`.

    only: names of the members wanted; each must be there. Nothing is written outside `to`: absolute names, `..`, links
    and devices are refused. Bombs are refused: more than `most_bytes` in all or more than a million members.

    Raises CourseError for all of that, for a damaged archive, and if `to` is there already and not empty.
    """
    archive, to = Path(archive), Path(to)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise CourseError(f"{archive} is not unpacked: {to} is there already. Move or delete it first.")
    try:
        with replacing(to) as part:
            part.mkdir()
            _unpack(archive, part, only, most_bytes)
    except CourseError:
        raise
    except OSError as error:
        raise CourseError(
            f"Cannot unpack {archive} into {to}: {error.strerror or error}. "
            "Is the archive whole, and is there room on the disk?"
        ) from error
    except Exception as error:  # a damaged archive raises anything, from zlib.error to UnicodeDecodeError
        raise CourseError(
            f"{archive} is damaged or not an archive that can be read ({error}). Delete it and fetch it again."
        ) from error
    return to


def _unpack(archive: Path, inside: Path, only: Collection[str] | None, most_bytes: int) -> None:
    total, missing = 0, set(only or ())
    for number, (name, kind, size, open_member) in enumerate(_members(archive)):
        total += size if only is None or name in missing else 0
        if total > most_bytes or number >= MOST_FILES:
            most = f"{most_bytes / 2**30:.1f} GiB or {MOST_FILES} members"
            raise CourseError(f"{archive} is refused: it unpacks to more than {most}.")
        if only is not None and name not in missing:
            continue
        missing.discard(name)
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in name or "\0" in name:
            raise CourseError(f"{archive} is refused: its member {name!r} would be written outside the folder.")
        target = inside / path
        if kind == "folder":
            target.mkdir(parents=True, exist_ok=True)
        elif kind != "file":
            raise CourseError(f"{archive} is refused: its member {name!r} is {kind}, neither a file nor a folder.")
        elif target.exists():
            raise CourseError(f"{archive} is refused: it holds {name!r} twice.")
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            with open_member() as source, open(target, "xb") as file:
                shutil.copyfileobj(source, file, 2**20)
    if missing:
        raise CourseError(f"{archive} does not hold {', '.join(sorted(missing))}: it is another archive than expected.")


def _members(archive: Path) -> Iterator[tuple]:
    """(name, "file", "folder" or what else it is, bytes, a function that opens it) of each member.

    Neither module reads more bytes of a member than its header names, so that the header's number can be counted.
    """
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for info in file.infolist():
                link = stat.S_ISLNK(info.external_attr >> 16)
                kind = "a link" if link else "folder" if info.is_dir() else "file"
                yield info.filename, kind, info.file_size, lambda info=info: file.open(info)
        return
    with tarfile.open(archive) as file:
        for info in file:
            kind = "folder" if info.isdir() else "file" if info.isreg() else "a link or a device"
            yield info.name, kind, info.size, lambda info=info: file.extractfile(info)
