"""Write BYOL's loss with both directions; its parts are coursekit.methods.byol.cosine_regression."""

import torch.nn.functional as F

from coursekit.exercises.model import LONGER, Case, Exercise, Probe, draw
from coursekit.methods.byol import cosine_regression


def my_byol_loss(p_a, p_b, t_a, t_b):
    """p_a, p_b: (N, D), the student's predictions from views a and b. t_a, t_b: (N, D), what the teacher gives for a and b.
    Return the loss, a tensor of shape ()."""
    from_a = 2 - 2 * F.cosine_similarity(p_a, t_b.detach(), dim=1)  # (N,)
    from_b = 2 - 2 * F.cosine_similarity(p_b, t_a.detach(), dim=1)
    return (from_a + from_b).mean()


def byol_loss(p_a, p_b, t_a, t_b):
    """The loss of `BYOL.forward`: from a to b, and from b to a."""
    return cosine_regression(p_a, t_b) + cosine_regression(p_b, t_a)


def _cases():
    def both(seed: int, n: int, d: int, **options):
        return (*draw(seed, n, d, **options), *draw(seed + 100, n, d, **options))

    found = [
        Case("8 images, 12 numbers each", both(30, 8, 12)),
        Case("3 images, 2 numbers each", both(31, 3, 2)),
        Case("32 images with shorter vectors", both(32, 32, 16, scale=0.2)),
        Case("predictions with positive numbers only", tuple(z.abs() for z in both(33, 6, 5))),
    ]
    return [*found, Case("float64", tuple(z.double() for z in found[0].args))]


FLIPPED = Probe(
    "Exchanging the views a and b changes {result}; it should not.", lambda p_a, p_b, t_a, t_b: (p_b, p_a, t_b, t_a)
)
EXERCISE = Exercise(
    lesson="05",
    solution=my_byol_loss,
    reference=byol_loss,
    cases=_cases,
    probes=(LONGER, FLIPPED),
    sizes=lambda p_a, *_: {"N": len(p_a), "D": p_a.shape[1]},
)
