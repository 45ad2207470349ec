"""The folder of a YOLO dataset: images/SPLIT, labels/SPLIT, road_objects.yaml; road_objects.json says how it was made.

A dataset is built beside its place and moves there whole; a folder that holds something else is never touched.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from coursekit import __version__
from coursekit.files import named, replacing, shown
from coursekit.runtime import CourseError, home, shipped
from coursekit.scenes.road_scenes import CLASS_NAMES

SPLITS = ("train", "val", "test")
YAML_NAME, RECORD_NAME = "road_objects.yaml", "road_objects.json"


def yaml_text(folder: Path) -> str:
    """The course's YAML, for a dataset in `folder`: the same keys, order and comment, with its own path."""
    first, rest = shipped("road_objects", YAML_NAME).read_text(encoding="utf-8").split("\n", 1)
    comment = first[first.index("#") :]
    plain = all(c.isalnum() or c in "/\\_-.+~" for c in str(folder))
    path = str(folder) if plain else json.dumps(str(folder), ensure_ascii=False)  # a YAML string in double quotes
    return f"path: {path}     {comment}\n{rest}"


def place(out: str | Path | None, name: str) -> Path:
    """Where a dataset goes: `out`, or datasets/NAME in the course's folder. Raises CourseError for an impossible name."""
    out = home() / "datasets" / name if out is None else named(out).absolute()
    if shown(out) != str(out):  # neither OpenCV nor a YAML in UTF-8 can name it
        why = "is not valid UTF-8, or not one line. Nothing was written: name another folder with --out."
        raise CourseError(f"The folder name {shown(out)} {why}")
    return out


def found(out: Path, request: dict) -> Path | None:
    """The YAML of the dataset in `out` if it was made by the same request; None if there is room for a new one.

    Raises CourseError if `out` holds anything else, and if no dataset could move to it in the end.
    """
    nothing = "Nothing was written: name"
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        # a finished dataset takes the place of `out` itself, which neither a link nor a mount point gives up
        if out.is_symlink():
            raise CourseError(f"{out} is a link to {os.path.realpath(out)}. {nothing} that folder itself with --out.")
        if os.path.ismount(out):
            mount = "is a mount point (a disk or a shared folder), which a dataset cannot replace"
            raise CourseError(f"{out} {mount}. {nothing} a folder in it with --out, such as {out / 'road_objects'}.")
        return None
    if not out.is_dir():
        raise CourseError(f"{out} is a file. {nothing} a folder for the dataset with --out.")
    try:
        there = dict(json.loads((out / RECORD_NAME).read_text(encoding="utf-8"))["request"])
    except (OSError, ValueError, KeyError, TypeError):
        other = "holds files that are not a dataset of this course"
        raise CourseError(f"{out} {other}. {nothing} a new or empty folder with --out.") from None
    wanted = json.loads(json.dumps(request))
    if there != wanted or not (out / YAML_NAME).is_file():
        differs = [f"{k} {there.get(k)} there, {v} wanted" for k, v in wanted.items() if there.get(k) != v]
        other = f"holds another dataset ({'; '.join(differs) or 'not whole'})"
        raise CourseError(f"{out} {other}. {nothing} another folder with --out, or delete that one.")
    return out / YAML_NAME


@contextmanager
def building(out: Path, request: dict) -> Iterator[tuple[Path, dict]]:
    """Yields (a folder with images/ and labels/, a dict for what the record shall say); at the end it becomes `out`.

    After an error nothing is left.
    """
    try:
        with replacing(out) as part:
            for kind in ("images", "labels"):
                for split in SPLITS:
                    (part / kind / split).mkdir(parents=True)
            facts = {}
            yield part, facts
            (part / YAML_NAME).write_text(yaml_text(out), encoding="utf-8")
            record = {"made_by": f"coursekit {__version__}", "request": request, **facts}
            (part / RECORD_NAME).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        why = f"{error.strerror or error}. Is there room, and may you write there?"
        raise CourseError(f"Cannot build the dataset {out}: {why}") from error


def write_labels(path: Path, classes: Sequence[int], boxes: np.ndarray, width: float, height: float) -> None:
    """One label file: a line `class x y w h` per box, centre and size as shares of the image, 6 decimals.

    path: the file.
    classes: n class numbers.
    boxes: (n, 4) x1, y1, x2, y2 in px.
    width, height: of the image, in px.
    """
    lines = []
    for label, (x1, y1, x2, y2) in zip(classes, np.asarray(boxes, dtype=np.float64).reshape(-1, 4), strict=True):
        values = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
        lines.append(f"{int(label)} " + " ".join(f"{value:.6f}" for value in values) + "\n")
    path.write_text("".join(lines), encoding="utf-8")


def empty_counts(names: Sequence[str] = CLASS_NAMES, splits: Sequence[str] = SPLITS) -> dict[str, dict]:
    """{split: {"images": 0, "boxes": {class name: 0}}}, to be filled."""
    return {split: {"images": 0, "boxes": dict.fromkeys(names, 0)} for split in splits}


def count(counts: dict[str, dict], split: str, classes: Sequence[int]) -> None:
    """Count one image with its boxes."""
    boxes = counts[split]["boxes"]
    names = list(boxes)
    counts[split]["images"] += 1
    for label in classes:
        boxes[names[label]] += 1


def summary(counts: dict[str, dict]) -> str:
    """A small table of images and boxes per split. counts as from `empty_counts`."""
    names = next(iter(counts.values()))["boxes"]
    widths = [max(9, len(name) + 2) for name in names]
    table = f"{'':>7}{'images':>9}" + "".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True))
    for split, made in counts.items():
        boxes = "".join(f"{n:>{width}}" for n, width in zip(made["boxes"].values(), widths, strict=True))
        table += f"\n{split:>7}{made['images']:>9}{boxes}"
    return table
