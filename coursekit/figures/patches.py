"""Places in two views of one image: which belong together, what each is to the other, and how alike features find them."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from coursekit.figures.images import draw_crop_boxes, to_rgb
from coursekit.figures.layout import frame, outline, panels
from coursekit.figures.style import (
    BLUE,
    CLASS_COLORS,
    FAINT,
    GREEN,
    MUTED,
    ORANGE,
    PALETTE,
    PURPLE,
    bare,
    describe,
    styled,
)
from coursekit.methods.patch_matching import Match, match_patches, to_view
from coursekit.views import View

UNIT = {"extent": (0, 1, 1, 0)}  # a view of any size fills the same square
ANCHOR, POSITIVE, LEFT_OUT = BLUE, GREEN, PURPLE  # seen in a grey view too
ROLES = {"anchor": ANCHOR, "positive": POSITIVE}  # what is framed
COLORS = (BLUE, ORANGE, GREEN, PALETTE[4], PALETTE[1])  # of pairs, side by side in both views


def place_box(index: int, grid: tuple[int, int]) -> tuple[float, float, float, float]:
    """Where a patch lies in a view that is a square of side 1: (x0, y0, x1, y1). index: row by row."""
    row, column = divmod(index, grid[1])
    return column / grid[1], row / grid[0], (column + 1) / grid[1], (row + 1) / grid[0]


def _number(ax: Axes, x: float, y: float, text: str, color: str) -> None:
    ground = {"facecolor": color, "edgecolor": "none", "boxstyle": "circle,pad=0.15"}
    ax.text(x, y, text, color="white", fontsize=9, fontweight="bold", ha="center", va="center", bbox=ground)


def _shown(ax: Axes, pixels: Tensor, color: str) -> None:
    bare(ax).imshow(to_rgb(pixels), **UNIT)
    ax.set(xlim=(0, 1), ylim=(1, 0))
    frame(ax, color)


def _veil(ax: Axes, colors: np.ndarray) -> None:
    """Tint patches. colors: RGBA (rows, columns, 4)."""
    ax.imshow(colors, interpolation="nearest", **UNIT)


def _lines(ax: Axes, grid: tuple[int, int]) -> None:
    for k in range(1, grid[1]):
        ax.axvline(k / grid[1], color="white", lw=0.5, alpha=0.7)
    for k in range(1, grid[0]):
        ax.axhline(k / grid[0], color="white", lw=0.5, alpha=0.7)


@styled
def correspondences(
    images: Tensor, view_a: View, view_b: View, grid: tuple[int, int], pairs: int = 5, cell: float = 2.2
) -> Figure:
    """Images, and two views of each in which patches at the same place have one number; darkened: the other view has none.

    images: uint8 (N, 3, H, W). view_a, view_b: of these N images. grid: rows and columns of patches. pairs: how many are
    numbered, spread over view a. cell: side of a view, inches.
    """
    match, p = match_patches(view_a.theta, view_b.theta, grid, grid), grid[0] * grid[1]
    fig, axes = panels(len(images), 1, cell, cell + 0.2, ratios=[images.shape[3] / images.shape[2], 1.0, 1.0])
    for i, mine in enumerate(axes):
        draw_crop_boxes(mine[0], images[i], torch.stack([view_a.theta[i], view_b.theta[i]]).cpu())
        unseen = (match.partner[i] < 0).view(2, *grid).cpu().numpy()
        for k, view in enumerate((view_a, view_b)):
            _shown(mine[1 + k], view.pixels[i], PALETTE[k])
            _veil(mine[1 + k], np.where(unseen[k, ..., None], to_rgba("black", 0.62), to_rgba("white", 0.0)))
            _lines(mine[1 + k], grid)
        anchors = (match.partner[i, :p] >= 0).nonzero().squeeze(1).tolist()
        spread = [anchors[round(s * (len(anchors) - 1))] for s in torch.linspace(0.08, 0.92, pairs).tolist()]
        for k, index in enumerate(dict.fromkeys(spread) if anchors else ()):
            ends = (index, match.partner[i, index].item() - p)
            for ax, place in zip(mine[1:], ends, strict=True):
                box = place_box(place, grid)
                outline(ax, box, (3.5, "white"), (2.0, COLORS[k % len(COLORS)]))
                _number(ax, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, str(k + 1), COLORS[k % len(COLORS)])
        if i == 0:
            for ax, title in zip(mine, ("image", "view a", "view b"), strict=True):
                ax.set_title(title, fontsize=11)
    seen = [f"{share:.0%}" for share in (match.partner >= 0).float().mean(dim=1).tolist()]
    return describe(
        fig,
        f"""
        {len(images)} images, each with two views of {grid[0]} by {grid[1]} patches. Numbers mark patches of view a and the
        patches of view b at the same place of the image; patches that the other view does not show are darkened. Of all
        patches {", ".join(seen)} have a partner.""",
    )


@styled
def patch_roles(
    view_a: View, view_b: View, match: Match, grid: tuple[int, int], patch: int, image: int = 0, cell: float = 3.2
) -> Figure:
    """What every patch of two views is to one patch of view a: the anchor, its positive, left out, or a negative.

    match: of `match_patches` for views with this grid of patches. patch: the anchor, counted row by row, with a partner.
    """
    partner = match.partner[image, patch].item()
    if partner < 0:
        raise ValueError(f"Patch {patch} has no partner: view b does not show its centre, so it is no anchor.")
    out, p = match.same[image, patch] | match.same[image, partner], grid[0] * grid[1]
    out[[patch, partner]] = False
    colors = [to_rgba(LEFT_OUT, 0.7) if gone else to_rgba("white", 0.0) for gone in out.tolist()]
    fig, axes = panels(1, 1, cell, cell + 0.75, ratios=[1.0, 1.0])
    for k, (ax, view) in enumerate(zip(axes[0], (view_a, view_b), strict=True)):
        _shown(ax, view.pixels[image], PALETTE[k])
        _veil(ax, np.array(colors).reshape(2, *grid, 4)[k])
        _lines(ax, grid)
        outline(ax, place_box((patch, partner - p)[k], grid), (4.5, "white"), (2.6, (ANCHOR, POSITIVE)[k]))
        ax.set_title(f"view {'ab'[k]}", fontsize=11)
    looks = [Patch(facecolor="none", edgecolor=color, lw=2.6, label=name) for name, color in ROLES.items()]
    looks += [
        Patch(facecolor=to_rgba(LEFT_OUT, 0.7), label="left out"),
        Patch(facecolor="none", label="all others: negatives"),
    ]
    fig.legend(handles=looks, loc="outside lower center", ncols=4, fontsize=11)
    counts = len(colors), int(out.sum())
    return describe(
        fig,
        f"""
        Two views of an image, their patches marked by what they are to patch {patch} of view a, the anchor, in a blue frame:
        its positive, in a green one, is patch {partner - p} of view b, {counts[1]} patches at the place of either are left
        out, pink, and the other {counts[0] - counts[1] - 2} are negatives.""",
    )


@styled
def region_pairs(images: Tensor, view_a: View, view_b: View, cell: float = 2.4) -> Figure:
    """The boxes that region contrast compares, on two views of each image: the same number is the same box of the image.

    view_a, view_b: views with boxes as their target, as `RegionContrast.views` makes them.
    """
    fig, axes = panels(len(images), 2, cell, cell + 0.2, ratios=[1.0, 1.0, 0.08])
    for i, mine in enumerate(axes):
        bare(mine[2])
        for k, (ax, view) in enumerate(zip(mine[:2], (view_a, view_b), strict=True)):
            _shown(ax, view.pixels[i], PALETTE[k])
            for n, box in enumerate(((to_view(view.target[i : i + 1], view.theta[i : i + 1])[0] + 1) / 2).tolist()):
                color = COLORS[n % len(COLORS)]
                outline(ax, box, (3.5, "white"), (2.0, color))
                _number(ax, box[0], box[1], str(n + 1), color)
            ax.set_title(f"view {'ab'[k]}{', flipped' if view.theta[i, 0, 0] < 0 else ''}", fontsize=11)
    return describe(
        fig,
        f"{len(images)} images in two views each, with {view_a.target.shape[1]} random boxes inside what both views show; the "
        "same number marks the same box of the image.",
    )


@styled
def place_maps(
    images: Tensor, truth: Tensor, named: Mapping[str, Tensor], classes: Sequence[str], cell: float = 1.45
) -> Figure:
    """Scenes, and below them the class of each place: the true one, and what each encoder's probe says.

    images: uint8 (N, 3, H, W). truth: int64 (N, h, w), 0 = background, -1 = unclear. named: {encoder: int64 (N, h, w)}, as of
    `named_places`. classes: names of 1, 2, ...
    """
    colors = np.array([to_rgba(FAINT), *(to_rgba(CLASS_COLORS[k]) for k in range(len(classes))), to_rgba("white")])
    rows = {"true": truth, **named}
    fig, axes = panels(1 + len(rows), 1, cell, cell + 0.04, ratios=[1.0] * len(images), margin=(1.4, 0.5))
    for ax, image in zip(axes[0], images, strict=True):
        bare(ax).imshow(to_rgb(image), **UNIT)
    for mine, (name, maps) in zip(axes[1:], rows.items(), strict=True):
        for ax, places in zip(mine, maps, strict=True):
            _veil(bare(ax), colors[places.numpy()])
        mine[0].set_ylabel(name, fontsize=11, rotation=0, ha="right", va="center", labelpad=8)
    names = ["background", *classes, "unclear: not asked"]
    looks = [Patch(facecolor=color, edgecolor=MUTED, label=name) for name, color in zip(names, colors, strict=True)]
    fig.legend(handles=looks, loc="outside lower center", ncols=len(looks), fontsize=10)
    clear = truth >= 0
    told = [f"{name}: {(maps == truth)[clear].float().mean():.0%}" for name, maps in named.items()]
    return describe(
        fig,
        f"{len(images)} scenes, and the class of each of their places by the masks and by probes of: {', '.join(named)}. Named "
        f"rightly in these scenes: {'; '.join(told)}.",
    )
