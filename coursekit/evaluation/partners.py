"""The partner game of lesson 00: of all other views, which is the second view of the same image?"""

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit.models import Encoder
from coursekit.views import View


@torch.no_grad()
def pick_partners(encoder: Encoder, views: list[View]) -> Tensor:
    """For each of 2N views the index of the most similar other one, by the angle between features: int64 (2N,).

    views: two views of N images. The encoder works in eval mode, each view by itself, and stays in that mode on the CPU.
    """
    encoder.cpu().eval()
    features = F.normalize(torch.cat([encoder(view.pixels.cpu()) for view in views]), dim=1)  # (2N, D)
    return (features @ features.T).fill_diagonal_(-torch.inf).argmax(dim=1)


def partners_found(picks: Tensor) -> int:
    """How many of 2N picks are right: views i and i + N show one image. picks: as from `pick_partners`."""
    partners = torch.arange(len(picks)).roll(len(picks) // 2)
    return int((picks == partners).sum())
