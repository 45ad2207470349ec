"""An image as a row of patches, and back: what masked image modelling predicts."""

import torch
from torch import Tensor

from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.views import ViewMaker


def patchify(pixels: Tensor, patch: int) -> Tensor:
    """(B, C, H, W) -> (B, P, C * patch * patch): patches row by row, and in a patch channel by channel, row by row."""
    return pixels.unfold(2, patch, patch).unfold(3, patch, patch).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


def unpatchify(patches: Tensor, patch: int, rows: int | None = None) -> Tensor:
    """The way back: (B, P, C * patch * patch) -> (B, C, H, W). rows: of patches; default: of a square image."""
    rows = rows or round(patches.shape[1] ** 0.5)
    return (
        patches.view(len(patches), rows, -1, patches.shape[2] // patch**2, patch, patch)
        .permute(0, 3, 1, 4, 2, 5)
        .flatten(4, 5)
        .flatten(2, 3)
    )


def patch_statistics(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each patch's numbers, both float32 (B, P, 1). patches: (B, P, D).

    The variance gets 1e-6 more, so that a patch of one colour divides by something (He et al., MAE, CVPR 2022).
    """
    patches = patches.float()
    return patches.mean(dim=2, keepdim=True), (patches.var(dim=2, keepdim=True) + 1e-6).sqrt()


def in_one_color(patches: Tensor) -> Tensor:
    """Each patch painted in its own mean colour: three means, of red, green and blue. (B, P, D) -> the same shape."""
    colors = patches.unflatten(2, (3, -1))
    return colors.mean(dim=3, keepdim=True).expand_as(colors).flatten(2)


def grid_positions(grid: int, dim: int) -> Tensor:
    """Position embeddings of a square grid of patches, computed and not learned: (grid * grid, dim), row by row.

    A quarter of the numbers each: sine and cosine of the row, sine and cosine of the column, at frequencies from 1 to
    1/10000 (Vaswani et al., NeurIPS 2017, in two dimensions). dim: a multiple of 4.
    """
    frequency = 10_000 ** -(torch.arange(dim // 4) / (dim // 4))
    angle = torch.arange(grid)[:, None] * frequency  # (grid, dim / 4)
    wave = torch.cat([angle.sin(), angle.cos()], dim=1)  # (grid, dim / 2)
    rows, columns = wave[:, None].expand(-1, grid, -1), wave[None].expand(grid, -1, -1)
    return torch.cat([rows, columns], dim=2).flatten(0, 1)


def check_patch(method: str, encoder: Encoder, views: ViewMaker) -> None:
    """Raise CourseError unless the patches that `views` hides are the encoder's own. method: its name, for messages."""
    if views.patch != encoder.stride:
        raise CourseError(
            f"{method} hides the encoder's own patches, and this {type(encoder).__name__} has patches of "
            f"{encoder.stride} px: {type(views).__name__}(..., patch={encoder.stride}), not {views.patch}. At the command line: "
            f"--set views.patch={encoder.stride}."
        )
