"""Do features find a place again? In two views of an image, the most similar patch should be the one at the same place."""

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit.evaluation.intervals import Interval, mean_interval
from coursekit.methods.patch_matching import Match
from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.views import View


@torch.no_grad()
def patch_vectors(encoder: Encoder, view: View) -> tuple[Tensor, tuple[int, int]]:
    """The features of each patch of each view, float32 (B, P, D), row by row, and the rows and columns of patches.

    Of a pyramid all levels, each patch of the finest with what the others hold at its place; each level has length 1 there,
    so that none drowns out another. The encoder is asked in eval mode, and keeps its own.
    """
    training, device = encoder.training, next(encoder.parameters()).device
    encoder.eval()
    try:
        pixels = view.pixels.to(device)
        levels = encoder.pyramid(pixels) if hasattr(encoder, "pyramid") else encoder.features(pixels)[1:]
    finally:
        encoder.train(training)
    grid = tuple(levels[0].shape[2:])
    levels = [F.normalize(level.float().cpu(), dim=1) for level in levels]
    levels = [level if level.shape[2:] == grid else F.interpolate(level, grid, mode="bilinear") for level in levels]
    return torch.cat(levels, dim=1).flatten(2).mT, grid


def most_similar(z_a: Tensor, z_b: Tensor) -> Tensor:
    """For each patch of a view the most similar patch of the other one: (B, P, D) and (B, Q, D) -> int64 (B, P)."""
    return (F.normalize(z_a, dim=2) @ F.normalize(z_b, dim=2).mT).argmax(dim=2)


def places_found(z_a: Tensor, z_b: Tensor, match: Match) -> Interval:
    """How often the most similar patch of the other view is the one at the same place: a share with its 95 % interval.

    z_a, z_b: (B, P, D) and (B, Q, D), features of the patches of two views. match: of `match_patches`, for these patches.

    Every patch that has a partner is asked once, in both directions; a patch next to the right one counts as wrong. Chance is
    1 / Q, and 1 / P back. The interval is that of the mean over images, because patches of one image are alike. Raises
    CourseError if no patch has a partner, or if the match is of other patches.
    """
    p, q = z_a.shape[1], z_b.shape[1]
    if match.partner.shape != (len(z_a), p + q):
        raise CourseError(f"The match is of {tuple(match.partner.shape)} patches, not of {(len(z_a), p + q)}.")
    picked = torch.cat([most_similar(z_a, z_b) + p, most_similar(z_b, z_a)], dim=1)
    asked = match.partner >= 0
    if not asked.any():
        raise CourseError("No patch of either view is seen by the other: there is nothing to find.")
    right = ((picked == match.partner) & asked).sum(dim=1)[asked.any(dim=1)]
    return mean_interval((right / asked.sum(dim=1)[asked.any(dim=1)]).tolist())
