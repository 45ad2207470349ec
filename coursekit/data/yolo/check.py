"""Everything that is wrong with a YOLO dataset, listed with file and line."""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from coursekit.data.decode import decoded, open_image, unreadable
from coursekit.data.parallel import map_threads, progress_bar
from coursekit.data.yolo.labels import parse_labels
from coursekit.data.yolo.yaml import DatasetYaml, Problem, inside, label_file, listed_images, load_yaml
from coursekit.runtime import CourseError

SMALLEST = 10  # px: Ultralytics leaves out images with a side below it


class _Listed(NamedTuple):
    image: Path
    named_in: Path  # the image itself, or the .txt list that names it
    line: int | None
    split: str


def check(yaml: str | Path) -> list[Problem]:
    """Everything that is wrong with a dataset, in the order of YAML, splits and files; an empty list if all is well.

    Looked at: the YAML (syntax, names, splits, paths), every image (there, readable to its last row, large enough),
    every label file (there, columns, numbers, classes, coordinates, area, duplicates), paths that leave the dataset's
    folder, and images with the same pixels in two splits. Boxes, polygons and keypoints are known. Raises CourseError
    if there is no such YAML.
    """
    data = load_yaml(yaml)
    problems, listed = list(data.problems), []
    for split, places in data.splits.items():
        here = []
        for place in filter(os.path.exists, places):
            try:
                here += [_Listed(*entry, split) for entry in listed_images(place)]
            except CourseError:
                problems.append(Problem(place, None, "neither a folder of images nor a list of images in UTF-8"))
        if not here and split != "test" and all(map(os.path.exists, places)):
            message = f"{split}: there is no image in {', '.join(map(str, places))}"
            problems.append(Problem(data.file, data.lines.get(split), message))
        listed += here
        problems += _orphans(places, {label_file(entry.image) for entry in here})
    seen = {}
    with progress_bar(f"checking {len(listed)} images", len(listed)) as bar:
        for entry, (found, pixels) in zip(listed, map_threads(lambda e: _judge(e, data), listed), strict=True):
            bar.update()
            problems += found
            first = seen.setdefault(pixels, entry) if pixels else entry
            if first.split != entry.split:
                same = (
                    f"is the same picture as {first.image} in {first.split}: what is tested on must not be trained on"
                )
                problems.append(Problem(entry.named_in, entry.line, f"{entry.image.name} in {entry.split} {same}"))
    return problems


def caches(yaml: str | Path) -> list[Path]:
    """The label caches in a dataset, such as labels/train.cache: Ultralytics loads them as pickles, this course never does."""
    root = load_yaml(yaml).root
    return sorted(cache for depth in ("", "*/", "*/*/") for cache in root.glob(f"{depth}*.cache")) if root else []


def _orphans(places: list[Path], expected: set[Path]) -> list[Problem]:
    """Label files without an image, for splits that are whole folders."""
    found = []
    for place in places:
        folder = label_file(place / "any.jpg").parent
        if not os.path.isdir(place) or folder == place:
            continue
        for label in sorted(folder.rglob("*.txt")):
            if label not in expected and label.name not in ("classes.txt", "README.txt"):
                message = f"the image is missing: there is no {label.stem}.* that is one in {place}"
                found.append(Problem(label, None, message))
    return found


def _judge(entry: _Listed, data: DatasetYaml) -> tuple[list[Problem], str | None]:
    """What is wrong with one image and its labels, and a name for its pixels."""
    image, label, found, pixels = entry.image, label_file(entry.image), [], None

    def wrong(message: str, file: Path = entry.named_in, line: int | None = entry.line) -> None:
        found.append(Problem(file, line, message))

    if os.path.islink(image) and not os.path.exists(image):
        wrong(f"the image is missing: the link leads to {os.readlink(image)}, which is not there")
    elif not os.path.exists(image):
        wrong(f"the image {image} is missing")
    elif not image.is_file():
        wrong("is not a regular file" if image == entry.named_in else f"{image} is not a regular file")
    else:
        if not inside(image, data.root):
            wrong(f"{image} leaves the dataset folder: it leads to {os.path.realpath(image)}")
        pixels, message = _look(image)
        if message:
            wrong(message, image, None)
    if label == image.with_suffix(".txt") and f"{os.sep}images{os.sep}" not in str(image):
        wrong(f"{image} is not below a folder named images, so that its labels cannot be found")
    elif not os.path.exists(label):
        wrong(f"the label file {label} is missing (an empty one says: nothing to find here)", image, None)
    elif not label.is_file():
        wrong("is not a regular file", label, None)
    else:
        if not inside(label, data.root):
            wrong(f"leaves the dataset folder: it leads to {os.path.realpath(label)}", label, None)
        try:
            text = label.read_text(encoding="utf-8-sig")
        except (UnicodeDecodeError, OSError) as error:
            wrong(f"cannot be read as text in UTF-8 ({getattr(error, 'reason', None) or error})", label, None)
        else:
            classes = len(data.names) or 10**6  # without names every class number passes; that they are missing is said
            for line, message in parse_labels(text, classes, data.keypoints)[1]:
                wrong(message, label, line)
    return found, pixels


def _look(path: Path) -> tuple[str | None, str | None]:
    """(a name for the pixels, None), or (None or a name, what is wrong with the image)."""
    try:
        if path.stat().st_size == 0:
            return None, "the image is empty (0 bytes)"
        with open_image(path) as image:
            size = image.size
            rgb = decoded(image)
    except Exception as error:  # whatever a damaged file raises, the file is the cause
        return None, f"the image cannot be read: {unreadable(error)}"
    name = hashlib.sha256(f"{rgb.size}".encode() + rgb.tobytes()).hexdigest()
    if min(size) < SMALLEST:
        return name, f"the image is only {size[0]} x {size[1]} px: training leaves out images below {SMALLEST} px"
    return name, None
