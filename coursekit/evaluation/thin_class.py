"""A small world in which k-NN misjudges features that a linear probe finds excellent."""

import torch
from torch import Tensor


def thin_class(wide: int, n: int = 400, spread: float = 1.0, gap: float = 0.6, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Features of two classes that differ in one direction alone: (n, 1 + wide), and labels int64 (n,), half 0, half 1.

    wide: further directions, which say nothing of the class: normal with a deviation of `spread`. gap: between the
    classes in the first direction, where each has a deviation of a fifth of it: what is there is small, but certain.
    seed: of all numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 2
    first = gap * (labels - 0.5) + gap / 5 * torch.randn(n, generator=generator)
    rest = spread * torch.randn(n, wide, generator=generator)
    return torch.cat([first[:, None], rest], dim=1), labels
