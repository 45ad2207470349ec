"""How sure is an accuracy? Wilson's interval (JASA 1927); coursekit.evaluation.intervals has the one that lessons print."""

import torch

from coursekit.evaluation.intervals import accuracy_interval
from coursekit.exercises.model import Case, Exercise


def my_wilson_interval(correct, total):
    """correct: (K,), of `total` answers each. Return two tensors (K,): low and high end of the 95 % interval, z = 1.96."""
    p, z = correct / total, 1.96
    middle = p + z**2 / (2 * total)
    half = z * torch.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
    return (middle - half) / (1 + z**2 / total), (middle + half) / (1 + z**2 / total)


def wilson_interval(correct, total):
    """Both ends, as `accuracy_interval` gives them for one number."""
    found = [accuracy_interval(int(right), total) for right in correct]
    return torch.tensor([each.low for each in found]), torch.tensor([each.high for each in found])


def _cases():
    return [
        Case("3, 10 and 17 right of 20", (torch.tensor([3, 10, 17]), 20)),
        Case("85 right of 300", (torch.tensor([85]), 300)),
        Case("nothing right, and everything, of 12", (torch.tensor([0, 12]), 12)),
        Case("1, 2 and 3 right of 4", (torch.tensor([1, 2, 3]), 4)),
    ]


EXERCISE = Exercise(
    lesson="02",
    solution=my_wilson_interval,
    reference=wilson_interval,
    cases=_cases,
    outputs=("low", "high"),
    sizes=lambda correct, total: {"total": total},
)
