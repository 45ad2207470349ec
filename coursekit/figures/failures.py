"""What a detector does wrong: counted by class, and looked at one by one."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from coursekit.data.yolo.read import Example
from coursekit.detection.failures import Failure
from coursekit.detection.predictions import Detections
from coursekit.figures.images import picture_grid, to_rgb
from coursekit.figures.layout import outline
from coursekit.figures.style import BLACK, INK, ORANGE, bare, describe, styled

NOTHING = "nothing"
FALSE_DASH = (0, (5, 1.5, 1, 1.5))  # as the threshold explorer draws false positives
LEAST = 48  # px: a crop of less shows no surroundings


def failure_title(failure: Failure, found: Detections, truth: Example) -> tuple[str, str]:
    """A failure in words: its kind, and what was said and is there, such as ("wrong class", "said bus 0.81, is car")."""
    names = found.names
    if failure.kind == "missed":
        return "missed", f"a {names[truth.classes[failure.true]]}"
    said = f"said {names[found.classes[failure.detection]]} {found.scores[failure.detection]:.2f}"
    if failure.kind == "invented":
        return "invented", said
    if failure.kind == "twice":
        return "twice", f"{said}, again"
    if failure.kind == "badly placed":
        return "badly placed", f"{said}, IoU {failure.iou:.2f}"
    return failure.kind, f"{said}, is {names[truth.classes[failure.true]]}"


@styled
def failure_crops(
    found: Sequence[Detections], truth: Sequence[Example], some: Sequence[Failure], columns: int = 4, cell: float = 2.0
) -> Figure:
    """Each failure in its part of the image: what was said (orange, dash-dotted), the true box that it is about (white,
    dashed).

    found, truth: one each for every image. some: of `detection.failures.failures`. cell: width of a crop, inches.
    """
    pictures = [to_rgb(found[one.image].image) for one in some]
    titles = ["\n".join(failure_title(one, found[one.image], truth[one.image])) for one in some]
    fig, axes = picture_grid([np.zeros((9, 8, 3), np.uint8)] * len(some), columns, cell, titles)  # room for two lines
    for ax, one, picture in zip(axes, some, pictures, strict=True):
        height, width = picture.shape[:2]
        said = found[one.image].boxes[[one.detection] if one.detection >= 0 else []]
        is_ = truth[one.image].boxes[[one.true] if one.true >= 0 else []]
        ax.title.set_fontsize(9.5)  # so that the longest fits over its crop
        ax.imshow(picture, extent=(0, width, height, 0))
        for box in is_:
            outline(ax, box, (3.4, "black"), (1.8, "white", (0, (3, 2))))
        for box in said:
            outline(ax, box, (4.2, "black"), (2.4, ORANGE, FALSE_DASH))
        left, top, right, bottom = _around(np.concatenate([said, is_]), width, height)
        ax.set(xlim=(left, right), ylim=(bottom, top))
    told = "; ".join(title.replace("\n", ": ") for title in titles)
    return describe(fig, f"{len(some)} failures of a detector, each in its part of an image. {told}.")


def _around(boxes: np.ndarray, width: int, height: int) -> tuple[float, float, float, float]:
    """A square that holds the boxes with some surroundings: left, top, right, bottom, px.

    It is moved into the picture as far as it fits, and stands in the middle of a side that is shorter.
    """
    low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    side = min(max(1.6 * (high - low).max(), LEAST), max(width, height))
    room = np.array([width, height]) - side
    corner = np.where(room < 0, room / 2, np.clip((low + high - side) / 2, 0, room.clip(0)))
    return (*corner, *(corner + side))


@styled
def confusion_matrix(counts: np.ndarray, names: Sequence[str], width: float = 5.6) -> Figure:
    """What objects of each class were said to be. counts: (K + 1, K + 1), true x said, the last of each: nothing.

    A row's shade is its share of that row, so that rare classes read like frequent ones; the numbers are counts. In the last row
    it is the share of all boxes for which no true box is left. width: inches.
    """
    counts, labels = np.asarray(counts), [*names, NOTHING]
    if counts.shape != (len(labels), len(labels)):
        raise ValueError(f"{len(names)} classes and nothing make {len(labels)} rows and columns, not {counts.shape}.")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    fig, ax = plt.subplots(figsize=(width, 0.82 * width))
    bare(ax).imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ax.set_xticks(range(len(labels)), labels)
    ax.set_yticks(range(len(labels)), labels)
    ax.set(xlabel="the detector says", ylabel="it is")
    ax.tick_params(length=0)
    for (row, column), count in np.ndenumerate(counts):
        if row == column == len(names):
            continue  # nothing, and nothing said: not countable
        color = "white" if shares[row, column] > 0.5 else INK
        weight = "bold" if row == column else "normal"
        ax.text(column, row, str(count), ha="center", va="center", color=color, fontsize=13, fontweight=weight)
    ax.axhline(len(names) - 0.5, color=BLACK, lw=1)
    ax.axvline(len(names) - 0.5, color=BLACK, lw=1)
    rows = (
        ", ".join(f"{n} {label}" for n, label in zip(row, labels, strict=True) if n) or "no box"
        for row in counts.tolist()
    )
    told = ". ".join(f"Is {label}, said: {row}" for label, row in zip(labels, rows, strict=True))
    return describe(fig, f"A table of true class against what the detector says. {told}.")
