"""Pictures with boxes: what a detector found, and what a dataset says is there."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coursekit.figures.images import picture_grid, to_rgb
from coursekit.figures.layout import look, outline
from coursekit.figures.style import BLACK, CLASS_COLORS, MUTED, PALE, PALETTE, bare, describe, styled


def draw_boxes(ax: Axes, image, boxes, classes, names: Sequence[str], scores=None, truth=None, size: float = 9) -> None:
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
    for i in range(len(boxes)) if scores is None else np.argsort(np.asarray(scores, dtype=float)):
        x0, y0, x1, _ = boxes[i]
        color = CLASS_COLORS[classes[i] % len(CLASS_COLORS)]
        outline(ax, boxes[i], (2, color))
        text = names[classes[i]] + (f" {float(scores[i]):.2f}" if scores is not None else "")
        x, ha = (min(x1, width), "right") if x0 > 0.7 * width else (max(x0, 0), "left")  # else the words would be cut
        y, va = (y0, "bottom") if y0 > 0.06 * height else (max(y0, 0), "top")  # no room above: write inside
        ink, ground = BLACK if color in PALE else "white", {"facecolor": color, "edgecolor": "none", "pad": 1.0}
        ax.text(x, y, text, fontsize=size, clip_on=True, va=va, ha=ha, color=ink, bbox=ground)
    ax.set(xlim=(0, width), ylim=(height, 0))


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
        draw_boxes(ax, one.image, one.boxes, one.classes, one.names, one.scores, true, size=8)
    told = "; ".join(_counted(one.classes, one.names) for one in found)
    true = f" Dashed: the true boxes, {', '.join(str(len(boxes)) for boxes in truth)}." if truth is not None else ""
    return describe(fig, f"{len(found)} images with the boxes that a detector found: {told}.{true}")


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
        draw_boxes(ax, picture, mine, labels, names, size=7)
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
