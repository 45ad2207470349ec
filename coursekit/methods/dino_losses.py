"""The three objectives of DINOv2 (Oquab et al., DINOv2: Learning Robust Visual Features without Supervision, 2023)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit.methods.precision import in_float32


@in_float32
def dino_loss(student: list[Tensor], targets: list[Tensor], temperature: float = 0.1) -> Tensor:
    """Mean cross-entropy of predicting the teacher's answer for each large view from every other view, in nats.

    student: scores of all views, (B, K) each, the large ones first. targets: the teacher's distributions of the large
    views, (B, K) each, rows sum to 1; no gradient flows into them. temperature: tau_s of the student, > 0. Chance level
    is log(K). Caron et al., Emerging Properties in Self-Supervised Vision Transformers (DINO), ICCV 2021.
    """
    logs = [F.log_softmax(scores / temperature, dim=1) for scores in student]
    pairs = [
        -(target.detach() * log).sum(dim=1).mean()
        for i, target in enumerate(targets)
        for j, log in enumerate(logs)
        if i != j  # the same view would be no question
    ]
    return torch.stack(pairs).mean()


@in_float32
def ibot_loss(student: Tensor, targets: Tensor, mask: Tensor, temperature: float = 0.1) -> Tensor:
    """Cross-entropy of predicting the teacher's answer for each hidden patch, in nats: mean within an image, then over images.

    student: scores of the hidden patches, (M, K), in the order of mask[i, p]: image by image, row by row. targets: the
    teacher's distributions of the same patches, which it sees, (M, K). mask: bool (B, P), True = hidden, M in all. An
    image without a hidden patch counts as 0. Zhou et al., iBOT: Image BERT Pre-Training with Online Tokenizer, ICLR 2022.
    """
    each = -(targets.detach() * F.log_softmax(student / temperature, dim=1)).sum(dim=1)  # (M,)
    weight = 1 / mask.sum(dim=1, keepdim=True).clamp(min=1)  # (B, 1): every image weighs the same, not every patch
    return (each * weight.expand_as(mask)[mask]).sum() / len(mask)


@in_float32
def koleo(z: Tensor, epsilon: float = 1e-8) -> Tensor:
    """Minus the mean logarithm of the distance to the nearest other image, on the unit sphere: small when spread evenly.

    z: (N, D), N >= 2, any scale; different images, not two views of one. epsilon: keeps duplicates finite. Kozachenko and
    Leonenko's estimate of the entropy, up to constants: Sablayrolles et al., Spreading Vectors for Similarity Search, ICLR 2019.
    """
    z = F.normalize(z, dim=1)
    nearest = (z @ z.T).detach().fill_diagonal_(-2).argmax(dim=1)  # itself is no neighbour
    return -((z - z[nearest]).norm(dim=1) + epsilon).log().mean()
