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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coursekit import __version__
from coursekit.data.parallel import map_threads, progress_bar
from coursekit.files import listed, only_one
from coursekit.runtime import CourseError, offline

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
        way_out = f"Unset it, or put the file at {remote.to} yourself."
        raise CourseError(f"{remote.to.name} has to be downloaded from {url}, but COURSEKIT_OFFLINE is set. {way_out}")
    part = remote.to.with_name(remote.to.name + ".part")
    try:
        remote.to.parent.mkdir(parents=True, exist_ok=True)
        with only_one(remote.to, part.with_suffix(".lock")) as mine:
            if mine:  # another process may have fetched it while this one waited
                _fetch(remote, part, retries, bar)
    except OSError as error:
        why = f"{error.strerror or error}. Free some space or choose another folder."
        raise CourseError(f"Cannot write {part}: {why}") from error
    return remote.to


@contextmanager
def or_else(advice: str) -> Iterator[None]:
    """Adds to a CourseError raised inside what can be done if the network does not bring the files."""
    try:
        yield
    except CourseError as error:
        raise CourseError(f"{error}\n{advice}") from error


def download_many(files: Sequence[Remote], description: str = "downloading", workers: int = 16) -> int:
    """Fetch many files side by side, with a progress bar over files. Returns how many had to be fetched.

    One failure does not stop the others, twenty in a row do; raises CourseError at the end with the number and the
    first few. A second call goes on where this one stopped.
    """
    missing = [file for file in files if not file.to.exists()]
    failed, in_a_row, stop = [], 0, threading.Event()

    def attempt(file: Remote) -> str | None:
        try:
            if not stop.is_set():
                download(**vars(file), bar=progress_bar("", None, silent=True))
        except CourseError as error:
            return str(error)
        return None

    with progress_bar(description, len(missing), unit="file") as bar:
        try:
            for problem in map_threads(attempt, missing, workers):
                bar.update()
                failed += [problem] if problem else []
                in_a_row = in_a_row + 1 if problem else 0
                if in_a_row == HOPELESS:
                    break
        finally:
            stop.set()  # after Ctrl-C the files that wait are not begun
    if failed:
        untried = "The others were not tried. " if in_a_row == HOPELESS else ""
        raise CourseError(
            f"{len(failed)} of {len(missing)} files could not be fetched:{listed(failed)}\n"
            f"{untried}What has arrived is kept; run the same command again to fetch the rest."
        )
    return len(missing)


def _fetch(remote: Remote, part: Path, retries: int, bar) -> None:
    """Attempts until the file is whole. Only attempts that bring nothing new count as failures."""
    failures, furthest, seen = 0, _length(part), {}
    with bar if bar is not None else progress_bar(remote.to.name, remote.size, "B", unit_scale=True) as bar:
        while True:
            try:
                _attempt(remote, part, seen, bar)
                break
            except (_Cut, urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as error:
                failures = 0 if _length(part) > furthest else failures + 1
                furthest = max(furthest, _length(part))
                said = f"{remote.url} cannot be fetched: {_reason(error)}."
                if getattr(error, "code", 503) not in PASSING:
                    way_out = (
                        f"Is the address right, and still in use? You can also put the file at {remote.to} yourself."
                    )
                    raise CourseError(f"{said} {way_out}") from error
                if failures > retries:
                    kept = f"{furthest} bytes have arrived and are kept: check" if furthest else "Check"
                    raise CourseError(f"{said} {kept} the network and run the same command again.") from error
                time.sleep(min(PAUSE * 2 ** max(failures - 1, 0), 8))
    try:
        remote.verify(
            part,
            f"{remote.url} did not bring what it should: %s. It is deleted; try again later, the "
            "file may be damaged on the server or changed on the way.",
        )
    except CourseError:
        part.unlink()
        raise
    os.replace(part, remote.to)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code} ({error.reason})"
    if isinstance(error, urllib.error.URLError):
        return f"the server cannot be reached ({error.reason})"
    return str(error) or type(error).__name__


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _attempt(remote: Remote, part: Path, seen: dict[str, str], bar) -> None:
    """One request; appends to `part` if the server lets it, else starts from the first byte. Raises _Cut.

    seen: {"If-Range": which version of the file an earlier attempt met}, kept up to date here.
    """
    have = _length(part)
    headers = {"User-Agent": f"coursekit/{__version__}", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", **seen}  # the server starts anew if the file is another one by now
    try:
        answer = urllib.request.urlopen(urllib.request.Request(remote.url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 416:
            raise
        os.truncate(part, 0)  # more bytes than the file has: they belong to another version
        raise _Cut("the earlier part did not belong to this file") from error
    with answer:
        append = answer.status == 206
        if append and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise _Cut("the server sent another part than the one asked for")
        version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "W/"
        seen.clear()
        seen |= {} if version.startswith("W/") else {"If-Range": version}  # a weak ETag cannot vouch for bytes
        bar.total = bar.total or (answer.length and answer.length + have * append)
        with open(part, "ab" if append else "wb") as file:
            bar.update(file.tell() - bar.n)
            while block := _read(answer):
                file.write(block)
                bar.update(len(block))
            if answer.length:  # bytes that were announced and did not come
                raise _Cut(f"the connection was cut after {file.tell()} bytes")


def _read(answer: http.client.HTTPResponse) -> bytes:
    """The next block; whatever ends the connection is a cut, never to be mistaken for a full disk."""
    try:
        return answer.read(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(f"the connection was cut ({error})") from error


def checksum(path: str | Path, kind: str = "sha256") -> str:
    """The hexadecimal checksum of a file, "sha256" or "md5" (some data sets publish nothing better)."""
    digest = hashlib.new(kind, usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
