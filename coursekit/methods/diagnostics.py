"""Numbers that show what a loss does not: are the features alive, and what does the space look like?"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def alignment(z_a: Tensor, z_b: Tensor) -> Tensor:
    """Mean squared distance between the two views of an image, on the unit sphere: 0 (the same) to 4 (opposite).

    z_a, z_b: (N, D), any scale. Wang and Isola, Understanding Contrastive Representation Learning through Alignment and
    Uniformity on the Hypersphere, ICML 2020.
    """
    return (F.normalize(z_a, dim=1) - F.normalize(z_b, dim=1)).square().sum(dim=1).mean()


def uniformity(z: Tensor) -> Tensor:
    """log of the mean of exp(-2 d^2) over all pairs on the unit sphere: 0 when all points coincide, down to about -4
    when spread.

    z: (N, D), N >= 2, any scale. Wang and Isola, ICML 2020.
    """
    return torch.pdist(F.normalize(z.float(), dim=1)).square().mul(-2).exp().mean().log()


def feature_std(z: Tensor) -> Tensor:
    """Mean standard deviation of a channel of the unit-length features: 0 when collapsed, 1 / sqrt(D) when spread
    evenly.

    z: (N, D). Chen and He, Exploring Simple Siamese Representation Learning, CVPR 2021.
    """
    return F.normalize(z, dim=1).std(dim=0).mean()


def effective_rank(z: Tensor) -> Tensor:
    """exp of the entropy of the normalised singular values of the centred features: how many directions are in use, 1
    ... D.

    z: (N, D). Roy and Vetterli, The Effective Rank, EUSIPCO 2007; used for SSL as RankMe (Garrido et al., ICML 2023).
    Collapsed features have rank 1: what is left of them after centring is rounding, noise in every direction.
    """
    z = z.float()
    singular = torch.linalg.svdvals(z - z.mean(dim=0))
    singular = singular * (singular > 10 * torch.finfo(z.dtype).eps * z.norm())
    p = singular / singular.sum().clamp(min=torch.finfo(z.dtype).tiny)
    return torch.special.entr(p).sum().exp()


def assignment_entropy(codes: Tensor) -> Tensor:
    """Entropy of how often each cluster is used, as a share of the largest possible: 1 = all alike, 0 = a single one.

    codes: (B, K), rows sum to 1.
    """
    return torch.special.entr(codes.float().mean(dim=0)).sum() / math.log(codes.shape[1])


def answer_entropy(answers: Tensor) -> Tensor:
    """Mean entropy of one answer, in nats: 0 = each names a single prototype, log(K) = each is uniform and says nothing.

    answers: (B, K), rows sum to 1. Caron et al., DINO, ICCV 2021, figure 7: sharpening alone leads to 0, centering alone to
    log(K), and both are a collapse; `assignment_entropy` tells whether all images have the same answer.
    """
    return torch.special.entr(answers.float()).sum(dim=1).mean()
