"""Centre and sharpen the teacher's scores, then move the centre; coursekit.methods.centering has the ones that train."""

import torch

from coursekit.exercises.model import Case, Exercise, draw
from coursekit.methods.centering import Center, sharpened


def my_teacher_answer(scores, center, temperature=0.04, momentum=0.9):
    """scores: (N, K), the teacher's. center: (K,), before the step. Return two tensors: the answers, (N, K), whose rows sum to
    1, and the centre after the step, (K,)."""
    answers = ((scores - center) / temperature).softmax(dim=1)
    new_center = momentum * center + (1 - momentum) * scores.mean(dim=0)  # only now: this step used the old one
    return answers, new_center


@torch.no_grad()
def teacher_answer(scores, center, temperature=0.04, momentum=0.9):
    """What `sharpened` and then `Center.update` make of it."""
    running = Center(len(center), momentum).to(center.dtype)
    running.value.copy_(center)
    answers = sharpened(scores, running.value, temperature)
    running.update(scores)
    return answers, running.value


def _cases():
    def case(says: str, seed: int, n: int, k: int, *rest):
        scores, centers = draw(seed, n, k, scale=0.4)
        return Case(says, (scores, 0.5 * centers[0], *rest))

    found = [
        case("8 images, 5 prototypes", 70, 8, 5, 0.2, 0.8),
        case("3 images, 9 prototypes, a quick centre", 71, 3, 9, 0.3, 0.3),
        case("12 images, 4 prototypes, nothing else named", 72, 12, 4),
    ]
    offset = draw(73, 6, 3, scale=0.4)[0] + torch.tensor([2.0, 0.0, -1.0])
    found += [Case("6 images that all prefer prototype 0", (offset, torch.tensor([1.9, 0.1, -1.0]), 0.5, 0.6))]
    first = found[0].args
    return [*found, Case("float64", (first[0].double(), first[1].double(), *first[2:]))]


EXERCISE = Exercise(
    lesson="07",
    solution=my_teacher_answer,
    reference=teacher_answer,
    cases=_cases,
    outputs=("answers", "new_center"),
    sizes=lambda scores, *_: {"N": len(scores), "K": scores.shape[1]},
)
