"""Measure a collapse: how far the features spread, and how many directions they use."""

import torch
import torch.nn.functional as F

from coursekit.exercises.model import LONGER, Case, Exercise, Probe, draw
from coursekit.methods import diagnostics


def my_collapse_meter(z):
    """z: (N, D). Return two tensors of shape (): feature_std and effective_rank."""
    unit = F.normalize(z, dim=1)
    feature_std = unit.std(dim=0).mean()
    singular = torch.linalg.svdvals(z - z.mean(dim=0))
    p = singular / singular.sum().clamp(min=1e-30)  # of equal rows the sum is 0
    effective_rank = torch.special.entr(p).sum().exp()  # entr(p) = -p log p, and 0 at p = 0
    return feature_std, effective_rank


def collapse_meter(z):
    """Both, as training logs them."""
    return diagnostics.feature_std(z), diagnostics.effective_rank(z)


def _cases():
    thin = draw(42, 40, 6)[0] * torch.tensor([2.0, 1.0, 0.5, 0.1, 0.05, 0.02])
    near = 1.0 + 0.02 * draw(43, 24, 5)[0]
    return [
        Case("32 images, 8 numbers each", draw(40, 32, 8)[:1]),
        Case("9 images, 3 numbers each", draw(41, 9, 3)[:1]),
        Case("40 images that lie nearly in a plane", (thin,)),
        Case("24 images with nearly equal features", (near,)),
        Case("7 equal rows", (torch.ones(7, 4),), "Of equal rows all singular values are 0, and 0 / 0 is NaN."),
    ]


REORDERED = Probe("Reversing the images changes {result}; their order should not count.", lambda z: (z.flip(0),))
EXERCISE = Exercise(
    lesson="05",
    solution=my_collapse_meter,
    reference=collapse_meter,
    cases=_cases,
    probes=(LONGER, REORDERED),
    outputs=("feature_std", "effective_rank"),
    sizes=lambda z: {"N": len(z), "D": z.shape[1]},
)
