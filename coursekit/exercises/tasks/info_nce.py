"""Write SimCLR's objective; coursekit.methods.simclr.info_nce is the one that trains."""

import torch
import torch.nn.functional as F

from coursekit.exercises.model import LONGER, REVERSED, SWAPPED, Case, Exercise, draw
from coursekit.methods.simclr import info_nce


def my_info_nce(z_a, z_b, temperature=0.1):
    """z_a, z_b: (N, D), row i of both comes from image i. Return the mean loss over all 2N views, a tensor of shape ()."""
    n = len(z_a)
    z = F.normalize(torch.cat([z_a, z_b]), dim=1)
    logits = z @ z.T / temperature
    logits = logits.masked_fill(torch.eye(2 * n, dtype=torch.bool), float("-inf"))
    positive = torch.arange(2 * n).roll(n)  # the partner of i is i + N, of i + N it is i
    return F.cross_entropy(logits, positive)


def _cases():
    apart = torch.tensor([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) + 0.1 * draw(9, 4, 3)[0]  # 109 degrees
    z_a, z_b = draw(4, 6, 5)
    return [
        Case("8 images, 12 numbers each, temperature 0.5", (*draw(0, 8, 12), 0.5)),
        Case("6 images with positive numbers only", (z_a.abs(), z_b.abs(), 0.2)),
        Case("32 images with shorter vectors, no temperature named", draw(8, 32, 16, scale=0.2)),
        Case("views that all point apart, temperature 0.08, float64", (*apart.double().split(2), 0.08)),
        Case("positives that point apart, temperature 0.05, float64", (z_a.double(), z_b.double().flip(0), 0.05)),
        Case("temperature 0.01", (*draw(6, 4, 6), 0.01), "exp(1 / 0.01) overflows in float32; logsumexp avoids it."),
    ]


EXERCISE = Exercise(
    lesson="03",
    solution=my_info_nce,
    reference=info_nce,
    cases=_cases,
    probes=(LONGER, SWAPPED, REVERSED),
    sizes=lambda z_a, *_: {"N": len(z_a), "2N": 2 * len(z_a), "2N - 1": 2 * len(z_a) - 1},
)
