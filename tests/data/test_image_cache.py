"""The cache of decoded images: full disks, errors at every step, and files in it that are not what they should be."""

import errno
import os

import numpy as np
import pytest
from PIL import Image

from coursekit.data import image_store
from coursekit.data.images import ImageSet
from coursekit.runtime import CourseError


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A folder of two pictures; every set counts as large, and the cache is this test's own."""
    monkeypatch.setattr(image_store, "LARGE", 1)
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    (tmp_path / "pictures").mkdir()
    for i in range(2):
        Image.new("RGB", (20, 20), (i, i, i)).save(tmp_path / f"pictures/{i}.png")
    return tmp_path / "pictures"


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_an_error_before_anything_is_decoded(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    monkeypatch.setattr("coursekit.data.image_sources.read_square", None)  # would fail if it were called
    with pytest.raises(CourseError, match="No room.*0.0 GiB.*home/cache.*No space left.*COURSEKIT_HOME"):
        ImageSet.from_folder(pictures, 16)
    assert list((tmp_path / "home/cache").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no such call here")
def test_the_space_of_the_cache_is_reserved(pictures, tmp_path):
    def look(pixels):
        (part,) = (tmp_path / "home/cache").iterdir()
        assert part.stat().st_blocks * 512 >= 64 * 3 * 64 * 64  # no holes
        return 0

    assert len(image_store.filled("key", 64, 64, look)) == 0 and not list((tmp_path / "home/cache").iterdir())


def test_any_error_before_the_filling_removes_the_part(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(image_store, "reserve", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        ImageSet.from_folder(pictures, 16)
    assert list((tmp_path / "home/cache").iterdir()) == []


def test_an_error_at_the_end_is_named(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(np.memmap, "flush", full)
    with pytest.raises(CourseError, match="No room.*COURSEKIT_HOME"):
        ImageSet.from_folder(pictures, 16)
    assert list((tmp_path / "home/cache").iterdir()) == []


def test_parts_of_dead_processes_are_swept_from_the_cache(pictures, tmp_path):
    cache = tmp_path / "home/cache"
    cache.mkdir(parents=True)
    for name in (".images-e.npy.999999999.part", ".crops.safetensors.999999999.part", "mine"):
        (cache / name).write_bytes(b"half")
    ImageSet.from_folder(pictures, 16)
    assert [p.name for p in cache.iterdir() if not p.name.startswith("images-")] == ["mine"]


@pytest.mark.parametrize("wrong", [np.zeros((2, 3, 16, 16)), np.zeros((2, 3, 8, 8), np.uint8), b"", b"\x93NUMPY half"])
def test_a_cache_that_is_something_else_is_filled_anew(pictures, tmp_path, wrong):
    good = ImageSet.from_folder(pictures, 16).images.clone()
    (kept,) = (tmp_path / "home/cache").iterdir()
    kept.unlink()
    kept.write_bytes(wrong) if isinstance(wrong, bytes) else np.save(kept, wrong)
    assert (ImageSet.from_folder(pictures, 16).images == good).all()
    assert image_store.cached(kept.stem.removeprefix("images-"), 2, 16) is not None
