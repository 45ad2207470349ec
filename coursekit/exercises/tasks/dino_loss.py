"""Write DINO's loss over all pairs of views without a loop; coursekit.methods.dino_losses.dino_loss is the one that trains."""

import torch
import torch.nn.functional as F

from coursekit.exercises.model import Case, Exercise, Probe, draw
from coursekit.methods import dino_losses


def my_dino_loss(student, targets, temperature=0.1):
    """student: (V, B, K), scores of V views, the large ones first. targets: (G, B, K), the teacher's answers for the first G
    of them. Return the loss, a tensor of shape ()."""
    logs = F.log_softmax(student / temperature, dim=2)
    cross = -(targets.detach()[:, None] * logs).sum(dim=3).mean(dim=2)  # (G, V), one cross-entropy for each pair
    same = torch.eye(*cross.shape, dtype=torch.bool)  # target i and view i: no question
    return cross[~same].mean()


def dino_loss(student, targets, temperature=0.1):
    """The loss of `DINOv2.forward`, which keeps the views in a list: they have different sizes there."""
    return dino_losses.dino_loss(list(student), list(targets), temperature)


def _cases():
    def case(says: str, seed: int, views: int, large: int, images: int, prototypes: int, *rest):
        student, teacher = draw(seed, views * images, prototypes, noise=0.8, scale=0.3)
        targets = (teacher.view(views, images, prototypes)[:large] / 0.2).softmax(dim=2)
        return Case(says, (student.view(views, images, prototypes), targets, *rest))

    found = [
        case("2 large and 3 small views, 4 images, 6 prototypes", 60, 5, 2, 4, 6, 0.2),
        case("2 large views alone, 5 images, 3 prototypes", 61, 2, 2, 5, 3, 0.3),
        case("3 large views and 1 small one, 2 images", 62, 4, 3, 2, 5, 0.1),
        case("2 large and 4 small views, nothing else named", 63, 6, 2, 3, 7),
    ]
    return [*found, Case("float64", tuple(a.double() if isinstance(a, torch.Tensor) else a for a in found[0].args))]


SHIFTED = Probe(
    "Adding 3 to all of the student's scores changes {result}; only their differences count.",
    lambda s, *rest: (s + 3, *rest),
)
REVERSED = Probe(
    "Reversing the images changes {result}; their order should not count.",
    lambda s, t, *rest: (s.flip(1), t.flip(1), *rest),
)
EXERCISE = Exercise(
    lesson="07",
    solution=my_dino_loss,
    reference=dino_loss,
    cases=_cases,
    probes=(SHIFTED, REVERSED),
    sizes=lambda s, t, *_: {
        "V": len(s),
        "G": len(t),
        "B": s.shape[1],
        "K": s.shape[2],
        "the number of pairs": len(t) * (len(s) - 1),
    },
)
