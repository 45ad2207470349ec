"""`coursekit data split`: whole groups, near their shares, the same every time, and nothing overwritten."""

import itertools
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from coursekit.cli import main
from coursekit.data.yolo.groups import placed
from coursekit.data.yolo.road_objects import check, read
from coursekit.data.yolo.split import split_dataset
from coursekit.runtime import CourseError

NAMES = ["person", "car"]
LISTS = ["test.txt", "train.txt", "val.txt"]
SHARES = np.array([0.6, 0.2, 0.2])


class Mine:
    """A folder of photographs, each of its own gray; `add` puts one in, with the lines of its label file or none."""

    def __init__(self, folder):
        self.folder, self.gray = folder, itertools.count()
        folder.mkdir()

    def add(self, name, labels="0 0.5 0.5 0.2 0.3\n"):
        image = self.folder / "images" / name
        label = (self.folder / "labels" / name).with_suffix(".txt")
        for file in (image, label):
            file.parent.mkdir(parents=True, exist_ok=True)
        number = next(self.gray)
        Image.new("RGB", (16, 16), (number % 256, number // 256, 0)).save(image)
        if labels is not None:
            label.write_text(labels)
        return image

    def many(self, count, folder="", **more):
        for i in range(count):
            self.add(f"{folder}{i:03d}.png", **more)

    def files(self):
        return {file.name: file.read_text() for file in self.folder.iterdir() if file.is_file()}


@pytest.fixture
def mine(tmp_path):
    return Mine(tmp_path / "mine")


@pytest.fixture
def walks(mine):
    """Five walks of four photographs each."""
    for walk in "abcde":
        mine.many(4, f"walk_{walk}/")
    return mine


def images(split) -> dict[str, int]:
    return {name: made["images"] for name, made in split.counts.items()}


def test_the_shares_are_met_and_the_dataset_is_whole(mine):
    mine.many(15)
    for i in range(5):
        mine.add(f"cars_{i}.png", "1 0.5 0.5 0.2 0.3\n" * (i > 0) + "1 0.3 0.3 0.2 0.2\n")
    before = {file for file in mine.folder.rglob("*") if file.is_file()}
    made = split_dataset(mine.folder, NAMES)
    assert images(made) == {"train": 12, "val": 4, "test": 4} and made.new and made.warnings == ()
    boxes = {split: tuple(counts["boxes"].values()) for split, counts in made.counts.items()}
    assert sum(b[0] for b in boxes.values()) == 15 and all(b[1] >= 1 for b in boxes.values())
    assert check(made.yaml) == []
    examples = {split: read(made.yaml, split) for split in made.counts}
    assert {split: len(found) for split, found in examples.items()} == images(made)
    assert len({example.image for found in examples.values() for example in found}) == 20
    added = {file for file in mine.folder.rglob("*") if file.is_file()} - before
    assert sorted(file.name for file in added) == ["dataset.yaml", *LISTS]


def test_a_moved_dataset_is_read_by_ultralytics_too(walks, tmp_path):
    from coursekit.detection.validation import check_dataset, check_labels, dataset_images

    made = split_dataset(walks.folder, NAMES)
    moved = tmp_path / "elsewhere, 2"
    shutil.move(walks.folder, moved)
    yaml = check_dataset(moved / "dataset.yaml", "test")
    check_labels(yaml, ["train", "val", "test"])
    assert {split: len(dataset_images(yaml, split)) for split in made.counts} == images(made)
    assert all(image.is_file() for image in dataset_images(yaml, "val")) and check(yaml) == []


def test_ultralytics_finds_the_images_and_labels_of_a_list(walks):
    from ultralytics.data.base import BaseDataset
    from ultralytics.data.utils import img2label_paths

    split_dataset(walks.folder, NAMES)
    dataset = BaseDataset.__new__(BaseDataset)
    dataset.prefix, dataset.fraction = "", 1.0
    found = dataset.get_img_files(str(walks.folder / "val.txt"))
    assert len(found) == 4 and all(map(os.path.isfile, found)) and all(map(os.path.isfile, img2label_paths(found)))


def test_subfolders_stay_whole_and_are_named(walks):
    made = split_dataset(walks.folder, NAMES)
    assert images(made) == {"train": 12, "val": 4, "test": 4}
    assert sorted(sum(made.folders.values(), [])) == [f"walk_{walk}" for walk in "abcde"]
    for split, folders in made.folders.items():
        lines = (walks.folder / f"{split}.txt").read_text().splitlines()
        assert sorted({line.split("/")[2] for line in lines}) == folders
        assert f"{split:>7}: {', '.join(folders)}\n" in str(made)
    assert "none of them is in two splits" in str(made)


def test_by_image_divides_subfolders_and_says_what_that_costs(walks):
    made = split_dataset(walks.folder, NAMES, by_folder=False)
    lines = (walks.folder / "train.txt").read_text().splitlines()
    assert len(lines) == 12 and len({line.split("/")[2] for line in lines}) > 3
    assert "flattered" in str(made) and not any(made.folders.values())


def test_identical_files_stay_together(mine):
    mine.many(8)
    for i in range(4):
        first = mine.add(f"twin_{i}.png")
        shutil.copy(first, first.with_name(f"copy_{i}.png"))
        shutil.copy(mine.folder / f"labels/twin_{i}.txt", mine.folder / f"labels/copy_{i}.txt")
    for seed in range(5):
        made = split_dataset(mine.folder, NAMES, seed=seed, name=f"s{seed}")
        assert check(made.yaml) == []


def test_identical_files_join_their_folders_and_it_is_said(walks):
    shutil.copy(walks.folder / "images/walk_a/000.png", walks.folder / "images/walk_b/copy.png")
    (walks.folder / "labels/walk_b/copy.txt").write_text("")
    made = split_dataset(walks.folder, NAMES)
    assert any({"walk_a", "walk_b"} <= set(folders) for folders in made.folders.values())
    said = (
        "images/walk_a/000.png and images/walk_b/copy.png are the same picture, so that the folders walk_a and walk_b"
    )
    assert made.warnings[0].startswith(said)


def test_two_images_with_one_label_file_and_empty_images_of_two_folders(walks):
    image = walks.folder / "images/walk_a/000.png"
    Image.new("RGB", (16, 16), (1, 2, 3)).save(image.with_suffix(".bmp"))
    for walk in "de":
        (walks.folder / f"images/walk_{walk}/000.png").write_bytes(b"")  # broken, not related: `check` reports them
    assert not any("same picture" in warning for warning in split_dataset(walks.folder, NAMES).warnings)


def test_photographs_without_a_label_file_are_counted_and_empty_label_files_are_labels(mine):
    mine.many(6)
    mine.add("nothing_here.png", "")
    for i in range(3):
        mine.add(f"unlabelled_{i}.png", None)
    made = split_dataset(mine.folder, NAMES)
    assert sum(images(made).values()) == 7 and made.unlabelled == 3
    told = "3 photographs have no label file: they are in no split, and good for `coursekit pretrain`."
    assert told in str(made) and "unlabelled" not in "".join(mine.files().values())


def test_the_same_call_finds_its_files_and_another_is_refused(walks):
    first = split_dataset(walks.folder, NAMES)
    files = walks.files()
    again = split_dataset(walks.folder, NAMES)
    assert not again.new and again.counts == first.counts and walks.files() == files
    assert str(again).endswith(f"Already there: {first.yaml}")
    for other in ({"seed": 1}, {"val": 0.4}, {"names": ["a", "b"]}):
        with pytest.raises(CourseError, match="Nothing was written: choose --name OTHER, or delete"):
            split_dataset(walks.folder, **{"names": NAMES, **other})
    assert walks.files() == files
    split_dataset(walks.folder, NAMES, seed=1, name="other")
    assert sorted(set(walks.files()) - set(files)) == [
        "other.yaml",
        "other_test.txt",
        "other_train.txt",
        "other_val.txt",
    ]


def test_what_a_killed_process_left_is_completed(walks):
    split_dataset(walks.folder, NAMES)
    files = walks.files()
    for name in ("dataset.yaml", "val.txt"):
        (walks.folder / name).unlink()
    assert split_dataset(walks.folder, NAMES).new and walks.files() == files


def test_the_files_of_someone_else_are_not_touched(walks):
    (walks.folder / "train.txt").write_text("my notes\n")
    with pytest.raises(CourseError, match="holds train.txt with other content"):
        split_dataset(walks.folder, NAMES)
    assert walks.files() == {"train.txt": "my notes\n"}


def test_the_order_of_the_file_system_does_not_matter(walks, monkeypatch):
    import glob

    split_dataset(walks.folder, NAMES)
    real = glob.glob
    monkeypatch.setattr(glob, "glob", lambda *args, **more: real(*args, **more)[::-1])
    assert not split_dataset(walks.folder, NAMES).new


def test_seeds_give_other_splits(mine):
    mine.many(30)
    for seed in range(3):
        split_dataset(mine.folder, NAMES, seed=seed, name=f"s{seed}")
    files = mine.files()
    assert len({files[f"s{seed}_test.txt"] for seed in range(3)}) == 3


def test_without_a_test_split(mine):
    mine.many(5)
    made = split_dataset(mine.folder, NAMES, test=0)
    assert images(made) == {"train": 4, "val": 1} and not (mine.folder / "test.txt").exists()
    assert check(made.yaml) == []


def test_lacking_classes_are_named(mine):
    mine.many(6)
    mine.add("bus.png", "1 0.5 0.5 0.2 0.3\n")
    made = split_dataset(mine.folder, [*NAMES, "unicorn"])
    assert made.warnings[0].startswith("no 'car' in ") and "(1 in all)" in made.warnings[0]
    assert made.warnings[1] == "no photograph has a box of class 'unicorn'."
    assert f"Warning: {made.warnings[0]}\n" in str(made)


def test_label_files_without_a_photograph_and_another_order_of_classes_are_told(mine):
    mine.many(6)
    (mine.folder / "labels/gone.txt").write_text("")
    (mine.folder / "labels/classes.txt").write_text("car\nperson\n")
    made = split_dataset(mine.folder, NAMES)
    assert made.warnings[-2] == "1 label file has no photograph: labels/gone.txt."
    assert "labels/classes.txt has other classes, or another order: car, person." in made.warnings[-1]
    (mine.folder / "labels/classes.txt").write_text("person\r\ncar\r\n\r\n")
    assert len(split_dataset(mine.folder, NAMES).warnings) == len(made.warnings) - 1


def test_all_bad_lines_are_listed_and_nothing_is_written(mine):
    mine.many(6)
    labels = mine.folder / "labels"
    (labels / "000.txt").write_text("0 0.5 0.5 0.2 0.3\n2 0.5 0.5 0.2 0.3\n0 80 60 20 20\n")
    (labels / "003.txt").write_bytes(b"\xff\xfe")
    (labels / "004.txt").unlink()
    (labels / "004.txt").mkdir()
    with pytest.raises(CourseError) as error:
        split_dataset(mine.folder, NAMES)
    lines = str(error.value).splitlines()
    assert lines[0].startswith("4 problems in 3 label files, so that nothing was written (classes: 0 person, 1 car)")
    assert lines[1].startswith(f"  {labels / '000.txt'}:2: class 2 is out of range: the dataset has classes 0 to 1")
    assert lines[2].startswith(f"  {labels / '000.txt'}:3: 80 is outside [0, 1]")
    assert "cannot be read as text in UTF-8" in lines[3] and lines[4].endswith("004.txt: is not a regular file")
    assert len(lines) == 5 and mine.files() == {}


@pytest.mark.parametrize(
    "counts, wanted",
    [
        ({"one/": 9}, "need 3 subfolders of .*images with a box in them, and there is 1: images/one .9 photographs"),
        ({"one/": 9, "two/": 9}, "there are 2: images/one .9 photographs.; images/two"),
        ({"one/": 50, "two/": 2, "three/": 2}, "60 : 20 : 20: of its 54 labelled .* images/one .50 photographs. stay"),
        ({"train/": 5, "Val/": 5, "test/": 5}, "is split already. Write a YAML"),
        ({"": 2}, "need 3 different photographs with a box, and .* has 2"),
    ],
)
def test_what_cannot_be_split_is_said_with_a_way_out(mine, counts, wanted):
    for folder, count in counts.items():
        mine.many(count, folder)
    with pytest.raises(CourseError, match=wanted) as error:
        split_dataset(mine.folder, NAMES)
    assert ("--by-image" in str(error.value)) == ("" not in counts) and mine.files() == {}
    if "" not in counts:
        assert split_dataset(mine.folder, NAMES, by_folder=False).new


def test_every_split_gets_a_box_or_it_is_refused(mine):
    mine.many(30, labels="")
    mine.many(2, "box_")
    with pytest.raises(CourseError, match="3 different photographs with a box"):
        split_dataset(mine.folder, NAMES)
    mine.add("third.png")
    made = split_dataset(mine.folder, NAMES)
    assert [counts["boxes"]["person"] for counts in made.counts.values()] == [1, 1, 1]


@pytest.mark.parametrize(
    "more, wanted",
    [
        ({"names": []}, "class name is empty"),
        ({"names": ["person", " "]}, "class name is empty"),
        ({"names": ["person", "car", "person "]}, "'person' is given twice"),
        ({"names": "person,car"}, "separate names by spaces"),
        ({"names": ["per\nson"]}, "not one line"),
        ({"val": 0}, "val and train must be above 0"),
        ({"val": 0.5, "test": 0.5}, "leave 0 for train"),
        ({"val": 2}, "val is 2: give a share"),
        ({"seed": -1}, "seed is -1"),
        ({"name": "../x"}, "name is '../x'"),
    ],
)
def test_requests_without_sense_are_refused(mine, more, wanted):
    mine.many(6)
    with pytest.raises(CourseError, match=wanted):
        split_dataset(mine.folder, **{"names": NAMES, **more})
    assert mine.files() == {}


def test_folders_of_another_kind_are_refused(mine):
    with pytest.raises(CourseError, match="There is no folder .*images. Put the photographs into images/"):
        split_dataset(mine.folder, NAMES)
    (mine.folder / "images").mkdir()
    with pytest.raises(CourseError, match="There are no photographs in"):
        split_dataset(mine.folder, NAMES)
    image = mine.add("a.png", None)
    with pytest.raises(CourseError, match="was looked for at .*labels.a.txt"):
        split_dataset(mine.folder, NAMES)
    image.with_suffix(".txt").write_text("")
    with pytest.raises(CourseError, match="is beside its photograph: move"):
        split_dataset(mine.folder, NAMES)


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
def test_names_that_no_list_can_hold_are_refused(mine):
    mine.many(4)
    mine.add("two\nlines.png")
    mine.add("two\u2028lines.png")
    with pytest.raises(CourseError, match="Rename these files") as error:
        split_dataset(mine.folder, NAMES)
    assert len(str(error.value).splitlines()) >= 3 and "two\\x0alines.png" in str(error.value)


@pytest.mark.parametrize(
    "sizes", [(10, 76, 5, 17), (3, 20, 3, 14), (9, 8, 8, 26, 69), (8, 2, 8, 12, 88, 35), (1, 1, 1)]
)
def test_a_few_folders_of_odd_sizes_are_placed_as_well_as_they_can_be(sizes):
    table = np.array([(n, n) for n in sizes])

    def short(places):
        return int((np.bincount(places, sizes, minlength=3) / sum(sizes) < SHARES / 2).sum())

    best = min(short(np.array(p)) for p in itertools.product(range(3), repeat=len(sizes)) if len(set(p)) == 3)
    for seed in range(3):
        places = placed(table, SHARES, seed)
        assert set(places) == {0, 1, 2} and short(places) == best


def test_the_command(walks, capsys):
    words = ["data", "split", str(walks.folder), "--names", *NAMES]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "  train       12       12        0\n" in out and f"Made {walks.folder / 'dataset.yaml'}" in out
    assert "coursekit detect --data" in out
    assert main(["data", "check", str(walks.folder / "dataset.yaml")]) == 0
    assert main(words) == 0 and "Already there" in capsys.readouterr().out
    assert main([*words, "--seed", "1"]) == 1 and "--name OTHER" in capsys.readouterr().err
    assert main([*words, "--by-image", "--name", "mixed"]) == 0 and (walks.folder / "mixed.yaml").is_file()
    with pytest.raises(SystemExit) as stop:
        main(["data", "split", str(walks.folder)])
    assert stop.value.code == 2 and "--names" in capsys.readouterr().err
