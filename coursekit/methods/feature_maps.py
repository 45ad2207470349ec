"""Maps of features, one or a pyramid of them, from any encoder; and what distillation needs to compare those of two."""

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit.methods.precision import in_float32
from coursekit.models import Encoder


@in_float32
def cosine_distance(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean of 1 - cos over images and places: 0 = the same direction, 2 = opposite.

    prediction, target: (B, D) or (B, D, h, w), any scale; no gradient flows into the target. So AM-RADIO matches pooled
    features (Ranzinger et al., CVPR 2024).
    """
    return 1 - F.cosine_similarity(prediction, target.detach(), dim=1).mean()


@in_float32
def whitened_smooth_l1(prediction: Tensor, target: Tensor, beta: float = 2.0) -> Tensor:
    """Smooth L1 distance from the teacher's features, each brought to mean 0 and variance 1 over its channels.

    prediction, target: (B, D) or (B, D, h, w); no gradient flows into the target. beta: where squares end and straight
    lines begin. Wei et al., Contrastive Learning Rivals Masked Image Modeling in Fine-tuning via Feature Distillation, 2022.
    """
    target = F.layer_norm(target.detach().movedim(1, -1), target.shape[1:2]).movedim(-1, 1)
    return F.smooth_l1_loss(prediction, target, beta=beta)


LOSSES = {"cosine": cosine_distance, "smooth_l1": whitened_smooth_l1}


def to_grid(places: Tensor, rows: int, columns: int) -> Tensor:
    """A map at another size, antialiased where it shrinks: (B, D, h, w) -> float32 (B, D, rows, columns)."""
    if places.shape[2:] == (rows, columns):
        return places
    return F.interpolate(places.float(), (rows, columns), mode="bilinear", antialias=True)


def seen_by(encoder: Encoder, pixels: Tensor, pyramid: bool) -> tuple[Tensor, list[Tensor]]:
    """Pooled features and maps. pixels: (B, 3, H, W) -> (B, dim), [(B, D, h, w), ...]; of a pyramid the last is pooled."""
    if not pyramid:
        pooled, places = encoder.features(pixels)
        return pooled, [places]
    maps = list(encoder.pyramid(pixels))
    return maps[-1].mean(dim=(2, 3)), maps


@torch.no_grad()
def map_shapes(encoder: Encoder, side: int, pyramid: bool) -> list[tuple[int, int, int]]:
    """(channels, rows, columns) of each map of a view of so many px: the encoder looks at a black one, and stays as it is."""
    modes = {module: module.training for module in encoder.modules()}
    encoder.eval()  # batch-norm learns nothing from it
    try:
        black = torch.zeros(1, 3, side, side, device=next(encoder.parameters()).device)
        return [tuple(places.shape[1:]) for places in seen_by(encoder, black, pyramid)[1]]
    finally:
        for module, training in modes.items():
            module.training = training


def fitting(encoder: Encoder, side: int) -> int:
    """The side nearest to this one, px, that the encoder takes: a teacher with patches of 14 px sees 64 px as 70."""
    return max(1, round(side / encoder.multiple)) * encoder.multiple
