"""Where decoded images are kept: a memory-mapped cache for large folders, and the file format of ImageSet.save."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from coursekit.data.disk import reserve, sweep
from coursekit.runtime import CourseError, home

LARGE = 64 * 2**20  # bytes: from here on decoded images are cached on disk and memory-mapped
RULE = "square-bicubic-1"  # names the resize rule; a new rule must not read an old cache
FORMAT = "coursekit.ImageSet.1"


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


def cached(key: str) -> np.ndarray | None:
    """The cached images uint8 (N, 3, H, W), memory-mapped, or None. A damaged cache counts as none."""
    try:
        # copy on write: torch wants it writable, the file stays
        return np.load(_place(key), mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None


@contextmanager
def filling(key: str, n: int, size: int) -> Iterator[np.ndarray]:
    """Yields room for n images, uint8 (n, 3, size, size), to end in `finish`; an error leaves nothing on the disk.

    Raises CourseError before anything is decoded where the disk has no room for all of them.
    """
    pixels = _room(key, n, size)
    try:
        yield pixels
    except BaseException:
        if isinstance(pixels, np.memmap):
            _discard(_place(key))
        raise


def _room(key: str, n: int, size: int) -> np.ndarray:
    """In memory when small, else in a temporary file beside its place in the cache, its space reserved."""
    shape = (n, 3, size, size)
    if n * 3 * size * size < LARGE:
        return np.empty(shape, np.uint8)
    place = _place(key)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        sweep(place.parent)
        pixels = np.lib.format.open_memmap(_part(place), mode="w+", dtype=np.uint8, shape=shape)
        reserve(_part(place), pixels.offset, pixels.offset + pixels.nbytes)
        return pixels
    except BaseException as error:
        _discard(place)
        if isinstance(error, OSError):
            raise _no_room(place, n * 3 * size * size, error) from error
        raise


def _no_room(place: Path, needed: int, error: OSError) -> CourseError:
    """needed: bytes."""
    return CourseError(
        f"No room for the decoded images ({needed / 2**30:.1f} GiB) in {place.parent} "
        f"({error.strerror or error}). Free some space or set COURSEKIT_HOME to another disk."
    )


def _discard(place: Path) -> None:
    """Remove the temporary file; where it cannot even be looked for there is none."""
    with suppress(OSError):
        _part(place).unlink(missing_ok=True)


def finish(key: str, pixels: np.ndarray, n: int, keep: bool) -> np.ndarray:
    """The first n images of `pixels`; with keep, a temporary file moves to its place in the cache."""
    if not isinstance(pixels, np.memmap):
        return pixels[:n]
    place = _place(key)
    if keep:
        try:
            pixels.flush()
            os.replace(_part(place), place)
            return np.load(place, mmap_mode="c", allow_pickle=False)
        except OSError as error:
            raise _no_room(place, pixels.nbytes, error) from error
    os.unlink(_part(place))  # the map stays valid until it is let go
    return pixels[:n]


def _part(place: Path) -> Path:
    return place.with_name(f".{place.name}.{os.getpid()}.part")


def save(path: str | Path, tensors: dict[str, Tensor], class_names: tuple[str, ...] | None) -> Path:
    """Write tensors and class names to one .safetensors file, atomically. Returns its path, with the extension."""
    path = Path(path).expanduser()
    path = path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    metadata = {"format": FORMAT, "class_names": json.dumps(class_names)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part, metadata=metadata)
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        raise CourseError(f"Cannot write {path}: {error}. Free some space or name another folder.") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def load(path: str | Path) -> tuple[dict[str, Tensor], tuple[str, ...] | None]:
    """Tensors and class names that `save` wrote. Raises CourseError for a missing, damaged or foreign file."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise CourseError(f"There is no file {path}.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise CourseError(f"{path} is a safetensors file, but not one that ImageSet.save wrote.")
            names = json.loads(metadata["class_names"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, ValueError) as error:
        raise CourseError(
            f"{path} is damaged, or no file that ImageSet.save wrote ({error}). Save it again."
        ) from error
    return tensors, None if names is None else tuple(names)


def as_tensor(array: np.ndarray) -> Tensor:
    """(N, H, W, 3) uint8 pictures as the (N, 3, H, W) tensor that an ImageSet holds."""
    return torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))
