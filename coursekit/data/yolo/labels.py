"""Label files in YOLO's format: one line per object, judged line by line."""

import math

import numpy as np

EDGE = 1e-3  # how far a box may stick out of the image (share of its side): rounding, less than a pixel
ROUNDING = 1e-5


def parse_labels(text: str, classes: int, keypoints: tuple[int, int] | None = None) -> tuple[np.ndarray, list[tuple]]:
    """Rows float64 (n, 5) - class, x, y, w, h as shares - of what is good, and (line, message) for what is not.

    A line is a box (5 columns), a polygon (class, then at least 3 points; its box is returned), or with `keypoints` a
    box followed by that many points.
    """
    rows, problems, seen, first_kind = [], [], {}, None
    pose = 5 + math.prod(keypoints) if keypoints else None
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        kind = "box" if len(words) in (5, pose) else "polygon" if len(words) >= 7 and len(words) % 2 else None
        values = _numbers(words)
        if "," in line:
            said = [f"commas in {line.strip()[:60]!r}: columns are separated by spaces, and decimals by a point"]
        elif kind is None:
            said = [f"{len(words)} columns: a line is `class x y w h`, or `class` and at least 3 points"]
        elif values is None:
            said = [f"not numbers: {line.strip()[:60]!r}"]
        else:
            said = _judge_values(values, kind, classes)
            first_kind = first_kind or kind
            if kind != first_kind:
                said.append(f"a {kind} in a file that begins with a {first_kind}: training refuses the mixture")
            same = seen.setdefault(tuple(round(v, 6) if math.isfinite(v) else str(v) for v in values), number)
            if same != number:
                said.append(f"the same {kind} as line {same}")
        problems += [(number, message) for message in said]
        if not said:
            rows.append(values[:5] if kind == "box" else [values[0], *_around(values[1:])])
    return np.array(rows, np.float64).reshape(-1, 5), problems


def _numbers(words: list[str]) -> list[float] | None:
    try:
        return [float(word) for word in words]
    except ValueError:
        return None


def _judge_values(values: list[float], kind: str, classes: int) -> list[str]:
    label, numbers = values[0], values[1:5] if kind == "box" else values[1:]
    if not all(math.isfinite(v) for v in values):
        return ["NaN or infinity among the numbers"]
    said = []
    if label != int(label):
        said.append(f"the class {label:g} is not a whole number")
    elif not 0 <= label < classes:
        said.append(f"class {int(label)} is out of range: the dataset has classes 0 to {classes - 1}")
    out = [v for v in numbers if not -ROUNDING <= v <= 1 + ROUNDING]
    if out:
        shares = "coordinates are shares of the image's width and height, not pixels"
        return [*said, f"{out[0]:g} is outside [0, 1]: {shares}"]
    x, y, w, h = numbers if kind == "box" else _around(numbers)
    area = w * h if kind == "box" else _polygon_area(numbers)
    if w <= 0 or h <= 0 or area <= 0:
        said.append(f"the {kind} has no area")
    elif min(x - w / 2, y - h / 2) < -EDGE or max(x + w / 2, y + h / 2) > 1 + EDGE:
        where = f"x {x - w / 2:.4f} to {x + w / 2:.4f}, y {y - h / 2:.4f} to {y + h / 2:.4f}"
        said.append(f"the box reaches outside the image: {where}, beyond [0, 1]")
    return said


def _around(points: list[float]) -> tuple[float, float, float, float]:
    xs, ys = points[0::2], points[1::2]
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, max(xs) - min(xs), max(ys) - min(ys)


def _polygon_area(points: list[float]) -> float:
    xs, ys = np.array(points[0::2]), np.array(points[1::2])
    return float(abs(xs @ np.roll(ys, -1) - ys @ np.roll(xs, -1)) / 2)
