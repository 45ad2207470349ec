"""Files out of an archive from the network: only those that were asked for by name.

A name is never taken from the archive to write to, and a link or a device in it is passed over, so no archive reaches a
place outside its folder.
"""

import shutil
import tarfile
import zipfile
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from coursekit.data.downloads import download
from coursekit.files import replacing
from coursekit.runtime import CourseError, home, offline

MOST_BYTES = 40 * 2**30  # no data set of the course comes near


def fetched(name: str, url: str, to: Path, only: Collection[str], **known) -> Path:
    """The folder `to` with files of an archive, downloaded and unpacked if it is not there yet. Returns `to`.

    name: of the data set, for people. url: of the archive. only: as in `extract`. known: its size and checksum, as in
    `download`. Raises CourseError as these two do.
    """
    if to.is_dir():
        return to
    archive = home() / "downloads" / PurePosixPath(url).name
    if not archive.exists() and not offline():
        size = f" ({known['size'] / 1e6:.0f} MB)" if "size" in known else ""
        print(f"Downloading {name}, once{size}.", flush=True)
    extract(download(url, archive, **known), to, only)
    archive.unlink()
    return to


def extract(archive: str | Path, to: str | Path, only: Collection[str], most_bytes: int = MOST_BYTES) -> Path:
    """Unpack files of a .zip or .tar(.gz, .bz2, .xz) into the new folder `to`, all or nothing. Returns `to`.

    only: their names in the archive; each must be there. most_bytes: in all; more is refused as a bomb.
    Raises CourseError for all of that, for a damaged archive, and if `to` is there already and not empty.
    """
    archive, to, missing, total = Path(archive), Path(to), set(only), 0
    try:
        with replacing(to) as part:
            for name, size, opened in _files(archive):
                if name not in missing:
                    continue
                missing.remove(name)
                total += size
                if total > most_bytes:
                    raise CourseError(f"{archive} is refused: it unpacks to more than {most_bytes / 2**30:.1f} GiB.")
                (part / name).parent.mkdir(parents=True, exist_ok=True)
                with opened() as source, open(part / name, "xb") as file:
                    shutil.copyfileobj(source, file, 2**20)
            if missing:
                lacking = ", ".join(sorted(missing))
                raise CourseError(f"{archive} does not hold {lacking}: it is another archive than expected. Delete it.")
    except CourseError:
        raise
    except OSError as error:
        why = f"{error.strerror or error}. Is the archive whole, the place free, and is there room on the disk?"
        raise CourseError(f"Cannot unpack {archive} into {to}: {why}") from error
    except Exception as error:  # a damaged archive raises anything, from zlib.error to UnicodeDecodeError
        why = f"is damaged or not an archive that can be read ({error}). Delete it and fetch it again."
        raise CourseError(f"{archive} {why}") from error
    return to


def _files(archive: Path) -> Iterator[tuple]:
    """(name, bytes, a function that opens it) of each regular file.

    Neither module reads more bytes of a member than its header names, so that the header's number can be counted.
    """
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            yield from ((info.filename, info.file_size, partial(file.open, info)) for info in file.infolist())
        return
    with tarfile.open(archive) as file:
        for info in filter(tarfile.TarInfo.isreg, file):
            yield str(PurePosixPath(info.name)), info.size, partial(file.extractfile, info)
