"""Panels in rows and columns, and what several kinds of picture have on them: frames, boxes, the looks of curves."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from coursekit.figures.style import DASHES, GREEN, PALETTE, RED


def panels(
    n: int,
    columns: int,
    width: float,
    height: float,
    titles: Sequence[str] | None = None,
    ratios: Sequence[float] = (1.0,),
    margin: tuple[float, float] = (0.0, 0.0),
) -> tuple[Figure, np.ndarray]:
    """n panels in rows of at most `columns`. Returns the figure and the axes, (n, len(ratios)).

    width, height: of a panel, inches.
    titles: one for each panel, above its first axes.
    ratios: a panel of several axes beside each other; their widths, in units of `width`.
    margin: what is added to the width and the height of the whole figure, inches.
    Raises ValueError for no panel, and for another number of titles.
    """
    if n == 0 or (titles is not None and len(titles) != n):
        raise ValueError(
            f"{n} panels" + (f" need {n} titles, not {len(titles)}." if n else ": there is nothing to show.")
        )
    columns = min(columns, n)
    rows = -(-n // columns)
    fig, axes = plt.subplots(
        rows,
        columns * len(ratios),
        squeeze=False,
        gridspec_kw={"width_ratios": [*ratios] * columns},
        figsize=(columns * sum(ratios) * width + margin[0], rows * height + margin[1]),
    )
    axes = axes.reshape(rows * columns, len(ratios))
    for ax in axes[n:].flat:
        ax.set_visible(False)
    for ax, title in zip(axes[:, 0], titles or (), strict=False):
        ax.set_title(title, fontsize=10, fontweight="normal")
    return fig, axes[:n]


def frame(ax: Axes, color: str) -> None:
    """A coloured frame around a picture."""
    for spine in ax.spines.values():
        spine.set(visible=True, color=color, linewidth=3)


def judge(ax: Axes, right: bool, text: str = "", **look) -> None:
    """Frame a picture green and tick it below if it is right; else red, and cross it. look: of the text."""
    frame(ax, GREEN if right else RED)
    ax.set_xlabel(f"{'✓' if right else '✗'} {text}".strip(), **look)


def outline(ax: Axes, box: Sequence[float], *strokes: tuple, clip: bool = True) -> None:
    """The outline of a box (x0, y0, x1, y1), drawn once for each stroke: (width in points, colour) or with a dash too.

    A wide pale stroke below a narrow one makes a rim, so that the box is seen on any picture. clip: hide what lies outside
    the axes.
    """
    x0, y0, x1, y1 = map(float, box)
    for width, color, *dash in strokes:
        edge = Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, lw=width, ec=color, ls=dash[0] if dash else "-")
        edge.set(clip_on=clip, in_layout=not clip)  # what is clipped is inside; measuring it takes long
        ax.add_patch(edge)


def look(k: int) -> dict:
    """Colour and dash of the k-th curve, so that curves can be told apart without colours too."""
    return {"color": PALETTE[k % len(PALETTE)], "linestyle": DASHES[k % len(DASHES)]}
