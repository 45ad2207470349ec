"""Where decoded images are kept: a memory-mapped cache for large folders."""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from coursekit.files import replacing, reserve, sweep
from coursekit.runtime import CourseError, home

LARGE = 64 * 2**20  # bytes: from here on decoded images are cached on disk and memory-mapped
RULE = "square-bicubic-1"  # names the resize rule; a new rule must not read an old cache


def folder_key(root: Path, files: list[Path], size: int) -> str:
    """A name for these files at this size: it changes when a file's name, length or time of change does."""
    digest = hashlib.sha256(f"{RULE} {size}".encode())
    for file in files:
        state = file.stat() if file.exists() else None  # a dangling link is reported when it is read
        facts = (state.st_size, state.st_mtime_ns) if state else None
        digest.update(f"{file.relative_to(root).as_posix()}\0{facts}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def _place(key: str) -> Path:
    return home() / "cache" / f"images-{key}.npy"


def cached(key: str, n: int, size: int) -> np.ndarray | None:
    """The n cached images uint8 (n, 3, size, size), memory-mapped, or None. A damaged cache counts as none."""
    try:
        # copy on write: torch wants it writable, the file stays
        pixels = np.lib.format.open_memmap(_place(key), mode="c")
    except (OSError, ValueError, EOFError):
        return None
    return pixels if pixels.dtype == np.uint8 and pixels.shape == (n, 3, size, size) else None


def filled(key: str, n: int, size: int, fill: Callable[[np.ndarray], int]) -> np.ndarray:
    """What fill(pixels) puts into `pixels`, uint8 (n, 3, size, size): the first images of it, as many as it returns.

    In memory when small, else in a file that is mapped into memory: kept in the cache if it is full, gone with the array
    if not. An error leaves nothing on the disk. Raises CourseError before `fill` is called if the disk has no room.
    """
    shape, place = (n, 3, size, size), _place(key)
    if math.prod(shape) < LARGE:
        pixels = np.empty(shape, np.uint8)
        return pixels[: fill(pixels)]
    try:
        sweep(place.parent)
        with replacing(place) as part:
            pixels = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
            reserve(part, pixels.offset, pixels.offset + pixels.nbytes)
            good = fill(pixels)
            if good < n:
                part.unlink()  # the map stays valid until it is let go
                return pixels[:good]
            pixels.flush()
        return np.lib.format.open_memmap(place, mode="c")
    except OSError as error:
        where = f"({math.prod(shape) / 2**30:.1f} GiB) in {place.parent} ({error.strerror or error})"
        way_out = "Free some space or set COURSEKIT_HOME to another disk."
        raise CourseError(f"No room for the decoded images {where}. {way_out}") from error


def as_tensor(array: np.ndarray) -> Tensor:
    """(N, H, W, 3) uint8 pictures as the (N, 3, H, W) tensor that an ImageSet holds."""
    return torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))
