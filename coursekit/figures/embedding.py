"""Pictures of what an encoder learned: where it puts images, and which it takes for neighbours."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from coursekit.evaluation.flattened import pca_2d, tsne_2d
from coursekit.figures.images import CELL, to_rgb
from coursekit.figures.layout import judge, panels
from coursekit.figures.style import PALETTE, bare, describe, styled

MARKERS = "os^DvP*X<>pd"


@styled
def embedding_map(
    features: Tensor,
    labels: Tensor,
    class_names: Sequence[str],
    method: str = "pca",
    title: str | None = None,
    seed: int = 0,
) -> Figure:
    """Features in two dimensions, one point for each image, colour and marker by class.

    features: (N, D); labels: int64 (N,); method: "pca" (linear: distances are honest, but two axes may show little) or
    "tsne" (van der Maaten and Hinton, JMLR 2008: neighbourhoods are honest, distances between clusters are not).
    """
    if method not in ("pca", "tsne"):
        raise ValueError(f'method is "pca" or "tsne", not {method!r}.')
    x = features.detach().float().cpu()
    n = len(x)
    if len(labels) != n or n < 3:
        raise ValueError(f"An embedding map needs at least 3 features, each with its label, not {n} and {len(labels)}.")
    points, shares = pca_2d(x, seed) if method == "pca" else (tsne_2d(x, seed=seed), ())
    units = [f"{100 * part:.0f} % of variance" for part in shares]
    fig, ax = plt.subplots(figsize=(7.2, 4.4))
    present = labels.unique().tolist()
    scatter_classes(ax, points, labels, class_names, size=22)
    ax.set_xlabel(f"component 1 ({units[0]})" if units else "t-SNE 1 (no unit)")
    ax.set_ylabel(f"component 2 ({units[1]})" if units else "t-SNE 2 (no unit)")
    ax.set_title(title or f"{n} images, {x.shape[1]} features each, in two dimensions")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=1.4, ncols=1 if len(present) <= 16 else 2)
    same = same_class_neighbor(points, labels.cpu())
    return describe(
        fig,
        f"""
        Scatter plot of {n} images in two dimensions ({"PCA" if method == "pca" else "t-SNE"}), coloured by
        {len(present)} classes. For {100 * same:.0f} % of the points the nearest point is of the same class.""",
    )


def scatter_classes(ax: Axes, points: Tensor, labels: Tensor, class_names: Sequence[str], size: float) -> None:
    """A point for each image, colour and marker by class. points: (N, 2). size: of a point, points squared."""
    for k in labels.unique().tolist():
        mine = (labels == k).cpu().numpy()
        marker = MARKERS[(k // len(PALETTE) + k) % len(MARKERS)]
        look = {"color": PALETTE[k % len(PALETTE)], "marker": marker, "alpha": 0.8, "linewidths": 0}
        ax.scatter(*points.numpy()[mine].T, s=size, label=class_names[k], **look)


def same_class_neighbor(points: Tensor, labels: Tensor) -> float:
    """Share of points whose nearest other point has the same label."""
    nearest = torch.cdist(points, points).fill_diagonal_(torch.inf).argmin(dim=1)
    return (labels[nearest] == labels).float().mean().item()


@styled
def neighbors(
    images: Tensor,
    query_ids: Sequence[int],
    neighbor_ids,
    labels: Tensor | None = None,
    names: Sequence[str] | None = None,
    bank: Tensor | None = None,
    bank_labels: Tensor | None = None,
) -> Figure:
    """Strips: a query image on the left, then its nearest neighbours, the nearest first.

    images: uint8 (N, 3, H, W); query_ids: (Q,); neighbor_ids: (Q, K), indices into images, or into `bank` if the
    neighbours come from another set. With labels, a neighbour of the same class is ticked and framed green, another is
    crossed and framed red.
    """
    query_ids = [int(i) for i in query_ids]
    found = torch.as_tensor(neighbor_ids).tolist()
    bank, bank_labels = (images, labels) if bank is None else (bank, bank_labels)
    if len(found) != len(query_ids) or not found:
        raise ValueError(f"{len(query_ids)} queries need {len(query_ids)} rows of neighbours, not {len(found)}.")
    k = len(found[0])
    wide, tall = CELL * 0.8, CELL * 0.8 * images.shape[2] / images.shape[3]
    ratios = [1.0, 0.15, *[1.0] * k]
    fig, axes = panels(len(found), 1, wide, tall + 0.26, ratios=ratios, margin=(0.1 * wide, 0.2))
    right = 0

    def called(label) -> str:
        return names[label] if names else f"class {label}"

    for (left, gap, *others), query, mine in zip(axes, query_ids, found, strict=True):
        bare(gap)
        bare(left).imshow(to_rgb(images[query]))
        if labels is not None:
            left.set_xlabel(called(labels[query]), fontsize=9, labelpad=2)
        for ax, other in zip(others, mine, strict=True):
            bare(ax).imshow(to_rgb(bank[other]))
            if labels is not None:
                same = bool(labels[query] == bank_labels[other])
                right += same
                judge(ax, same, called(bank_labels[other]), fontsize=8, labelpad=2)
    axes[0, 0].set_title("query", fontsize=11)
    axes[0, 2].set_title("nearest", fontsize=11)
    told = f" {right} of {len(found) * k} neighbours are of the query's class." if labels is not None else ""
    return describe(fig, f"{len(found)} query images, each with its {k} nearest neighbours.{told}")
