"""Which patches of two views show the same place of the image: the positives of patch contrast, and what is no negative.

A view's theta says where it lies in the image, so that a match is geometry and asks no features. DenseCL (Wang et al.,
CVPR 2021) pairs the most similar features instead; PixPro (Xie et al., CVPR 2021) pairs places, as here.

Boxes are x0, y0, x1, y1 in the coordinates of the image, [-1, 1] along both sides, with x0 < x1 in a mirrored view too.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from coursekit.draws import Draws

LEAST_SHARED = 0.1  # of the larger view's area: two views that share less of the image get no regions in common


class Match(NamedTuple):
    """What belongs together in two views of B images. Patches are counted 0 ... S - 1: the first view's, then the second's.

    partner: int64 (B, S), the patch at the same place in the other view; -1 = the other view does not show it.
    same: bool (B, S, S), which patches show the same part of the image, so that neither is a negative of the other.
    """

    partner: Tensor
    same: Tensor


def _parts(theta: Tensor) -> tuple[Tensor, Tensor]:
    """Scale and offset, x before y, (B, 1, 2) each. theta: (B, 2, 3), without rotation, as `coursekit.views` makes it."""
    return torch.stack([theta[:, 0, 0], theta[:, 1, 1]], dim=1)[:, None], theta[:, None, :, 2]


def _boxes(corner: Tensor, opposite: Tensor) -> Tensor:
    return torch.cat([torch.minimum(corner, opposite), torch.maximum(corner, opposite)], dim=2)


def to_image(boxes: Tensor, theta: Tensor) -> Tensor:
    """Boxes of a view, (B, N, 4) in its own coordinates in [-1, 1], in those of the image. theta: (B, 2, 3)."""
    scale, offset = _parts(theta)
    return _boxes(boxes[..., :2] * scale + offset, boxes[..., 2:] * scale + offset)


def to_view(boxes: Tensor, theta: Tensor) -> Tensor:
    """The inverse of `to_image`: where boxes of the image lie in the view, beyond [-1, 1] if it does not show them."""
    scale, offset = _parts(theta)
    return _boxes((boxes[..., :2] - offset) / scale, (boxes[..., 2:] - offset) / scale)


def patch_boxes(theta: Tensor, rows: int, columns: int) -> Tensor:
    """Where the patches of views lie in their images, row by row: (B, rows * columns, 4). theta: (B, 2, 3)."""
    x, y = torch.meshgrid(*(torch.arange(n, device=theta.device) for n in (columns, rows)), indexing="xy")
    corner = torch.stack([x, y], dim=2).view(-1, 2).to(theta.dtype)  # (P, 2), in patches
    size = corner.new_tensor([columns, rows])
    own = torch.cat([corner, corner + 1], dim=1) * 2 / size.repeat(2) - 1
    return to_image(own.expand(len(theta), -1, -1), theta)


def patch_at(points: Tensor, theta: Tensor, rows: int, columns: int, tolerance: float = 0.5) -> Tensor:
    """Which patch of each view shows these points of its image: int64 (B, N), -1 = none.

    points: (B, N, 2), x and y in [-1, 1]. theta: (B, 2, 3). rows, columns: patches of the view.
    tolerance: how far from the patch's centre a point may lie along either axis, in sides of the patch; 0.5 = anywhere in it.
    """
    scale, offset = _parts(theta)
    size = scale.new_tensor([columns, rows])
    at = ((points - offset) / scale + 1) * size / 2  # (B, N, 2), in patches from the view's own corner
    cell = at.floor()
    shown = (cell >= 0) & (cell < size) & ((at - cell - 0.5).abs() <= tolerance)
    return torch.where(shown.all(dim=2), cell[..., 1] * columns + cell[..., 0], -1).long()


def shared(boxes: Tensor) -> Tensor:
    """How much any two boxes of an image have in common, as a share of the smaller one: (B, N, 4) -> (B, N, N)."""
    low, high = boxes[..., :2], boxes[..., 2:]
    both = 1.0
    for axis in (0, 1):  # one after the other: memory
        end = torch.minimum(high[:, :, None, axis], high[:, None, :, axis])
        both = both * (end - torch.maximum(low[:, :, None, axis], low[:, None, :, axis])).clamp(min=0)
    area = (high - low).prod(dim=2)
    return both / torch.minimum(area[:, :, None], area[:, None])


def match_patches(
    theta_a: Tensor,
    theta_b: Tensor,
    grid_a: tuple[int, int],
    grid_b: tuple[int, int],
    tolerance: float = 0.5,
    overlap: float = 0.1,
) -> Match:
    """Match the patches of two views of the same images.

    theta_a, theta_b: (B, 2, 3).
    grid_a, grid_b: rows and columns of patches.
    tolerance: a patch's partner is the patch of the other view that shows its centre, so many sides of that patch from
        that patch's centre at most, along either axis. 0.5 = each patch whose centre the other view shows has one.
    overlap: patches that share more than this part of the smaller one show the same.

    If one view shows the image larger, several of its patches have one partner, whose own partner is the one at its centre.
    """
    a, b = patch_boxes(theta_a, *grid_a), patch_boxes(theta_b, *grid_b)
    in_b = patch_at((a[..., :2] + a[..., 2:]) / 2, theta_b, *grid_b, tolerance)
    in_a = patch_at((b[..., :2] + b[..., 2:]) / 2, theta_a, *grid_a, tolerance)
    partner = torch.cat([torch.where(in_b < 0, -1, in_b + a.shape[1]), in_a], dim=1)
    return Match(partner, shared(torch.cat([a, b], dim=1)) > overlap)


def region_boxes(
    theta_a: Tensor, theta_b: Tensor, draws: Draws, n: int, sides: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """n random boxes for each of two views of the same images, (B, n, 4) each: the same ones, inside what both views show.

    sides: range of a box's sides, as shares of the sides of what both show. draws: the step's random numbers.

    If two views share less than `LEAST_SHARED` of the larger one, each gets boxes of its own, which have no partner.
    """
    a, b = patch_boxes(theta_a, 1, 1), patch_boxes(theta_b, 1, 1)  # (B, 1, 4): the views themselves
    both = torch.cat([torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])], dim=2)
    area, area_a, area_b = ((box[..., 2:] - box[..., :2]).clamp(min=0).prod(dim=2) for box in (both, a, b))
    enough = (area >= LEAST_SHARED * torch.maximum(area_a, area_b))[..., None]  # (B, 1, 1)
    size = draws.uniform(len(a), n, 2, low=sides[0], high=sides[1]).to(a.device)
    place = draws.uniform(len(a), n, 2).to(a.device)

    def inside(frame: Tensor) -> Tensor:
        low, whole = frame[..., :2], frame[..., 2:] - frame[..., :2]
        corner = low + whole * (1 - size) * place
        return torch.cat([corner, corner + whole * size], dim=2)

    return inside(torch.where(enough, both, a)), inside(torch.where(enough, both, b))


def match_regions(boxes_a: Tensor, boxes_b: Tensor, overlap: float = 0.1) -> Match:
    """Match regions: box i of one view and box i of the other are partners if they are the same box.

    boxes_a, boxes_b: (B, n, 4), of `region_boxes`. overlap: as in `match_patches`.
    """
    n = boxes_a.shape[1]
    equal, index = (boxes_a == boxes_b).all(dim=2), torch.arange(n, device=boxes_a.device)
    partner = torch.cat([torch.where(equal, index + n, -1), torch.where(equal, index, -1)], dim=1)
    return Match(partner, shared(torch.cat([boxes_a, boxes_b], dim=1)) > overlap)
