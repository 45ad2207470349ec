"""Pictures with boxes: what a detector found, and what a dataset says is there."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coursekit.figures.images import picture_grid, to_rgb
from coursekit.figures.layout import look, outline
from coursekit.figures.style import (
    BLACK,
    CLASS_COLORS,
    MUTED,
    ORANGE,
    PALE,
    PALETTE,
    SKY,
    YELLOW,
    bare,
    describe,
    styled,
)


def draw_boxes(
    ax: Axes, image, boxes, classes, names: Sequence[str], scores=None, truth=None, size: float = 10
) -> None:
    """Show an image on given axes with its boxes, the most confident on top.

    boxes: (n, 4) left, top, right, bottom in px. truth: (m, 4) boxes that should be found, dashed white. size: of
    letters, points.
    """
    rgb = to_rgb(image)
    height, width = rgb.shape[:2]
    bare(ax).imshow(rgb, extent=(0, width, height, 0))
    for box in _boxes([] if truth is None else truth):
        outline(ax, box, (3.0, "black"), (1.6, "white", (0, (3, 2))))
    boxes, classes = _boxes(boxes), np.asarray(classes, dtype=int).reshape(-1)
    order = range(len(boxes)) if scores is None else np.argsort(np.asarray(scores, dtype=float))
    for i in order:
        outline(ax, boxes[i], (2, CLASS_COLORS[classes[i] % len(CLASS_COLORS)]))
    texts = [names[classes[i]] + (f" {float(scores[i]):.2f}" if scores is not None else "") for i in order]
    corners = label_corners(boxes[list(order)], texts, size * _px_a_point(ax, width, height), width, height)
    for i, text, (x, y) in zip(order, texts, corners, strict=True):  # after all boxes: no line crosses a word
        color = CLASS_COLORS[classes[i] % len(CLASS_COLORS)]
        ink, ground = BLACK if color in PALE else "white", {"facecolor": color, "edgecolor": "none", "pad": 1.0}
        ax.text(x, y, text, fontsize=size, clip_on=True, va="top", color=ink, bbox=ground)
    ax.set(xlim=(0, width), ylim=(height, 0))


def _px_a_point(ax: Axes, width: float, height: float) -> float:
    """About how many px of a picture, width x height px, one point on paper is: it fills its cell of the figure."""
    rows, columns = ax.get_gridspec().get_geometry()
    wide, high = ax.figure.get_size_inches() * 72 / (columns, rows)
    return max(width / wide, height / high)


def label_corners(boxes: np.ndarray, texts: Sequence[str], size: float, width: float, height: float) -> np.ndarray:
    """Where to write the names of boxes so that they hide each other as little as possible: (n, 2), left and top, px.

    boxes: (n, 4) px. size: of letters, px. Greedy: the last box, which lies on top, chooses first among places above,
    below and inside, then each of the others. What counts: how much a place covers of names that are there, with less
    weight of other boxes, and how far from its box it is.
    """
    placed, corners = np.zeros((0, 4)), np.zeros((len(texts), 2))
    high = 1.5 * size
    for i in reversed(range(len(texts))):
        wide = (0.62 * len(texts[i]) + 0.4) * size
        x0, y0, x1, y1 = boxes[i]
        lines = (y0 - high, y1, y0, y1 - high, y0 - 2 * high, y1 + high, y0 - 3 * high, y1 + 2 * high)
        away = np.repeat((0, 0, 0, 0, 1, 1, 2, 2), 3) + 1e-4 * np.arange(24)  # lines from the box; else the first
        corner = np.array([(x, y) for y in lines for x in (x0, x1 - wide, (x0 + x1 - wide) / 2)])
        corner = np.clip(corner, 0, np.maximum([width - wide, height - high], 0))
        places = np.concatenate([corner, corner + (wide, high)], axis=1)
        others = np.delete(boxes, i, axis=0)
        cost = _shared(places, placed).sum(1) + 0.06 * _shared(places, others).sum(1) + 0.2 * wide * high * away
        best = places[cost.argmin()]
        placed, corners[i] = np.vstack([placed, best]), best[:2]
    return corners


def _shared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The area that each two boxes share, (n, m) px², of boxes (n, 4) and (m, 4)."""
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    return sides.clip(min=0).prod(axis=2)


def _boxes(boxes) -> np.ndarray:
    return np.asarray(boxes, dtype=float).reshape(-1, 4)


def _counted(classes, names: Sequence[str]) -> str:
    """ "2 car, 1 person", or "nothing"."""
    number, count = np.unique(np.asarray(classes, dtype=int), return_counts=True)
    return ", ".join(f"{n} {names[c]}" for c, n in zip(number, count, strict=True)) or "nothing"


@styled
def detections(
    image,
    boxes=None,
    classes=None,
    scores=None,
    names: Sequence[str] | None = None,
    truth=None,
    title: str | None = None,
    width: float = 6.0,
) -> Figure:
    """One image with what a detector found in it.

    Either the parts - image: uint8 (H, W, 3) or (3, H, W); boxes: (n, 4) px; classes: (n,); scores: (n,) or None; names
    - or one object that has them as attributes, such as what `coursekit.detection.predict` returns. truth: (m, 4) true
    boxes, dashed. width: inches.
    """
    if hasattr(image, "boxes"):
        image, boxes, classes, scores, names = image.image, image.boxes, image.classes, image.scores, image.names
    rgb = to_rgb(image)
    fig, ax = plt.subplots(figsize=(width, width * rgb.shape[0] / rgb.shape[1] + (0.3 if title else 0)))
    draw_boxes(ax, rgb, boxes, classes, names, scores, truth)
    if title:
        ax.set_title(title)
    true = f" Dashed: {len(truth)} true boxes." if truth is not None else ""
    return describe(fig, f"An image with boxes: {_counted(classes, names)}.{true}")


@styled
def detection_grid(
    found: Sequence,
    columns: int = 3,
    titles: Sequence[str] | None = None,
    cell: float = 2.6,
    truth: Sequence | None = None,
) -> Figure:
    """Images with what a detector found in each. found: objects with image, boxes, classes, scores and names.

    truth: the true boxes of each image, (m, 4) px, dashed white.
    """
    fig, axes = picture_grid([to_rgb(one.image) for one in found], columns, cell, titles)
    for ax, one, true in zip(axes, found, [None] * len(found) if truth is None else truth, strict=True):
        draw_boxes(ax, one.image, one.boxes, one.classes, one.names, one.scores, true)
    told = "; ".join(_counted(one.classes, one.names) for one in found)
    true = f" Dashed: the true boxes, {', '.join(str(len(boxes)) for boxes in truth)}." if truth is not None else ""
    return describe(fig, f"{len(found)} images with the boxes that a detector found: {told}.{true}")


@styled
def label_numbers(image, label: Sequence[float], name: str, width: float = 5.0) -> Figure:
    """What the four numbers of a YOLO label are: centre x and y from the picture's left and top edge, width and height.

    label: (x, y, w, h), shares of the picture's width and height, which its edges show too. width: inches.
    """
    rgb, (x, y, w, h) = to_rgb(image), map(float, label)
    left, top, right, bottom = x - w / 2, y - h / 2, x + w / 2, y + h / 2
    fig, ax = plt.subplots(figsize=(width, width * rgb.shape[0] / rgb.shape[1]))
    ax.imshow(rgb, extent=(0, 1, 1, 0), aspect=rgb.shape[0] / rgb.shape[1])
    ax.grid(False)
    ax.set(xlabel="share of the width", ylabel="share of the height", xlim=(0, 1), ylim=(1, 0))
    outline(ax, (left, top, right, bottom), (4.5, "white"), (2.5, ORANGE))
    measures = (  # from, to, text, where it stands
        ((0, y), (x, y), f"x {x:.3f}", (x / 2, y)),
        ((x, 0), (x, y), f"y {y:.3f}", (x, y / 2)),
        ((left, (y + bottom) / 2), (right, (y + bottom) / 2), f"w {w:.3f}", (x, (y + bottom) / 2)),
        (((x + right) / 2, top), ((x + right) / 2, bottom), f"h {h:.3f}", ((x + right) / 2, (top + y) / 2)),
    )
    for (start, end, text, place), color in zip(measures, (SKY, SKY, YELLOW, YELLOW), strict=True):
        style = "-|>" if color == SKY else "<|-|>"
        arrow = {"arrowstyle": style, "color": color, "lw": 2, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", end, start, arrowprops=arrow)
        ground = {"facecolor": color, "edgecolor": "none", "pad": 1.5}
        ax.text(*place, text, ha="center", va="center", color=BLACK, bbox=ground)
    ax.plot([x], [y], "o", color="white", markeredgecolor=BLACK, markersize=7)
    ax.set_title(f"class {name}")
    told = f"centre x {x:.3f}, y {y:.3f}, width {w:.3f}, height {h:.3f}"
    return describe(fig, f"A {name} in a picture with its box, and the four numbers of its label as arrows: {told}.")


@styled
def dataset_sample(
    images: Sequence,
    boxes: Sequence,
    classes: Sequence,
    names: Sequence[str],
    columns: int = 4,
    titles: Sequence[str] | None = None,
    cell: float = 2.0,
) -> Figure:
    """Images of a dataset with their labels. images: N pictures; boxes: N arrays (n, 4) px; classes: N arrays (n,)."""
    if not len(images) == len(boxes) == len(classes):
        raise ValueError(f"{len(images)} images need as many boxes and classes, not {len(boxes)} and {len(classes)}.")
    rgb = [to_rgb(image) for image in images]
    fig, axes = picture_grid(rgb, columns, cell, titles)
    for ax, picture, mine, labels in zip(axes, rgb, boxes, classes, strict=True):
        draw_boxes(ax, picture, mine, labels, names)
    told = "; ".join(_counted(labels, names) for labels in classes)
    return describe(fig, f"{len(images)} labelled images: {told}.")


@styled
def class_counts(classes: dict[str, Sequence], names: Sequence[str]) -> Figure:
    """How many boxes each class has in each split. classes: {"train": (n,) class indices, ...}."""
    fig, ax = plt.subplots(figsize=(7.0, 3.2))
    at, width = np.arange(len(names)), 0.8 / len(classes)
    counts = {split: np.bincount(np.asarray(mine, dtype=int), minlength=len(names)) for split, mine in classes.items()}
    for k, (split, count) in enumerate(counts.items()):
        shifted = at + (k - (len(classes) - 1) / 2) * width
        bars = ax.bar(shifted, count, width * 0.92, label=split, color=PALETTE[k % len(PALETTE)])
        ax.bar_label(bars, fontsize=9)
    ax.set_xticks(at, names)
    ax.set(xlabel="class", ylabel="boxes")
    ax.grid(axis="x", visible=False)
    ax.margins(y=0.12)
    if len(classes) > 1:
        ax.legend()
    told = (f"{split}: {', '.join(map('{} {}'.format, names, count))}" for split, count in counts.items())
    return describe(fig, f"Bars of how many boxes each class has. {'; '.join(told)}.")


@styled
def box_sizes(boxes, classes, names: Sequence[str]) -> Figure:
    """How large the boxes are: for each class, the share of its boxes below each size, with COCO's limits small and
    large.

    boxes: (n, 4) px. A box's size is the side of a square of the same area, in px.
    """
    boxes, classes = _boxes(boxes), np.asarray(classes, dtype=int)
    if not len(boxes):
        raise ValueError("box_sizes was given no box.")
    side = np.sqrt(np.clip((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 1e-9, None))
    fig, ax = plt.subplots(figsize=(7.0, 3.4))
    for k, name in enumerate(names):
        mine = np.sort(side[classes == k])
        if len(mine):
            below = 100 * np.arange(1, len(mine) + 1) / len(mine)
            ax.step(mine, below, where="post", label=name, **look(k))
    for limit, name in ((32, " small | medium"), (96, " medium | large")):
        ax.axvline(limit, color=MUTED, lw=1, ls=":")
        ax.text(limit, 101, name, ha="center", va="bottom", fontsize=9, color=MUTED)
    ax.set_xscale("log")
    ticks = [t for t in (4, 8, 16, 32, 64, 96, 128, 256, 512, 1024) if side.min() / 2 <= t <= side.max() * 2]
    ax.set_xticks(ticks, [str(t) for t in ticks])
    ax.minorticks_off()
    ax.set(
        xlabel="size of the box, px (side of a square of the same area)",
        ylabel="boxes that are smaller, %",
        ylim=(0, 100),
    )
    ax.legend()
    small, large = (100 * part.mean() for part in (side < 32, side >= 96))
    return describe(
        fig,
        f"""
        Rising curves of box sizes for {", ".join(names)}. {small:.0f} % of all boxes are below 32 px, {large:.0f} % above
        96 px; the median is {np.median(side):.0f} px.""",
    )
