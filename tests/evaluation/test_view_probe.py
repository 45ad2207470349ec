"""What is read from features: a linear map finds what is there in a linear way, and nothing where there is nothing."""

import math

import pytest
import torch
from torch import nn

from coursekit.evaluation import color_kept, ridge_r2
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.views import RandomView, TwoViews


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_r2_is_one_for_a_linear_map_zero_for_noise_and_the_mean_over_columns():
    x, other, mix = noise(0, 300, 6), noise(1, 200, 6), noise(2, 6, 2)
    assert ridge_r2(x, x @ mix, other, other @ mix) > 0.999
    assert abs(ridge_r2(x, noise(3, 300, 1), other, noise(4, 200, 1))) < 0.1
    half = ridge_r2(
        x, torch.cat([x[:, :1], noise(5, 300, 1)], 1), other, torch.cat([other[:, :1], noise(6, 200, 1)], 1)
    )
    assert abs(half - 0.5) < 0.06
    assert ridge_r2(x, x[:, :1] + 100, other, other[:, :1] - 100) < 0  # worse than the mean


def test_r2_says_which_shapes_do_not_fit():
    with pytest.raises(CourseError, match=r"\(4, 2\), \(3, 1\)"):
        ridge_r2(noise(0, 4, 2), noise(0, 3, 1), noise(0, 4, 2), noise(0, 4, 1))


def test_colour_is_read_from_an_encoder_that_keeps_it_and_not_from_a_head_that_drops_it():
    class MeanColor(nn.Module):
        def forward(self, pixels):
            return torch.cat([pixels.mean(dim=(2, 3)), pixels[:, :, 0, 0]], dim=1)  # (B, 6)

    class Constant(nn.Module):
        def forward(self, h):
            return torch.zeros(len(h), 4)

    views = TwoViews(RandomView(16, jitter=0.8))
    images = torch.randint(256, (120, 3, 1, 1), generator=torch.Generator().manual_seed(0)).expand(-1, -1, 16, 16)
    images = images.to(torch.uint8)
    kept = color_kept(MeanColor(), Constant(), views, images[:80], images[80:])
    assert kept["h"] > 0.95 and abs(kept["z"]) < 0.1
    assert math.isnan(color_kept(MeanColor(), None, views, images[:80], images[80:])["z"])


def test_a_networks_views_are_the_same_twice(seeded):
    encoder, views = build_encoder("resnet_micro", image_size=16, width=4), TwoViews(RandomView(16))
    images = torch.randint(256, (40, 3, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    first, again = (color_kept(encoder, None, views, images[:20], images[20:]) for _ in range(2))
    assert first["h"] == again["h"] and not encoder.training
