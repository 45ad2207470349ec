"""The partner game of lesson 00: of all other views, which is the second view of the same image?"""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit.models import Encoder
from coursekit.views import View


@torch.no_grad()
def view_features(encoder: Encoder, views: list[View]) -> Tensor:
    """The features of two views of N images, (2N, D): rows i and i + N show one image.

    A copy of the encoder plays as in training: batch norm uses the mean and spread of the views at hand. The running
    averages of a network that was never trained are 0 and 1; with them it would pass on little more than blurred pixels.
    """
    playing = copy.deepcopy(encoder).cpu().train()
    return torch.cat([playing(view.pixels.cpu()) for view in views])


def pick_partners(h: Tensor) -> Tensor:
    """For each of 2N views the index of the most similar other one, by the angle between features: int64 (2N,).

    h: features (2N, D), as from `view_features`.
    """
    z = F.normalize(h, dim=1)
    return (z @ z.T).fill_diagonal_(-torch.inf).argmax(dim=1)


def partners_found(picks: Tensor) -> int:
    """How many of 2N picks are right: views i and i + N show one image. picks: as from `pick_partners`."""
    partners = torch.arange(len(picks)).roll(len(picks) // 2)
    return int((picks == partners).sum())
