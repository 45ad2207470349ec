"""Reading any detection dataset in YOLO's format: images, classes and boxes of one split."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from coursekit.data.decode import SWAPPED, opened, orientation, read_rgb
from coursekit.data.yolo.labels import parse_labels
from coursekit.data.yolo.yaml import label_file, listed_images, load_yaml
from coursekit.runtime import CourseError


@dataclass(frozen=True, eq=False)
class Example:
    """One image of a detection dataset: its file, classes int64 (n,), boxes float32 (n, 4) as x1, y1, x2, y2 in px."""

    image: Path
    classes: np.ndarray
    boxes: np.ndarray

    def pixels(self) -> np.ndarray:
        """The image, upright: uint8 (H, W, 3) RGB."""
        return read_rgb(self.image)


def read(path: str | Path, split: str = "train") -> list[Example]:
    """All images of one split with their boxes. An image without a label file has no boxes.

    Raises CourseError at the first thing that is wrong, with file and line; `coursekit data check` lists everything.
    """
    data = load_yaml(path)
    if data.problems:
        raise CourseError(f"{data.problems[0]}. `coursekit data check {path}` lists everything that is wrong.")
    if split not in data.splits:
        raise CourseError(f"{path} has no split {split!r}; it has {', '.join(data.splits)}.")
    examples = []
    for image, *_ in (entry for place in data.splits[split] for entry in listed_images(place)):
        label = label_file(image)
        try:
            text = label.read_text(encoding="utf-8-sig") if os.path.isfile(label) else ""
        except (UnicodeDecodeError, OSError) as error:
            raise CourseError(f"{label} cannot be read as text in UTF-8: {error}.") from error
        rows, problems = parse_labels(text, len(data.names), data.keypoints)
        if problems:
            raise CourseError(f"{label}:{problems[0][0]}: {problems[0][1]}.")
        with opened(image) as picture:
            size = picture.size[::-1] if orientation(picture) in SWAPPED else picture.size
        examples.append(Example(image, rows[:, 0].astype(np.int64), _to_pixels(rows[:, 1:], *size)))
    return examples


def _to_pixels(xywh: np.ndarray, width: int, height: int) -> np.ndarray:
    """Shares (n, 4) x, y, w, h to float32 (n, 4) x1, y1, x2, y2 in px, inside the image."""
    center, half = xywh[:, :2], xywh[:, 2:] / 2
    corners = np.concatenate([center - half, center + half], axis=1).clip(0, 1)
    return (corners * (width, height, width, height)).astype(np.float32)
