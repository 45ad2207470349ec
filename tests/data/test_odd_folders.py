"""Folders of images that cannot be read whole, and pictures too large to be read at all."""

import os
import subprocess
import sys

import pytest
from PIL import EpsImagePlugin, Image

from coursekit.data.decode import find_images, read_rgb, read_square
from coursekit.data.images import ImageSet
from coursekit.runtime import CourseError

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\n(run me) print\n%%EOF\n"


@pytest.fixture
def folder(tmp_path):
    """Two pictures, each in a folder of its own."""
    for name in ("open", "closed"):
        (tmp_path / "f" / name).mkdir(parents=True)
        Image.new("RGB", (20, 20)).save(tmp_path / "f" / name / "a.png")
    return tmp_path / "f"


def close(monkeypatch, closed) -> None:
    """As for a user without the right to read this folder; root has it always."""
    scandir = os.scandir

    def refuse(path="."):
        if os.fspath(path) == str(closed):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


def test_a_closed_folder_is_named(folder, monkeypatch, capsys):
    close(monkeypatch, folder / "closed")
    with pytest.raises(CourseError, match=f"1 folders below {folder} cannot be read:\n  .*closed: Permission denied"):
        ImageSet.from_folder(folder, 16)
    assert len(ImageSet.from_folder(folder, 16, skip_unreadable=True)) == 1
    assert f"Left out 1 folders:\n  {folder / 'closed'}: Permission denied" in capsys.readouterr().out


def test_a_closed_top_folder_is_not_called_empty(folder, monkeypatch):
    close(monkeypatch, folder)
    for skip in (False, True):
        with pytest.raises(CourseError, match=f"The folder {folder} cannot be read: Permission denied"):
            find_images(folder, skip)


def test_lost_and_found_is_left_out(folder, monkeypatch):
    (folder / "lost+found").mkdir()
    close(monkeypatch, folder / "lost+found")
    assert len(find_images(folder)) == 2


def test_a_link_to_a_folder_is_named(folder, tmp_path):
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "photos").symlink_to(folder)
    with pytest.raises(CourseError, match=f"a link to a folder, .*photos. Links are not followed: name {folder}"):
        find_images(tmp_path / "links")


@pytest.mark.parametrize("byte, printed", [(b"\xff", "\\xff"), (b"\n", "\\x0a")])
def test_odd_names_are_read_and_printed(folder, capsys, byte, printed):
    good, bad = (os.path.join(os.fsencode(folder), name + byte + b".png") for name in (b"g", b"b"))
    try:
        with open(bad, "wb"):
            pass
    except OSError:
        pytest.skip("this file system takes only UTF-8")
    os.rename(folder / "open" / "a.png", good)
    assert len(ImageSet.from_folder(folder, 16, skip_unreadable=True)) == 2
    assert f"b{printed}.png is empty" in capsys.readouterr().out.encode("utf-8").decode()
    with pytest.raises(CourseError, match="1 of 3 images"):
        ImageSet.from_folder(folder, 16)


@pytest.mark.parametrize("kind", ["EPS", "PDF", "ICO", "TGA"])
def test_a_format_that_is_not_named_is_not_opened_whatever_its_name(folder, kind, monkeypatch):
    picture = folder / "open" / "a.png"
    Image.new("RGB", (20, 20)).save(picture, format=kind) if kind != "EPS" else picture.write_bytes(EPS)
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *a, **k: pytest.fail("Ghostscript was called"))
    for reader in (read_rgb, lambda file: read_square(file, 16)):
        with pytest.raises(CourseError, match="a.png: it is not an image .JPEG, PNG,"):
            reader(picture)


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM"])
def test_a_format_that_is_named_is_opened_whatever_its_name(folder, kind):
    picture = folder / "open" / "a.png"
    Image.new("RGB", (20, 20), (200, 0, 0)).save(picture, format=kind)
    assert abs(int(read_rgb(picture)[5, 5, 0]) - 200) < 8


def test_a_huge_picture_is_said_to_be_huge(tmp_path, monkeypatch):
    Image.new("L", (3000, 1000)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10**6)
    for reader in (read_rgb, lambda file: read_square(file, 16)):
        with pytest.raises(CourseError, match="a.png: it has 3 megapixels, more than the limit of 2"):
            reader(tmp_path / "a.png")


def test_a_large_picture_is_read_without_a_warning(tmp_path):
    Image.new("L", (40, 40)).save(tmp_path / "a.png")
    code = (
        "import sys; from PIL import Image; from coursekit.data.decode import read_rgb; "
        "Image.MAX_IMAGE_PIXELS = 1000; print(read_rgb(sys.argv[1]).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.png"], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("(40, 40, 3)\n", "")
