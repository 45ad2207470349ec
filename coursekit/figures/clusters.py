"""Pictures of SwAV's clusters: Sinkhorn step by step, and the images that share a prototype."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure, SubFigure
from matplotlib.gridspec import SubplotSpec
from torch import Tensor

from coursekit.figures.images import picture_grid, to_rgb
from coursekit.figures.style import BLUE, MUTED, ORANGE, describe, styled


def balanced(scores: Tensor, epsilon: float, half_steps: int) -> Tensor:
    """The matrix of Sinkhorn's algorithm after so many half steps, (B, K): columns, rows, columns, rows, ...

    scores: (B, K). 0 half steps: exp(scores / epsilon), scaled to a sum of B. After an even number, from 2 on, it is what
    coursekit.methods.sinkhorn.sinkhorn gives.
    """
    logs = scores.double() / epsilon
    b, k = logs.shape
    logs = logs - logs.flatten().logsumexp(0) + math.log(b)
    for half in range(half_steps):
        if half % 2:
            logs = logs - logs.logsumexp(dim=1, keepdim=True)
        else:
            logs = logs - logs.logsumexp(dim=0, keepdim=True) + math.log(b / k)
    return logs.exp()


def _step_name(half_steps: int) -> str:
    if half_steps == 0:
        return "start: exp(s / ε)"
    return f"iteration {(half_steps + 1) // 2}: {'columns' if half_steps % 2 else 'rows'}"


class _Plan:
    """One matrix with bars of its column sums above and of its row sums at the right. set(q) shows another."""

    def __init__(self, fig: Figure | SubFigure, where: SubplotSpec, b: int, k: int, names: bool):
        grid = where.subgridspec(2, 2, height_ratios=(1, 2.6), width_ratios=(1.9, 1), hspace=0.05, wspace=0.05)
        self.middle, self.above = fig.add_subplot(grid[1, 0]), fig.add_subplot(grid[0, 0])
        self.right = fig.add_subplot(grid[1, 1])
        self.map = self.middle.imshow(np.zeros((b, k)), cmap="viridis", vmin=0, vmax=1, aspect="auto")
        self.columns = self.above.bar(range(k), 0, color=ORANGE, width=0.75)
        self.rows = self.right.barh(range(b), 0, color=BLUE, height=0.75)
        self.above.axhline(b / k, color="black", ls="--", lw=1.2)
        self.right.axvline(1, color="black", ls="--", lw=1.2)
        self.above.set(xlim=(-0.5, k - 0.5), ylim=(0, 3 * b / k), xticks=[])
        self.above.set_yticks([0, round(b / k, 2)])
        self.right.set(ylim=(b - 0.5, -0.5), xlim=(0, 2), yticks=[])
        self.right.set_xticks([0, 1])
        self.middle.set_xlabel("prototype")
        self.middle.set_xticks(range(k))
        self.middle.set_yticks(range(0, b, 3))
        self.right.set_xlabel("row sums")
        for ax in (self.middle, self.above, self.right):
            ax.grid(False)
        if names:
            self.middle.set_ylabel("image")
            self.above.set_ylabel("column\nsums")
        self.moving = [self.map, *self.middle.spines.values(), *self.columns, *self.rows, *self.above.lines]
        self.moving += self.right.lines

    def set(self, q: Tensor) -> None:
        self.map.set_data(q.numpy())
        for bar, value in zip(self.columns, q.sum(dim=0).tolist(), strict=True):
            bar.set_height(value)
        for bar, value in zip(self.rows, q.sum(dim=1).tolist(), strict=True):
            bar.set_width(value)


def _sums(q: Tensor) -> str:
    columns, rows = q.sum(dim=0), q.sum(dim=1)
    return (
        f"column sums {columns.min():.2f} to {columns.max():.2f}, aim {len(q) / q.shape[1]:.2f}; "
        f"row sums {rows.min():.2f} to {rows.max():.2f}, aim 1"
    )


@styled
def sinkhorn_steps(scores: Tensor, epsilon: float = 0.05, half_steps: Sequence[int] = (0, 1, 2, 6)) -> Figure:
    """Sinkhorn's matrix after some half steps, with its column sums above and its row sums at the right.

    scores: (B, K), of few images and prototypes. Dashed: what the sums should be, B / K for a prototype and 1 for an image.
    """
    b, k = scores.shape
    fig = plt.figure(figsize=(2.55 * len(half_steps) + 0.1, 3.9))
    grid = fig.add_gridspec(1, len(half_steps), wspace=0.08)
    told = []
    for n, half in enumerate(half_steps):
        q = balanced(scores, epsilon, half)
        plan = _Plan(fig, grid[n], b, k, names=n == 0)
        plan.set(q)
        plan.above.set_title(_step_name(half), fontsize=11, loc="left")
        told.append(f"{_step_name(half)}: {_sums(q)}")
    return describe(fig, f"Matrices of {b} images by {k} prototypes in Sinkhorn's algorithm. {'. '.join(told)}.")


class SinkhornPicture:
    """One matrix of `sinkhorn_steps`, larger; `show(half_steps, epsilon)` changes it.

    scores: (B, K). figure: the Figure. moving: its artists that may change.
    """

    @styled
    def __init__(self, scores: Tensor, half_steps: int = 0, epsilon: float = 0.05):
        self.scores = scores.detach().clone()
        self.figure = plt.figure(figsize=(6.4, 4.6))
        self.plan = _Plan(self.figure, self.figure.add_gridspec(1, 1)[0], *scores.shape, names=True)
        self.figure.colorbar(self.plan.map, ax=self.plan.right, label="share of the image")
        self.title = self.figure.suptitle(" ", fontsize=12, fontweight="bold")
        self.moving = [*self.plan.moving, self.title]
        self.show(half_steps, epsilon)

    def show(self, half_steps: int, epsilon: float) -> None:
        """Show the matrix after so many half steps."""
        q = balanced(self.scores, epsilon, half_steps)
        self.plan.set(q)
        self.title.set_text(f"{_step_name(half_steps)};  epsilon {epsilon:.3g}")
        b, k = q.shape
        first = torch.bincount(q.argmax(dim=1), minlength=k).tolist()
        describe(
            self.figure,
            f"""
            A matrix of {b} images by {k} prototypes in Sinkhorn's algorithm, {_step_name(half_steps)}, epsilon
            {epsilon:.3g}: {_sums(q)}. The largest share of an image goes to prototypes 0 to {k - 1} this often: {first}.""",
        )


@styled
def cluster_examples(
    images: Tensor,
    codes: Tensor,
    clusters: Sequence[int],
    n: int = 8,
    labels: Tensor | None = None,
    names: Sequence[str] | None = None,
) -> Figure:
    """The most typical images of some clusters, a row each: those with the largest share in it.

    images: uint8 (N, 3, H, W). codes: (N, K), rows sum to 1. labels, names: int64 (N,) and the class names; with them each
    row tells the most frequent class of its cluster's images.
    """
    cluster = codes.argmax(dim=1)
    pictures = [to_rgb(images[i]) for k in clusters for i in codes[:, k].topk(n).indices.tolist()]
    fig, axes = picture_grid(pictures, n, 0.95)
    for ax, picture in zip(axes, pictures, strict=True):
        ax.imshow(picture)
    told = []
    for row, k in enumerate(clusters):
        inside = cluster == k
        text = f"{int(inside.sum())} images"
        if labels is not None and inside.any():
            counts = torch.bincount(labels[inside], minlength=len(names))
            text += f"\n{100 * counts.max() / counts.sum():.0f} % {names[int(counts.argmax())]}"
        axes[row * n].set_ylabel(text, rotation=0, ha="right", va="center", fontsize=10, color=MUTED)
        told.append(f"cluster {k}: {text.replace(chr(10), ', ')}")
    return describe(fig, f"The {n} most typical images of {len(clusters)} clusters, a row each. {'; '.join(told)}.")
