"""Hide a number of patches at random, and put back in order what was sorted; the reference is what MAE trains with."""

import torch

from coursekit.exercises.model import Case, Exercise
from coursekit.methods.mae import visible_first


def my_random_masking(noise, hidden):
    """noise: (B, P), a random number for each patch. hidden: how many patches of each image are hidden, those with the
    smallest numbers. Return mask, bool (B, P), True = hidden; keep, int64 (B, P - hidden), the places of the visible
    patches, ascending; restore, int64 (B, P): torch.cat([visible, hidden], 1).gather(1, restore) is in order again."""
    ranks = noise.argsort(dim=1).argsort(dim=1)  # 0 for the smallest number of an image
    mask = ranks < hidden
    order = mask.int().argsort(dim=1, stable=True)  # visible places first, each group in its order
    keep = order[:, : noise.shape[1] - hidden]
    restore = order.argsort(dim=1)
    return mask, keep, restore


def random_masking(noise, hidden):
    """As `HiddenPatches` and `visible_first` do it."""
    mask = noise.argsort(dim=1).argsort(dim=1) < hidden
    return mask, *visible_first(mask)


def _cases():
    def numbers(seed: int, n: int, patches: int):
        return torch.rand(n, patches, generator=torch.Generator().manual_seed(seed))

    return [
        Case("3 images, 6 of 9 patches hidden", (numbers(50, 3, 9), 6)),
        Case("2 images, 12 of 16 patches hidden", (numbers(51, 2, 16), 12)),
        Case("4 images, 3 of 8 patches hidden", (numbers(52, 4, 8), 3)),
        Case("1 image, 1 of 4 patches hidden", (numbers(53, 1, 4), 1)),
    ]


EXERCISE = Exercise(
    lesson="08", solution=my_random_masking, reference=random_masking, cases=_cases, outputs=("mask", "keep", "restore")
)
