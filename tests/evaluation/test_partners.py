"""The partner game: who is most similar, by angle, and how often that is right."""

import torch
from torch import nn

from coursekit.evaluation.partners import partners_found, pick_partners
from coursekit.models import Encoder
from coursekit.views import View


class Corner(Encoder):
    """Features are the two first pixels."""

    dim, stride = 2, 1

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(2)

    def features(self, pixels):
        return self.norm(pixels[:, 0, 0, :2]), pixels


def views_of(*rows):
    return [View(torch.tensor(row)[:, None, None].expand(-1, 3, 1, 2), torch.empty(0)) for row in rows]


def test_partners_are_picked_by_angle_not_by_length():
    first, second = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.1]], [[9.0, 1.0], [0.1, 0.2], [-5.0, 0.0]]
    encoder = Corner()
    picks = pick_partners(encoder, views_of(first, second))
    assert picks.tolist() == [3, 4, 5, 0, 1, 2] and partners_found(picks) == 6
    assert not encoder.training
    swapped = pick_partners(encoder, views_of(first, second[::-1]))
    assert partners_found(swapped) == 2  # only the one in the middle has its partner beside it
