"""Sinkhorn's algorithm: shares of images for clusters, so that no cluster gets all."""

import math

import torch
from torch import Tensor

from coursekit.methods.precision import in_float32


@in_float32
@torch.no_grad()
def sinkhorn(scores: Tensor, epsilon: float = 0.05, iterations: int = 3) -> Tensor:
    """Soft assignment of images to clusters, in which all clusters are used alike: (B, K), rows sum to 1.

    scores: (B, K), how well image b fits cluster k. epsilon: how soft; small = nearly one cluster each. iterations: of
    making columns, then rows, sum to what they should; 0 = none, for lessons: nothing makes clusters equally large.

    Computed with logarithms, so that large scores and a small epsilon stay finite. Cuturi, NeurIPS 2013; for
    clustering, Caron et al., SwAV, NeurIPS 2020.
    """
    logs = scores / epsilon
    for _ in range(iterations):
        logs = logs - logs.logsumexp(dim=0, keepdim=True) + math.log(len(logs) / logs.shape[1])  # each cluster B / K
        logs = logs - logs.logsumexp(dim=1, keepdim=True)  # each image 1
    return logs.softmax(dim=1)  # the same as exp, unless there was no iteration: then plain softmax
