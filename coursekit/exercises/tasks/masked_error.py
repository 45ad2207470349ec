"""Write the masked patches' objective: only what was hidden counts; the reference is the one that trains."""

import torch

from coursekit.exercises.model import SWAPPED, Case, Exercise, Probe
from coursekit.methods.masked_patches import masked_error, pixel_mask


def my_masked_error(prediction, target, mask):
    """prediction, target: (B, 3, S, S). mask: bool (B, P), True = hidden, the P patches row by row. Return the mean squared
    error of the hidden pixels alone, a tensor of shape ()."""
    n = round(mask.shape[1] ** 0.5)  # patches along a side
    side = target.shape[-1] // n  # of a patch, px
    hidden = mask.view(-1, n, n).repeat_interleave(side, dim=1).repeat_interleave(side, dim=2)  # (B, S, S)
    error = (prediction - target).square().mean(dim=1)  # (B, S, S), over the three colours
    return error[hidden].mean()


def _cases():
    def pictures(seed: int, n: int, side: int, along: int, hidden: tuple[int, ...]):
        """n pictures of `side` px, of whose along * along patches so many are hidden, as many numbers as pictures."""
        generator = torch.Generator().manual_seed(seed)
        prediction, target = torch.randn(2, n, 3, side, side, generator=generator)
        ranks = torch.rand(n, along**2, generator=generator).argsort(dim=1).argsort(dim=1)
        return prediction, target, ranks < torch.tensor(hidden)[:, None]

    found = [
        Case("2 images of 8 px, 6 of 16 patches hidden", pictures(40, 2, 8, 4, (6, 6))),
        Case("3 images of 9 px, 2 to 7 of 9 patches hidden", pictures(41, 3, 9, 3, (2, 4, 7))),
        Case("1 image of 4 px, 1 of 4 patches hidden", pictures(42, 1, 4, 2, (1,))),
        Case("4 images, in one of which nothing is hidden", pictures(43, 4, 8, 2, (1, 0, 3, 2))),
    ]
    return [*found, Case("float64", tuple(x.double() if x.is_floating_point() else x for x in found[1].args))]


def _other_visible(prediction, target, mask):
    """What is seen is predicted differently."""
    return prediction + 3 * ~pixel_mask(mask, target.shape[-1]), target, mask


EXERCISE = Exercise(
    lesson="01",
    solution=my_masked_error,
    reference=masked_error,
    cases=_cases,
    probes=(SWAPPED, Probe("Another prediction of what is *seen* changes {result}; it should not.", _other_visible)),
    sizes=lambda prediction, target, mask: {
        "B": len(mask),
        "the number of hidden patches": int(mask.sum()),
        "the number of pixels of a patch": target[0, 0].numel() // mask.shape[1],
    },
)
