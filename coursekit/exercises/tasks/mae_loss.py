"""Write MAE's loss: targets that are normalised patch by patch, and only hidden patches count."""

import torch

from coursekit.exercises.model import Case, Exercise, Probe
from coursekit.methods.mae import masked_patch_error
from coursekit.methods.patches import patch_statistics


def my_mae_loss(prediction, pixels, mask):
    """prediction, pixels: (B, P, D), what was answered for each patch, and its true pixels in a row. mask: bool (B, P),
    True = hidden. Return the mean squared error of the hidden patches: shape (). Their targets have mean 0 and variance 1 (by
    torch's `var`, to which 1e-6 is added before the root)."""
    mean, var = pixels.mean(dim=2, keepdim=True), pixels.var(dim=2, keepdim=True)
    target = (pixels - mean) / (var + 1e-6).sqrt()
    error = (prediction - target).square().mean(dim=2)  # (B, P)
    return error[mask].mean()


def mae_loss(prediction, pixels, mask):
    """As `MAE.forward` computes it."""
    mean, std = patch_statistics(pixels)
    return masked_patch_error(prediction, (pixels - mean) / std, mask)


def _cases():
    def patches(seed: int, n: int, along: int, d: int, hidden: tuple[int, ...]):
        """n images of so many patches, each with a brightness and a contrast of its own."""
        generator = torch.Generator().manual_seed(seed)
        prediction, pixels = torch.randn(2, n, along, d, generator=generator)
        light, contrast = torch.rand(2, n, along, 1, generator=generator)
        ranks = torch.rand(n, along, generator=generator).argsort(dim=1).argsort(dim=1)
        return prediction, 2 * light + (0.2 + contrast) * pixels, ranks < torch.tensor(hidden)[:, None]

    found = [
        Case("2 images of 16 patches, 12 hidden", patches(60, 2, 16, 12, (12, 12))),
        Case("3 images of 9 patches, 2 to 7 hidden", patches(61, 3, 9, 27, (2, 7, 4))),
        Case("1 image of 4 patches, 3 hidden", patches(62, 1, 4, 48, (3,))),
    ]
    flat = found[0].args[1].clone()
    flat[:, :3] = 0.7
    about = "A patch of one colour has the variance 0, and 0 / 0 is NaN: add 1e-6 to the variance."
    return [
        *found,
        Case("float64", tuple(x.double() if x.is_floating_point() else x for x in found[1].args)),
        Case("patches of one colour", (found[0].args[0], flat, found[0].args[2]), about),
    ]


def _brighter(prediction, pixels, mask):
    """Every patch in another brightness and contrast."""
    steps = torch.linspace(0.5, 2, pixels.shape[1], dtype=pixels.dtype)[:, None]
    return prediction, 3 * steps + steps * pixels, mask


def _seen(prediction, pixels, mask):
    return prediction + 3 * ~mask[:, :, None], pixels, mask


EXERCISE = Exercise(
    lesson="08",
    solution=my_mae_loss,
    reference=mae_loss,
    cases=_cases,
    probes=(
        Probe("Another brightness and contrast of each patch changes {result}; it should not.", _brighter),
        Probe("Another prediction of what is *seen* changes {result}; it should not.", _seen),
    ),
    sizes=lambda prediction, pixels, mask: {
        "B": len(mask),
        "D": pixels.shape[2],
        "the number of hidden patches": int(mask.sum()),
    },
)
