"""Pictures of collapse: what it looks like on a sphere, what its measures say, and what recorded runs came to."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from coursekit.figures.style import FAINT, MUTED, PALETTE, describe, styled
from coursekit.methods.diagnostics import effective_rank, feature_std
from coursekit.recipes.recorded import Recorded


def sphere_clouds(n: int = 200, seed: int = 0) -> dict[str, Tensor]:
    """Four sets of n features in three dimensions: {"one point": (n, 3), "a line": ..., "a plane": ..., "spread": ...}.

    The first is completely collapsed, the next two dimensionally: they use one direction, and two.
    """
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(n, 3, generator=generator)
    point, first, second = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, -1.0], [1.0, -1.0, 0.0]])
    line, plane = z[:, :1] * first, z[:, :1] * first / 3**0.5 + z[:, 1:2] * second / 2**0.5
    return {"one point": point + 0.01 * z, "a line": line + 0.01 * z, "a plane": plane + 0.01 * z, "spread": z}


@styled
def spheres(clouds: Mapping[str, Tensor]) -> Figure:
    """Sets of three-dimensional features, at unit length on a sphere, with feature_std and effective_rank below.

    clouds: {name: (N, 3)}.
    """
    if any(z.ndim != 2 or z.shape[1] != 3 for z in clouds.values()) or not clouds:
        raise ValueError("Spheres show features (N, 3), one set or more.")
    fig, axes = plt.subplots(
        1, len(clouds), figsize=(2.55 * len(clouds), 3.4), subplot_kw={"projection": "3d"}, squeeze=False
    )
    around, up = np.mgrid[0 : 2 * np.pi : 25j, 0 : np.pi : 13j]
    ball = np.cos(around) * np.sin(up), np.sin(around) * np.sin(up), np.cos(up)
    told = []
    for k, (ax, (name, z)) in enumerate(zip(axes[0], clouds.items(), strict=True)):
        at = F.normalize(z.detach().float(), dim=1)
        ax.plot_wireframe(*ball, color=FAINT, linewidth=0.5)
        ax.scatter(*at.T.numpy(), s=14, color=PALETTE[k % len(PALETTE)], depthshade=False, alpha=0.8, linewidths=0)
        ax.set_box_aspect((1, 1, 1), zoom=1.45)
        ax.set_axis_off()
        ax.view_init(elev=20, azim=10)
        ax.set_title(name)
        measures = f"feature_std {feature_std(z):.2f}", f"effective_rank {effective_rank(z):.1f}"
        ax.text2D(0.5, -0.02, "\n".join(measures), transform=ax.transAxes, ha="center", va="top", fontsize=11)
        told.append(f"{name}: {', '.join(measures)}")
    return describe(fig, f"Points on {len(clouds)} unit spheres. {'; '.join(told)}.")


MEASURES = {  # column of a recorded run -> what its axis says
    "spread": "spread of z, 1 = even",
    "effective_rank": "effective rank of z",
    "knn": "k-NN accuracy of h, %",
}


def spread_of(row: Mapping) -> float:
    """The standard deviation of the unit embeddings as a share of an even spread: 0 = collapsed, 1 = spread."""
    return row["feature_std"] * row["width"] ** 0.5


@styled
def collapse_table(recorded: Recorded, methods: Mapping[str, str]) -> Figure:
    """What is left when a part of a method is taken away: spread, rank and k-NN accuracy of every variant.

    recorded: rows with method, variant, seed and the numbers, as `lesson_05.collapse` records them. methods: which, and
    what they are called, {"byol": "BYOL"}. A point is the mean over the seeds, small ones are the seeds.
    """
    rows = [
        {**row, "spread": spread_of(row), "knn": 100 * row["knn"]} for row in recorded.rows if row["method"] in methods
    ]
    if not rows:
        raise ValueError(f"Nothing is recorded of {', '.join(methods) or 'no method'}.")
    names = list(dict.fromkeys((row["method"], row["variant"]) for row in rows))
    fig, axes = plt.subplots(
        1, len(MEASURES), figsize=(10.2, 0.42 * len(names) + 1.1), sharey=True, width_ratios=(1, 1, 1.15)
    )
    told = []
    for y, (method, variant) in enumerate(names):
        color = PALETTE[list(methods).index(method) % len(PALETTE)]
        said = []
        for ax, measure in zip(axes, MEASURES, strict=True):
            values = [row[measure] for row in rows if (row["method"], row["variant"]) == (method, variant)]
            mean = float(np.mean(values))
            ax.plot(values, [y] * len(values), "o", color=color, markersize=4, alpha=0.5, markeredgewidth=0)
            ax.plot(
                mean,
                y,
                "o",
                color=color,
                markersize=9,
                markerfacecolor="none" if variant != "complete" else color,
                clip_on=False,
            )
            said.append(f"{MEASURES[measure].split(',')[0]} {mean:.{2 if measure == 'spread' else 1}f}")
        told.append(f"{methods[method]}, {variant}: {', '.join(said)}")
    for ax, label in zip(axes, MEASURES.values(), strict=True):
        ax.set_xlabel(label)
        ax.set_xlim(0, 1.08 * max(ax.get_xlim()[1], 1e-9))
        ax.set_ylim(len(names) - 0.5, -0.5)
    axes[0].set_xlim(0, 1.1)
    axes[-1].set_xlim(right=1.2 * max(*(row["knn"] for row in rows), *(100 * x for x in recorded.levels.values()), 0))
    axes[0].set_yticks(range(len(names)), [f"{methods[method]}: {variant}" for method, variant in names])
    for name, level in recorded.levels.items():
        axes[-1].axvline(100 * level, color=MUTED, linestyle="--", linewidth=1.5)
        axes[-1].text(100 * level, -0.55, name, color=MUTED, fontsize=9, ha="center", va="bottom")
    levels = ", ".join(f"{name} {100 * level:.1f}" for name, level in recorded.levels.items())
    return describe(fig, f"Three dot plots. {'; '.join(told)}. For comparison, k-NN: {levels}.")
