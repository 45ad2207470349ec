"""How a detection is judged: boxes laid over each other (IoU), and precision against recall."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from coursekit.figures.images import to_rgb
from coursekit.figures.layout import outline, panels
from coursekit.figures.style import BLUE, GREEN, INK, ORANGE, RED, bare, describe, styled


def box_overlap(a: Sequence[float], b: Sequence[float]) -> tuple[float, tuple[float, float, float, float] | None]:
    """IoU of two boxes (x1, y1, x2, y2) in px, in [0, 1], and the box that they share, None if they share none."""
    left, top, right, bottom = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    if right <= left or bottom <= top:
        return 0.0, None
    shared = (right - left) * (bottom - top)
    areas = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (a, b)]
    return shared / (sum(areas) - shared), (left, top, right, bottom)


@styled
def iou_boxes(
    truth: Sequence[float],
    guesses: Sequence[Sequence[float]],
    image=None,
    titles: Sequence[str] | None = None,
    columns: int = 4,
    cell: float = 2.3,
) -> Figure:
    """A true box (blue) and a guess (orange), one panel for each guess, what both cover filled in; titles say the IoU.

    truth: (x1, y1, x2, y2) in px; guesses: N such boxes. image: the picture below, (H, W, 3) or (3, H, W); without one
    the boxes are drawn on a grid in px. titles: in place of "IoU 0.71". cell: width of a panel, inches.
    """
    corners = np.array([truth, *guesses], dtype=float)
    if corners.ndim != 2 or corners.shape[1] != 4 or (corners[:, 2:] <= corners[:, :2]).any():
        raise ValueError("Boxes are (x1, y1, x2, y2) with x1 < x2 and y1 < y2.")
    picture = None if image is None else to_rgb(image)
    if picture is None:
        margin = 0.15 * (corners[:, 2:].max(0) - corners[:, :2].min(0))
        (left, top), (right, bottom) = corners[:, :2].min(0) - margin, corners[:, 2:].max(0) + margin
    else:
        left, top, right, bottom = 0, 0, picture.shape[1], picture.shape[0]
    height = cell * (bottom - top) / (right - left) + (0.35 if picture is not None else 0.8)
    values = [box_overlap(truth, guess)[0] for guess in guesses]
    fig, axes = panels(len(guesses), columns, cell, height, titles or [f"IoU {value:.2f}" for value in values])
    for ax, guess in zip(axes[:, 0], corners[1:], strict=True):
        if picture is not None:
            bare(ax).imshow(picture, extent=(left, right, bottom, top))
        else:
            ax.set(aspect="equal", xlabel="x, px", ylabel="y, px")
        if shared := box_overlap(corners[0], guess)[1]:
            x0, y0, x1, y1 = shared
            ax.add_patch(plt.Rectangle((x0, y0), x1 - x0, y1 - y0, facecolor=GREEN, alpha=0.35, lw=0))
        outline(ax, guess, (4.0, "white"))  # below the true box, so that a good guess does not hide it
        outline(ax, corners[0], (4.0, "white"), (2.2, BLUE))
        outline(ax, guess, (2.2, ORANGE, "--"))
        ax.set(xlim=(left, right), ylim=(bottom, top))
    told = ", ".join(f"{value:.2f}" for value in values)
    return describe(
        fig,
        f"""
        A true box in blue and {len(values)} guess{"es" * (len(values) > 1)} in orange; what both cover is filled green.
        IoU: {told}.""",
    )


@styled
def precision_recall(
    recall: Sequence[float], precision: Sequence[float], labels: Sequence[str] | None = None, ap: float | None = None
) -> Figure:
    """Precision against recall as the confidence threshold falls, and the area below the envelope: average precision.

    recall, precision: shares, one for each detection, the most confident first. labels: written beside the points.
    ap: the average precision to name, a share.
    """
    recall, precision = np.asarray(recall, dtype=float), np.asarray(precision, dtype=float)
    if recall.shape != precision.shape or recall.ndim != 1 or not len(recall) or (np.diff(recall) < 0).any():
        raise ValueError("precision_recall wants two equally long lists; recall never falls.")
    rises = np.diff(recall, prepend=0.0) > 0  # where one more true box was found
    heights = np.maximum.accumulate(precision[::-1])[::-1][rises]
    edges = np.concatenate([[0.0], recall[rises], recall[rises][-1:]])  # at the end it falls to zero
    heights = np.concatenate([heights[:1], heights, [0.0]]) if len(heights) else np.zeros(1)
    fig, ax = plt.subplots(figsize=(6.0, 3.6))
    ax.fill_between(100 * edges, 100 * heights, step="pre", color=BLUE, alpha=0.15, lw=0)
    ax.step(100 * edges, 100 * heights, where="pre", color=BLUE, label="envelope")
    ax.plot(100 * recall, 100 * precision, "o", color=RED, label="one more detection kept")
    for k, text in enumerate(labels or []):
        place = (100 * recall[k], 100 * precision[k])
        ax.annotate(text, place, textcoords="offset points", xytext=(7, -13), fontsize=9, color=INK)
    ax.set(xlim=(0, 105), ylim=(0, 108), xlabel="recall, %", ylabel="precision, %")
    ax.legend(loc="lower left")
    if ap is not None:
        ax.set_title(f"Average precision, the shaded area: {100 * ap:.1f} %")
    points = "; ".join(f"recall {100 * r:.0f}, precision {100 * p:.0f}" for r, p in zip(recall, precision, strict=True))
    area = f" The area is {100 * ap:.1f} %." if ap is not None else ""
    return describe(fig, f"Precision against recall in %, with the envelope above the points: {points}.{area}")
