"""Places of whole scenes: square cells of the image, what is there by the masks, and what an encoder's map holds there."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit.data.images import ImageSet
from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.views import normalize

PATCH = 8  # raw pixels: PATCH x PATCH of them around a place, each the mean of a square with half a cell's side
BATCH = 16  # scenes at a time


def place_labels(masks: Tensor, cell: int) -> Tensor:
    """What is at each place: int64 (N, H / cell, W / cell), 0 background, 1 + class, -1 if it is neither clearly.

    masks: uint8 (N, H, W). A class needs more than half of the cell's pixels, the background at least nine tenths.
    """
    n, height, width = masks.shape
    cells = masks.view(n, height // cell, cell, width // cell, cell)
    label = torch.full((n, height // cell, width // cell), -1)
    for value in masks.unique().tolist():
        pixels = (cells == value).sum(dim=(2, 4))
        label[2 * pixels > cell**2 if value else 10 * pixels >= 9 * cell**2] = value
    return label


@torch.inference_mode()
def place_features(encoder: Encoder | None, images: Tensor, cell: int) -> dict[str, Tensor]:
    """Features of every place, by the map they come from: {"stride 16": float32 (B, H / cell, W / cell, D)}, on the CPU.

    images: uint8 (B, 3, H, W). Of a pyramid all levels, and last "all levels", side by side. Without an encoder "raw
    pixels". The encoder works in the mode that it is in.
    """
    device = "cpu" if encoder is None else next(encoder.parameters()).device
    pixels = normalize(images.to(device) / 255)
    grid = [side // cell for side in images.shape[2:]]
    if encoder is None:
        half = F.avg_pool2d(pixels, cell // 2)
        around = F.unfold(half, PATCH, stride=2, padding=PATCH // 2 - 1).unflatten(2, grid)
        return {"raw pixels": around.permute(0, 2, 3, 1)}
    pyramid = getattr(encoder, "pyramid", None)
    found = {}
    for level in pyramid(pixels) if pyramid else encoder.features(pixels)[1:]:
        if level.shape[2] * level.shape[3] == 1:
            size = " x ".join(map(str, images.shape[2:]))
            raise CourseError(f"The map of {size} px scenes is a single place. Take larger scenes for this encoder.")
        level_on_grid = F.interpolate(level.float(), grid, mode="bilinear", antialias=True)
        found[f"stride {images.shape[2] // level.shape[2]}"] = level_on_grid.permute(0, 2, 3, 1).cpu()
    return {**found, "all levels": torch.cat(list(found.values()), dim=3)} if len(found) > 1 else found


def each_batch(encoder: Encoder | None, images: ImageSet, cell: int) -> Iterator[dict[str, Tensor]]:
    """`place_features` of BATCH scenes after the other, in eval mode; then every module is in the mode that it was in."""
    modes = [] if encoder is None else [(module, module.training) for module in encoder.modules()]
    try:
        if encoder is not None:
            encoder.eval()  # batch-norm must not see, or learn from, the scenes it judges
        for part in images.images.split(BATCH):
            yield place_features(encoder, part, cell)
    finally:
        for module, training in modes:
            module.training = training
