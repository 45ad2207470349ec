"""Pictures of pictures: grids of images, and views beside the image that they were cut from."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from coursekit.figures.style import PALETTE, bare, describe, styled
from coursekit.views import View, denormalize

CELL = 1.5  # side of one small picture, inches


def to_rgb(image: Tensor | np.ndarray) -> np.ndarray:
    """Any picture of the course as uint8 (H, W, 3).

    uint8 is taken as it is; floats are normalised pixels of a view and are turned back into colours. (3, H, W) and (H,
    W, 3) are both understood. Raises ValueError for anything else.
    """
    image = torch.as_tensor(image).detach().cpu()
    if image.ndim != 3 or 3 not in (image.shape[0], image.shape[-1]):
        raise ValueError(f"A picture is (3, H, W) or (H, W, 3), not {tuple(image.shape)}.")
    if image.shape[0] != 3:
        image = image.permute(2, 0, 1)
    if image.dtype != torch.uint8:
        image = (denormalize(image.float()) * 255).round().to(torch.uint8)
    return image.permute(1, 2, 0).numpy()


def crop_corners(theta: Tensor, height: int, width: int) -> Tensor:
    """Where a view was cut from: the box (x0, y0, x1, y1) in pixels of the image, float32 (..., 4).

    theta: (..., 2, 3), the map from view to image coordinates, both in [-1, 1] (align_corners=False): the view's
    corners -1 and 1 are the outer edges of its outermost pixels. A flipped view has a negative scale; its box is the
    same.
    """
    theta = torch.as_tensor(theta, dtype=torch.float32).cpu()
    side = torch.tensor([width, height], dtype=torch.float32)
    center = (theta[..., :, 2] + 1) / 2 * side  # (..., 2)
    half = theta[..., :, :2].abs().sum(-1) / 2 * side  # bounding box, also of a rotated view
    return torch.cat([center - half, center + half], dim=-1)


def _count(n: int, one: str, many: str | None = None) -> str:
    """ "1 image", "2 images"."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def _box(ax: Axes, box: Sequence[float], color: str, label: str | None = None) -> None:
    x0, y0, x1, y1 = (float(v) for v in box)
    for width, ink in ((4.5, "white"), (2.5, color)):  # a white rim: seen on any photograph
        ax.add_patch(plt.Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, lw=width, ec=ink, clip_on=False))
    if label:
        ax.text(
            x0,
            y0 - 0.5,
            label,
            color="white",
            fontsize=9,
            va="bottom",
            ha="left",
            bbox={"facecolor": color, "edgecolor": "none", "pad": 1.5},
        )


@styled
def image_grid(images: Tensor, titles: Sequence[str] | None = None, columns: int = 8, cell: float = CELL) -> Figure:
    """Images side by side. images: uint8 or normalised float (N, 3, H, W); titles: one for each image; cell: inches."""
    n = len(images)
    if n == 0:
        raise ValueError("image_grid was given no image.")
    if titles is not None and len(titles) != n:
        raise ValueError(f"{n} images need {n} titles, not {len(titles)}.")
    columns = min(columns, n)
    rows = -(-n // columns)
    rgb = [to_rgb(image) for image in images]
    tall = cell * rgb[0].shape[0] / rgb[0].shape[1] + (0.3 if titles is not None else 0)
    fig, axes = plt.subplots(rows, columns, squeeze=False, figsize=(columns * cell, rows * tall))
    for ax in axes.flat:
        bare(ax)
    for i, picture in enumerate(rgb):
        axes.flat[i].imshow(picture)
        if titles is not None:
            axes.flat[i].set_title(titles[i], fontsize=10, fontweight="normal")
    named = f": {', '.join(titles)}" if titles is not None else ""
    return describe(fig, f"{_count(n, 'image')} in a grid of {rows} by {columns}{named}.")


@styled
def crop_box(image: Tensor, theta: Tensor, labels: Sequence[str] | None = None) -> Figure:
    """One image with the boxes that views were cut from.

    image: uint8 (3, H, W); theta: (2, 3) or (V, 2, 3), one for each view; labels: a short name for each box.
    """
    fig, ax = plt.subplots(figsize=(3.4, 3.4))
    draw_crop_boxes(ax, image, theta, labels)
    count = 1 if theta.ndim == 2 else len(theta)
    return describe(fig, f"One image with {_count(count, 'box', 'boxes')} that show where each view was cut from.")


def draw_crop_boxes(ax: Axes, image: Tensor, theta: Tensor, labels: Sequence[str] | None = None) -> None:
    """Show an image on given axes, and on it the box of every theta, in the palette's order."""
    rgb = to_rgb(image)
    bare(ax).imshow(rgb)
    boxes = crop_corners(theta.reshape(-1, 2, 3), rgb.shape[0], rgb.shape[1])
    for i, box in enumerate(boxes):
        _box(ax, box, PALETTE[i % len(PALETTE)], labels[i] if labels else None)


@styled
def view_pairs(
    images: Tensor, *views: View, columns: int = 2, names: Sequence[str] = ("view a", "view b"), cell: float = CELL
) -> Figure:
    """Each image with the boxes of its crops, and beside it the views. images: uint8 (N, 3, H, W); views: View of the
    same N images.

    columns: how many images stand side by side. cell: side of a view, inches. The frame of a view has the colour of its
    box; "flipped" is written under a view that is mirrored.
    """
    n, per = len(images), 1 + len(views)
    if not views or any(len(view.pixels) != n for view in views):
        raise ValueError(f"view_pairs needs views of the same {n} images.")
    columns = min(columns, n)
    rows = -(-n // columns)
    names = list(names) + [f"view {k + 1}" for k in range(len(names), len(views))]
    ratios = ([images.shape[3] / images.shape[2]] + [1.0] * len(views) + [0.18]) * columns  # 0.18: a gap
    fig, axes = plt.subplots(
        rows,
        len(ratios),
        squeeze=False,
        gridspec_kw={"width_ratios": ratios},
        figsize=(sum(ratios[:-1]) * cell, rows * (cell + 0.22) + 0.3),
    )
    for ax in axes.flat:
        bare(ax)
    for i in range(n):
        row, first = i // columns, (i % columns) * (per + 1)
        theta = torch.stack([view.theta[i].cpu() for view in views])
        draw_crop_boxes(axes[row, first], images[i], theta)
        for k, view in enumerate(views):
            ax = axes[row, first + 1 + k]
            ax.imshow(to_rgb(view.pixels[i]))
            for spine in ax.spines.values():
                spine.set(visible=True, color=PALETTE[k % len(PALETTE)], linewidth=3)
            ax.set_xlabel("flipped" if theta[k, 0, 0] < 0 else " ", fontsize=9, labelpad=1)
        if row == 0:
            for k, name in enumerate(["image", *names[: len(views)]]):
                axes[0, first + k].set_title(name, fontsize=11)
    return describe(
        fig,
        f"""
        {_count(n, "image")}, each with {_count(len(views), "random view")} of it. Boxes on the image show where each view was cut
        from; the views differ in place, size, colour, sharpness and direction, yet show the same thing.""",
    )
