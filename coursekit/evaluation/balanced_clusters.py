"""Clusters of equal size in frozen features: SwAV's two steps, without training the encoder."""

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit.methods.sinkhorn import sinkhorn


@torch.no_grad()
def balanced_clusters(features: Tensor, k: int, rounds: int = 30, epsilon: float = 0.05, seed: int = 0) -> Tensor:
    """Assign N images to k clusters of about the same size: codes (N, k), rows sum to 1.

    features: (N, D). Their mean is taken off and each gets length 1: features of one network lie in a narrow cone.
    rounds: of two steps: Sinkhorn assigns images to prototypes, and each prototype moves to the mean of its images.
    epsilon: of Sinkhorn. seed: which images are the first prototypes.

    As Asano et al., Self-labelling via simultaneous clustering and representation learning, ICLR 2020, and Caron et al.,
    SwAV, NeurIPS 2020, who train the encoder with it.
    """
    z = F.normalize(features.float() - features.float().mean(dim=0), dim=1)
    start = torch.randperm(len(z), generator=torch.Generator().manual_seed(seed))[:k]
    prototypes = z[start]  # (k, D)
    for _ in range(rounds):
        codes = sinkhorn(z @ prototypes.T, epsilon, iterations=10)
        prototypes = F.normalize(codes.T @ z, dim=1)
    return codes


def purity(codes: Tensor, labels: Tensor) -> float:
    """Share of images that have the most frequent label of their cluster, 0 to 1.

    codes: (N, k); an image belongs to the cluster of its largest. labels: int64 (N,). More and smaller clusters are purer
    even by chance, so compare equal k.
    """
    cluster = codes.argmax(dim=1)
    counts = torch.zeros(codes.shape[1], int(labels.max()) + 1)
    counts.index_put_((cluster, labels), torch.ones(len(labels)), accumulate=True)
    return (counts.max(dim=1).values.sum() / len(labels)).item()
