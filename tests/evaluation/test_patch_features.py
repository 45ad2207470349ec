"""Patches as colours and by likeness."""

import pytest
import torch

from coursekit.evaluation.patch_features import patch_colors, patch_norms, patch_similarity
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.views import normalize


def maps(n=3, h=4, w=5):
    """Patches of three kinds, in directions of their own, with a little noise -> (maps, kinds)."""
    generator = torch.Generator().manual_seed(0)
    kinds = torch.randint(3, (n, h, w), generator=generator)
    centers = torch.eye(3, 16)[kinds].permute(0, 3, 1, 2)
    return 5 * centers + 0.05 * torch.randn(n, 16, h, w, generator=generator), kinds


@pytest.mark.parametrize("whiten", [True, False])
def test_the_same_kind_has_the_same_colour_in_all_images_and_others_another(whiten):
    features, kinds = maps()
    if whiten:
        features += torch.randn(features.shape, generator=torch.Generator().manual_seed(1)) * 0.3  # a third direction
    colors = patch_colors(features, whiten=whiten)
    assert colors.shape == (3, 3, 4, 5) and colors.dtype == torch.uint8
    by_kind = [colors.permute(0, 2, 3, 1)[kinds == k].float() for k in range(3)]
    means = torch.stack([each.mean(dim=0) for each in by_kind])
    assert torch.cdist(means, means).add(1e3 * torch.eye(3)).min() > 40
    within = max(each[:, :2].std(dim=0).max() for each in by_kind)
    assert within < 40


def test_likeness_is_the_cosine():
    features, kinds = maps()
    found = patch_similarity(features, 1, 2, 3)
    assert found[1, 2, 3].item() == pytest.approx(1) and found.shape == (3, 4, 5)
    naive = torch.nn.functional.cosine_similarity(features[0, :, 3, 1], features[1, :, 2, 3], dim=0)
    assert found[0, 3, 1].item() == pytest.approx(naive.item(), abs=1e-6)
    same = kinds == kinds[1, 2, 3]
    assert found[same].min() > 0.9 and found[~same].max() < 0.2


def test_what_is_not_there_is_told():
    features, _ = maps()
    with pytest.raises(CourseError, match=r"no patch \(1, 4, 0\) in 3 maps of 4 x 5"):
        patch_similarity(features, 1, 4, 0)
    for wrong in (features[:, :2], features[:1, :, :1, :2], features[0]):
        with pytest.raises(CourseError, match="Three colours"):
            patch_colors(wrong)


@pytest.mark.parametrize("registers", [0, 3])
def test_norms_are_those_of_the_patch_tokens_before_the_last_norm(registers):
    torch.manual_seed(0)
    encoder = build_encoder("vit_micro", image_size=32, dim=16, depth=2, heads=2, registers=registers).eval()
    images = torch.randint(256, (2, 3, 16, 32), dtype=torch.uint8)
    with torch.no_grad():
        encoder.norm.weight.fill_(0.0)  # what leaves the last norm is all the same
        x = encoder._embed(normalize(images / 255), None, None)
        for block in encoder.blocks:
            x = block(x)
    found = patch_norms(encoder, images)
    assert found.shape == (2, 2, 4) and found.std() > 0
    assert torch.allclose(found.flatten(1), x[:, 1 + registers :].norm(dim=2), atol=1e-5)
    assert not encoder.norm._forward_hooks
    with pytest.raises(CourseError, match="ResNet"):
        patch_norms(build_encoder("resnet_nano", image_size=32), images)
