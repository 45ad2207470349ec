"""Pictures of features in two dimensions, side by side, and how much of the features such a picture holds."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from coursekit.figures.embedding import same_class_neighbor, scatter_classes
from coursekit.figures.layout import look, panels
from coursekit.figures.style import MUTED, describe, styled


@styled
def flat_maps(
    maps: Mapping[str, Tensor],
    labels: Tensor | None = None,
    class_names: Sequence[str] = (),
    axes: str = "component",
    columns: int = 3,
) -> Figure:
    """Several pictures of the same images side by side, colour and marker by class.

    maps: by title, points (N, 2), as `evaluation.flattened` makes them.
    labels: int64 (N,) and their class_names; None: all points look alike.
    axes: what the axes are called, as "component" or "t-SNE": they have no unit, and t-SNE's directions mean nothing.
    columns: panels in a row.
    Raises ValueError if the numbers of points and labels differ.
    """
    marked = torch.zeros(len(next(iter(maps.values()))), dtype=torch.long) if labels is None else labels
    if any(points.shape != (len(marked), 2) for points in maps.values()):
        raise ValueError(f"Every map needs points ({len(marked)}, 2), not {[tuple(p.shape) for p in maps.values()]}.")
    classes = len(marked.unique())
    wide = min(len(maps), columns)
    fig, drawn = panels(
        len(maps), columns, 9.4 / wide if wide > 1 else 5.0, 3.2, margin=(0.9 if labels is not None else 0, 0)
    )
    told = []
    for ax, (title, points) in zip(drawn[:, 0], maps.items(), strict=True):
        scatter_classes(ax, points, marked, class_names or ("image",) * (1 + int(marked.max())), size=16)
        ax.set(xlabel=f"{axes} 1 (no unit)", ylabel=f"{axes} 2 (no unit)", title=title)
        ax.tick_params(labelsize=9)
        if labels is not None:
            told.append(
                f"{title}: for {100 * same_class_neighbor(points, marked):.0f} % the nearest point is of the class"
            )
    if labels is not None:
        handles, names = drawn[0, 0].get_legend_handles_labels()
        fig.legend(handles, names, loc="outside right center", markerscale=1.6)
    coloured = f", coloured by {classes} classes" if labels is not None else ""
    return describe(
        fig,
        f"""
        {len(maps)} scatter plots of the same {len(marked)} points in two dimensions{coloured}:
        {"; ".join(told or maps)}.""",
    )


@styled
def variance_curves(kept: Mapping[str, Tensor], marked: int = 2) -> Figure:
    """How much of the features' variance the first components hold, in %, for several encoders.

    kept: by name, shares as `evaluation.flattened.variance_kept` gives them. marked: the number of components that a
    flat picture has; its shares are written into the legend.
    """
    fig, ax = plt.subplots(figsize=(7.0, 3.6))
    told = []
    for k, (name, share) in enumerate(kept.items()):
        percent = 100 * share
        two = percent[min(marked, len(share)) - 1].item()
        ax.plot(range(1, len(share) + 1), percent, label=f"{name}: {two:.0f} % in the first {marked}", **look(k))
        told.append(f"{name} {two:.0f} %")
    ax.axvline(marked, color=MUTED, linestyle="--", linewidth=1.5)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set(ylim=(0, 102), xlabel="components kept", ylabel="share of variance, %")
    ax.legend(loc="lower right")
    return describe(
        fig,
        f"""
        Curves that rise to 100 %: the share of the variance that the first components hold. A flat picture has
        {marked} and holds: {"; ".join(told)}.""",
    )
