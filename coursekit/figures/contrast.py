"""Pictures of the contrastive objective: who is compared with whom, and what the temperature does to it."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from coursekit.figures.images import to_rgb
from coursekit.figures.layout import outline, panels
from coursekit.figures.live import Stamp
from coursekit.figures.style import INK, MARKERS, PALETTE, bare, describe, styled


def _mark(ax: Axes, columns: Tensor) -> None:
    for row, column in enumerate(columns.tolist()):
        cell = (column - 0.5, row - 0.5, column + 0.5, row + 0.5)
        outline(ax, cell, (3.0, "white"), (1.3, "black"))  # seen on any colour of either map


def _number(value: float, form: str, bright) -> dict:
    """What a cell says and in which ink. bright(value): does white read better there?"""
    text = format(value, form)
    return {"text": text if float(text) else text.lstrip("-"), "color": "white" if bright(value) else INK}


def _numbers(ax: Axes, values: Tensor, form: str, bright) -> dict[tuple[int, int], Stamp]:
    """Write each value into its cell. Returns the texts by row and column."""
    written = {}
    for row, column in torch.isfinite(values).nonzero().tolist():
        number = Stamp(column, row, **_number(values[row, column].item(), form, bright), fontsize=7.5)
        written[row, column] = ax.add_artist(number)
        number.set_in_layout(False)
    return written


def _beside_rows(ax: Axes, pictures: list, side: float) -> None:
    """Put one picture between each row of a matrix and its name. side: of the matrix, about, inches."""
    cell = 1 / len(pictures)
    column = bare(ax.inset_axes((-cell - 0.015, 0, cell, 1)))
    column.imshow(np.concatenate(pictures), aspect="auto", extent=(0, 1, len(pictures), 0), interpolation="antialiased")
    for row in range(1, len(pictures)):
        column.axhline(row, color="white", lw=1.5)
    ax.tick_params(axis="y", length=0, pad=72 * side * (cell + 0.03))


SIMILARITY = {"form": ".2f", "bright": lambda v: abs(v) > 0.6}
SHARE = {"form": ".0f", "bright": lambda v: v < 55}


class SimilarityPicture:
    """The figure of `similarity_matrix`, whose temperature can be moved: `show(temperature)` changes the right half and
    the loss.

    figure: the Figure. moving: its artists that depend on the temperature. The arguments are those of
    `similarity_matrix`; nothing of z_a and z_b is kept but their similarities.
    """

    @styled
    def __init__(self, z_a: Tensor, z_b: Tensor, temperature: float = 0.1, views: Sequence[Tensor] | None = None):
        n = len(z_a)
        if z_a.shape != z_b.shape or z_a.ndim != 2 or n == 0:
            raise ValueError(f"Needed: (N, D) and (N, D). Given: {tuple(z_a.shape)} and {tuple(z_b.shape)}.")
        pictures = [to_rgb(pixels) for part in (() if views is None else views) for pixels in part]
        if pictures and len(pictures) != 2 * n:
            raise ValueError(f"views are the pixels of z_a's and z_b's views, {2 * n} pictures, not {len(pictures)}.")
        z = F.normalize(torch.cat([z_a, z_b]).detach().float().cpu(), dim=1)
        self.similarity = z @ z.T  # (2N, 2N)
        self.itself = torch.eye(2 * n, dtype=torch.bool)
        self.positive = torch.arange(2 * n).roll(n)  # i <-> i + N

        self.figure, axes = panels(2, 2, 4.8 if pictures else 4.5, 4.1)
        left, right = axes[:, 0]
        if pictures:
            _beside_rows(left, pictures, side=3.2)
        self._matrix(left, self.similarity, "PuOr_r", (-1, 1), "cosine similarity s(i, k)", SIMILARITY)
        left.set_title("Similarities")
        share = self._share(temperature)[0]
        self.map, self.numbers = self._matrix(right, share, "viridis", (0, 100), "share of row i, %", SHARE)
        self.title, self.headline = right.set_title(" "), self.figure.suptitle(" ", fontsize=11)
        above = (*right.patches, *right.spines.values(), *self.numbers.values())  # what lies on the map
        self.moving = [self.map, *above, self.title, self.headline]
        self.show(temperature)

    def _matrix(self, ax: Axes, values: Tensor, colors: str, ends: tuple, label: str, number: dict) -> tuple:
        """Draw a matrix, (2N, 2N). Returns its image and the texts in its cells, which are there up to N = 6."""
        n = len(values) // 2
        names, every = [f"{view}{i}" for view in "ab" for i in range(n)], -(-n // 8)
        colors = plt.get_cmap(colors).with_extremes(bad="#E6E6E6")
        shown = ax.imshow(values.numpy(), cmap=colors, vmin=ends[0], vmax=ends[1])
        _mark(ax, self.positive)
        numbers = _numbers(ax, values, **number) if n <= 6 else {}
        ax.set_xticks(range(0, 2 * n, every), names[::every], fontsize=9)
        ax.set_yticks(range(0, 2 * n, every), names[::every], fontsize=9)
        ax.set(xlabel="view k", ylabel="view i")
        ax.grid(False)
        self.figure.colorbar(shown, ax=ax, label=label, shrink=0.9, pad=0.03)
        return shown, numbers

    def _share(self, temperature: float) -> tuple[Tensor, float]:
        """Each row's softmax, in % and without itself (NaN), and the InfoNCE loss, in nats."""
        log_share = (self.similarity / temperature).masked_fill(self.itself, -torch.inf).log_softmax(dim=1)
        loss = -log_share[torch.arange(len(log_share)), self.positive].mean().item()
        return (100 * log_share.exp()).masked_fill(self.itself, torch.nan), loss

    def show(self, temperature: float) -> None:
        """Set the temperature of the softmax: its map, its numbers, both titles and the description."""
        share, loss = self._share(temperature)
        self.map.set_data(share.numpy())
        for (row, column), text in self.numbers.items():
            text.set(**_number(share[row, column].item(), **SHARE))
        n, chance = len(share) // 2, math.log(len(share) - 1)
        self.title.set_text(f"Row softmax, temperature {temperature:.3g}")
        self.headline.set_text(f"InfoNCE {loss:.2f} nats; chance {chance:.2f}.  Framed: the positive of row i")
        hit = share[torch.arange(2 * n), self.positive].mean().item()
        describe(
            self.figure,
            f"""
            Two heat maps over the {2 * n} views of {n} images: cosine similarities, and each row's softmax at temperature
            {temperature:.3g} with the diagonal left out. Positives lie {n} cells off the diagonal and hold {hit:.0f} % of
            their row on average; the loss is {loss:.2f} nats, chance is {chance:.2f}.""",
        )


def similarity_matrix(
    z_a: Tensor, z_b: Tensor, temperature: float = 0.1, views: Sequence[Tensor] | None = None
) -> Figure:
    """Left: the cosine similarities of all 2N views. Right: each row's softmax at the temperature, itself left out.

    z_a, z_b: (N, D), row i of both from image i; N up to about 16 can be read, up to 6 with numbers. Framed: the
    positive of each row. The title gives the InfoNCE loss of these views, in nats, and its chance level log(2N - 1).
    views: the pixels of the first and of the second views, (N, 3, S, S) each, to be shown beside their rows.
    """
    return SimilarityPicture(z_a, z_b, temperature, views).figure


@styled
def temperature_curves(
    temperatures: Sequence[float] = (0.05, 0.1, 0.2, 0.5, 1.0), similarities: Tensor | None = None
) -> Figure:
    """How hard a negative is pushed away, by its similarity, for several temperatures.

    The gradient of InfoNCE on a negative with similarity s is proportional to exp(s / temperature) (Wang and Liu,
    Understanding the Behaviour of Contrastive Loss, CVPR 2021); shown relative to a negative with s = 1, in %.
    similarities: any shape, the similarities of a real batch's negatives, drawn behind as a histogram.
    """
    fig, ax = plt.subplots(figsize=(7.0, 3.8))
    s = torch.linspace(-1, 1, 201)
    for k, t in enumerate(temperatures):
        marks = {"marker": MARKERS[k % len(MARKERS)], "markevery": (8 * k, 40), "markersize": 6}
        ax.plot(s, 100 * ((s - 1) / t).exp(), label=f"{t:g}", color=PALETTE[k % len(PALETTE)], **marks)
    ax.set(xlim=(-1, 1), ylim=(0, 102))
    ax.set(xlabel="cosine similarity of the negative to the anchor", ylabel="push, % of that on a negative at s = 1")
    ax.set_title("A low temperature pushes only the nearest negatives")
    ax.legend(title="temperature", loc="upper left")
    behind = ""
    if similarities is not None:
        twin = ax.twinx()
        flat = similarities.detach().float().flatten().cpu()
        percent = torch.full((len(flat),), 100 / len(flat))
        twin.hist(flat.numpy(), bins=40, range=(-1, 1), color="#9AA4AF", alpha=0.35, weights=percent.numpy())
        twin.set_ylabel("negatives of this batch, % in each bin (grey)")
        twin.grid(False)
        twin.spines["right"].set_visible(True)
        behind = " A grey histogram shows the similarities of a real batch's negatives."
    low, high = min(temperatures), max(temperatures)
    return describe(
        fig,
        f"""
        Curves that rise with similarity, one for each temperature. At {low:g} only negatives with a similarity near 1
        are pushed; at {high:g} one at similarity 0 still gets {100 * math.exp(-1 / high):.0f} % of the
        push.{behind}""",
    )
