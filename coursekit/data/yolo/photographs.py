"""A folder of your own photographs, images/ and labels/, as a labelling tool leaves it, and what is wrong with it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from coursekit.data.yolo.labels import parse_labels
from coursekit.data.yolo.yaml import Problem, label_file, listed_images
from coursekit.files import listed, shown
from coursekit.runtime import CourseError

NOT_LABELS = ("classes.txt", "README.txt")  # what labelling tools write beside the label files


@dataclass(frozen=True)
class Photograph:
    """One labelled photograph: its file, its name inside images/ (with slashes), the class number of each box."""

    image: Path
    name: str
    classes: list[int]

    @property
    def folder(self) -> str | None:
        """The subfolder of images/ that it lies in, at any depth; None if it lies in images/ itself."""
        return self.name.partition("/")[0] if "/" in self.name else None


def find(folder: Path) -> list[tuple[Path, str]]:
    """[(image, its name inside images/)], sorted by name. Raises CourseError for names that no list can hold."""
    root = folder / "images"
    if not root.is_dir():
        wanted = "Put the photographs into images/, their label files into labels/, and name the folder that holds both"
        raise CourseError(f"There is no folder {shown(root)}. {wanted}.")
    files = [image for image, *_ in listed_images(root) if image.is_file()]
    found = sorted(((image, image.relative_to(root).as_posix()) for image in files), key=lambda entry: entry[1])
    odd = [name for _, name in found if shown(name) != name or len(name.splitlines()) != 1]
    if odd:
        raise CourseError(f"Rename these files in {shown(root)}, a list cannot hold such names:{listed(odd, len(odd))}")
    if not found:
        raise CourseError(f"There are no photographs in {shown(root)}.")
    return found


def labelled(folder: Path, images: list[tuple[Path, str]], names: list[str]) -> list[Photograph]:
    """The photographs that have a label file, in the order of `images`. Raises CourseError with all bad lines."""
    found, problems, seen = [], [], set()
    for image, name in images:
        label = label_file(image)
        if not os.path.lexists(label):
            continue
        rows, wrong = _parsed(label, len(names))
        if label not in seen:  # a.jpg and a.png share a.txt
            problems += [Problem(label, line, message) for line, message in wrong]
        seen.add(label)
        found.append(Photograph(image, name, rows[:, 0].astype(int).tolist()))
    if problems:
        n, files = len(problems), len({problem.file for problem in problems})
        what = f"{n} problem{'s' * (n > 1)} in {files} label file{'s' * (files > 1)}, so that nothing was written"
        classes = ", ".join(f"{i} {name}" for i, name in enumerate(names))
        raise CourseError(
            f"{what} (classes: {classes}). Mend these lines, or give other class names:{listed(problems, n)}"
        )
    if not found:
        root, first = shown(folder / "images"), images[0][0]
        what = f"None of the {len(images)} photographs in {root} has a label file. The first"
        if first.with_suffix(".txt").is_file():
            raise CourseError(f"{what} is beside its photograph: move such files to {shown(folder / 'labels')}.")
        raise CourseError(f"{what} was looked for at {shown(label_file(first))}: that is where YOLO reads it.")
    return found


def _parsed(label: Path, classes: int) -> tuple[np.ndarray, list[tuple]]:
    """As `parse_labels`, of a file."""
    try:
        if label.is_file():  # not only tried: a named pipe would be waited for without end
            return parse_labels(label.read_text(encoding="utf-8-sig"), classes)
        why = "is not a regular file"
    except (UnicodeDecodeError, OSError) as error:
        why = f"cannot be read as text in UTF-8 ({getattr(error, 'reason', None) or error})"
    return np.empty((0, 5)), [(None, why)]


def doubtful(folder: Path, images: list[tuple[Path, str]], names: list[str]) -> list[str]:
    """Lines about label files without a photograph, and about a tool's list of classes that says something else."""
    lines, expected = [], {label_file(image) for image, _ in images}
    orphans = [p for p in sorted((folder / "labels").rglob("*.txt")) if p.name not in NOT_LABELS and p not in expected]
    if orphans:
        one = len(orphans) == 1
        what = "1 label file has no photograph" if one else f"{len(orphans)} label files have no photograph"
        lines.append(f"{what}: {few([p.relative_to(folder).as_posix() for p in orphans])}.")
    for file in (folder / "classes.txt", folder / "labels" / "classes.txt"):
        if file.is_file():
            theirs = file.read_text(encoding="utf-8-sig", errors="replace").split("\n")
            theirs = [name.strip() for name in theirs if name.strip()]
            if theirs != names:
                lines.append(f"{shown(file)} has other classes, or another order: {few(theirs)}. Which one is right?")
    return lines


def few(names: Sequence[str], most: int = 6) -> str:
    """The first names, and how many more there are."""
    return ", ".join(map(shown, names[:most])) + (f" and {len(names) - most} more" if len(names) > most else "")
