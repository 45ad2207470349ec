"""Average precision: the exact area under precision against recall, of detections and of rankings."""

import torch
from torch import Tensor

from coursekit.runtime import CourseError

AT_ONCE = 4_000_000  # numbers: how many resamples are worked on at a time


def average_precision(hits: Tensor, n_true: int) -> Tensor:
    """The area under precision against recall, in [0, 1]: each of the n_true boxes is a step of 1 / n_true.

    A step counts the best precision among all thresholds at which so many boxes are found, or more (PASCAL VOC's
    definition since 2010); 0 if so many never are. hits: (D,) 1 or 0 for each detection, the most confident first.
    Raises CourseError if there is no true box: then nothing can be found.
    """
    if n_true < 1:
        raise CourseError(f"n_true is {n_true}: average precision needs at least one box that can be found.")
    found = hits.cumsum(0)
    precision = found / torch.arange(1, len(hits) + 1)
    reached = [precision[found >= step].max() for step in range(1, n_true + 1) if (found >= step).any()]
    return torch.stack([torch.zeros(()), *reached]).sum() / n_true


def ranking_precision(score: Tensor, positive: Tensor, scene: Tensor, counts: Tensor) -> Tensor:
    """Average precision of a ranking of places, once for each way of counting the scenes that they lie in: float64 (B,).

    score: (n,), the higher the surer. positive: bool (n,). scene: int64 (n,), 0 ... S - 1.
    counts: (B, S), how often each scene counts; a row of ones gives the plain average precision, rows drawn from a
        multinomial distribution give the bootstrap over scenes (Efron, Annals of Statistics 1979).

    A step of recall counts the precision at its own threshold, and equal scores are one threshold: scikit-learn's
    definition, without the best precision beyond that `average_precision` takes. So chance is the share of positives.
    NaN for a row that counts no positive place.
    """
    order = score.argsort(descending=True)
    score, positive, scene = score[order], positive[order], scene[order]
    found = positive.nonzero().squeeze(1)  # (P,) ranks of the positives
    last = torch.searchsorted(-score, -score[found], right=True) - 1  # where the scores equal to theirs end
    ranks = [[(scene == s).nonzero().squeeze(1), found[scene[found] == s]] for s in range(counts.shape[1])]
    # (S, P): how many places of each scene, and how many positive ones, stand at the threshold of each positive or above
    above, hits = (
        torch.stack([torch.searchsorted(r, last, right=True) for r in each]).double()
        for each in zip(*ranks, strict=True)
    )
    values = []
    for part in counts.double().split(max(1, AT_ONCE // max(1, len(found)))):
        weight = part[:, scene[found]]  # (b, P)
        values.append((weight * (part @ hits) / (part @ above).clamp(min=1)).sum(1) / weight.sum(1))
    return torch.cat(values)
