"""A small dataset with five faults from real life, for lesson 11: what does a check find, and what would training do?"""

import shutil
from pathlib import Path
from typing import NamedTuple

from coursekit.data.yolo import road_objects
from coursekit.data.yolo.folder import RECORD_NAME
from coursekit.runtime import CourseError

FAULTS = (
    "train/000000: class 7, where there are four",
    "train/000001: a box in pixels, not in shares of the image",
    "train/000002: one object, labelled twice",
    "train/000003: the label file is forgotten",
    "train/000004: this training image is in val, too, as 000009",
)


class BrokenDataset(NamedTuple):
    """yaml: the dataset's. faults: what was done to it, one line each."""

    yaml: Path
    faults: tuple[str, ...]


def broken_on_purpose(folder: str | Path) -> BrokenDataset:
    """Draw eight small scenes into `folder` and break five of them.

    A folder that holds a dataset of the course is made anew. Raises CourseError, with nothing touched, for any other.
    """
    folder = Path(folder)
    if folder.exists() and not (folder / RECORD_NAME).is_file():
        raise CourseError(f"{folder} is not a dataset of the course, so it is not replaced. Name a new folder.")
    shutil.rmtree(folder, ignore_errors=True)
    yaml = road_objects.build(folder, train=6, val=2, test=0, size=160, seed=11, quiet=True)
    labels, images = folder / "labels", folder / "images"
    (labels / "train" / "000000.txt").write_text("7 0.5 0.5 0.2 0.2\n")
    (labels / "train" / "000001.txt").write_text("2 80 60 40 20\n")
    (labels / "train" / "000002.txt").write_text("0 0.5 0.5 0.2 0.4\n" * 2)
    (labels / "train" / "000003.txt").unlink()
    shutil.copy(images / "train" / "000004.jpg", images / "val" / "000009.jpg")
    shutil.copy(labels / "train" / "000004.txt", labels / "val" / "000009.txt")
    return BrokenDataset(yaml, FAULTS)
