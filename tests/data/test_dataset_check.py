import os
import shutil

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from coursekit.cli import main
from coursekit.data.yolo.labels import parse_labels
from coursekit.data.yolo.road_objects import Problem, build, check, read
from coursekit.runtime import CourseError

GOOD = "0 0.500000 0.500000 0.200000 0.300000\n"


@pytest.fixture(scope="session")
def original(tmp_path_factory):
    """Three images to train on, two to validate, one to test."""
    return build(tmp_path_factory.mktemp("check") / "ro", train=3, val=2, test=1, size=64)


@pytest.fixture
def data(original, tmp_path):
    """A copy to spoil: its folder."""
    folder = shutil.copytree(original.parent, tmp_path / "ro")
    text = (folder / "road_objects.yaml").read_text()
    (folder / "road_objects.yaml").write_text(text.replace(str(original.parent), str(folder)))
    return folder


def problems(data) -> list[str]:
    """What check says, file names relative to the dataset."""
    return [str(p).replace(f"{data}{os.sep}", "") for p in check(data / "road_objects.yaml")]


def test_good_data_has_no_problems(data):
    assert problems(data) == []


@pytest.mark.parametrize(
    "line, message",
    [
        ("4 0.5 0.5 0.1 0.1", "class 4 is out of range"),
        ("-1 0.5 0.5 0.1 0.1", "class -1 is out of range"),
        ("1.5 0.5 0.5 0.1 0.1", "the class 1.5"),
        ("car 0.5 0.5 0.1 0.1", "not numbers: 'car 0.5 0.5 0.1 0.1'"),
        ("0 0.5 0.5 0.1", "4 columns"),
        ("0 0.5 0.5 0.1 0.1 0.9", "6 columns"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2 0.3", "8 columns"),
        ("0 320 0.5 0.1 0.1", "320 is outside [0, 1]"),
        ("0 0.5 0.5 -0.1 0.1", "-0.1 is outside [0, 1]"),
        ("0 0.05 0.5 0.2 0.1", "the box reaches outside the image: x -0.0500 to 0.1500, y 0.4500 to 0.5500"),
        ("0 nan 0.5 0.1 0.1", "NaN or infinity"),
        ("0 0.5 0.5 inf 0.1", "NaN or infinity"),
        ("nan 0.5 0.5 0.1 0.1", "NaN or infinity"),
        ("0 0.5 0.5 0 0.1", "the box has no area"),
        ("0 0.5 0.5 0.2 0.3", "the same box as line 1"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2", "a polygon in a file that begins with a box"),
        ("0,0.5,0.5,0.2,0.3", "commas in '0,0.5,0.5,0.2,0.3'"),
        ("0, 0.5, 0.5, 0.2, 0.3", "commas in '0, 0.5"),
        ("0 0,5 0,5 0,2 0,3", "commas in '0 0,5"),
    ],
)
def test_a_bad_line_is_named(data, line, message):
    (data / "labels/val/000001.txt").write_text(GOOD + "\n" + line + "\n")
    (problem,) = problems(data)
    assert problem.startswith(f"labels/val/000001.txt:3: {message}")


@pytest.mark.parametrize(
    "text, messages",
    [
        ("", []),
        ("0 0.5 0.5 1 1\n3 1 1 0.0001 0.0001\n", []),
        ("\ufeff0 0.5 0.5 1 1", []),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2\n0 0.1 0.1 0.3 0.1 0.3 0.3 0.1 0.3\n", []),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3\n", ["the polygon has no area"]),
        ("0 0.1 0.1 0.2 0.1 1.2 0.2\n", ["1.2 is outside [0, 1]"]),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2\n" * 2, ["the same polygon as line 1"]),
        ("9 9 9 9\n0 0.5 0.5 0 0\n7 0.5 0.5 0.1 0.1\n", ["4 columns", "no area", "class 7"]),
    ],
)
def test_label_files_of_every_kind(data, text, messages):
    (data / "labels/val/000001.txt").write_text(text, encoding="utf-8")
    found = problems(data)
    assert len(found) == len(messages) and all(m in f for m, f in zip(messages, found, strict=True)), found


def test_keypoints_are_known(data):
    with open(data / "road_objects.yaml", "a") as file:
        file.write("kpt_shape: [2, 3]\n")
    for label in data.glob("labels/*/*.txt"):
        label.write_text("0 0.5 0.5 0.2 0.3 0.5 0.5 2 0.4 0.4 0\n")
    assert problems(data) == []


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(alphabet="0123456789.-+e naif_\n\t\r\x0c", max_size=200) | st.text(max_size=80))
def test_no_label_file_is_too_strange(text):
    rows, found = parse_labels(text, 4)
    assert np.isfinite(rows).all() and ((rows[:, 0] >= 0) & (rows[:, 0] < 4)).all() and (rows[:, 3:] > 0).all()
    assert all(1 <= line <= len(text.splitlines()) and message for line, message in found)


# none of these words names a folder of this machine
WORDS = st.text(alphabet="ab:#-\"'\x00ü", max_size=5) | st.just("images/train")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.sampled_from(["path", "train", "val", "test", "names", "nc", "kpt_shape"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.integers(), inner, max_size=3),
        ),
    )
)
def test_no_yaml_is_too_strange(tmp_path_factory, original, content):
    file = tmp_path_factory.getbasetemp() / "strange.yaml"
    file.write_text(yaml.safe_dump(content, allow_unicode=True))
    assert all(isinstance(p, Problem) for p in check(file))


def spoil_image(data, how):
    image = data / "images/val/000001.jpg"
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    if how == "missing":
        image.unlink()
    elif how == "empty":
        image.write_bytes(b"")
    elif how == "text":
        image.write_text("I am not a picture")
    elif how == "cut":
        image.write_bytes(image.read_bytes()[:700])
    elif how == "tiny":
        Image.new("RGB", (1, 1)).save(image)
    elif how == "link":
        image.rename(data.parent / "elsewhere.jpg")
        image.symlink_to(data.parent / "elsewhere.jpg")
    elif how == "dangling":
        image.unlink()
        image.symlink_to(data.parent / "nowhere.jpg")
    elif how == "cmyk":
        Image.fromarray(pixels).convert("CMYK").save(image)
    elif how == "sixteen":
        image.unlink()
        Image.fromarray(pixels[..., 0].astype(np.uint16) * 257).save(image.with_suffix(".png"))


@pytest.mark.parametrize(
    "how, message",
    [
        ("missing", "labels/val/000001.txt: the image is missing"),
        ("empty", "images/val/000001.jpg: the image is empty (0 bytes)"),
        ("text", "images/val/000001.jpg: the image cannot be read: it is not an image"),
        ("cut", "images/val/000001.jpg: the image cannot be read: "),
        ("tiny", "images/val/000001.jpg: the image is only 1 x 1 px"),
        ("link", "leaves the dataset folder"),
        ("dangling", "images/val/000001.jpg: the image is missing: the link leads to"),
        ("cmyk", None),
        ("sixteen", None),
    ],
)
def test_a_bad_image_is_named_and_an_unusual_one_is_not(data, how, message):
    spoil_image(data, how)
    found = problems(data)
    assert (found == []) if message is None else (len(found) == 1 and message in found[0])


def test_missing_and_unreadable_labels(data):
    (data / "labels/val/000000.txt").unlink()
    (data / "labels/val/000001.txt").write_bytes(b"\xff\xfe\x00 0.5")
    found = problems(data)
    assert "images/val/000000.jpg: the label file" in found[0] and "is missing (an empty one says" in found[0]
    assert "labels/val/000001.txt: cannot be read as text in UTF-8" in found[1] and len(found) == 2


def test_the_same_picture_in_two_splits(data):
    image = Image.open(data / "images/train/000002.jpg")
    image.save(data / "images/val/copy.png")  # other bytes, same pixels
    (data / "labels/val/copy.txt").write_text(GOOD)
    shutil.copy(data / "images/train/000000.jpg", data / "images/train/twice.jpg")  # in one split: no leak
    (data / "labels/train/twice.txt").write_text(GOOD)
    found = problems(data)
    assert len(found) == 1 and found[0].startswith(
        "images/val/copy.png: copy.png in val is the same picture as images/train/000002.jpg in train"
    )


@pytest.mark.parametrize(
    "change, wanted",
    [
        (lambda t: t.replace("names:", "nomes:"), "names: is missing"),
        (lambda t: t.replace("train: images/train", ""), "train: is missing"),
        (lambda t: t.replace("val: images/val", "val:"), ":3: val: is missing"),
        (lambda t: t.replace("val: images/val", "val: images/vals"), ":3: val: "),
        (lambda t: t.replace("val: images/val", "val: [images/val, 3]"), ":3: val must be a folder"),
        (lambda t: t.replace("test: images/test", "test: ../other"), ":4: test: "),
        (lambda t: t.replace("path: ", "path: /nowhere"), ":1: the dataset folder"),
        (lambda t: t.replace("  3: bus", "  7: bus"), ":6: the class numbers must be 0 to 3, not [0, 1, 2, 7]"),
        (lambda t: t.replace("  3: bus", "  3: car"), ":6: two classes have the same name"),
        (lambda t: t.replace("  3: bus", "  three: bus"), ":6: the class numbers must be whole numbers"),
        (lambda t: t + "nc: 5\n", ":11: nc says 5 classes, names lists 4"),
        (lambda t: t + "val: images/test\n", ":11: the key 'val' is there twice"),
        (lambda t: t + "  bad: [1, 2\n", "not valid YAML"),
        (lambda t: "just a line of text", "not a mapping"),
        (lambda t: "", "not a mapping"),
        (lambda t: t.replace("names:", "names: []\nothers:"), ":6: names must list at least one class"),
    ],
)
def test_a_bad_yaml_is_named_with_its_line(data, change, wanted):
    file = data / "road_objects.yaml"
    (data.parent / "other").mkdir()
    file.write_text(change(file.read_text()))
    found = problems(data)
    assert found and wanted in found[0] and found[0].startswith("road_objects.yaml"), found


def test_what_ultralytics_accepts_is_accepted(data):
    file = data / "road_objects.yaml"
    (data / "train.txt").write_text("".join(f"./images/train/{i:06d}.jpg\n" for i in range(3)) + "\nnote.md\n")
    for text in (
        f"path: {data}\ntrain: train.txt\nval: [images/val, images/test]\nnames: [person, bicycle, car, bus]\n",
        "train: images/train\nvalidation: images/val\nnc: 4\n",
        f"path: {data}/images\ntrain: train\nval: val\nnames: {{'0': a, '1': b, '2': c, '3': d}}\n",
    ):
        file.write_text(text)
        if "/images\n" not in text:
            assert problems(data) == []
            assert len(read(file, "train")) == 3
        else:  # the labels are not below path
            assert all("leaves the dataset folder" in p for p in problems(data))
    file.write_text(f"path: {data}\ntrain: train.txt\nval: images/val\nnc: 4\n")
    (data / "train.txt").write_text("./images/train/000000.jpg\n./images/train/000009.jpg\n/etc/x.jpg\n")
    found = problems(data)
    assert found[0].startswith("train.txt:2: the image ") and "000009.jpg is missing" in found[0]
    assert any(f.startswith("train.txt:3: ") for f in found)


def ultralytics_refuses(data) -> list[str]:
    """The images that Ultralytics' own check leaves out."""
    from ultralytics.data.utils import check_det_dataset, img2label_paths, verify_image_label

    info = check_det_dataset(str(data / "road_objects.yaml"), autodownload=False)
    assert info["nc"] == 4 and list(info["names"].values()) == ["person", "bicycle", "car", "bus"]
    refused = []
    for split in ("train", "val", "test"):
        images = sorted(str(p) for p in (data / "images" / split).iterdir())
        for image, label in zip(images, img2label_paths(images), strict=True):
            result = verify_image_label((image, label, "", False, info["nc"], 0, 0, False))
            if result[0] is None:
                refused.append(os.path.basename(image))
            elif os.path.isfile(label):
                ours = next(e for e in read(data / "road_objects.yaml", split) if str(e.image) == image)
                height, width = result[2]
                x, y, w, h = (result[1][:, 1:] * [width, height, width, height]).T
                assert np.array_equal(result[1][:, 0], ours.classes)
                assert np.allclose(np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1), ours.boxes, atol=1e-2)
    return refused


@pytest.fixture
def no_fonts(monkeypatch):
    monkeypatch.setattr("ultralytics.data.utils.check_font", lambda *_: None)


def test_ultralytics_agrees_on_good_data(data, no_fonts):
    assert check(data / "road_objects.yaml") == [] and ultralytics_refuses(data) == []


@pytest.mark.parametrize("how", ["empty", "text", "cut", "tiny", "cmyk", "sixteen"])
def test_ultralytics_agrees_on_images(data, no_fonts, how):
    spoil_image(data, how)
    ours = sorted({os.path.basename(p.file) for p in check(data / "road_objects.yaml")})
    if ours:  # read() would stop at them
        (data / "labels/val/000001.txt").write_text("")
        assert ours == ["000001.jpg"]
        from ultralytics.data.utils import verify_image_label

        image = str(data / "images/val/000001.jpg")
        assert verify_image_label((image, str(data / "labels/val/000001.txt"), "", False, 4, 0, 0, False))[0] is None
    else:
        assert ultralytics_refuses(data) == []


def test_the_command_prints_every_problem_and_says_so_in_its_exit_status(data, capsys):
    assert main(["data", "check", str(data / "road_objects.yaml")]) == 0
    assert "no problems" in capsys.readouterr().out
    (data / "labels/val/000001.txt").write_text("9 0.5 0.5 0.1 0.1\n0 0.5 0.5 0 0.1\n")
    (data / "images/train/000000.jpg").write_bytes(b"")
    assert main(["data", "check", str(data / "road_objects.yaml")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{data}/images/train/000000.jpg: the image is empty (0 bytes)"
    assert lines[1].startswith(f"{data}/labels/val/000001.txt:1: class 9")
    assert lines[3] == "3 problems in 2 files."
    assert main(["data", "check", str(data / "none.yaml")]) == 1
    assert "does not exist" in capsys.readouterr().err
    with pytest.raises(CourseError, match="is a folder; name the YAML"):
        check(data)


def test_the_commands_make_datasets(tmp_path, capsys, real_photos):
    out = tmp_path / "ro"
    words = ["data", "road-objects", "--out", str(out), "--train", "1", "--val", "1", "--test", "1", "--size", "64"]
    assert main(words) == 0
    assert "Drew 3 road scenes" in capsys.readouterr().out
    assert main([*words[:-1], "96"]) == 1
    assert "another dataset" in capsys.readouterr().err
    words = [
        "data",
        "from-coco",
        "--annotations",
        str(real_photos / "annotations/instances_val2017.json"),
        "--images",
        str(real_photos / "images/val2017"),
        "--out",
        str(tmp_path / "coco"),
        "--limit",
        "30",
    ]
    assert main(words) == 0
    assert "of 30 photographs" in capsys.readouterr().out
    assert main(["data", "check", str(tmp_path / "coco/road_objects.yaml")]) == 0
