"""The partner game of lesson 00: of all other views, which one does an encoder take for the view's partner?"""

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor

from coursekit.figures.images import to_rgb
from coursekit.figures.layout import judge, panels
from coursekit.figures.style import GREEN, INK, MUTED, RED, bare, describe, styled


@styled
def partner_picks(
    view_a: Tensor, view_b: Tensor, picks: Mapping[str, Tensor], cell: float = 1.1, show: int | None = None
) -> Figure:
    """Each first view of N images, below it its partner, and below that what was picked for the partner.

    view_a, view_b: pixels (N, 3, S, S), uint8 or normalised; row i of both comes from image i. picks: for each name, as
    "before" or "after", (N,) indices into the 2N views, first all of view_a, then all of view_b. A right pick, N + i,
    is ticked and framed green; another is crossed and framed red. cell: side of a view, inches. show: draw only so
    many of the N, first those that the last of `picks` found; all are counted.
    Raises ValueError if the numbers of views and picks differ, and for a pick that is not a view or is the view itself.
    """
    n = len(view_a)
    if n == 0 or view_a.shape != view_b.shape or not picks:
        raise ValueError(
            f"Needed: the same number of first and second views, and picks. Given: {tuple(view_a.shape)}, "
            f"{tuple(view_b.shape)} and {len(picks)} rows of picks."
        )
    chosen = {name: torch.as_tensor(mine).tolist() for name, mine in picks.items()}
    for name, mine in chosen.items():
        if len(mine) != n or any(not 0 <= pick < 2 * n or pick == i for i, pick in enumerate(mine)):
            raise ValueError(
                f"{name!r}: {n} views need {n} picks from 0 to {2 * n - 1}, none of them the view itself; "
                f"given: {mine}."
            )
    views = [to_rgb(view) for view in (*view_a, *view_b)]
    rows = {"view": range(n), "its partner": range(n, 2 * n), **chosen}
    last, order = list(chosen.values())[-1], range(n)
    if show is not None:
        order = sorted(order, key=lambda i: last[i] != n + i)[:show]
    fig, axes = panels(len(rows), 1, cell, cell + 0.2, ratios=[1.0] * len(order), margin=(0.9, 0.0))
    told = []
    for row, (name, mine) in enumerate(rows.items()):
        right = sum(pick == n + i for i, pick in enumerate(mine))
        found = f"\n{right} of {n} right" if name in chosen else ""
        told += [f"{name}: {right} of {n} partners found"] if name in chosen else []
        for column, i in enumerate(order):
            ax = bare(axes[row, column])
            ax.imshow(views[mine[i]])
            if name in chosen:
                right_one = mine[i] == n + i
                judge(ax, right_one, fontsize=10, labelpad=1, color=GREEN if right_one else RED)
        color = INK if name in chosen else MUTED
        beside = {"rotation": 0, "ha": "right", "va": "center", "labelpad": 8}
        axes[row, 0].set_ylabel(f"{name}{found}", fontsize=10, color=color, **beside)
    return describe(
        fig, f"{n} views, their partners, and which other view was picked as the partner. {'; '.join(told)}."
    )
