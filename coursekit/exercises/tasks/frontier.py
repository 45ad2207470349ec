"""Which methods are worth their price? Those that no other beats without costing more; the reference draws the figures."""

import torch

from coursekit.evaluation import frontier as tested
from coursekit.exercises.model import Case, Exercise, Probe


def my_frontier(accuracy, cost):
    """accuracy, cost: (M,), of M methods. Return a bool tensor (M,): True if no other method dominates it.

    A method dominates another if it is at least as accurate and costs at most as much, and is better in one of the two."""
    as_good = accuracy[None, :] >= accuracy[:, None]  # (M, M): is method j at least as accurate as method i?
    as_cheap = cost[None, :] <= cost[:, None]
    better = (accuracy[None, :] > accuracy[:, None]) | (cost[None, :] < cost[:, None])
    return ~(as_good & as_cheap & better).any(dim=1)


def _cases():
    generator = torch.Generator().manual_seed(7)
    many = torch.rand(2, 30, generator=generator)
    coarse = torch.randint(1, 6, (2, 16), generator=generator).float()
    return [
        Case("4 methods", (torch.tensor([0.60, 0.70, 0.65, 0.72]), torch.tensor([1.0, 2.0, 3.0, 8.0]))),
        Case("30 methods", (many[0], 10 * many[1] + 1)),
        Case("16 methods, many of them tied", (coarse[0] / 10, coarse[1])),
        Case("3 methods that are alike", (torch.full((3,), 0.5), torch.full((3,), 2.0))),
        Case("2 methods at one price", (torch.tensor([0.4, 0.6]), torch.tensor([5.0, 5.0]))),
    ]


DEARER = Probe(
    "Counting costs in other units changes {result}; it should not.", lambda accuracy, cost: (accuracy, 60 * cost)
)
EXERCISE = Exercise(
    lesson="09",
    solution=my_frontier,
    reference=tested,
    cases=_cases,
    probes=(DEARER,),
    sizes=lambda accuracy, cost: {"M": len(accuracy)},
)
