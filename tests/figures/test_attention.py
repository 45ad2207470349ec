"""Attention and patch features, drawn: every map is the network's own."""

import numpy as np
import pytest
import torch

from coursekit import figures
from coursekit.evaluation.patch_features import patch_colors
from coursekit.models import build_encoder
from coursekit.views import normalize


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return build_encoder("vit_micro", image_size=32, dim=16, depth=2, heads=2).eval()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randint(256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_the_grid_has_every_layer_and_head(encoder, images):
    fig = figures.attention_grid(encoder, images[0])
    shown = [ax.images[0].get_array() for ax in fig.axes if ax.images]
    assert len(shown) == 2 * 3
    for layer in range(2):
        maps = encoder.attention_maps(normalize(images[:1] / 255), layer)[0].numpy()
        for head in range(2):
            np.testing.assert_allclose(shown[3 * layer + 1 + head], maps[head])
    assert "2 layers" in figures.alt_text(fig)


def test_the_overlay_is_the_chosen_map_and_the_query_is_framed(encoder, images):
    from coursekit.figures.attention import AttentionPicture

    picture = AttentionPicture(encoder, images, image=1, layer=0, head=2, patch=(1, 3), strength=0.4)
    map_ = encoder.attention_maps(normalize(images[1:2] / 255), 0, query=7)[0, 1]
    np.testing.assert_allclose(picture.heat.get_array(), map_ / map_.max(), rtol=1e-5)
    assert picture.heat.get_alpha() == 0.4 and picture.mark.get_visible() and picture.mark.get_xy() == (0.75, 0.25)
    picture.show(1)
    assert not picture.mark.get_visible()


def test_colours_and_likeness_are_those_of_the_features(encoder, images):
    maps = encoder.features(normalize(images / 255))[1].detach()
    fig = figures.patch_color_rows({"random": maps}, list(images))
    shown = [ax.images[0].get_array() for ax in fig.axes if ax.images]
    assert len(shown) == 6
    np.testing.assert_array_equal(shown[3], patch_colors(maps)[0].permute(1, 2, 0))
    mask = torch.zeros(32, 32, dtype=torch.bool)
    mask[16:24] = True  # the row of patches that the framed one is in
    mask[24:28, :16] = True  # half of two more: not counted
    fig = figures.likeness(images[0], {"random": maps[0]}, (2, 1), mask, above=0.6)
    cosine = fig.axes[1].images[0].get_array()
    assert cosine[2, 1] == pytest.approx(1, abs=1e-5) and cosine.min() >= -1.001
    inside, outside = (cosine[2] > 0.6).mean(), (np.delete(cosine, 2, axis=0) > 0.6).mean()
    assert f"{inside:.0%} of the object's patches and {outside:.0%} of the others" in figures.alt_text(fig)
