"""Pictures of pictures: grids of images, and views beside the image that they were cut from."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from coursekit.figures.layout import frame, outline, panels
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


def picture_grid(
    pictures: Sequence[np.ndarray], columns: int, cell: float, titles: Sequence[str] | None = None
) -> tuple[Figure, np.ndarray]:
    """Bare panels for pictures, uint8 (H, W, 3), as high as most of them. cell: width of one, inches."""
    shape = float(np.median([picture.shape[0] / picture.shape[1] for picture in pictures])) if len(pictures) else 1.0
    height = cell * shape + (0.05 if titles is None else 0.3)
    fig, axes = panels(len(pictures), columns, cell, height, titles)
    return fig, np.array([bare(ax) for ax in axes[:, 0]])


@styled
def image_grid(images: Tensor, titles: Sequence[str] | None = None, columns: int = 8, cell: float = CELL) -> Figure:
    """Images side by side. images: uint8 or normalised float (N, 3, H, W); titles: one for each image; cell: inches."""
    rgb = [to_rgb(image) for image in images]
    fig, axes = picture_grid(rgb, columns, cell, titles)
    for ax, picture in zip(axes, rgb, strict=True):
        ax.imshow(picture)
    rows, columns = axes[0].get_gridspec().get_geometry()
    named = f": {', '.join(titles)}" if titles is not None else ""
    return describe(fig, f"{_count(len(rgb), 'image')} in a grid of {rows} by {columns}{named}.")


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
    for i, (x0, y0, x1, y1) in enumerate((boxes - 0.5).tolist()):  # pixel 0 is drawn from -0.5 to 0.5
        color = PALETTE[i % len(PALETTE)]
        outline(ax, (x0, y0, x1, y1), (4.5, "white"), (2.5, color), clip=False)
        if labels:
            ground = {"facecolor": color, "edgecolor": "none", "pad": 1.5}
            ax.text(x0, y0, labels[i], color="white", fontsize=9, va="bottom", ha="left", bbox=ground)


@styled
def view_pairs(
    images: Tensor, *views: View, columns: int = 2, names: Sequence[str] = ("view a", "view b"), cell: float = CELL
) -> Figure:
    """Each image with the boxes of its crops, and beside it the views. images: uint8 (N, 3, H, W); views: View of the
    same N images.

    columns: how many images stand side by side. cell: side of a view, inches. The frame of a view has the colour of its
    box; "flipped" is written under a view that is mirrored.
    """
    n = len(images)
    if not views or any(len(view.pixels) != n for view in views):
        raise ValueError(f"view_pairs needs views of the same {n} images.")
    names = ["image", *names, *(f"view {k + 1}" for k in range(len(names), len(views)))]
    gap = 0.18
    ratios = [images.shape[3] / images.shape[2], *[1.0] * len(views), gap]
    fig, axes = panels(n, columns, cell, cell + 0.22, ratios=ratios, margin=(-gap * cell, 0.3))
    for i, mine in enumerate(axes):
        theta = torch.stack([view.theta[i].cpu() for view in views])
        draw_crop_boxes(mine[0], images[i], theta)
        bare(mine[-1])
        for k, (ax, view) in enumerate(zip(mine[1:-1], views, strict=True)):
            bare(ax).imshow(to_rgb(view.pixels[i]))
            frame(ax, PALETTE[k % len(PALETTE)])
            ax.set_xlabel("flipped" if theta[k, 0, 0] < 0 else " ", fontsize=9, labelpad=1)
        for ax, name in zip(mine[:-1], names if i < columns else (), strict=False):
            ax.set_title(name, fontsize=11)
    return describe(
        fig,
        f"""
        {_count(n, "image")}, each with {_count(len(views), "random view")} of it. Boxes on the image show where each
        view was cut from; the views differ in place, size, colour, sharpness and direction, yet show the same thing.""",
    )
