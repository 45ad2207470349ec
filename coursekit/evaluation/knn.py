"""Weighted k-NN: judge features without training anything.

Wu et al., Unsupervised Feature Learning via Non-Parametric Instance Discrimination, CVPR 2018; used so by DINO (Caron
et al., ICCV 2021).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit.runtime import CourseError


def knn_predict(
    train_x: Tensor, train_y: Tensor, test_x: Tensor, k: int = 20, temperature: float = 0.07, chunk: int = 1024
) -> Tensor:
    """The class that the k nearest training images vote for, each with weight exp(cosine / temperature): int64 (M,).

    train_x: (N, D), any scale.
    train_y: int64 (N,), any class ids.
    test_x: (M, D), any scale.
    k: neighbours; of fewer training images, all vote.
    temperature: of the weights, > 0.
    chunk: queries at a time, which bounds the memory.

    Raises CourseError if the sizes do not fit.
    """
    if len(train_x) != len(train_y) or train_x.ndim != 2 or test_x.ndim != 2 or train_x.shape[1] != test_x.shape[1]:
        raise CourseError(
            f"k-NN needs train_x (N, D), train_y (N,) and test_x (M, D), not {tuple(train_x.shape)}, "
            f"{tuple(train_y.shape)} and {tuple(test_x.shape)}."
        )
    if len(train_x) == 0:
        raise CourseError("k-NN has no training image to compare with.")
    classes, label = train_y.unique(return_inverse=True)  # classes come from the training labels
    train_x = F.normalize(train_x.float(), dim=1)
    predictions = []
    for query in test_x.split(chunk):
        cosine, nearest = (F.normalize(query.float(), dim=1) @ train_x.T).topk(min(k, len(train_x)), dim=1)  # (m, k)
        weight = ((cosine - 1) / temperature).exp()  # minus 1: the same ratios, and nothing overflows
        votes = torch.zeros(len(query), len(classes), device=query.device).scatter_add_(1, label[nearest], weight)
        predictions.append(classes[votes.argmax(dim=1)])
    return torch.cat(predictions) if predictions else train_y.new_empty(0)


def knn_accuracy(
    train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor, k: int = 20, temperature: float = 0.07
) -> float:
    """Share of test images whose class `knn_predict` names, 0 to 1. Arguments as there; test_y: int64 (M,)."""
    return (knn_predict(train_x, train_y, test_x, k, temperature) == test_y).float().mean().item()
