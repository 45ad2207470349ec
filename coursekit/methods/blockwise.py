"""Blockwise masks: patches are hidden in rectangles, because a single one could be told from its neighbours.

Bao et al., BEiT, ICLR 2022, algorithm 1; iBOT (Zhou et al., ICLR 2022) and DINOv2 (Oquab et al., 2023) hide patches so.
"""

import math
from typing import Any

import torch
from torch import Tensor

from coursekit import arguments as arg
from coursekit.draws import Draws
from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.views import View, ViewMaker

TRIES = 16  # rectangles that are thrown at an image; it takes those that hide something new and not too much


def blockwise_mask(
    hidden: Tensor, rows: int, columns: int, draws: Draws, least: int = 4, aspect: tuple[float, float] = (0.3, 1 / 0.3)
) -> Tensor:
    """Masks of whole rectangles, exactly as large as asked: bool (B, rows * columns), True = hidden, patches row by row.

    hidden: int64 (B,), how many patches of each image are hidden, 0 to all.
    rows, columns: of the grid of patches.
    draws: the step's random numbers.
    least: patches of a rectangle, if there is room for so many; 16 in BEiT, 4 in DINOv2.
    aspect: range of a rectangle's height over its width, log-uniform.

    All images of the batch at once. What is missing in the end, where no further rectangle fitted, is hidden in single
    patches; the papers leave it out, so that the number varies.
    """
    n, device = len(hidden), hidden.device
    area, shape, top, left = draws.uniform(n, 4, TRIES).to(device).unbind(dim=1)  # (B, TRIES) each
    height, width = (torch.arange(side, device=device) for side in (rows, columns))
    ratio = torch.exp(math.log(aspect[0]) + shape * math.log(aspect[1] / aspect[0]))
    mask = torch.zeros(n, rows, columns, dtype=torch.bool, device=device)
    for i in range(TRIES):
        room = hidden - mask.sum(dim=(1, 2))  # how many may still be hidden
        smallest = room.clamp(max=least)
        size = smallest + area[:, i] * (room - smallest)
        h = (size * ratio[:, i]).sqrt().round().clamp(1, rows)
        w = (size / ratio[:, i]).sqrt().round().clamp(1, columns)
        y, x = (top[:, i] * (rows - h + 1)).floor(), (left[:, i] * (columns - w + 1)).floor()
        down = (height >= y[:, None]) & (height < (y + h)[:, None])  # (B, rows)
        across = (width >= x[:, None]) & (width < (x + w)[:, None])  # (B, columns)
        new = down[:, :, None] & across[:, None] & ~mask
        mask |= new & (new.sum(dim=(1, 2)) <= room)[:, None, None]
    mask = mask.flatten(1)
    order = draws.uniform(n, rows * columns).to(device).masked_fill(mask, 2.0).argsort(dim=1).argsort(dim=1)
    return mask | (order < (hidden - mask.sum(dim=1))[:, None])


def check_masks(method: str, encoder: Encoder, views: ViewMaker, n: int, share: Any, probability: float) -> None:
    """Raise CourseError unless the encoder has a token for what is hidden, something is hidden, and something is left.

    method: its name, for messages.
    encoder: whose patches are hidden.
    views, n: the first n views that it makes are masked.
    share: lowest and highest share of an image's patches.
    probability: that an image is masked at all.
    """
    if not hasattr(encoder, "mask_token"):
        lacks = f"{method} hides patches, and {type(encoder).__name__} has no mask token to put there"
        raise CourseError(
            f"{lacks}. Take an encoder with tokens such as 'vit_micro', or switch that part off: ibot_weight=0."
        )
    arg.share.check(mask_probability=probability)
    numbers = isinstance(share, (tuple, list)) and len(share) == 2 and all(isinstance(x, (int, float)) for x in share)
    if not (numbers and 0 < share[0] <= share[1] < 1):
        raise CourseError(
            f"mask_share is {share!r}: give the lowest and the highest share of the patches that are hidden, both above 0 "
            "and below 1, such as (0.1, 0.5). Of an image that is hidden whole, or not at all, nothing is learned."
        )
    if probability == 0:
        raise CourseError(f"mask_probability is 0, so that {method} hides nothing in any image: give a share above 0.")
    if alone := [side for side in getattr(views, "sides", ())[:n] if side // encoder.stride < 2]:
        raise CourseError(
            f"{method} hides patches of {encoder.stride} px in views of {alone[0]} px: there is a single one, and nothing "
            f"to tell it from. Take views of {2 * encoder.stride} px or more."
        )


def hide_blocks(view: View, patch: int, share: tuple[float, float], probability: float, draws: Draws) -> View:
    """The view with a mask, bool (B, P), by iBOT's rule: each image is masked with this probability, and then a share of
    its patches, uniform in this range, but one at least and not all.

    patch: side of a patch, px. share, probability: as in `check_masks`. draws: the step's random numbers.
    """
    rows, columns = (side // patch for side in view.pixels.shape[2:])
    n = len(view.pixels)
    hidden = (draws.uniform(n, low=share[0], high=share[1]) * rows * columns).round().clamp(1, rows * columns - 1)
    hidden = hidden.long() * (draws.uniform(n) < probability)
    return view._replace(mask=blockwise_mask(hidden, rows, columns, draws).to(view.pixels.device))
