"""Registers, and the outlier tokens that they absorb: a diagram, and how long a network's own tokens are."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from coursekit.figures.images import to_rgb
from coursekit.figures.layout import panels
from coursekit.figures.style import INK, MUTED, bare, describe, styled
from coursekit.figures.svg import PAPER, SVG, TINTS, Drawing

OUTLIERS = ((1, 0), (5, 1), (6, 0))  # (column, row) of 8 by 5: in the sky, where nothing is to be seen
CELL = 24  # px, side of a token


def registers_diagram() -> SVG:
    """A ViT without and with registers: Darcet et al., Vision Transformers Need Registers, ICLR 2024."""
    d = Drawing(
        "registers",
        880,
        250,
        "Registers",
        """
        Two panels, each with the tokens of one image: a class token and 8 by 5 patches. Without registers, three patches of the
        empty sky are outliers: the network keeps notes there. With four registers, tokens without a place, the notes are kept in
        those, and all patches tell of their own place.""",
    )
    for k, (title, tint) in enumerate((("without registers", "red"), ("with four registers", "green"))):
        x = 12 + 434 * k
        d.panel(x, 10, 422, 230, tint)
        d.text(x + 211, 36, title, 16, True, TINTS[tint][2])
        _token(d, x + 22, 62, "orange")
        d.text(x + 52, 79, "class token", 13, color=MUTED, anchor="start")
        d.scene(x + 22, 106, 136, 1)
        d.arrow((x + 164, 157), (x + 186, 157), line=1.8)
        for column in range(8):
            for row in range(5):
                out = k == 0 and (column, row) in OUTLIERS
                _token(d, x + 194 + 27 * column, 92 + 27 * row, "red" if out else "blue")
        if k == 0:
            d.text(x + 302, 84, "notes, kept in the sky", 13, True, TINTS["red"][2])
        for n in range(4 * k):
            _token(d, x + 194 + 27 * n, 56, "red")
        if k:
            d.text(x + 308, 73, "registers", 13, True, TINTS["red"][2], "start")
    return d.svg()


def _token(d: Drawing, x: float, y: float, tint: str) -> None:
    d.rect(x, y, CELL, CELL, TINTS[tint][1], PAPER, 1, radius=3)


@styled
def token_norms(norms: Mapping[str, Tensor], images: Sequence[Tensor], cell: float = 1.15) -> Figure:
    """How long the patch tokens of some images are, as shares of the median of all: below the images, a row for each encoder.

    norms: {encoder: (N, h, w)}. images: N of them, uint8 (3, H, W). An outlier is several times as long as the median. A row's
    colours run from 0 to its longest token.
    """
    if not norms:
        raise ValueError("There is no encoder whose tokens could be shown.")
    fig, axes = panels(1 + len(norms), 1, cell, cell + 0.05, ratios=[1.0] * len(images), margin=(2.3, 0.0))
    for ax, image in zip(axes[0], images, strict=True):
        bare(ax).imshow(to_rgb(image))
    told = []
    for mine, (name, lengths) in zip(axes[1:], norms.items(), strict=True):
        share = lengths / lengths.median()
        for ax, each in zip(mine, share, strict=True):
            shown = bare(ax).imshow(each.numpy(), cmap="inferno", vmin=0, vmax=share.max().item())
        told.append(f"{name}: longest {share.max():.1f} times the median, {(share > 3).float().mean():.1%} above 3")
        mine[0].set_ylabel(name, fontsize=11, color=INK, rotation=0, ha="right", va="center", labelpad=8)
        fig.colorbar(shown, ax=list(axes.flat if len(norms) == 1 else mine), label="length / median")
    axes[0, 0].set_ylabel("image", fontsize=11, color=INK, rotation=0, ha="right", va="center", labelpad=8)
    return describe(fig, f"{len(images)} images and the lengths of their patch tokens. {'; '.join(told)}.")
