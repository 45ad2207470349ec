"""YAMLs, labels and files that are odd: other programs write them, and none may stop or mislead the check."""

import os

import pytest
from PIL import Image

from coursekit.cli import main
from coursekit.data.yolo.road_objects import build, check, from_coco, read
from coursekit.runtime import CourseError

GOOD = "0 0.5 0.5 0.2 0.3\n"
SPLITS = "train: train/images\nval: val/images\n"
LAUGHS = "a0: &a0 [ha, ha]\n" + "".join(f"a{i + 1}: &a{i + 1} [" + f"*a{i}, " * 9 + "]\n" for i in range(9))
MERGED = "a0: &a0 {b: 1}\n" + "".join(f"a{i + 1}: &a{i + 1} {{<<: [" + f"*a{i}, " * 9 + "]}\n" for i in range(9))


@pytest.fixture
def data(tmp_path):
    """A dataset as Roboflow lays it out, SPLIT/images and SPLIT/labels: the folder of its data.yaml."""
    folder = tmp_path / "rf"
    for i, split in enumerate(("train", "val")):
        for kind in ("images", "labels"):
            (folder / split / kind).mkdir(parents=True)
        Image.new("RGB", (32, 32), (i, i, i)).save(folder / split / "images" / "a.png")
        (folder / split / "labels" / "a.txt").write_text(GOOD)
    write(folder, "train: train/images\nval: val/images\nnc: 1\n")
    return folder


def write(folder, text: str) -> None:
    (folder / "data.yaml").write_text(text)


def problems(data) -> list[str]:
    return [str(p).replace(f"{data}{os.sep}", "") for p in check(data / "data.yaml")]


def test_roboflows_paths_are_read_as_ultralytics_reads_them(data):
    from ultralytics.data.utils import check_det_dataset

    write(data, "train: ../train/images\nval: ../val/images\nnc: 1\n")
    assert problems(data) == [] and len(read(data / "data.yaml")) == 1
    info = check_det_dataset(str(data / "data.yaml"), autodownload=False)
    assert info["train"] == str((data / "train/images").resolve())
    write(data, "train: ../train/images\nval: [../val/images]\nnc: 1\n")  # not in a list
    assert len(problems(data)) == 1 and "does not exist" in problems(data)[0]
    write(data, "train: ../train/images\nval: ../none/images\nnc: 1\n")
    assert problems(data) == [f"data.yaml:2: val: {data.parent}/none/images does not exist"]
    (data.parent / "val/images").mkdir(parents=True)  # what the words say comes first
    write(data, "train: ../train/images\nval: ../val/images\nnc: 1\n")
    assert any("leaves the dataset folder" in p for p in problems(data))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_not_waited_for(data):
    os.mkfifo(data / "train/images/f.jpg")
    (data / "train/labels/f.txt").write_text(GOOD)
    os.mkfifo(data / "val/labels/b.txt")
    Image.new("RGB", (32, 32), (9, 9, 9)).save(data / "val/images/b.png")
    assert problems(data) == ["train/images/f.jpg: is not a regular file", "val/labels/b.txt: is not a regular file"]
    with pytest.raises(CourseError, match="f.jpg is not a regular file"):
        read(data / "data.yaml")
    os.mkfifo(data / "list.txt")
    write(data, "train: list.txt\nval: val/images\nnc: 1\n")
    assert problems(data)[0].startswith("list.txt: neither a folder of images nor a list")
    with pytest.raises(CourseError, match="list.txt is neither a folder of images nor a list"):
        read(data / "data.yaml")


@pytest.mark.parametrize(
    "text, wanted",
    [
        ("names:\n  .inf: a\n", ":3: the class numbers"),
        ("nc: 1\nx: " + "[" * 5000 + "]" * 5000, "too deep"),
        (LAUGHS + "names: [*a9]\n", "aliases written out"),
        (MERGED + "nc: 1\n", "aliases written out"),
        ("nc: 1\nx: &x [*x]\n", "aliases written out"),
        ("nc: 1\nx: &x " + "a" * 10_000 + "\ny: [" + "*x," * 1000 + "]\n", "aliases written out"),
        ("nc: 1\nx: " + "a" * 2_000_000, "larger than 2000000 bytes"),
        ("nc: 1\nx: 2001-99-99\n", "month"),
        ("nc: .nan\n", ":3: nc must be"),
        ("nc: yes\n", ":3: nc must be"),
        ("nc: 1\nchannels: 1\n", ":4: channels: 1"),
        ("nc: 1\nchannels: [3]\n", ":4: channels: [3]"),
        ("nc: 1\nbg_class_idx: 7\n", ":4: bg_class_idx"),
        ("nc: 1\nkpt_shape: 3\n", ":4: kpt_shape"),
        ("names: [a, b]\nnc: '3'\n", ":4: nc says 3 classes, names lists 2"),
    ],
)
def test_a_yaml_beyond_all_bounds_is_one_problem(data, text, wanted):
    write(data, SPLITS + text)
    found = problems(data)
    assert len(found) == 1 and wanted in found[0] and len(found[0]) < 300


def test_names_that_are_too_long_for_a_disk_are_not_there(data):
    long = "a" * 3000 + "/b.png"
    for key in ("path", "train", "val"):
        write(data, SPLITS.replace(f"{key}: ", "x: ") + f"nc: 1\n{key}: {long}\n")
        assert len(problems(data)) == 1 and "does not exist" in problems(data)[0]
    (data / "list.txt").write_text(f"{long}\n")
    write(data, "train: list.txt\nval: val/images\nnc: 1\n")
    assert problems(data)[0].startswith("list.txt:1: the image ")


@pytest.mark.parametrize(
    "text",
    [
        "names: &n [a]\nothers: [*n, *n]\n",
        "base: &base {nc: 1}\n<<: *base\n",
        "nc: '1'\nchannels: 3\ndownload: 'print(1)'\nauthor: me\n",
    ],
)
def test_aliases_and_unknown_keys_are_fine(data, text):
    write(data, SPLITS + text)
    assert problems(data) == []


def test_a_label_cache_is_remarked_and_is_no_problem(data, capsys):
    for name in ("labels.cache", "labels/a.cache"):
        (data / "train" / name).write_bytes(b"\x93NUMPY")
    assert main(["data", "check", str(data / "data.yaml")]) == 0
    said = capsys.readouterr().out
    assert all(f"{data / 'train' / name}" in said for name in ("labels.cache", "labels/a.cache"))
    assert "no problems" in said


@pytest.mark.parametrize("byte, printed", [(b"\xff", "\\xff"), (b"\n", "\\x0a")])
def test_an_odd_name_can_be_printed(data, capsys, byte, printed):
    image = os.path.join(os.fsencode(data), b"val", b"images", b"b" + byte + b".png")
    try:
        with open(image, "wb"):
            pass
    except OSError:
        pytest.skip("this file system takes only UTF-8")
    assert main(["data", "check", str(data / "data.yaml")]) == 1
    said = capsys.readouterr().out
    said.encode("utf-8")  # what a strict stdout does
    assert f"b{printed}.png: the image is empty" in said and f"b{printed}.txt is missing" in said
    assert len(said.splitlines()) == 3
    os.rename(data / "data.yaml", data / os.fsdecode(b"d" + byte + b".yaml"))
    os.unlink(image)
    assert main(["data", "check", str(data / os.fsdecode(b"d" + byte + b".yaml"))]) == 0
    assert f"d{printed}.yaml: no problems" in capsys.readouterr().out.encode("utf-8").decode()


@pytest.mark.parametrize("name, wanted", [(b"o\xff", r"o\\xff is not valid"), (b"o\n", r"o\\x0a is not valid")])
def test_a_folder_name_that_no_yaml_can_hold_is_refused(tmp_path, name, wanted):
    out = tmp_path / os.fsdecode(name)
    (tmp_path / "images").mkdir()
    for make in (lambda: build(out, 1, 1, 1, 64), lambda: from_coco(tmp_path / "a.json", tmp_path / "images", out)):
        with pytest.raises(CourseError, match=wanted):
            make()
    assert [p.name for p in tmp_path.iterdir()] == ["images"]


def test_an_empty_name_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    makes = (
        lambda: build("", 1, 1, 1, 64),
        lambda: from_coco(tmp_path / "a.json", tmp_path, " "),
        lambda: from_coco("", tmp_path, tmp_path / "out"),
    )
    for make in makes:
        with pytest.raises(CourseError, match="empty"):
            make()
    assert list(tmp_path.iterdir()) == []


def test_a_huge_image_is_said_to_be_huge(data, monkeypatch):
    Image.new("RGB", (2000, 1500)).save(data / "val/images/a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10**6)
    (problem,) = problems(data)
    assert problem.startswith("val/images/a.png: ") and "3 megapixels, more than the limit of 2" in problem
    with pytest.raises(CourseError, match="a.png: it has 3 megapixels"):
        read(data / "data.yaml", "val")
