"""Annotation files that are JSON, but not what COCO writes."""

import json

import pytest
from PIL import Image

from coursekit.data.yolo.coco import from_coco, split_of
from coursekit.data.yolo.road_objects import check
from coursekit.runtime import CourseError

LONG = 10**400


@pytest.fixture
def data(tmp_path):
    """A small COCO: photographs in tmp_path/photos, and what its annotation file shall say."""
    (tmp_path / "photos").mkdir()
    numbers = [next(n for n in range(1, 500) if split_of(n) == split) for split in ("train", "val")]
    for n in numbers:
        Image.new("RGB", (100, 80), (n, n, n)).save(tmp_path / f"photos/{n}.jpg")
    return {
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": 100, "height": 80} for n in numbers],
        "annotations": [{"image_id": n, "category_id": 1, "bbox": [10, 20, 30, 40]} for n in numbers],
        "categories": [{"id": 1, "name": "person"}],
    }


def make(tmp_path, text: str):
    (tmp_path / "made.json").write_text(text, encoding="utf-8")
    return from_coco(tmp_path / "made.json", tmp_path / "photos", tmp_path / "out")


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda d: d.update(categories=None), "categories is None instead of a list"),
        (lambda d: d["categories"].append({"id": [1]}), r"categories\[1\] has the id \[1\]"),
        (lambda d: d["annotations"][1].update(image_id=[1]), r"annotations\[1\] has the image_id \[1\]"),
        (lambda d: d["annotations"][1].update(category_id=[1]), r"annotations\[1\] has the category_id \[1\]"),
        (lambda d: d["images"].append(None), r"images\[2\] has no whole number as id"),
        (lambda d: d["annotations"].append([]), r"annotations\[2\] has the image_id None"),
        (lambda d: d["images"][1].update(file_name="a\0.jpg"), r"images\[1\] has no file_name"),
        (lambda d: d["annotations"][1].update(bbox=[1, 2, 3, LONG]), r"annotations\[1\] has the bbox \[1, 2, 3, 1000"),
        (lambda d: d["images"][1].update(width=LONG), r"images\[1\] has width 1000"),
    ],
)
def test_what_is_not_coco_is_named(data, tmp_path, spoil, words):
    spoil(data)
    with pytest.raises(CourseError, match=f"made.json: {words}") as error:
        make(tmp_path, json.dumps(data))
    assert len(str(error.value)) < 400 and not (tmp_path / "out").exists()


def test_a_byte_order_mark_is_read_over(data, tmp_path):
    assert check(make(tmp_path, "\ufeff" + json.dumps(data))) == []


@pytest.mark.parametrize("name", ["b.gif", "b.ppm", "b", "b.jpg "])
def test_what_yolo_would_not_read_is_refused_by_name(data, tmp_path, name):
    photo = tmp_path / "photos" / data["images"][1]["file_name"]
    photo.rename(tmp_path / "photos" / name)
    data["images"][1]["file_name"] = name
    with pytest.raises(CourseError, match=f"made.json: .*of 1 photographs.*\n  {name}\n"):
        make(tmp_path, json.dumps(data))
    assert not (tmp_path / "out").exists()


def test_a_name_that_no_file_can_have_is_missing(data, tmp_path):
    data["images"][1]["file_name"] = "\ud800.jpg"
    with pytest.raises(CourseError, match="1 of 2 photographs are missing") as error:
        make(tmp_path, json.dumps(data))
    str(error.value).encode("utf-8")
