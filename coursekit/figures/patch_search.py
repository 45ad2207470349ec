"""A patch of one view, and what the features find in the other: its partner, and the negatives hardest to tell from it."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle
from torch import Tensor

from coursekit.figures.images import to_rgb
from coursekit.figures.layout import frame, panels
from coursekit.figures.patches import ANCHOR, LEFT_OUT, POSITIVE, UNIT, place_box
from coursekit.figures.style import PALETTE, RED, bare, describe, styled
from coursekit.methods.patch_matching import match_patches
from coursekit.views import View

HARDEST = 3  # negatives that are framed


class PatchPicture:
    """A patch of view a, its partner and hardest negatives in view b, the similarity of all of b: `show(image, row, column)`.

    Pink: what overlaps the patch or its partner, and is left out of the loss. It is neither framed nor counted in the rank.

    view_a, view_b: of the same N images. z_a, z_b: features of their patches, (N, P, D) and (N, Q, D), row by row, any scale.
    grids: rows and columns of patches of each view. image, row, column: the patch at first, from 0.

    figure: the Figure. moving: its artists that depend on the patch. similarity: (N, P, Q), cosines.
    """

    @styled
    def __init__(
        self,
        view_a: View,
        view_b: View,
        z_a: Tensor,
        z_b: Tensor,
        grids: tuple[tuple[int, int], tuple[int, int]],
        image: int = 0,
        row: int = 0,
        column: int = 0,
        cell: float = 3.1,
    ):
        sizes = [len(view_a.pixels), *(rows * columns for rows, columns in grids)]
        if sizes != [len(z_a), z_a.shape[1], z_b.shape[1]] or len(view_b.pixels) != len(z_b):
            raise ValueError(
                f"Features {tuple(z_a.shape)}, {tuple(z_b.shape)} are not those of patches in grids {grids}."
            )
        self.pixels, self.grids = [[to_rgb(p) for p in view.pixels] for view in (view_a, view_b)], grids
        match = match_patches(view_a.theta.cpu(), view_b.theta.cpu(), *grids)
        self.partner, self.same, self.p = match.partner, match.same, sizes[1]
        self.similarity = (
            F.normalize(z_a.detach().float().cpu(), dim=2) @ F.normalize(z_b.detach().float().cpu(), dim=2).mT
        )
        titles = ("view a: a patch", "view b: partner, negatives", "view b: similarity to it")
        self.figure, axes = panels(1, 1, cell, cell + 0.85, ratios=[1.0] * 3, margin=(0.9, 0.0))
        self.axes = axes[0]
        for ax, title, color in zip(self.axes, titles, (PALETTE[0], PALETTE[1], PALETTE[1]), strict=True):
            bare(ax).set(xlim=(0, 1), ylim=(1, 0))
            frame(ax, color)
            ax.set_title(title, fontsize=12)
            ax.set_xlabel("X\nX", fontsize=12, color="none")  # room for two lines
        self.plain = [ax.imshow(self.pixels[k][image], **UNIT) for k, ax in enumerate(self.axes[:2])]
        heat = torch.zeros(grids[1]).numpy()
        lowest = (
            math.floor(4 * self.similarity.min()) / 4
        )  # features are seldom opposite: half the colours would be idle
        self.heat = self.axes[2].imshow(heat, cmap="viridis", vmin=max(-1, lowest), vmax=1, **UNIT)
        self.veil = self.axes[1].imshow(np.zeros((*grids[1], 4)), interpolation="nearest", **UNIT)
        self.figure.colorbar(self.heat, ax=list(self.axes), shrink=0.75, label="cosine similarity")
        self.query, self.found, *self.rivals = (
            self._frame(ax, color, dash)
            for ax, color, dash in [
                (self.axes[0], ANCHOR, "-"),
                (self.axes[1], POSITIVE, "-"),
                *[(self.axes[1], RED, (0, (2, 1.2)))] * HARDEST,
            ]
        )
        look = {"fontsize": 8, "color": "white", "ha": "center", "va": "center", "fontweight": "bold"}
        ground = {"facecolor": RED, "edgecolor": "none", "boxstyle": "circle,pad=0.15"}
        self.numbers = [self.axes[1].text(0, 0, str(k + 1), bbox=ground, **look) for k in range(HARDEST)]
        below = {"fontsize": 11, "ha": "center", "va": "top", "linespacing": 1.4}
        self.told = [ax.text(0.5, 1.03, " ", **below) for ax in self.axes]
        for text in (*self.numbers, *self.told):
            text.set_in_layout(False)
        frames = [part for pair in (self.query, self.found, *self.rivals) for part in pair]
        self.moving = [*self.plain, self.heat, self.veil, *frames, *self.numbers, *self.told]
        self.show(image, row, column)

    def _frame(self, ax, color, dash) -> tuple[Rectangle, Rectangle]:
        """A rim and a line over it, seen on any picture."""
        looks = ((4.5, "white", "-"), (2.4, color, dash))
        return tuple(ax.add_patch(Rectangle((0, 0), 0, 0, fill=False, lw=w, ec=c, ls=s)) for w, c, s in looks)

    def show(self, image: int, row: int, column: int) -> None:
        """Show another patch, and describe it."""
        patch = row * self.grids[0][1] + column
        cosine, partner = self.similarity[image, patch], self.partner[image, patch].item()
        out = self.same[image, patch, self.p :].clone()
        if partner >= 0:
            out |= self.same[image, partner, self.p :]
        gone = out.clone()
        if partner >= 0:
            gone[partner - self.p] = False
        allowed = cosine.masked_fill(out, -torch.inf)
        rivals = [k for k in allowed.topk(min(HARDEST, len(cosine))).indices.tolist() if not out[k]]
        for k, picture in enumerate(self.plain):
            picture.set_data(self.pixels[k][image])
        self.heat.set_data(cosine.view(self.grids[1]).numpy())
        tint = np.where(gone.numpy()[:, None], to_rgba(LEFT_OUT, 0.7), to_rgba("white", 0.0))
        self.veil.set_data(tint.reshape(*self.grids[1], 4))
        self._put(self.query, patch, self.grids[0])
        self._put(self.found, partner - self.p if partner >= 0 else None, self.grids[1])
        for k, (rim, number) in enumerate(zip(self.rivals, self.numbers, strict=True)):
            there = k < len(rivals)
            self._put(rim, rivals[k] if there else None, self.grids[1])
            number.set_visible(there)
            if there:
                number.set_position(place_box(rivals[k], self.grids[1])[:2])  # at a corner: the patch is to be seen
        hard = ", ".join(f"{cosine[k]:.2f}" for k in rivals)
        if partner < 0:
            match, rank = "no partner: view b does not show it", "it is no anchor, but a negative"
            seen = "View b does not show its centre, so it has no partner and is no anchor."
        else:
            own = cosine[partner - self.p]
            place, count = int((allowed > own).sum()) + 1, int((~gone).sum())
            match, rank = f"partner: {own:.2f}", f"the partner is number {place} of {count}"
            spot = divmod(partner - self.p, self.grids[1][1])
            seen = f"""Its partner in view b, at row {spot[0]} and column {spot[1]} there, has cosine {own:.2f} and is number
                {place} of {count} in similarity."""
        if gone.any():
            rank += f"\nleft out, pink: {int(gone.sum())}, up to {cosine[gone].max():.2f}"
            seen += (
                f" Left out: {int(gone.sum())} patches that overlap, with cosines of up to {cosine[gone].max():.2f}."
            )
        self.told[0].set_text(f"image {image}, row {row}, column {column}")
        self.told[1].set_text(f"{match}\nhardest negatives: {hard}")
        self.told[2].set_text(rank)
        describe(
            self.figure,
            f"A patch of view a: image {image}, row {row}, column {column}. {seen} The hardest negatives in view b have cosines "
            f"{hard}.",
        )

    @staticmethod
    def _put(pair: tuple[Rectangle, Rectangle], index: int | None, grid: tuple[int, int]) -> None:
        for part in pair:
            part.set_visible(index is not None)
            if index is not None:
                x0, y0, x1, y1 = place_box(index, grid)
                part.set_bounds(x0, y0, x1 - x0, y1 - y0)
