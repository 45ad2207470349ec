"""Neighbours under several encoders side by side, and how they vote on an image's class."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.patches import Rectangle
from torch import Tensor

from coursekit.data.images import ImageSet
from coursekit.evaluation.knn import knn_vote
from coursekit.figures.images import to_rgb
from coursekit.figures.live import Stamp
from coursekit.figures.style import GREEN, INK, MUTED, RED, bare, describe, styled

CELL = 0.92  # side of a neighbour, inches
BARS = 3  # classes with the largest shares


class VotePicture:
    """One test image, its nearest training images under each encoder, and their vote: `show(query, k, temperature)`.

    bank, queries: labelled images to vote and to be voted on.
    features: by encoder's name, those of the bank (N, D) and of the queries (M, D).
    query, k, temperature: what is shown at first. k: how many vote. temperature: of their weights.
    shown: how many neighbours are drawn; those that do not vote are pale. most: how many may vote.

    figure: the Figure. moving: its artists that depend on what is shown. Raises ValueError for features that do not fit.
    """

    @styled
    def __init__(
        self,
        bank: ImageSet,
        queries: ImageSet,
        features: Mapping[str, tuple[Tensor, Tensor]],
        query: int = 0,
        k: int = 5,
        temperature: float = 0.07,
        shown: int = 7,
        most: int = 50,
    ):
        sizes = [(len(a), len(b)) for a, b in features.values()]
        if bank.labels is None or queries.labels is None or not sizes or set(sizes) != {(len(bank), len(queries))}:
            raise ValueError(
                f"Needed: labelled images, and features of {len(bank)} and {len(queries)} of them, not {sizes}."
            )
        self.bank, self.queries = bank, queries
        self.names = [name.replace("_", " ") for name in bank.class_names]
        most = min(most, len(bank))
        self.nearest = {}  # encoder -> (cosines, indices), (M, most) each
        for name, parts in features.items():
            a, b = (F.normalize(part.detach().float().cpu(), dim=1) for part in parts)
            self.nearest[name] = (b @ a.T).topk(most, dim=1)
        shown = min(shown, most)
        rows = len(self.nearest)
        self.figure = plt.figure(figsize=((shown + 4.2) * CELL, rows * (CELL + 0.52) + 0.15))
        grid = GridSpec(rows, shown + 2, self.figure, width_ratios=[1.35, *[1.0] * shown, 2.3])
        self.query = bare(self.figure.add_subplot(grid[:, 0]))
        self.query.imshow(to_rgb(queries.images[0]))
        self.query.set_xlabel(" ", fontsize=10)
        self.query.set_title("test image", fontsize=11)
        self.panels = [self._row(grid, row, name, shown) for row, name in enumerate(self.nearest)]
        self.moving = [*self.query.images, self.query.xaxis]
        for cells, notes, bars, words, title in self.panels:
            for ax, lines in zip(cells, notes, strict=True):
                self.moving += [*ax.images, *ax.patches, *lines]
            self.moving += [*bars, *words, title]
        self.show(query, k, temperature)

    def _row(self, grid: GridSpec, row: int, name: str, shown: int) -> tuple[list[Axes], list, list, list, object]:
        """The panels of one encoder: its neighbours, what is written below each, the bars of its vote, their words, and
        the vote's title."""
        cells, notes = [], []
        for j in range(shown):
            ax = bare(self.figure.add_subplot(grid[row, 1 + j]))
            ax.imshow(to_rgb(self.bank.images[0]))
            ax.set_xlabel("Xg\nXg", fontsize=9, labelpad=2, color="none")  # room for two lines, which are stamped there
            edge = Rectangle(
                (0, 0), 1, 1, transform=ax.transAxes, fill=False, lw=3, clip_on=False
            )  # quicker than 4 spines
            ax.add_patch(edge).set_in_layout(False)
            cells.append(ax)
            place = {"fontsize": 9, "transform": ax.transAxes}
            notes.append([ax.add_artist(Stamp(0.5, at, " ", **place)) for at in (-0.115, -0.275)])
            for line in notes[-1]:
                line.set_in_layout(False)
        cells[0].set_title(name, fontsize=11, loc="left")
        ax = bare(self.figure.add_subplot(grid[row, -1]))
        ax.set(xlim=(0, 100), ylim=(BARS - 0.4, -0.6))
        bars = ax.barh(range(BARS), [50] * BARS, height=0.34, align="edge", linewidth=0)
        words = [ax.text(0, j - 0.06, "Xg", va="bottom", fontsize=10) for j in range(BARS)]
        return cells, notes, list(bars), words, ax.set_title("vote of k = 50", fontsize=11, loc="left")

    def show(self, query: int, k: int = 5, temperature: float = 0.07) -> None:
        """Show another test image, by number, or another vote."""
        truth = int(self.queries.labels[query])
        self.query.images[0].set_data(to_rgb(self.queries.images[query]))
        self.query.set_xlabel(self.names[truth])
        told = []
        for (cells, notes, bars, words, title), (name, (cosines, indices)) in zip(
            self.panels, self.nearest.items(), strict=True
        ):
            cosine, index = cosines[query], indices[query]
            label = self.bank.labels[index]
            for j, (ax, lines) in enumerate(zip(cells, notes, strict=True)):
                same, votes = int(label[j]) == truth, j < k
                ax.images[0].set(data=to_rgb(self.bank.images[index[j]]), alpha=1.0 if votes else 0.25)
                ax.patches[0].set(edgecolor=GREEN if same else RED, alpha=1.0 if votes else 0.25)
                texts = f"{'✓' if same else '✗'} {cosine[j]:.2f}", self.names[label[j]]
                for line, text in zip(lines, texts, strict=True):
                    line.set(text=text, color=INK if votes else MUTED)
            share = knn_vote(cosine[None, :k], label[None, :k], len(self.names), temperature)[0]
            best = share.topk(BARS)
            for bar, word, value, c in zip(bars, words, best.values.tolist(), best.indices.tolist(), strict=True):
                bar.set_width(100 * value)
                bar.set_facecolor(GREEN if c == truth else RED)
                word.set_text(f"{self.names[c]} {100 * value:.0f} %" if value > 0 else " ")
            title.set_text(f"vote of k = {min(k, len(cosine))}")
            right = int((label[:k] == truth).sum())
            winner = self.names[best.indices[0]]
            told.append(
                f"{name}: {right} of {min(k, len(cosine))} neighbours are of this class, and the vote says {winner} with "
                f"{100 * best.values[0]:.0f} %"
            )
        describe(
            self.figure,
            f"""
            Test image {query}, a {self.names[truth]}, and its nearest training images under
            {len(told)} encoders; temperature {temperature:.2g}. {"; ".join(told)}.""",
        )


def neighbor_votes(
    bank: ImageSet,
    queries: ImageSet,
    features: Mapping[str, tuple[Tensor, Tensor]],
    query: int = 0,
    k: int = 5,
    temperature: float = 0.07,
    shown: int = 7,
) -> Figure:
    """One test image, its nearest training images under each encoder with their cosines, and the shares of their vote.

    Arguments as `VotePicture` has them. Green: of the test image's class; red: of another; pale: does not vote.
    """
    return VotePicture(bank, queries, features, query, k, temperature, shown).figure
