"""Attention against masks: perfect and useless maps get what they deserve, and nothing is chosen on the scenes judged."""

import pytest
import torch

from coursekit.data.images import ImageSet
from coursekit.evaluation import attention
from coursekit.models import build_encoder
from coursekit.runtime import CourseError


def scenes(n=24, size=32, seed=0):
    """Squares of 8 px on a grid of 8 px, one in each scene, bright on noise."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 80, (n, 3, size, size), dtype=torch.uint8, generator=generator)
    masks = torch.zeros(n, size, size, dtype=torch.uint8)
    for image, mask in zip(images, masks, strict=True):
        row, column = (8 * torch.randint(0, size // 8, (2,), generator=generator)).tolist()
        image[:, row : row + 8, column : column + 8] = 250
        mask[row : row + 8, column : column + 8] = 1
    return ImageSet(images, masks=masks)


def test_a_perfect_map_gets_everything_and_an_inverted_one_nothing():
    train, test = scenes(seed=1).masks, scenes(seed=2).masks
    perfect = attention.score_maps(train.float(), test.float(), train, test)
    assert perfect.iou.mean == pytest.approx(1, abs=0.05) and perfect.pointing.mean == 1
    assert perfect.share == pytest.approx(1 / 16, abs=0.01) and perfect.pointing.n == 24
    inverted = attention.score_maps(-train.float(), -test.float(), train, test)
    assert inverted.pointing.mean == 0 and inverted.iou.mean < 0.1


def test_iou_is_the_formulas():
    generator = torch.Generator().manual_seed(3)
    maps = torch.rand(5, 6, 7, generator=generator)
    masks = (torch.rand(5, 6, 7, generator=generator) < 0.3).to(torch.uint8)
    shares = (0.1, 0.5)
    for share, column in zip(shares, attention.iou_of_shares(maps, masks, shares).T, strict=True):
        kept = round(share * 42)
        for one, mask, found in zip(maps, masks, column, strict=True):
            highest = set(sorted(range(42), key=lambda k: -one.flatten()[k].item())[:kept])
            objects = {k for k in range(42) if mask.flatten()[k]}
            assert found.item() == pytest.approx(len(highest & objects) / len(highest | objects))


def test_the_share_is_chosen_on_the_other_scenes():
    """Test objects of half the width: the share stays that of the training scenes, and the score pays for it."""
    train, test = scenes(seed=1).masks, scenes(seed=2).masks
    small = torch.zeros_like(test)
    small[:, ::2, ::2] = test[:, ::2, ::2]
    score = attention.score_maps(train.float(), test.float(), train, small)
    assert score.share == pytest.approx(1 / 16, abs=0.01) and score.iou.mean == pytest.approx(0.25, abs=0.03)


def test_priors_know_where_objects_stand_on_the_average():
    masks = torch.zeros(10, 16, 16, dtype=torch.uint8)
    masks[:, 6:10, 6:10] = 3
    assert attention.center(masks)[0].flatten().argmax().item() in {7 * 16 + 7, 7 * 16 + 8, 8 * 16 + 7, 8 * 16 + 8}
    assert attention.mean_mask(masks)[0, 7, 7] == 1 and attention.mean_mask(masks)[0, 0, 0] == 0
    for prior in (attention.center(masks), attention.mean_mask(masks)):
        score = attention.score_maps(prior.expand(10, -1, -1), prior.expand(10, -1, -1), masks, masks)
        assert score.pointing.mean == 1 and score.iou.mean > 0.7


def test_an_encoder_whose_one_head_looks_at_bright_patches_is_found_out(seeded):
    encoder = build_encoder("vit_micro", image_size=32, dim=16, depth=2, heads=2).train()
    maps = encoder.attention_maps

    def rigged(pixels, layer):
        found = maps(pixels, layer)
        assert not encoder.training and layer == -1
        found[:, 1] = torch.nn.functional.avg_pool2d(pixels.mean(dim=1), 8) + 3
        return found

    encoder.attention_maps = rigged
    scores = attention.attention_scores(encoder, scenes(seed=1), scenes(seed=2))
    assert list(scores) == ["mean of heads", "best head", "center", "mean mask"] and encoder.training
    best = scores["best head"]
    assert best.head == 1 and best.pointing.mean == 1 and best.iou.mean > 0.5
    assert max(scores[name].pointing.mean for name in ("center", "mean mask")) < 0.5
    assert best.iou.low > scores["center"].iou.high and scores["mean of heads"].head is None


def test_scenes_without_objects_are_left_out_and_what_is_missing_is_told():
    some = scenes()
    some.masks[:4] = 0
    assert len(attention.with_objects(some)) == 20
    with pytest.raises(CourseError, match="No scene shows"):
        attention.with_objects(some[:4])
    with pytest.raises(CourseError, match="masks.*road_scenes"):
        attention.with_objects(ImageSet(some.images))
    with pytest.raises(CourseError, match="ResNet has no attention maps.*vit_micro"):
        attention.attention_scores(build_encoder("resnet_nano", image_size=32), some, some)


def test_attention_of_any_patch_in_any_layer(seeded):
    vit = build_encoder("vit_micro", image_size=32, dim=16, depth=3, heads=2, registers=2).eval()
    pixels = torch.randn(2, 3, 32, 48)
    x = vit._embed(pixels, None, None)
    for layer in range(3):
        weights = vit.blocks[layer].attention.weights(vit.blocks[layer].norm1(x))  # (B, heads, 27, 27)
        for query in (None, 0, 7, 23):
            row = 0 if query is None else 3 + query
            assert vit.attention_maps(pixels, layer, query).flatten(2).equal(weights[:, :, row, 3:])
        assert vit.attention_maps(pixels, layer - 3).equal(vit.attention_maps(pixels, layer))
        x = vit.blocks[layer](x)
    with pytest.raises(CourseError, match="no layer 3: the 3 blocks"):
        vit.attention_maps(pixels, 3)
    with pytest.raises(CourseError, match="no patch 24: 4 x 6"):
        vit.attention_maps(pixels, 0, 24)
