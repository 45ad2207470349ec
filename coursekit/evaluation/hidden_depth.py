"""How deep inside what is hidden a hidden patch lies: what it could be copied from is so many patches away."""

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit.runtime import CourseError


def hidden_depth(mask: Tensor) -> Tensor:
    """Steps from each patch to the nearest visible one, sideways, up, down or diagonally: int64 (B, P); 0 = visible.

    mask: bool (B, P), True = hidden, of a square grid, row by row. Raises CourseError if an image is hidden whole.
    """
    if mask.all(dim=1).any():
        raise CourseError("An image is hidden whole: no patch of it has a visible one to be measured from.")
    side = round(mask.shape[1] ** 0.5)
    left = mask.view(-1, 1, side, side).float()
    depth = torch.zeros_like(left)
    while left.any():
        depth += left
        left = -F.max_pool2d(-left, 3, stride=1, padding=1)  # what touches something visible is reached in this step
    return depth.long().flatten(1)
