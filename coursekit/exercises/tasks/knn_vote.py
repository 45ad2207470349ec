"""Let the neighbours vote, near ones with more weight; coursekit.evaluation.knn.knn_vote is the one that judges."""

import torch
import torch.nn.functional as F

from coursekit.evaluation.knn import knn_vote
from coursekit.exercises.model import Case, Exercise, Probe


def my_knn_vote(cosine, label, n_classes, temperature=0.07):
    """cosine, label: (M, k), the k neighbours of M queries. Return each class's share of the vote: (M, n_classes)."""
    weight = torch.exp(cosine / temperature)  # (M, k)
    votes = (F.one_hot(label, n_classes) * weight[:, :, None]).sum(dim=1)  # (M, n_classes)
    return votes / votes.sum(dim=1, keepdim=True)


def _cases():
    def some(seed: int, m: int, k: int, n_classes: int, low: float = 0.2) -> tuple:
        generator = torch.Generator().manual_seed(seed)
        cosine = low + (0.95 - low) * torch.rand(m, k, generator=generator)
        cosine = cosine.sort(dim=1, descending=True).values  # the nearest neighbour first
        return cosine, torch.randint(n_classes, (m, k), generator=generator), n_classes

    two = torch.tensor([[0.9, 0.8, 0.75, 0.6, 0.5]]), torch.tensor([[1, 0, 0, 2, 0]])
    return [
        Case("6 queries with 5 neighbours of 4 classes, temperature 0.2", (*some(0, 6, 5, 4), 0.2)),
        Case("one query, whose nearest neighbour is outvoted, temperature 0.5", (*two, 3, 0.5)),
        Case("4 queries with 7 neighbours, some opposite, temperature 0.8", (*some(2, 4, 7, 3, low=-0.9), 0.8)),
        Case("3 queries, more classes than neighbours, no temperature named", some(3, 3, 2, 6)),
        Case("float64", (some(4, 5, 4, 3)[0].double(), *some(4, 5, 4, 3)[1:], 0.3)),
    ]


SHIFTED = Probe(
    "Adding 0.1 to every cosine changes {result}; every weight grows by the same factor, so no share moves.",
    lambda cosine, *rest: (cosine + 0.1, *rest),
)
REORDERED = Probe(
    "Listing the neighbours in another order changes {result}; each votes for its own label.",
    lambda cosine, label, *rest: (cosine.flip(1), label.flip(1), *rest),
)
EXERCISE = Exercise(
    lesson="02",
    solution=my_knn_vote,
    reference=knn_vote,
    cases=_cases,
    probes=(SHIFTED, REORDERED),
    sizes=lambda cosine, label, n_classes, *_: {"k": cosine.shape[1], "n_classes": n_classes},
)
