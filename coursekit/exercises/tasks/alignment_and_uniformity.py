"""Measure what a contrastive objective is for: positives come together, everything spreads (Wang and Isola, ICML 2020)."""

import torch
import torch.nn.functional as F

from coursekit.exercises.model import LONGER, REVERSED, Case, Exercise, draw
from coursekit.methods import diagnostics


def my_alignment_and_uniformity(z_a, z_b):
    """z_a, z_b: (N, D). Return two tensors of shape (): alignment of the pairs, uniformity of z_a."""
    a, b = F.normalize(z_a, dim=1), F.normalize(z_b, dim=1)
    alignment = (a - b).square().sum(dim=1).mean()
    # pdist gives each pair once; the formula counts it twice and divides by twice as many
    uniformity = torch.pdist(a).square().mul(-2).exp().mean().log()
    return alignment, uniformity


def alignment_and_uniformity(z_a, z_b):
    """Both, as training logs them."""
    return diagnostics.alignment(z_a, z_b), diagnostics.uniformity(z_a)


def _cases():
    return [
        Case("8 images, 12 numbers each", draw(10, 8, 12)),
        Case("3 images, 2 numbers each", draw(12, 3, 2)),
        Case("7 images with shorter vectors", draw(13, 7, 4, scale=0.2)),
        Case("64 images, 16 numbers each", draw(14, 64, 16)),  # cdist is inexact from 26 rows on
    ]


EXERCISE = Exercise(
    lesson="03",
    solution=my_alignment_and_uniformity,
    reference=alignment_and_uniformity,
    cases=_cases,
    probes=(LONGER, REVERSED),
    outputs=("alignment", "uniformity"),
    sizes=lambda z_a, z_b: {"N": len(z_a), "D": z_a.shape[1], "N - 1": len(z_a) - 1},
)
