"""The partner game of lesson 00: of all other views, which one does an encoder take for the view's partner?"""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from coursekit.figures.images import to_rgb
from coursekit.figures.layout import frame, judge, panels
from coursekit.figures.style import BLUE, GREEN, INK, MUTED, RED, bare, describe, styled


@styled
def partner_picks(
    view_a: Tensor, view_b: Tensor, picks: Mapping[str, Tensor], show: int = 8, seed: int = 0, cell: float = 1.1
) -> Figure:
    """Some first views, below each its partner, and below that what was picked for the partner.

    view_a, view_b: pixels (N, 3, S, S), uint8 or normalised; row i of both comes from image i.
    picks: for each name, as "before" or "after", (2N,) indices into the 2N views, first all of view_a, then all of
    view_b. A right pick is ticked and framed green; another is crossed and framed red. All 2N are counted.
    show, seed: how many of the first views are drawn, and which: a random sample, the same for every name.
    cell: side of a view, inches.
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
        if len(mine) != 2 * n or any(not 0 <= pick < 2 * n or pick == i for i, pick in enumerate(mine)):
            raise ValueError(
                f"{name!r}: {2 * n} views need {2 * n} picks from 0 to {2 * n - 1}, none of them the view itself; "
                f"given: {mine}."
            )
    views = [to_rgb(view) for view in (*view_a, *view_b)]
    partners = [*range(n, 2 * n), *range(n)]
    sample = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).tolist()[:show]
    rows = {"view": range(2 * n), "its partner": partners, **chosen}
    fig, axes = panels(len(rows), 1, cell, cell + 0.2, ratios=[1.0] * len(sample), margin=(1.0, 0.0))
    told = []
    for row, (name, mine) in enumerate(rows.items()):
        right = sum(pick == partner for pick, partner in zip(mine, partners, strict=True))
        found = f"\n{right} of {2 * n} right" if name in chosen else ""
        told += [f"{name}: {right} of {2 * n} partners found"] if name in chosen else []
        for column, i in enumerate(sample):
            ax = bare(axes[row, column])
            ax.imshow(views[mine[i]])
            if name in chosen:
                right_one = mine[i] == partners[i]
                judge(ax, right_one, fontsize=10, labelpad=1, color=GREEN if right_one else RED)
        color = INK if name in chosen else MUTED
        beside = {"rotation": 0, "ha": "right", "va": "center", "labelpad": 8}
        axes[row, 0].set_ylabel(f"{name}{found}", fontsize=10, color=color, **beside)
    return describe(
        fig, f"{len(sample)} of {2 * n} views, their partners, and which other view was picked. {'; '.join(told)}."
    )


@styled
def game_scores(
    pictures: Tensor, features: Mapping[str, Tensor], partner: int, titles: list[str], cell: float = 1.1
) -> Figure:
    """A game played by encoders: how similar each candidate is to the first picture, as a bar; the highest is the pick.

    pictures: (1 + K, 3, S, S), uint8 or normalised: a view, then the K candidates. features: for each name, as "before"
    or "after", (1 + K, D). partner: which candidate is right, from 1 to K. titles: 1 + K short names. cell: side of a
    picture, inches. The partner is framed; the pick's bar is green if it is the partner, else red.
    Raises ValueError if numbers differ, or if there is no such candidate.
    """
    candidates = len(pictures) - 1
    if any(len(h) != len(pictures) for h in features.values()) or not 1 <= partner <= candidates:
        raise ValueError(f"{len(pictures)} pictures need as many features, and a partner from 1 to {candidates}.")
    fig, axes = plt.subplots(
        1 + len(features),
        1 + candidates,
        squeeze=False,
        figsize=((1 + candidates) * cell + 0.2, (cell + 0.3) + len(features) * cell),
    )
    for ax, picture, title in zip(axes[0], pictures, titles, strict=True):
        bare(ax).imshow(to_rgb(picture))
        ax.set_title(title, fontsize=11, fontweight="normal")
    frame(axes[0, partner], BLUE)
    told = []
    for row, (name, h) in zip(axes[1:], features.items(), strict=True):
        z = F.normalize(h.detach().float().cpu(), dim=1)
        similar = (z[1:] @ z[0]).tolist()
        pick = 1 + max(range(candidates), key=similar.__getitem__)
        words = bare(row[0])
        words.set_frame_on(False)
        words.text(1.0, 0.5, f"{name}\npicks {pick}", ha="right", va="center", fontsize=11, transform=words.transAxes)
        for k, (ax, value) in enumerate(zip(row[1:], similar, strict=True), start=1):
            bare(ax).set_frame_on(False)
            ax.barh(0, value, height=0.5, color=MUTED if k != pick else GREEN if k == partner else RED)
            ax.plot([0, 0], [-0.35, 0.35], color=INK, lw=1)
            ax.set(xlim=(-1.05, 1.05), ylim=(-0.8, 1.1))
            ax.text(0, 0.4, f"{value:.2f}", ha="center", va="bottom", fontsize=11)
        told.append(f"{name}: picks {pick}, similarities {', '.join(f'{value:.2f}' for value in similar)}")
    return describe(fig, f"A view and {candidates} candidates; number {partner} is its partner. {'; '.join(told)}.")
