"""The game of the lesson in three lines: which other view is most similar; the reference is the one that plays it there."""

import torch
import torch.nn.functional as F

from coursekit.evaluation import partners
from coursekit.exercises.model import LONGER, Case, Exercise, Probe, draw


def my_pick_partners(h):
    """h: (2N, D), features of 2N views. Return for each view the index of the most similar other one: int64 (2N,)."""
    z = F.normalize(h, dim=1)  # each row divided by its length
    similarity = (z @ z.T).fill_diagonal_(-torch.inf)  # (2N, 2N); a view is never its own partner
    return similarity.argmax(dim=1)


def _cases():
    def views(seed: int, n: int, d: int, **options):
        return (torch.cat(draw(seed, n, d, **options)),)

    found = [
        Case("16 views, 12 numbers each", views(20, 8, 12)),
        Case("6 views, 3 numbers each", views(21, 3, 3, noise=1.0)),
        Case("2 views that point apart", (torch.tensor([[2.0, 1.0], [-1.0, 0.5]]),)),
        Case("100 views, 16 numbers each", views(23, 50, 16, noise=1.0)),
    ]
    return [*found, Case("float64", tuple(h.double() for h in found[0].args))]


UNEVEN = Probe(
    "Giving each row another length changes {result}; directions are all that counts.",
    lambda h: (h * torch.linspace(1, 3, len(h), dtype=h.dtype)[:, None],),
)
EXERCISE = Exercise(
    lesson="00", solution=my_pick_partners, reference=partners.pick_partners, cases=_cases, probes=(LONGER, UNEVEN)
)
