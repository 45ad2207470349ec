"""The partner game: who is most similar, by angle, and how often that is right."""

import torch
from torch import nn

from coursekit.evaluation.partners import partners_found, pick_partners, view_features
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
    picks = pick_partners(torch.tensor(first + second))
    assert picks.tolist() == [3, 4, 5, 0, 1, 2] and partners_found(picks) == 6
    swapped = pick_partners(torch.tensor(first + second[::-1]))
    assert partners_found(swapped) == 2  # only the one in the middle has its partner beside it


def test_features_are_those_of_training_and_leave_the_encoder_as_it_is():
    encoder = Corner().eval()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    rows = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.1]]
    h = view_features(encoder, views_of(rows, rows[::-1]))
    assert h.shape == (6, 2) and not h.requires_grad and torch.allclose(h[:3], h[3:].flip(0), atol=1e-6)
    assert torch.allclose(h[:3].mean(0), torch.zeros(2), atol=1e-6)  # by the batch's own mean
    assert not encoder.training
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
