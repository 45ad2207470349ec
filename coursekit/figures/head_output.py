"""What a detector's head puts out, before anything is thrown away: a box for every place of its maps."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from coursekit.figures.boxes import draw_boxes
from coursekit.figures.images import to_rgb
from coursekit.figures.layout import panels
from coursekit.figures.style import BLUE, GREEN, ORANGE, bare, describe, styled

STRIDES = {8: (BLUE, 2.2), 16: (GREEN, 4.5), 32: (ORANGE, 8.0)}  # px between places: colour and size of their dots


def places(height: int, width: int) -> np.ndarray:
    """The centres of all places of the three maps, (P, 2): x, y in px, in the order in which a head gives its boxes."""
    found = []
    for stride in STRIDES:
        y, x = np.mgrid[stride / 2 : height : stride, stride / 2 : width : stride]
        found.append(np.stack([x.ravel(), y.ravel()], axis=1))
    return np.concatenate(found)


@styled
def raw_boxes(
    picture,
    outputs: Mapping[str, tuple[Tensor, Tensor]],
    names: Mapping[str, Mapping[int, str]],
    show: int = 6,
    cell: float = 3.2,
) -> Figure:
    """The places of a head's three maps, and for each detector its boxes of highest confidence, each with its place.

    picture: uint8 (H, W, 3), sides multiples of 32 px.
    outputs: for each detector by name (boxes (P, 4): centre x, centre y, width, height in px; scores (P, classes)), as
    `detection.anatomy.raw_predictions` gives them.
    names: what class numbers mean, for detectors that know it.
    show: how many boxes. cell: width of a panel, inches.
    Raises ValueError for another number of places.
    """
    rgb = to_rgb(picture)
    height, width = rgb.shape[:2]
    centers = places(height, width)
    counts = [(height // stride) * (width // stride) for stride in STRIDES]
    fig, axes = panels(
        1 + len(outputs), 1 + len(outputs), cell, cell * height / width + 0.3, [f"{len(centers)} places", *outputs]
    )
    first, *others = axes[:, 0]
    bare(first).imshow(rgb, extent=(0, width, height, 0), alpha=0.45)
    for (color, size), mine in zip(STRIDES.values(), np.split(centers, np.cumsum(counts)[:-1]), strict=True):
        first.plot(*mine.T, ".", color=color, ms=size, mew=0)
    first.set(xlim=(0, width), ylim=(height, 0))
    told = []
    for ax, (name, (boxes, scores)) in zip(others, outputs.items(), strict=True):
        if len(boxes) != len(centers) or len(scores) != len(centers):
            raise ValueError(
                f"{name!r}: a picture of {width} x {height} px has {len(centers)} places, not {len(boxes)}."
            )
        confidence, classes = scores.max(dim=1)
        best = confidence.topk(show).indices
        known = names.get(name) or {k: f"class {k}" for k in range(scores.shape[1])}
        at, size = boxes[best].split(2, dim=1)
        corners = torch.cat([at - size / 2, at + size / 2], dim=1)
        draw_boxes(ax, rgb, corners, classes[best], known, confidence[best], size=8)
        ax.plot(*centers[best.numpy()].T, "o", color="white", mec="black", ms=5)
        told.append(f"{name}: {', '.join(f'{known[int(classes[i])]} {confidence[i]:.2f}' for i in best)}")
    return describe(
        fig,
        f"""
        An image with a dot at each of {len(centers)} places: {", ".join(map(str, counts))} of three maps. Beside it the
        {show} boxes of highest confidence that a head gives, a dot at the place of each. {"; ".join(told)}.""",
    )
