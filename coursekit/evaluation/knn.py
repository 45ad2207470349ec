"""Weighted k-NN: judge features without training anything.

Wu et al., Unsupervised Feature Learning via Non-Parametric Instance Discrimination, CVPR 2018; used so by DINO (Caron
et al., ICCV 2021).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit import arguments as arg
from coursekit.runtime import CourseError

BANK = 32_768  # training features at a time: with 1024 queries their cosines fill 134 MB, whatever N and M are


def knn_vote(cosine: Tensor, label: Tensor, n_classes: int, temperature: float = 0.07) -> Tensor:
    """Each class's share of the vote of the k nearest images, of weight exp(cosine / temperature): float (M, n_classes).

    cosine: (M, k), similarity of each query to its neighbours.
    label: int64 (M, k), the classes of these neighbours, 0 to n_classes - 1.
    temperature: > 0; small: only the very nearest count.
    """
    weight = (cosine / temperature).softmax(dim=1)  # (M, k): the same ratios, rows sum to 1, and nothing overflows
    return weight.new_zeros(len(weight), n_classes).scatter_add(1, label, weight)


@torch.no_grad()
def knn_predict(
    train_x: Tensor, train_y: Tensor, test_x: Tensor, k: int = 20, temperature: float = 0.07, chunk: int = 1024
) -> Tensor:
    """The class that the k nearest training images vote for, each with weight exp(cosine / temperature): int64 (M,).

    train_x: (N, D), any scale.
    train_y: int64 (N,), any class ids.
    test_x: (M, D), any scale.
    k: neighbours; of fewer training images, all vote.
    temperature: of the weights, > 0; math.inf: every neighbour counts alike.
    chunk: queries at a time.

    Of classes with equal votes the smaller wins, as in scikit-learn. Beside a normalised float32 copy of train_x, the
    memory is that of the cosines of `chunk` queries with `BANK` training features. Raises CourseError if the sizes do
    not fit, and for a k, temperature or chunk that makes no sense.
    """
    if len(train_x) != len(train_y) or train_x.ndim != 2 or test_x.ndim != 2 or train_x.shape[1] != test_x.shape[1]:
        raise CourseError(
            f"k-NN needs train_x (N, D), train_y (N,) and test_x (M, D), not {tuple(train_x.shape)}, "
            f"{tuple(train_y.shape)} and {tuple(test_x.shape)}."
        )
    if len(train_x) == 0:
        raise CourseError("k-NN has no training image to compare with.")
    arg.count.check(k=k, chunk=chunk)
    if not temperature > 0:
        raise CourseError(f"temperature is {temperature!r}: give a number above 0, or math.inf for equal weights.")
    classes, label = train_y.unique(return_inverse=True)  # classes come from the training labels
    bank = F.normalize(train_x.float(), dim=1)
    space = bank.new_empty(min(chunk, len(test_x)) * min(BANK, len(bank)))
    predictions = []
    for query in test_x.split(chunk):
        cosine, nearest = _nearest(F.normalize(query.float(), dim=1), bank, min(k, len(bank)), space)  # (m, k)
        votes = knn_vote(cosine, label[nearest], len(classes), temperature)
        predictions.append(classes[votes.argmax(dim=1)])  # the first of equals
    return torch.cat(predictions) if predictions else train_y.new_empty(0)


def _nearest(query: Tensor, bank: Tensor, k: int, space: Tensor) -> tuple[Tensor, Tensor]:
    """The k largest cosines of each query and their places in the bank, exactly: float32 and int64 (m, k).

    query (m, D), bank (N, D): of length 1. space: where the cosines of one part of the bank are written, again and
    again: memory that is new each time has to be cleared by the system first, which costs as much as the search.
    """
    found = []
    for start in range(0, len(bank), BANK):
        part = bank[start : start + BANK]
        cosine = torch.mm(query, part.T, out=space[: len(query) * len(part)].view(len(query), len(part)))
        best, place = cosine.topk(min(k, len(part)), dim=1)
        found.append((best, place + start))
    best, place = (torch.cat(parts, dim=1) for parts in zip(*found, strict=True))
    best, order = best.topk(k, dim=1)  # of the best of all parts
    return best, place.gather(1, order)


def knn_accuracy(
    train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor, k: int = 20, temperature: float = 0.07
) -> float:
    """Share of test images whose class `knn_predict` names, 0 to 1. Arguments as there; test_y: int64 (M,)."""
    return (knn_predict(train_x, train_y, test_x, k, temperature) == test_y).float().mean().item()
