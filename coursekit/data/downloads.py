"""Downloads that survive a bad network: resumed where they were cut, checked before they count, never half there.

A file grows as NAME.part beside its place and moves there when it is complete, so that what has its name is whole.
"""

import hashlib
import http.client
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coursekit import __version__
from coursekit.data.archives import extract
from coursekit.data.parallel import map_threads, progress_bar
from coursekit.files import listed, lock
from coursekit.runtime import CourseError, offline

__all__ = ["Remote", "checksum", "download", "download_many", "extract"]

PAUSE = 0.5  # s before the first new attempt; doubled for each one after it, 8 s at most
TIMEOUT = 30  # s without a byte
BLOCK = 2**18  # bytes
HOPELESS = 20  # files in a row that could not be fetched: the others would fare no better
PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP answers that another attempt may change


@dataclass(frozen=True)
class Remote:
    """One file to fetch: where it is, where it goes, and what is known of it (size in bytes, hexadecimal checksums)."""

    url: str
    to: Path
    sha256: str | None = None
    md5: str | None = None
    size: int | None = None

    def verify(self, path: Path, message: str) -> None:
        """Raise CourseError(message % what) if size or checksum of `path` differ from what is known."""
        if self.size is not None and path.stat().st_size != self.size:
            raise CourseError(message % f"it has {path.stat().st_size} bytes instead of {self.size}")
        for kind, wanted in (("sha256", self.sha256), ("md5", self.md5)):
            if wanted is not None and (found := checksum(path, kind)) != wanted.lower():
                raise CourseError(message % f"its {kind} is {found} instead of {wanted.lower()}")


class _Cut(Exception):
    """The connection ended before the file did; worth another attempt."""


def download(
    url: str,
    to: str | Path,
    sha256: str | None = None,
    md5: str | None = None,
    size: int | None = None,
    retries: int = 5,
    bar=None,
) -> Path:
    """Fetch one file over HTTP(S), resuming an earlier attempt. Returns its path; a file already there is not fetched.

    sha256, md5, size: checked if given, for a file already there too; size in bytes.
    retries: attempts in a row that may bring nothing new.
    bar: a tqdm bar over bytes; by default this call shows one.

    Raises CourseError: offline, no such file (HTTP 4xx), the server out of reach or cutting every time (what has
    arrived is kept for the next call), the wrong size or checksum (what has arrived is deleted), no room on the disk.
    """
    remote = Remote(url, Path(to).expanduser(), sha256, md5, size)
    if not url.lower().startswith(("http://", "https://")):
        raise CourseError(f"{url!r} is not an http(s) address: {remote.to.name} cannot be fetched from it.")
    if remote.to.exists():
        message = f"{remote.to} is there, but it is not the file that belongs there: %s. Delete it and start again."
        remote.verify(remote.to, message)
        return remote.to
    if offline():
        raise CourseError(
            f"{remote.to.name} would have to be downloaded from {url}, but COURSEKIT_OFFLINE is set. "
            f"Unset it, or put the file at {remote.to} yourself."
        )
    part = remote.to.with_name(remote.to.name + ".part")
    try:
        remote.to.parent.mkdir(parents=True, exist_ok=True)
        with lock(part):
            if not remote.to.exists():  # another process may have fetched it while this one waited
                _fetch(remote, part, retries, bar)
    except OSError as error:
        raise CourseError(
            f"Cannot write {part}: {error.strerror or error}. Free some space or choose another folder."
        ) from error
    return remote.to


def download_many(
    files: Sequence[Remote], description: str = "downloading", workers: int = 16, retries: int = 5
) -> int:
    """Fetch many files side by side, with a progress bar over files. Returns how many had to be fetched.

    One failure does not stop the others, twenty in a row do; raises CourseError at the end with the number and the
    first few. A second call goes on where this one stopped.
    """
    missing = [file for file in files if not file.to.exists()]
    failed, in_a_row = [], 0
    with progress_bar(description, len(missing), unit="file") as bar:
        stop = threading.Event()

        def attempt(file: Remote) -> str | None:
            if stop.is_set():
                return None
            try:
                download(**vars(file), retries=retries, bar=progress_bar("", None, silent=True))
            except CourseError as error:
                return str(error)
            return None

        try:
            for problem in map_threads(attempt, missing, workers):
                bar.update()
                in_a_row = in_a_row + 1 if problem else 0
                if problem:
                    failed.append(problem)
                if in_a_row == HOPELESS:
                    break
        finally:
            stop.set()  # after Ctrl-C the files that wait are not begun
    if failed:
        raise CourseError(
            f"{len(failed)} of {len(missing)} files could not be fetched:{listed(failed)}\n"
            f"{'The others were not tried. ' if in_a_row == HOPELESS else ''}What has arrived is kept; "
            "run the same command again to fetch the rest."
        )
    return len(missing)


def _fetch(remote: Remote, part: Path, retries: int, bar) -> None:
    """Attempts until the file is whole. Only attempts that bring nothing new count as failures."""
    failures, furthest, known = 0, _length(part), part.with_name(part.name + ".version")
    with bar if bar is not None else progress_bar(remote.to.name, remote.size, "B", unit_scale=True) as bar:
        while True:
            try:
                _attempt(remote, part, known, bar)
                break
            except (_Cut, urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
                failures = 0 if _length(part) > furthest else failures + 1
                furthest = max(furthest, _length(part))
                if isinstance(error, urllib.error.HTTPError):
                    reason = f"the server answers {error.code} ({error.reason})"
                    if (
                        error.code not in PASSING
                    ):  # the file is not there, or needs a permission: no attempt changes that
                        raise CourseError(
                            f"{remote.url} cannot be fetched: {reason}. Is the address right, and still in use? "
                            f"You can also put the file at {remote.to} yourself."
                        ) from error
                elif isinstance(error, urllib.error.URLError):
                    reason = f"the server cannot be reached ({error.reason})"
                else:
                    reason = str(error) or type(error).__name__
                if failures > retries:
                    kept = f"{_length(part)} bytes have arrived and are kept: check" if _length(part) else "Check"
                    raise CourseError(
                        f"{remote.url} cannot be fetched: {reason}. {kept} the network and run the same command again."
                    ) from error
                time.sleep(min(PAUSE * 2 ** max(failures - 1, 0), 8))
    try:
        remote.verify(
            part,
            f"{remote.url} did not bring what it should: %s. It is deleted; try again later, the "
            "file may be damaged on the server or changed on the way.",
        )
    except CourseError:
        part.unlink()
        known.unlink(missing_ok=True)
        raise
    os.replace(part, remote.to)
    known.unlink(missing_ok=True)


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _attempt(remote: Remote, part: Path, known: Path, bar) -> None:
    """One request; appends to `part` if the server lets it, else starts from the first byte. Raises _Cut."""
    have = _length(part)
    headers = {"User-Agent": f"coursekit/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if known.exists():
            headers["If-Range"] = known.read_text()  # the server starts anew if the file is another one by now
    try:
        answer = urllib.request.urlopen(urllib.request.Request(remote.url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 416:
            raise
        os.truncate(part, 0)  # more bytes than the file has: they belong to another version
        raise _Cut("the earlier part did not belong to this file") from error
    with answer:
        start = f"bytes {have}-"
        append = have > 0 and answer.status == 206 and answer.headers.get("Content-Range", "").startswith(start)
        if answer.status == 206 and not append:
            raise _Cut("the server sent another part than the one asked for")
        length = answer.headers.get("Content-Length")
        whole = int(length) + (have if append else 0) if length and length.isdigit() else None
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "W/"
        if version.startswith("W/"):  # a weak ETag cannot vouch for bytes
            known.unlink(missing_ok=True)
        else:
            known.write_text(version)
        bar.total = bar.total or whole
        with open(part, "ab" if append else "wb") as file:
            bar.update(file.tell() - bar.n)
            while block := _read(answer, file.tell()):
                file.write(block)
                bar.update(len(block))
            if whole is not None and file.tell() < whole:
                raise _Cut(f"the connection was cut after {file.tell()} of {whole} bytes")


def _read(answer: http.client.HTTPResponse, have: int) -> bytes:
    """The next block; whatever ends the connection is a cut, never to be mistaken for a full disk."""
    try:
        return answer.read(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(f"the connection was cut after {have} bytes ({error})") from error


def checksum(path: str | Path, kind: str = "sha256") -> str:
    """The hexadecimal checksum of a file, "sha256" or "md5" (some data sets publish nothing better)."""
    digest = hashlib.new(kind, usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
