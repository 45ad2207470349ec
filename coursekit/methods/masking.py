"""Views with hidden blocks of patches: what BEiT guesses, and what any method of hidden patches may learn from."""

from dataclasses import dataclass

import torch
from torch import Tensor

from coursekit import arguments as arg
from coursekit.draws import Draws
from coursekit.methods.blockwise import blockwise_mask
from coursekit.methods.masked_patches import HiddenPatches, pixel_mask
from coursekit.views import View


@dataclass(frozen=True)
class HiddenBlocks(HiddenPatches):
    """As `HiddenPatches`, with the patches hidden in rectangles: a single one could be told from its neighbours.

    least: patches of a rectangle, if there is room for so many; BEiT takes 16 of a grid of 14 x 14.
    """

    least: int = 4

    def __post_init__(self):
        super().__post_init__()
        arg.count.check(least=self.least)

    def __call__(self, images: Tensor, draws: Draws) -> list[View]:
        """images: uint8 (B, 3, H, W) -> one view of S x S px with mask and target."""
        view, n = self.view(images, draws), self.view.size // self.patch
        hidden = torch.full((len(images),), self.hidden)
        mask = blockwise_mask(hidden, n, n, draws, self.least).to(images.device)
        return [View(view.pixels * ~pixel_mask(mask, view.pixels.shape[-1]), view.theta, mask, view.pixels)]
