"""Unpacking archives from the network without trusting them."""

import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from coursekit.runtime import CourseError

MOST_BYTES = 40 * 2**30  # no data set of the course comes near
MOST_FILES = 1_000_000
BLOCK = 2**20


class _Member(NamedTuple):
    name: str
    kind: str  # "file", "folder" or what else it is
    size: int
    open: Callable[[], BinaryIO]


def extract(
    archive: str | Path, to: str | Path, only: Collection[str] | None = None, most_bytes: int = MOST_BYTES
) -> Path:
    """Unpack a .zip or .tar(.gz, .bz2, .xz) into the new folder `to`, all or nothing. Returns `to`.

    only: names of the members wanted; each must be there. Nothing is written outside `to`: absolute names, `..`, links
    and devices are refused. Bombs are refused: more than `most_bytes` in all, counted while unpacking, or more than a
    million files.

    Raises CourseError for all of that, for a damaged archive, and where `to` is there already and not empty.
    """
    archive, to = Path(archive), Path(to)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise CourseError(f"{archive} is not unpacked: {to} is there already. Move or delete it first.")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{to.name}.", dir=to.parent) as part:
            inside = Path(part, "inside")  # its mode is the user's own, a temporary folder's is not
            inside.mkdir()
            _unpack(archive, inside, only, most_bytes)
            if to.exists():
                to.rmdir()
            os.replace(inside, to)
    # what zipfile raises for a compression that it does not know, and for an encrypted member: the last two
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise CourseError(
            f"{archive} is damaged or no archive that can be read ({error}). Delete it and fetch it again."
        ) from error
    except OSError as error:
        raise CourseError(
            f"Cannot unpack {archive} into {to}: {error.strerror or error}. "
            "Is the archive whole, and is there room on the disk?"
        ) from error
    return to


def _unpack(archive: Path, inside: Path, only: Collection[str] | None, most_bytes: int) -> None:
    written, files, wanted = 0, 0, None if only is None else set(only)
    for member in _members(archive):
        if wanted is not None and member.name not in wanted:
            continue
        target = _target(archive, member, inside)
        if member.kind == "folder":
            target.mkdir(parents=True, exist_ok=True)
            continue
        files += 1
        target.parent.mkdir(parents=True, exist_ok=True)
        with member.open() as source, open(target, "xb") as file:
            while block := source.read(BLOCK):
                written += len(block)
                if written > most_bytes or files > MOST_FILES:
                    raise CourseError(
                        f"{archive} is refused: it unpacks to more than {most_bytes / 2**30:.1f} GiB or "
                        f"more than {MOST_FILES} files."
                    )
                file.write(block)
        if target.stat().st_size != member.size:
            raise CourseError(
                f"{archive} is damaged: {member.name} has {target.stat().st_size} bytes instead of "
                f"{member.size}. Delete it and fetch it again."
            )
        if wanted is not None:
            wanted.discard(member.name)
    if wanted:
        raise CourseError(f"{archive} does not hold {', '.join(sorted(wanted))}: it is another archive than expected.")


def _target(archive: Path, member: _Member, inside: Path) -> Path:
    """Where a member goes. Raises CourseError for everything that could reach outside `inside`."""
    name = PurePosixPath(member.name.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in member.name or "\0" in member.name:
        raise CourseError(f"{archive} is refused: its member {member.name!r} would be written outside the folder.")
    if member.kind not in ("file", "folder"):
        raise CourseError(
            f"{archive} is refused: its member {member.name!r} is {member.kind}, only files and folders are unpacked."
        )
    target = inside.joinpath(*name.parts)
    if member.kind == "file" and target.exists():
        raise CourseError(f"{archive} is refused: it holds {member.name!r} twice.")
    return target


def _members(archive: Path) -> Iterator[_Member]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            free = shutil.disk_usage(archive.parent).free
            for info in file.infolist():
                link = stat.S_ISLNK(info.external_attr >> 16)
                kind = "a link" if link else "folder" if info.is_dir() else "file"
                if kind == "file" and info.file_size > max(free, BLOCK):
                    raise CourseError(
                        f"No room to unpack {info.filename} of {archive}: it takes "
                        f"{info.file_size / 2**30:.1f} GiB, {free / 2**30:.1f} GiB are free."
                    )
                yield _Member(info.filename, kind, info.file_size, lambda info=info: file.open(info))
    else:
        with tarfile.open(archive) as file:
            for info in file:
                kind = (
                    "folder"
                    if info.isdir()
                    else "file"
                    if info.isreg()
                    else "a link"
                    if info.issym() or info.islnk()
                    else "a device"
                )
                yield _Member(info.name, kind, info.size, lambda info=info: file.extractfile(info))
