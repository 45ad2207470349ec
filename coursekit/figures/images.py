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


class ViewsPicture:
    """One image with the boxes of its crops, and beside it the views, which can be changed: `show(view)`.

    image: uint8 (3, H, W). view: as many views as there will always be, made of that one image. figure: as `view_pairs`
    draws it. moving: its artists that depend on the views.
    """

    def __init__(self, image: Tensor, view: View, cell: float = 1.8):
        each = [View(view.pixels[k : k + 1], view.theta[k : k + 1]) for k in range(len(view.pixels))]
        names = [f"view {k + 1}" for k in range(len(each))]
        self.figure = view_pairs(image[None], *each, columns=1, names=names, cell=cell)
        self.sides = image.shape[1:]
        self.panels = self.figure.axes[1 : 1 + len(each)]
        self.edges = self.figure.axes[0].patches  # two for each box: rim and line
        for ax in self.panels:
            ax.set_xlabel("flipped")  # room for the word below every view
        self.moving = list(self.edges)
        for ax in self.panels:
            self.moving += [*ax.images, *ax.spines.values(), ax.xaxis]

    def show(self, view: View, note: str = "") -> None:
        """Show other views, View of the same number. note: what else the description should say."""
        boxes = (crop_corners(view.theta, *self.sides) - 0.5).tolist()
        told = []
        for k, (ax, (x0, y0, x1, y1)) in enumerate(zip(self.panels, boxes, strict=True)):
            for edge in self.edges[2 * k : 2 * k + 2]:
                edge.set_bounds(x0, y0, x1 - x0, y1 - y0)
            ax.images[0].set_data(to_rgb(view.pixels[k]))
            flipped = bool(view.theta[k, 0, 0] < 0)
            ax.set_xlabel("flipped" if flipped else " ")
            share = (x1 - x0) * (y1 - y0) / (self.sides[0] * self.sides[1])
            told.append(f"view {k + 1} holds {100 * share:.0f} % of it{', flipped' if flipped else ''}")
        describe(self.figure, f"One image and {_count(len(told), 'random view')} of it: {'; '.join(told)}. {note}")
