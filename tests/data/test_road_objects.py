import json
import os
import shutil

import numpy as np
import pytest
import yaml

from coursekit.data.drawn import scene_seed
from coursekit.data.yolo import road_objects
from coursekit.data.yolo.folder import building, found
from coursekit.data.yolo.road_objects import CLASS_NAMES, build, check, get, read
from coursekit.runtime import CourseError, shipped
from coursekit.scenes.road_scenes import draw_scene

COUNTS = {"train": 27, "val": 2, "test": 1}  # enough to be drawn by several processes


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return build(tmp_path_factory.mktemp("built") / "ro", **COUNTS, size=64, seed=5)


def test_the_yaml_is_the_courses(built):
    ours, course = built.read_text(), shipped("road_objects", "road_objects.yaml").read_text()
    assert ours == course.replace("/content/datasets/road_objects", str(built.parent))
    assert course.startswith(
        "path: /content/datasets/road_objects     # on Colab; elsewhere the folder that was built\n"
    )
    assert list(yaml.safe_load(course)) == ["path", "train", "val", "test", "names"]
    assert tuple(yaml.safe_load(course)["names"].values()) == CLASS_NAMES


def test_a_folder_with_a_difficult_name_is_written_so_that_yaml_reads_it(tmp_path):
    yaml_path = build(tmp_path / 'a: b # "c" ü', train=1, val=1, test=0, size=64)
    assert yaml.safe_load(yaml_path.read_text())["path"] == str(yaml_path.parent)
    assert check(yaml_path) == []


def test_labels_give_back_the_boxes_that_were_drawn(built):
    for split, count in COUNTS.items():
        examples = read(built, split)
        assert [e.image.name for e in examples] == [f"{i:06d}.jpg" for i in range(count)]
        for i in (0, count - 1):
            scene, example = draw_scene(scene_seed(split, 5, i), 64), examples[i]
            assert np.array_equal(example.classes, scene.classes) and example.classes.dtype == np.int64
            assert np.abs(example.boxes - scene.boxes).max() < 1e-3 and example.boxes.dtype == np.float32
            assert np.abs(example.pixels().astype(int) - scene.image).mean() < 12  # JPEG
    line = (built.parent / "labels/train/000000.txt").read_text().splitlines()[0]
    assert [len(word.partition(".")[2]) for word in line.split()] == [0, 6, 6, 6, 6]


def test_the_record_says_how_it_was_made(built):
    record = json.loads((built.parent / "road_objects.json").read_text())
    assert record["request"] == {"source": "drawn scenes", **COUNTS, "size": 64, "seed": 5}
    boxes = record["counts"]["train"]["boxes"]
    assert sum(boxes.values()) == sum(len(e.classes) for e in read(built, "train"))
    assert record["made_by"].startswith("coursekit ")


def test_the_same_request_does_nothing_and_another_is_refused(built, capsys):
    before = {p: p.stat().st_mtime_ns for p in built.parent.rglob("*")}
    assert build(built.parent, **COUNTS, size=64, seed=5) == built
    assert "Already there" in capsys.readouterr().out
    with pytest.raises(CourseError, match="another dataset .seed 5 there, 6 wanted"):
        build(built.parent, **COUNTS, size=64, seed=6)
    assert {p: p.stat().st_mtime_ns for p in built.parent.rglob("*")} == before
    assert [p.name for p in built.parent.parent.iterdir()] == ["ro"]


def test_nothing_is_overwritten_and_nothing_half_built(tmp_path, monkeypatch):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(CourseError, match="not a dataset of this course"):
        build(mine, 1, 1, 0, 64)
    with pytest.raises(CourseError, match="is a file"):
        build(mine / "thesis.txt", 1, 1, 0, 64)
    for record in ("[]", '{"request": [1]}', '{"request": null}', "{", "\xff"):
        (mine / "road_objects.json").write_text(record, encoding="latin-1")
        with pytest.raises(CourseError, match="not a dataset of this course"):
            build(mine, 1, 1, 0, 64)
    (mine / "road_objects.json").unlink()
    assert [p.name for p in mine.iterdir()] == ["thesis.txt"]
    with pytest.raises(CourseError, match="at least one scene"):
        build(tmp_path / "new", 0, 1, 0)
    with pytest.raises(CourseError, match="64 px"):
        build(tmp_path / "new", 1, 1, 0, size=8)
    (tmp_path / ".new.999999999.part").mkdir()  # of a build that was killed
    (tmp_path / f".new.{os.getppid()}.part").mkdir()  # of one that runs
    drawn = []

    def breaks(*args):
        if drawn:
            raise OSError(28, "No space left on device")
        drawn.append(draw_scene(*args))
        return drawn[0]

    monkeypatch.setattr(road_objects, "draw_scene", breaks)
    with pytest.raises(CourseError, match="No space left"):
        build(tmp_path / "new", 1, 1, 0, 64)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f".new.{os.getppid()}.part", "mine"]


def test_an_empty_folder_is_as_good_as_none(tmp_path):
    (tmp_path / "here").mkdir()
    assert build(tmp_path / "here", 1, 1, 0, 64).parent == tmp_path / "here"


def test_get_gives_scenes_offline_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path))
    monkeypatch.setenv("COURSEKIT_BUDGET", "quick")
    first = get(1, 1, 1, size=64)
    assert first == tmp_path / "datasets/road_objects/road_objects.yaml"
    assert capsys.readouterr().out.endswith("Dataset: drawn road scenes (quick budget).\n")
    monkeypatch.setenv("COURSEKIT_BUDGET", "full")
    assert get(1, 1, 1, size=64) == first
    assert capsys.readouterr().out.endswith("Dataset: drawn road scenes (offline).\n")
    second = get(2, 1, 1, size=64)
    assert second != first and len(read(second, "train")) == 2 and len(read(first, "train")) == 1


def test_read_says_what_it_cannot_read(built, tmp_path):
    with pytest.raises(CourseError, match="has no split 'testing'; it has train, val, test"):
        read(built, "testing")
    with pytest.raises(CourseError, match="does not exist"):
        read(tmp_path / "none.yaml")
    copy = shutil.copytree(built.parent, tmp_path / "copy")
    text = (copy / "road_objects.yaml").read_text()
    (copy / "road_objects.yaml").write_text(text.replace(str(built.parent), str(copy)))
    label = copy / "labels/val/000001.txt"
    label.write_text("0 0.5 0.5 0.1 0.1\n9 0.5 0.5 0.1 0.1\n")
    with pytest.raises(CourseError, match="000001.txt:2: class 9 is out of range"):
        read(copy / "road_objects.yaml", "val")
    label.unlink()
    assert len(read(copy / "road_objects.yaml", "val")[1].boxes) == 0


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


def test_two_lessons_that_build_at_the_same_moment_both_get_their_scenes(monkeypatch, tmp_path):
    """The other lesson's dataset appears while this one is being drawn."""
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path))
    monkeypatch.setenv("COURSEKIT_BUDGET", "quick")
    calls, build = [], road_objects.build

    def late(out, *request):
        calls.append(out)
        if len(calls) == 1:
            build(out, 2, 1, 1, 64, 8)
            raise CourseError(f"Cannot build the dataset {out}: Directory not empty.")
        return build(out, *request)

    monkeypatch.setattr(road_objects, "build", late)
    yaml = road_objects.get(train=3, val=1, test=1, size=64, seed=9)
    assert [out.name for out in calls] == ["road_objects", "road_objects_3_1_1_64px_seed9"]
    assert yaml.parent == calls[1] and len(list((yaml.parent / "images" / "train").iterdir())) == 3
