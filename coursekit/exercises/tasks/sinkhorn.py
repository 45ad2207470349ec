"""Assign images to clusters so that all clusters are used alike; coursekit.methods.sinkhorn.sinkhorn is the one that trains."""

import torch

from coursekit.exercises.model import Case, Exercise, Probe, draw
from coursekit.methods.sinkhorn import sinkhorn as tested


def my_sinkhorn(scores, epsilon=0.05, iterations=3):
    """scores: (B, K), image b's with cluster k. Return the assignment, (B, K), whose rows sum to 1."""
    logs = scores / epsilon  # the log of exp(scores / epsilon)
    for _ in range(iterations):
        logs = logs - logs.logsumexp(dim=0, keepdim=True)  # columns: each cluster the same
        logs = logs - logs.logsumexp(dim=1, keepdim=True)  # rows: each image 1
    return logs.exp()


def _cases():
    wish = torch.nn.functional.normalize(draw(40, 12, 5)[0], dim=1)
    favourite = draw(42, 6, 4)[0] + torch.tensor([2.0, 0, 0, 0])
    return [
        Case("12 images, 5 clusters, epsilon 0.2, 3 iterations", (wish, 0.2, 3)),
        Case("6 images that all prefer cluster 0, 1 iteration", (favourite, 0.5, 1)),
        Case("5 images, 5 clusters, 6 iterations", (draw(44, 5, 5)[0], 0.3, 6)),
        Case("7 images, 3 clusters, nothing else named", (draw(46, 7, 3)[0],)),
        Case("scores up to about 1000, float64", (1000 * draw(48, 8, 4)[0].double(), 0.5, 2)),
    ]


SHIFTED = Probe(
    "Adding 3 to all scores changes {result}; only their differences count.", lambda s, *rest: (s + 3, *rest)
)
EXERCISE = Exercise(
    lesson="04",
    solution=my_sinkhorn,
    reference=tested,
    cases=_cases,
    probes=(SHIFTED,),
    sizes=lambda scores, *_: {"B": len(scores), "K": scores.shape[1]},
)
