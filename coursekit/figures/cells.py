"""A place of the image, and the cells that answer it: of a detector's three maps, or of one map of tokens."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from coursekit.figures.images import to_rgb
from coursekit.figures.layout import panels
from coursekit.figures.style import INK, ORANGE, SKY, bare, describe, styled

STRIDES = (8, 16, 32)  # px, of the maps that a neck reads
HEAT = "inferno"
PLACE = (0, (2, 1.5))  # the dash of the frame around the place itself


class CellPicture:
    """A scene with a place painted over, and how far the cells of three maps move: `show(network, row, column)`.

    image: uint8 (3, H, W). answers: {network: one tensor for each stride, (places, h, w)}, see `detection.arrows.cell_answers`.
    side: of a place, px. network, row, column: at first, from 0.

    figure: the Figure. moving: its artists that depend on the place. grid: rows and columns of places.
    """

    @styled
    def __init__(
        self,
        image: Tensor,
        answers: Mapping[str, Sequence[Tensor]],
        side: int = 8,
        network: str | None = None,
        row: int = 0,
        column: int = 0,
        cell: float = 2.35,
    ):
        height, width = image.shape[1:]
        self.answers, self.side, self.grid, self.sides = answers, side, (height // side, width // side), (height, width)
        if not answers or any(
            len(level) != self.grid[0] * self.grid[1] for levels in answers.values() for level in levels
        ):
            raise ValueError(f"Every network needs an answer for each of the {self.grid[0]} x {self.grid[1]} places.")
        titles = ("the place", *(f"stride {stride}" for stride in STRIDES))
        self.figure, axes = panels(1, 1, cell, cell + 1.0, ratios=[1.0] * 4, margin=(0.2, 0.0))
        self.axes = axes[0]
        extent = (0, width, height, 0)
        for ax, title in zip(self.axes, titles, strict=True):
            bare(ax).set(xlim=(0, width), ylim=(height, 0))
            ax.set_title(title, fontsize=12)
            ax.set_xlabel("X\nX", fontsize=11, color="none")  # room for two lines
        self.axes[0].imshow(to_rgb(image), extent=extent)
        first = next(iter(answers.values()))
        self.heats = [
            ax.imshow(torch.zeros(level.shape[1:]).numpy(), cmap=HEAT, vmin=0, vmax=1, extent=extent)
            for ax, level in zip(self.axes[1:], first, strict=True)
        ]
        paint = to_rgb(image).reshape(-1, 3).mean(axis=0) / (255 if to_rgb(image).max() > 1 else 1)
        self.patch = self.axes[0].add_patch(Rectangle((0, 0), side, side, fc=paint, ec="none"))
        self.marks = [self._frame(ax, SKY, PLACE) for ax in self.axes]
        self.found = [self._frame(ax, ORANGE, "-") for ax in self.axes[1:]]
        below = {"fontsize": 11, "ha": "center", "va": "top", "linespacing": 1.4}
        self.told = [ax.text(width / 2, 1.03 * height, " ", **below) for ax in self.axes]
        for text in self.told:
            text.set_in_layout(False)
        frames = [part for pair in (*self.found, *self.marks) for part in pair]
        self.moving = [*self.heats, self.patch, *frames, *self.told]
        self.show(network or next(iter(answers)), row, column)

    @staticmethod
    def _frame(ax, color, dash) -> tuple[Rectangle, Rectangle]:
        """A dark rim and a line over it, seen on any map."""
        looks = ((4.2, INK, "-"), (2.2, color, dash))
        return tuple(ax.add_patch(Rectangle((0, 0), 1, 1, fill=False, lw=w, ec=c, ls=s)) for w, c, s in looks)

    def show(self, network: str, row: int, column: int) -> None:
        """Show another place or network, and describe it."""
        place = (column * self.side, row * self.side)
        self.patch.set_xy(place)
        for pair in self.marks:
            for part in pair:
                part.set_bounds(*place, self.side, self.side)
        told = []
        for k, levels in enumerate(self.answers[network]):
            change = levels[row * self.grid[1] + column]
            (h, w), total = change.shape, change.sum().item()
            y, x = divmod(change.argmax().item(), w)
            self.heats[k].set_data((change / change.max().clamp_min(1e-12)).numpy())
            high, wide = self.sides[0] / h, self.sides[1] / w
            for part in self.found[k]:
                part.set_bounds(x * wide, y * high, wide, high)
            share = change.max().item() / max(total, 1e-12)
            self.told[k + 1].set_text(f"cell ({y}, {x}) of {h} x {w}\n{share:.0%} of all change")
            told.append(f"Stride {STRIDES[k]}: cell {y}, {x} of {h} x {w}, with {share:.0%} of all change.")
        self.told[0].set_text(f"row {row}, column {column}\n{network}")
        describe(
            self.figure,
            f"A scene; the place in row {row}, column {column} is painted over. How far the cells of {network} move, the one that "
            f"moves most framed. {' '.join(told)}",
        )


@styled
def lit_cells(maps: Mapping[str, Tensor], place: tuple[int, int], cell: float = 3.0) -> Figure:
    """How far the cells of some maps move when one patch of the image is lit; the brightest is framed, and the lit one dashed.

    maps: {title: (h, w)}. place: row and column of the patch that is lit.
    """
    fig, axes = panels(len(maps), len(maps), cell, cell + 0.3, titles=list(maps))
    told = []
    for ax, (title, change) in zip(axes[:, 0], maps.items(), strict=True):
        bare(ax).imshow(change.numpy(), cmap=HEAT, vmin=0)
        y, x = divmod(change.argmax().item(), change.shape[1])
        for (r, c), color, dash in (((y, x), ORANGE, "-"), (place, SKY, PLACE)):
            ax.add_patch(Rectangle((c - 0.5, r - 0.5), 1, 1, fill=False, lw=2.6, ec=color, ls=dash))
        ax.title.set_fontsize(11)
        ax.set_xlabel(f"lit: {place[0]}, {place[1]}; answers: {y}, {x}")
        told.append(f"{title}: row {y}, column {x}")
    return describe(
        fig,
        f"The patch in row {place[0]}, column {place[1]} is lit. The cell that moves most, framed: {'; '.join(told)}.",
    )
