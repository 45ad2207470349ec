"""Scenes for recipes that are quick to make."""

import torch

from coursekit.data.images import ImageSet


def squares(cls, n, size, seed=0):
    """Noise with a square of one of two colours in each scene, and its mask."""
    random = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 90, (n, 3, size, size), generator=random, dtype=torch.uint8)
    masks = torch.zeros(n, size, size, dtype=torch.uint8)
    for i in range(n):
        y, x = torch.randint(0, size // 2, (2,), generator=random).tolist()
        images[i, i % 2, y : y + size // 2, x : x + size // 2] += 120
        masks[i, y : y + size // 2, x : x + size // 2] = 1 + i % 2
    return ImageSet(images, None, ("red", "green"), masks)
