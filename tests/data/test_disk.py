"""Full disks, what killed processes leave, and places that no dataset can take."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from coursekit.data import disk, image_store
from coursekit.data.disk import reserve, shown, sweep
from coursekit.data.images import ImageSet
from coursekit.data.yolo.folder import building, found
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


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


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
    with image_store.filling("key", 64, 64):
        (part,) = (tmp_path / "home/cache").iterdir()
        assert part.stat().st_blocks * 512 >= 64 * 3 * 64 * 64  # no holes


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


@pytest.mark.parametrize("has_call", [True, False])
def test_without_the_call_zeros_are_written_behind_the_head(tmp_path, monkeypatch, has_call):
    def unknown(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(disk, "BLOCK", 7)
    monkeypatch.setattr(os, "posix_fallocate", unknown, raising=False)
    if not has_call:
        monkeypatch.delattr(os, "posix_fallocate")
    (tmp_path / "file").write_bytes(b"head")
    reserve(tmp_path / "file", 4, 24)
    assert (tmp_path / "file").read_bytes() == b"head" + bytes(20)


def test_parts_of_dead_processes_are_swept_from_the_cache(pictures, tmp_path):
    cache, dead = tmp_path / "home/cache", dead_pid()
    cache.mkdir(parents=True)
    kept = [f".images-a.npy.{os.getpid()}.part", "images-b.npy", f"images-c.npy.{dead}.part", ".images-d.npy.x.part"]
    for name in [*kept, f".images-e.npy.{dead}.part", f".crops.safetensors.{dead}.part"]:
        (cache / name).write_bytes(b"half")
    ImageSet.from_folder(pictures, 16)
    assert {p.name for p in cache.iterdir() if p.read_bytes() == b"half"} == set(kept)


def test_a_sweep_takes_only_what_bears_the_name(tmp_path):
    dead = dead_pid()
    for name in (f".a[1].{dead}.part", f".b.{dead}.part"):
        (tmp_path / name).mkdir()
    sweep(tmp_path, "a[1]")
    sweep(tmp_path / "none")
    assert [p.name for p in tmp_path.iterdir()] == [f".b.{dead}.part"]


def test_every_path_can_be_printed():
    assert shown("ü/é.jpg") == "ü/é.jpg"
    assert shown(os.fsdecode(b"a\xff.jpg")) == "a\\xff.jpg"
    shown("half \ud800 a pair").encode("utf-8")


def test_a_link_or_a_mount_point_is_refused_at_the_start(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    for name, target in (("link", "empty"), ("dangling", "nowhere")):
        (tmp_path / name).symlink_to(tmp_path / target)
        with pytest.raises(CourseError, match=f"{name} is a link to {tmp_path / target}.*--out"):
            found(tmp_path / name, {})
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) == str(tmp_path / "empty"))
    with pytest.raises(CourseError, match=f"is a mount point.*{tmp_path / 'empty' / 'road_objects'}"):
        found(tmp_path / "empty", {})


def test_a_dataset_behind_a_link_is_still_found(tmp_path):
    with building(tmp_path / "made", {"seed": 1}):
        pass
    (tmp_path / "link").symlink_to(tmp_path / "made")
    assert found(tmp_path / "link", {"seed": 1}) == tmp_path / "link" / "road_objects.yaml"
