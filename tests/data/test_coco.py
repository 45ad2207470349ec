import copy
import json
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from coursekit.data.yolo import coco_files
from coursekit.data.yolo.coco import from_coco, split_of
from coursekit.data.yolo.road_objects import check, read
from coursekit.runtime import CourseError

SIZE = (100, 80)
CATEGORIES = [
    {"id": 1, "name": "person"},
    {"id": 2, "name": "bicycle"},
    {"id": 3, "name": "car"},
    {"id": 6, "name": "bus"},
    {"id": 18, "name": "dog"},
]


def image(number, name=None):
    return {
        "id": number,
        "file_name": name or f"{number:012d}.jpg",
        "width": SIZE[0],
        "height": SIZE[1],
        "coco_url": f"{coco_files.OFFICIAL}/val2017/{number:012d}.jpg",
    }


def box(number, category, bbox, crowd=0):
    return {"image_id": number, "category_id": category, "bbox": bbox, "iscrowd": crowd}


def ids(split, count):
    return [n for n in range(1, 500) if split_of(n) == split][:count]


class Made:
    """A small COCO: photographs with noise in a folder, annotations in a file."""

    def __init__(self, folder, numbers):
        self.folder, self.images = folder, folder / "photos"
        self.images.mkdir(parents=True)
        self.data = {
            "images": [image(n) for n in numbers],
            "categories": copy.deepcopy(CATEGORIES),
            "annotations": [box(n, 1, [10, 20, 30, 40]) for n in numbers],
        }
        for n in numbers:
            self.draw(n)

    def draw(self, number, **save):
        noise = np.random.default_rng(number).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
        Image.fromarray(noise).save(self.images / f"{number:012d}.jpg", **save)

    @property
    def annotations(self):
        (self.folder / "instances.json").write_text(json.dumps(self.data))
        return self.folder / "instances.json"

    def make(self, **options):
        return from_coco(self.annotations, self.images, self.folder / "out", **options)


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path, ids("train", 3) + ids("val", 2) + ids("test", 1))


def test_boxes_classes_and_splits(made, capsys):
    number = ids("train", 1)[0]
    empty = max(ids("train", 30))
    made.draw(empty)
    made.data["images"].append(image(empty))
    made.data["annotations"] = [a for a in made.data["annotations"] if a["image_id"] != number] + [
        box(number, 2, [0, 0, 50, 40]),
        box(number, 3, [90, 70, 30, 30]),
        box(number, 6, [-10, 10, 20, 20]),
        box(number, 18, [1, 1, 9, 9]),
        box(number, 1, [0, 0, 90, 70], crowd=1),
        box(number, 1, [5, 5, 0, 10]),
        box(number, 1, [120, 5, 10, 10]),
        box(number, 2, [0, 0, 50, 40]),
        box(99999, 1, [1, 1, 5, 5]),
    ]
    yaml = made.make()
    assert check(yaml) == []
    train = {int(e.image.stem): e for e in read(yaml, "train")}
    assert sorted(train) == ids("train", 3)
    assert train[number].classes.tolist() == [1, 2, 3]
    assert np.allclose(train[number].boxes, [[0, 0, 50, 40], [90, 70, 100, 80], [0, 10, 10, 30]], atol=1e-3)
    assert [int(e.image.stem) for e in read(yaml, "test")] == ids("test", 1)
    said = capsys.readouterr().out
    for words in (
        "1 crowd boxes",
        "2 boxes without area",
        "1 repeated boxes",
        "1 photographs without any",
        "1 boxes of photographs that the file does not list",
    ):
        assert words in said
    record = json.loads((yaml.parent / "road_objects.json").read_text())
    assert record["counts"]["train"]["boxes"] == {"person": 2, "bicycle": 1, "car": 1, "bus": 1}


def test_keep_empty_keeps_the_others_with_an_empty_label_file(made):
    empty = max(ids("train", 30))
    made.draw(empty)
    made.data["images"].append(image(empty))
    yaml = made.make(keep_empty=True)
    assert (yaml.parent / f"labels/train/{empty:012d}.txt").read_text() == "" and check(yaml) == []


def test_a_larger_limit_only_adds_and_no_photograph_changes_its_split(tmp_path):
    made = Made(tmp_path, range(1, 41))
    folders = {}
    for limit in (12, 25, None):
        yaml = from_coco(made.annotations, made.images, tmp_path / f"out{limit}", limit=limit)
        folders[limit] = {p.relative_to(yaml.parent) for p in (yaml.parent / "images").rglob("*.jpg")}
    assert [len(f) for f in folders.values()] == [12, 25, 40]
    assert folders[12] < folders[25] < folders[None]


def test_splits_are_what_they_were_last_year():
    """A changed hash would mix old training photographs into new tests."""
    splits = {2: "val", 9: "train", 139: "train", 776: "val", 10: "test", 11: "test"}
    assert {n: split_of(n) for n in splits} == splits
    shares = [sum(split_of(n) == s for n in range(4000)) / 4000 for s in ("train", "val", "test")]
    assert np.allclose(shares, (0.7, 0.15, 0.15), atol=0.02)


def test_the_same_request_does_nothing(made, capsys):
    made.make()
    capsys.readouterr()
    made.make()
    assert "Already there" in capsys.readouterr().out
    with pytest.raises(CourseError, match="limit None there, 4 wanted"):
        made.make(limit=4)


@pytest.mark.parametrize("turn, stored", [(1, True), (3, True), (6, True), (6, False)])
def test_a_turned_photograph_keeps_its_boxes(made, turn, stored):
    """EXIF turns what is shown, COCO's boxes belong to what is stored; unless width and height say the opposite."""
    number = ids("train", 1)[0]
    exif = Image.Exif()
    exif[0x0112] = turn
    made.draw(number, exif=exif, quality=95)
    if not stored:
        made.data["images"][0] |= {"width": SIZE[1], "height": SIZE[0]}
    example = read(made.make(), "train")[0]
    assert example.pixels().shape[:2] == (SIZE[::-1] if stored else SIZE)
    assert np.allclose(example.boxes, [[10, 20, 40, 60]], atol=1e-2)
    original = np.asarray(Image.open(made.images / f"{number:012d}.jpg"))
    if stored:
        assert np.array_equal(example.pixels(), original)
    assert Image.open(made.images / f"{number:012d}.jpg").getexif()[0x0112] == turn  # the user's own file stays


def test_photographs_are_found_below_the_folders_and_missing_ones_named(made):
    deep = made.images / "deeper"
    deep.mkdir()
    names = sorted(p.name for p in made.images.glob("*.jpg"))
    shutil.move(made.images / names[0], deep)
    made.make()
    for name in names[1:]:
        (made.images / name).unlink()
    with pytest.raises(CourseError, match=f"5 of 6 photographs are missing:\n  {names[1]}"):
        from_coco(made.annotations, [made.images], made.folder / "other")
    shutil.copy(deep / names[0], made.images / "b.jpg")
    for folder in ("x", "y"):
        (made.images / folder).mkdir()
        shutil.copy(deep / names[0], made.images / folder / names[1])
    with pytest.raises(CourseError, match="there more than once"):
        from_coco(made.annotations, [made.images], made.folder / "other")
    assert not (made.folder / "other").exists()


@pytest.mark.parametrize(
    "spoil, words",
    [
        (lambda d: d.pop("images"), "not a COCO annotation file"),
        (lambda d: d["images"][0].pop("file_name"), r"images\[0\] has the file_name None"),
        (lambda d: d["images"][1].update(file_name="../../etc/passwd"), r"images\[1\] has the file_name .*passwd"),
        (lambda d: d["images"][1].update(id="seven"), r"images\[1\] has the id .seven"),
        (lambda d: d["images"][1].update(width=0), r"images\[1\] has the width 0"),
        (lambda d: d["images"].append(d["images"][0]), "is there twice"),
        (lambda d: d["annotations"][2].update(bbox=[1, 2, 3]), r"annotations\[2\] has the bbox"),
        (lambda d: d["annotations"][2].update(bbox=[1, 2, 3, float("nan")]), r"annotations\[2\] has the bbox"),
        (lambda d: d["annotations"][2].pop("image_id"), r"annotations\[2\] has the image_id None"),
        (lambda d: d["categories"][0].update(name="dog"), "category 1 is 'dog'"),
        (lambda d: d["annotations"].clear(), "No photograph in .* shows a person"),
        (lambda d: d["images"][0].update(width=333), "it is another picture"),
        (lambda d: d.update(categories=None), "no list .categories"),
        (lambda d: d["categories"].append({"id": [1]}), r"categories\[5\] has the id \[1\]"),
        (lambda d: d["annotations"][1].update(image_id=[1]), r"annotations\[1\] has the image_id \[1\]"),
        (lambda d: d["annotations"][1].update(category_id=[1]), r"annotations\[1\] has the category_id \[1\]"),
        (lambda d: d["annotations"].append([]), r"annotations\[6\] has the image_id None"),
        (
            lambda d: d["annotations"][1].update(bbox=[1, 2, 3, 10**400]),
            r"annotations\[1\] has the bbox \[1, 2, 3, 1000",
        ),
        (lambda d: d["images"].append(None), r"images\[6\] has the id None"),
        (lambda d: d["images"][1].update(width=10**400), r"images\[1\] has the width 1000"),
        (lambda d: d["images"][1].update(file_name="a\0.jpg"), r"images\[1\] has the file_name"),
        (lambda d: d["images"][1].update(file_name="\ud800.jpg"), "1 of 6 photographs are missing"),
        (
            lambda d: d["images"][1].update(coco_url=7, file_name="none.jpg"),
            "1 of 6 photographs are missing:\n  none.jpg",
        ),
    ],
)
def test_what_is_not_coco_is_named(made, spoil, words):
    spoil(made.data)
    with pytest.raises(CourseError, match=words) as error:
        made.make()
    assert "instances.json" in str(error.value) or "jpg" in str(error.value)
    assert len(str(error.value).encode("utf-8")) < 600 and not (made.folder / "out").exists()


def test_a_byte_order_mark_is_read_over(made):
    text = made.annotations.read_text()
    (made.folder / "marked.json").write_text("\ufeff" + text, encoding="utf-8")
    assert check(from_coco(made.folder / "marked.json", made.images, made.folder / "out")) == []


@pytest.mark.parametrize("name", ["b.gif", "b.ppm", "b", "b.jpg "])
def test_what_yolo_would_not_read_is_refused_by_name(made, name):
    photo = made.images / made.data["images"][1]["file_name"]
    photo.rename(made.images / name)
    made.data["images"][1]["file_name"] = name
    with pytest.raises(CourseError, match=f"instances.json: .*of 1 photographs.*\n  {name}\n"):
        made.make()
    assert not (made.folder / "out").exists()


def test_damaged_files_are_named(made):
    with pytest.raises(CourseError, match="annotation file .*none.json: No such file"):
        from_coco(made.folder / "none.json", made.images, made.folder / "out")
    (made.folder / "cut.json").write_text('{"images": [\n{"id": 1,')
    with pytest.raises(CourseError, match="cut.json:2: not valid JSON"):
        from_coco(made.folder / "cut.json", made.images, made.folder / "out")
    with pytest.raises(CourseError, match="no image folder"):
        from_coco(made.annotations, made.folder / "nowhere", made.folder / "out")
    with pytest.raises(CourseError, match="limit must be at least 1"):
        made.make(limit=0)
    photo = sorted(made.images.iterdir())[0]
    photo.write_bytes(photo.read_bytes()[:2000])
    with pytest.raises(CourseError, match=f"1 of 6 photographs cannot be used:\n.*{photo.name}"):
        made.make()
    assert photo.exists() and not (made.folder / "out").exists()


def served(server, real_photos, monkeypatch, tmp_path):
    """COCO's server, with the real photographs of val and their annotations zipped."""
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COURSEKIT_COCO_URL", server.url)
    data = json.loads((real_photos / "annotations/instances_val2017.json").read_text())
    for entry in data["images"]:
        entry["coco_url"] = f"{coco_files.OFFICIAL}/val2017/{entry['file_name']}"
        photo = real_photos / "images/val2017" / entry["file_name"]
        server.files[f"/val2017/{entry['file_name']}"] = photo.read_bytes()
    with zipfile.ZipFile(tmp_path / "zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("annotations/captions_val2017.json", "{}")
        archive.writestr(coco_files.MEMBER, json.dumps(data))
    server.files["/" + coco_files.ANNOTATIONS] = (tmp_path / "zip").read_bytes()
    return data


def test_real_photographs_over_a_bad_network(server, real_photos, monkeypatch, tmp_path, capsys):
    served(server, real_photos, monkeypatch, tmp_path)
    zipped = server.files["/" + coco_files.ANNOTATIONS]
    server.moods["/" + coco_files.ANNOTATIONS] = [("cut", len(zipped) // 2)]
    yaml = from_coco(out=tmp_path / "out", limit=20)
    assert server.requests[:2] == [
        ("/" + coco_files.ANNOTATIONS, None),
        ("/" + coco_files.ANNOTATIONS, f"bytes={len(zipped) // 2}-"),
    ]
    assert len(server.requests) == 2 + 20 and "20 fetched, 0 already there" in capsys.readouterr().out
    assert check(yaml) == []

    server.requests.clear()
    from_coco(out=tmp_path / "out", limit=20)
    from_coco(out=tmp_path / "again", limit=20)
    assert server.requests == []

    names = {p.stem for p in (tmp_path / "again/images").rglob("*.jpg")}
    wanted = [path for path in server.files if path.startswith("/val2017/") and path[9:21] not in names]
    for path in wanted:
        server.moods[path] = [("cut", 1000)]
    gone = {path: server.files.pop(path) for path in wanted}
    with pytest.raises(CourseError, match="of [0-9]+ files could not be fetched(.|\n)*404"):
        from_coco(out=tmp_path / "more", limit=30)
    assert not (tmp_path / "more").exists()
    server.files |= {path: body[:3000] for path, body in gone.items()}  # whole for HTTP, but half a picture
    with pytest.raises(CourseError, match="10 of 30 photographs cannot be used(.|\n)*They are deleted"):
        from_coco(out=tmp_path / "more", limit=30)
    server.files |= gone
    server.first.clear()
    server.requests.clear()
    yaml = from_coco(out=tmp_path / "more", limit=30)
    assert check(yaml) == [] and len(set(server.paths())) == 10


def test_without_a_network_the_way_out_is_named(monkeypatch, tmp_path, made):
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    with pytest.raises(CourseError, match="COURSEKIT_OFFLINE(.|\n)*--annotations and --images"):
        from_coco(out=tmp_path / "out")
    for entry in made.data["images"]:
        entry.pop("coco_url")
    with pytest.raises(CourseError, match="has no coco_url.*--images"):
        from_coco(made.annotations, out=tmp_path / "out")
    monkeypatch.setenv("COURSEKIT_OFFLINE", "0")
    for entry in made.data["images"]:
        entry["coco_url"] = "file:///etc/passwd"
    with pytest.raises(CourseError, match="'file:///etc/passwd' is not an http"):
        from_coco(made.annotations, out=tmp_path / "out")


def test_real_photographs_from_files(real_photos, tmp_path):
    annotations = sorted((real_photos / "annotations").glob("*.json"))
    yaml = from_coco(annotations, [real_photos / "images"], tmp_path / "out")
    boxes = sum(len(e.classes) for split in ("train", "val", "test") for e in read(yaml, split))
    wanted = sum(
        a["category_id"] in (1, 2, 3, 6) and not a["iscrowd"]
        for f in annotations
        for a in json.loads(f.read_text())["annotations"]
    )
    assert check(yaml) == [] and boxes == wanted
