import os

import numpy as np
import pytest
import torch
from PIL import Image

from coursekit.data import image_store
from coursekit.data.decode import read_rgb, read_square
from coursekit.data.images import ImageSet
from coursekit.runtime import CourseError


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """64 x 48 px; every corner has its own colour, so that a turned or mirrored picture is told apart."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:24, :32], pixels[:24, 32:], pixels[24:, :32], pixels[24:, 32:] = [250, 0, 0], [0, 250, 0], [0, 0, 250], 250
    return Image.fromarray(pixels)


def folder_of(path, **files):
    path.mkdir()
    for name, content in files.items():
        target = path / name.replace("__", ".")
        content.save(target) if isinstance(content, Image.Image) else target.write_bytes(content)
    return path


def test_every_kind_of_picture_comes_out_the_same(picture, tmp_path):
    gray = picture.convert("L")
    wide = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    assert wide.mode.startswith("I;16")
    picture.save(tmp_path / "rgb.png")
    picture.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    picture.convert("CMYK").save(tmp_path / "cmyk.tif")
    picture.quantize(4).save(tmp_path / "palette.png")
    picture.convert("RGBA").save(tmp_path / "alpha.png")
    picture.save(tmp_path / "animation.gif", save_all=True, append_images=[gray.convert("RGB")])
    gray.save(tmp_path / "gray.png")
    gray.convert("LA").save(tmp_path / "gray_alpha.png")
    wide.save(tmp_path / "sixteen.png")
    wide.save(tmp_path / "sixteen.tif")
    Image.fromarray(np.asarray(gray) / np.float32(255)).save(tmp_path / "float.tif")
    color, flat = np.asarray(picture), np.asarray(gray.convert("RGB"))
    for file in sorted(tmp_path.iterdir()):
        wanted = flat if any(w in file.name for w in ("gray", "sixteen", "float")) else color
        assert np.abs(read_rgb(file).astype(int) - wanted).max() <= (12 if file.suffix == ".jpg" else 1), file.name


def test_transparent_is_white(tmp_path):
    Image.new("RGBA", (20, 20), (10, 200, 30, 0)).save(tmp_path / "a.png")
    assert (read_rgb(tmp_path / "a.png") == 255).all()


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_orientation_is_applied_to_whole_and_square(picture, tmp_path, turn):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = turn
    picture.save(tmp_path / "a.png", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(tmp_path / "a.png"))
    assert np.array_equal(read_rgb(tmp_path / "a.png"), np.asarray(upright))
    upright.save(tmp_path / "b.png")
    difference = read_square(tmp_path / "a.png", 16).astype(int) - read_square(tmp_path / "b.png", 16)
    assert np.abs(difference).mean() < 1  # a wrong turn is above 100; rows and columns are scaled in another order


def test_square_is_the_center_antialiased(tmp_path):
    stripes = np.zeros((90, 200, 3), np.uint8)
    stripes[:, ::2] = 255  # finer than the result can show: without antialiasing it would be black or white
    stripes[:, :55], stripes[:, 145:] = 77, 77
    Image.fromarray(stripes).save(tmp_path / "a.png")
    square = read_square(tmp_path / "a.png", 9)
    assert square.shape == (9, 9, 3) and np.abs(square.astype(int) - 128).max() < 12


def test_large_jpegs_follow_the_same_rule(real_photos):
    photo = sorted((real_photos / "images" / "val2017").iterdir())[0]
    quick = read_square(photo, 32)  # decoded at a half
    image = Image.open(photo)
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    exact = image.convert("RGB").resize((32, 32), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    assert np.abs(quick.astype(int) - np.asarray(exact)).mean() < 2.5


def test_from_folder_reads_recursively_in_order_and_spreads_a_limit(picture, tmp_path):
    for i, name in enumerate(("b/2.png", "a/1.png", "c.PNG", "b/.hidden.png", ".git/x.png")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (20, 20), (i, i, i)).save(tmp_path / name)
    (tmp_path / "a/notes.txt").write_text("hello")
    images = ImageSet.from_folder(tmp_path, size=12)
    assert images.images.shape == (3, 3, 12, 12) and images.labels is None
    assert images.images[:, 0, 0, 0].tolist() == [1, 0, 2]  # a/1, b/2, c
    assert ImageSet.from_folder(tmp_path, 12, limit=2).images[:, 0, 0, 0].tolist() == [1, 2]
    assert len(ImageSet.from_folder(tmp_path, 12, limit=99, workers=1)) == 3


def test_bad_folders_and_files_are_named(picture, tmp_path):
    with pytest.raises(CourseError, match="does not exist"):
        ImageSet.from_folder(tmp_path / "none", 16)
    with pytest.raises(CourseError, match="is empty"):
        ImageSet.from_folder(folder_of(tmp_path / "empty"), 16)
    with pytest.raises(CourseError, match="holds 1 files, none of them an image"):
        ImageSet.from_folder(folder_of(tmp_path / "texts", a__txt=b"hello"), 16)
    jpeg = folder_of(tmp_path / "good", good__jpg=picture) / "good.jpg"
    bad = folder_of(
        tmp_path / "bad",
        zero__jpg=b"",
        text__jpg=b"hello, I am text",
        tiny__png=Image.new("RGB", (1, 1)),
        half__jpg=jpeg.read_bytes()[:600],
        good__jpg=jpeg.read_bytes(),
    )
    (bad / "dangling.jpg").symlink_to(tmp_path / "nowhere.jpg")
    with pytest.raises(CourseError) as error:
        ImageSet.from_folder(bad, 16)
    for words in (
        "5 of 6",
        "zero.jpg is empty",
        "text.jpg: it is not an image",
        "half.jpg",
        "dangling.jpg",
        "tiny.png is only 1 x 1 px",
        "--skip-unreadable",
    ):
        assert words in str(error.value)
    (bad / "good.jpg").unlink()
    with pytest.raises(CourseError, match="None of the 5 images"):
        ImageSet.from_folder(bad, 16, skip_unreadable=True)


def test_no_package_is_installed_because_a_file_is_no_image(tmp_path, monkeypatch):
    """Ultralytics, once imported, does so whenever Pillow cannot identify a file."""
    import ultralytics.utils.checks

    asked = []
    monkeypatch.setattr(ultralytics.utils.checks, "check_requirements", asked.append)
    with pytest.raises(CourseError, match="text.jpg: it is not an image"):
        ImageSet.from_folder(folder_of(tmp_path / "f", text__jpg=b"hello, I am text"), 16)
    assert not asked


def test_skipping_says_what_it_left_out(picture, tmp_path, capsys, monkeypatch):
    folder = folder_of(tmp_path / "f", a__png=picture, b__png=b"text", c__png=picture)
    for large in (10**9, 1):  # in memory, and on disk
        monkeypatch.setattr(image_store, "LARGE", large)
        assert len(ImageSet.from_folder(folder, 16, skip_unreadable=True)) == 2
        assert "Left out 1 of 3 images" in capsys.readouterr().out


def test_large_sets_are_decoded_once(picture, tmp_path, monkeypatch, course_home):
    monkeypatch.setattr(image_store, "LARGE", 1)
    folder = folder_of(tmp_path / "f", a__png=picture, b__png=picture.rotate(180))
    first = ImageSet.from_folder(folder, 16)
    reads = []
    monkeypatch.setattr("coursekit.data.image_sources.read_square", lambda *a: reads.append(a) or read_square(*a))
    second = ImageSet.from_folder(folder, 16)
    assert not reads and torch.equal(first.images, second.images)
    second.images[0] = 0  # stays in this process: copy on write
    assert torch.equal(ImageSet.from_folder(folder, 16).images, first.images)
    os.utime(folder / "a.png", ns=(1, 1))
    ImageSet.from_folder(folder, 16)
    assert len(reads) == 2
    assert not list((course_home / "cache").glob(".*"))


def test_a_broken_off_run_leaves_no_half_cache(picture, tmp_path, monkeypatch, course_home):
    monkeypatch.setattr(image_store, "LARGE", 1)
    folder = folder_of(tmp_path / "f", a__png=picture, b__png=picture)
    monkeypatch.setattr("coursekit.data.image_sources.read_square", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    before = set((course_home / "cache").glob("*")) if (course_home / "cache").exists() else set()
    with pytest.raises(KeyboardInterrupt):
        ImageSet.from_folder(folder, 24)
    assert set((course_home / "cache").glob("*")) == before


def random_set(n=6, masks=True) -> ImageSet:
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, 3, 8, 8), dtype=torch.uint8, generator=draws)
    return ImageSet(images, torch.arange(n) % 2, ("cat", "dog"), images[:, 0] % 3 if masks else None)


def test_choosing_images_keeps_labels_and_masks_with_them():
    images = random_set()
    for chosen in (
        images[1:5:2],
        images[torch.tensor([1, 3])],
        images[[1, 3]],
        images[np.array([1, 3])],
        images[torch.tensor([False, True, False, True, False, False])],
    ):
        assert len(chosen) == 2 and torch.equal(chosen.images, images.images[[1, 3]])
        assert chosen.labels.tolist() == [1, 1] and torch.equal(chosen.masks, images.masks[[1, 3]])
    assert len(images[-1]) == 1 and torch.equal(images[-1].images[0], images.images[5]) and len(images[[]]) == 0
    assert len(list(images)) == 6
    with pytest.raises(IndexError):
        images[6]


@pytest.mark.parametrize(
    "change",
    [
        {"images": torch.zeros(2, 3, 8, 8)},
        {"images": torch.zeros(2, 1, 8, 8, dtype=torch.uint8)},
        {"labels": torch.zeros(3, dtype=torch.int64)},
        {"labels": torch.zeros(2)},
        {"labels": torch.tensor([0, 2])},
        {"labels": torch.tensor([-1, 0])},
        {"masks": torch.zeros(2, 8, 9, dtype=torch.uint8)},
    ],
)
def test_what_does_not_fit_together_is_refused(change):
    good = {
        "images": torch.zeros(2, 3, 8, 8, dtype=torch.uint8),
        "labels": torch.tensor([0, 1]),
        "class_names": ("cat", "dog"),
        "masks": torch.zeros(2, 8, 8, dtype=torch.uint8),
    }
    ImageSet(**good)
    with pytest.raises(ValueError):
        ImageSet(**{**good, **change})


@pytest.mark.parametrize("images", [random_set(), random_set()[::2], ImageSet(random_set().images)])
def test_saving_and_loading(images, tmp_path):
    path = images.save(tmp_path / "deep" / "set")
    back = ImageSet.load(path)
    assert torch.equal(back.images, images.images) and back.class_names == images.class_names
    for name in ("labels", "masks"):
        assert (getattr(images, name) is None) == (getattr(back, name) is None)
    assert [p.name for p in path.parent.iterdir()] == ["set.safetensors"]


def test_damaged_and_foreign_files_are_refused(tmp_path):
    import pickle

    from safetensors.torch import save_file

    path = random_set().save(tmp_path / "set")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(path.read_bytes()[:700])
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps({"images": 1}))
    (tmp_path / "zero").write_bytes(b"")
    save_file({"images": torch.zeros(1)}, tmp_path / "other.safetensors")
    save_file({"images": torch.zeros(1)}, tmp_path / "odd.safetensors", metadata={"image_set": '{"class_names": null}'})
    for name in ("cut.safetensors", "pickle.pt", "zero", "other.safetensors", "odd.safetensors", "none"):
        with pytest.raises(CourseError, match=name):
            ImageSet.load(tmp_path / name)


def test_class_folders_are_labels_by_name(tmp_path):
    for name, level, count in (("zebra", 200, 3), ("apple", 40, 2)):
        (tmp_path / name).mkdir()
        for i in range(count):
            Image.new("RGB", (40, 40), (level, level, level)).save(tmp_path / name / f"{i}.png")
    found = ImageSet.from_class_folders(tmp_path, 32)
    assert found.class_names == ("apple", "zebra") and found.labels.tolist() == [0, 0, 1, 1, 1]
    assert found.images[:, 0, 0, 0].tolist() == [40, 40, 200, 200, 200]
    assert ImageSet.from_class_folders(tmp_path, 32, limit=1).labels.tolist() == [0, 1]
    (tmp_path / "zebra" / "text.txt").write_text("not an image")
    with pytest.raises(CourseError, match="two or more of them; it has 0"):
        ImageSet.from_class_folders(tmp_path / "apple", 32)
    with pytest.raises(CourseError, match="no folder"):
        ImageSet.from_class_folders(tmp_path / "absent", 32)
