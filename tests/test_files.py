"""Whole or not at all: writing that is broken off, full disks, what killed processes leave, several processes at once."""

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from coursekit import files
from coursekit.files import check_writable, listed, named, only_one, replacing, reserve, shown, sweep, write_atomically
from coursekit.runtime import CourseError

ROOT = Path(__file__).resolve().parent.parent


def names(folder) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.fixture(scope="module")
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def python(code: str, *arguments) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("error", [full, lambda *_: 1 / 0, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)])
def test_a_write_that_breaks_off_leaves_what_was_there(tmp_path, error):
    write_atomically(tmp_path / "deep" / "a", lambda file: file.write(b"old"))

    def write(file):
        file.write(b"ne")
        error()

    with pytest.raises(CourseError if error is full else (ZeroDivisionError, KeyboardInterrupt)):
        write_atomically(tmp_path / "deep" / "a", write)
    assert names(tmp_path / "deep") == ["a"] and (tmp_path / "deep" / "a").read_bytes() == b"old"


def test_a_reader_never_sees_a_part_and_a_full_disk_is_named(tmp_path, monkeypatch):
    target, seen = tmp_path / "a", []
    target.write_bytes(b"old")
    write_atomically(target, lambda file: (file.write(b"new"), file.flush(), seen.append(target.read_bytes())))
    assert seen == [b"old"] and target.read_bytes() == b"new"
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CourseError, match=f"{target}: No space left") as told:
        write_atomically(target, lambda file: file.write(b"x"))
    assert ".part" not in str(told.value) and names(tmp_path) == ["a"]


def test_a_folder_takes_the_place_of_an_empty_one_only(tmp_path):
    for place in ("empty", "mine", "file"):
        (tmp_path / place).mkdir() if place != "file" else (tmp_path / place).write_text("mine")
    (tmp_path / "mine" / "thesis").write_text("years of work")
    for place, good in (("new", True), ("empty", True), ("mine", False), ("file", False)):
        try:
            with replacing(tmp_path / place) as part:
                part.mkdir()
                (part / "inside").write_text("made")
        except OSError:
            assert not good
        else:
            assert good and names(tmp_path / place) == ["inside"]
    assert names(tmp_path) == ["empty", "file", "mine", "new"]
    assert (tmp_path / "mine" / "thesis").read_text() == "years of work" and (tmp_path / "file").read_text() == "mine"


def test_a_killed_process_leaves_a_part_that_the_next_write_sweeps(tmp_path):
    code = """
import sys
from coursekit.files import write_atomically
write_atomically(sys.argv[1], lambda file: (file.write(b"half"), file.flush(), print("here", flush=True), sys.stdin.read()))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "a"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert names(tmp_path) == [f".a.{process.pid}.part"]
    write_atomically(tmp_path / "b", lambda file: file.write(b"another's parts stay"))
    assert len(names(tmp_path)) == 2
    write_atomically(tmp_path / "a", lambda file: file.write(b"whole"))
    assert names(tmp_path) == ["a", "b"]


def test_a_part_of_a_dead_process_with_our_number_is_in_nobodys_way(tmp_path):
    (tmp_path / f".a.{os.getpid()}.part" / "old").mkdir(parents=True)
    with replacing(tmp_path / "a") as part:
        part.mkdir()
    assert names(tmp_path) == ["a"] and names(tmp_path / "a") == []


def test_a_sweep_takes_what_bears_the_name_and_has_no_process(tmp_path, dead):
    running, parts = os.getppid(), (f".a[1].{dead}.part", f".b.{dead}.part")
    kept = [f".a[1].{running}.part", f"a[1].{dead}.part", ".a[1].x.part", f".a[1].{10**30}.part", "b"]
    for name in (*kept, *parts):
        (tmp_path / name).mkdir()
    (tmp_path / f".c.{dead}.part").symlink_to(tmp_path / "b")
    sweep(tmp_path, "a[1]")
    assert names(tmp_path) == sorted([*kept, parts[1], f".c.{dead}.part"])
    sweep(tmp_path)
    assert names(tmp_path) == sorted(kept)
    sweep(tmp_path / "none")


def test_writable_or_not_nothing_is_left(tmp_path, monkeypatch):
    check_writable(tmp_path / "new" / "er")
    (tmp_path / "file").write_text("mine")
    for wrong in ("", "  ", tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CourseError, match="empty|file"):
            check_writable(wrong)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CourseError, match="here: No space left"):
        check_writable(tmp_path / "here")
    assert names(tmp_path) == ["file", "new"] and names(tmp_path / "new") == []
    assert named("~/x") == Path.home() / "x"


def test_one_process_at_a_time_holds_a_lock_also_when_the_file_is_gone(tmp_path):
    pytest.importorskip("fcntl")
    code = """
import sys
from pathlib import Path
from coursekit.files import only_one
with only_one(Path(sys.argv[1], "made"), Path(sys.argv[1], "lock")) as mine:
    print(mine, Path(sys.argv[1], "lock").exists(), flush=True)
"""
    order = []
    with only_one(tmp_path / "made", tmp_path / "lock") as mine:
        assert mine
        others = [python(code, tmp_path) for _ in range(2)]
        threads = [threading.Thread(target=lambda p=p: order.append(p.stdout.readline())) for p in others]
        for thread in threads:
            thread.start()
        threads[0].join(0.5)
        assert order == []
    for thread, process in zip(threads, others, strict=True):
        thread.join(30)
        process.communicate()
    assert order == ["True True\n"] * 2 and names(tmp_path) == []


@pytest.mark.parametrize("has_call", [True, False])
def test_without_the_call_zeros_are_written_behind_the_head(tmp_path, monkeypatch, has_call):
    monkeypatch.setattr(files, "BLOCK", 7)
    if not has_call:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    (tmp_path / "file").write_bytes(b"head")
    reserve(tmp_path / "file", 4, 24)
    assert (tmp_path / "file").read_bytes() == b"head" + bytes(20)


def test_every_path_can_be_printed_on_one_line():
    assert shown("ü/é.jpg") == "ü/é.jpg"
    assert shown(os.fsdecode(b"a\xff.jpg")) == "a\\xff.jpg"
    assert shown("two\nlines\x1b[1m") == "two\\x0alines\\x1b[1m"
    shown("half \ud800 a pair").encode("utf-8")
    assert listed(["a\nb", "c", "d"], 2) == "\n  a\\x0ab\n  c\n  ... and 1 more" and listed(["a"]) == "\n  a"
