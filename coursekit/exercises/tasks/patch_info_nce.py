"""Write the patch objective for one image; coursekit.methods.patch_contrast.patch_info_nce is the one that trains."""

import torch
import torch.nn.functional as F

from coursekit.draws import Draws
from coursekit.exercises.model import LONGER, Case, Exercise, Probe
from coursekit.methods.patch_contrast import patch_info_nce
from coursekit.methods.patch_matching import Match, match_patches
from coursekit.views import crop_theta


def my_patch_info_nce(z, partner, same, temperature=0.2):
    """z: (S, D), all patches of both views of one image, of any length: compare by cosine. partner: int64 (S,), rows of z,
    -1 = none. same: bool (S, S), which patches show the same part of the image. Return the mean loss of the patches that
    have a partner, a tensor of shape ()."""
    z = F.normalize(z, dim=1)
    logits = z @ z.T / temperature
    anchor = (partner >= 0).nonzero().squeeze(1)
    positive = partner[anchor]
    left_out = same[anchor] | same[positive]  # what shows the place of the anchor, or that of its positive
    row = torch.arange(len(anchor))
    left_out[row, positive] = False
    left_out[row, anchor] = True
    return F.cross_entropy(logits[anchor].masked_fill(left_out, -torch.inf), positive)


def tested(z, partner, same, temperature=0.2):
    """`patch_info_nce` of one image, whose two views have as many patches each."""
    return patch_info_nce(*z[None].chunk(2, dim=1), Match(partner[None], same[None]), temperature)


def _cases():
    def image(seed: int, grid: tuple[int, int], d: int, noise: float = 0.7):
        match = match_patches(*crop_theta(2, 96, 96, Draws(seed), scale=(0.25, 0.6))[:, None], grid, grid)
        partner, generator = match.partner[0], torch.Generator().manual_seed(seed)
        z = torch.randn(len(partner), d, generator=generator)
        z = torch.where((partner >= 0)[:, None], z[partner], z) + noise * torch.randn(z.shape, generator=generator)
        return z * (0.5 + torch.rand(len(z), 1, generator=generator)), partner, match.same[0]

    found = [
        Case("16 patches a view, 8 numbers each", image(3, (4, 4), 8)),
        Case("9 patches a view, temperature 0.5", (*image(5, (3, 3), 6), 0.5)),
        Case("25 patches a view, temperature 0.1", (*image(8, (5, 5), 12), 0.1)),
    ]
    z, *rest = found[0].args
    return [*found, Case("float64, temperature 1", (z.double(), *rest, 1.0))]


REORDERED = Probe(
    "Exchanging the two views changes {result}; it should not.",
    lambda z, partner, same, *t: (
        z.roll(len(z) // 2, 0),
        torch.where(partner < 0, -1, (partner + len(z) // 2) % len(z)).roll(len(z) // 2),
        same.roll((len(z) // 2, len(z) // 2), (0, 1)),
        *t,
    ),
)
LENGTH = Probe(LONGER.says.replace("{arg}", "z"), lambda z, *rest: (3 * z, *rest))
EXERCISE = Exercise(
    lesson="06",
    solution=my_patch_info_nce,
    reference=tested,
    cases=_cases,
    probes=(LENGTH, REORDERED),
    sizes=lambda z, partner, *_: {"S": len(z), "the number of anchors": int((partner >= 0).sum())},
)
