"""models: every encoder by name has the same interface; the ViT's tokens, masks, positions and attention."""

import copy

import pytest
import torch
from torch import nn
from torchvision.models.vision_transformer import interpolate_embeddings

from coursekit.models import Encoder, ProjectionHead, ResNet, ViT, build_encoder, encoder_names, register_encoder
from coursekit.runtime import CourseError

SMALL = ["vit_micro", "vit_tiny", "resnet_micro", "resnet18", "resnet18_cifar"]


@pytest.mark.parametrize("name", SMALL)
def test_every_encoder_keeps_the_promise(name, seeded):
    encoder = build_encoder(name, image_size=64).eval()
    pooled, feature_map = encoder.features(torch.randn(2, 3, 64, 64))
    assert pooled.shape == (2, encoder.dim)
    assert feature_map.shape == (2, encoder.dim, 64 // encoder.stride, 64 // encoder.stride)
    assert encoder.spec == {"name": name, "image_size": 64, "options": {}}
    x = torch.randn(2, 3, 64, 64)
    assert torch.equal(encoder(x), encoder.features(x)[0])


def test_torchvision_vit_without_its_head(seeded):
    encoder = build_encoder("vit_b_16", image_size=32).eval()
    x = torch.randn(1, 3, 32, 32)
    pooled, feature_map = encoder.features(x)
    assert pooled.shape == (1, 768) and feature_map.shape == (1, 768, 2, 2)
    assert torch.allclose(pooled, encoder.vit(x), atol=1e-5)  # torchvision's own forward, head = identity
    with pytest.raises(CourseError, match="no mask token"):
        encoder.tokens(x, mask=torch.zeros(1, 4, dtype=torch.bool))
    with pytest.raises(CourseError, match="multiples of 16 px, not 48 x 40"):
        encoder(torch.randn(1, 3, 48, 40))


def test_torchvisions_positions_go_to_another_grid_by_its_own_rule(seeded):
    encoder = build_encoder("vit_b_16", image_size=32).eval()
    larger = build_encoder("vit_b_16", image_size=64).eval()
    larger.vit.load_state_dict(interpolate_embeddings(64, 16, encoder.vit.state_dict()))
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(encoder.features(x)[1], larger.features(x)[1], rtol=0, atol=1e-5)
        assert encoder.features(x[:, :, :32])[1].shape == (1, 768, 2, 4)  # not square


def test_positions_that_were_kept_follow_the_table(seeded):
    vit = build_encoder("vit_micro", image_size=64)
    with torch.no_grad():
        before = vit.positions(4, 6)
        assert vit.positions(4, 6) is before and vit.positions(6, 4).shape == before.shape
        vit.pos_embed += 1  # as an optimizer's step or a running average changes it
        torch.testing.assert_close(vit.positions(4, 6), before + 1)
    assert vit.positions(4, 6).requires_grad, "while it trains, nothing is kept"
    with torch.inference_mode():  # where predictors copy a network and change its precision
        there = copy.deepcopy(vit).double()
        assert there.positions(4, 6).shape == before.shape and vit.positions(4, 6).is_inference()
    with torch.no_grad():
        assert not vit.positions(4, 6).is_inference(), "what was made in inference mode does not come back"


def test_maps_are_those_of_the_blocks_and_stages(seeded):
    vit, x = build_encoder("vit_micro", image_size=32, registers=2).eval(), torch.randn(2, 3, 32, 64)
    (last,) = vit.maps(x)
    torch.testing.assert_close(last, vit.features(x)[1])
    second, fourth = vit.maps(x, depths=(2, 4))
    vit.blocks = vit.blocks[:2]
    torch.testing.assert_close(second, vit.features(x)[1])
    torch.testing.assert_close(fourth, last)
    with pytest.raises(CourseError, match="no block 3"):
        vit.maps(x, depths=(3,))
    resnet = build_encoder("resnet_micro", image_size=64).eval()
    maps = resnet.maps(x)
    assert [x.shape[2] // one.shape[2] for one in maps] == [4, 8, 16, 32]
    torch.testing.assert_close(maps[-1], resnet.features(x)[1])
    assert torch.equal(resnet.maps(x, depths=(2,))[0], maps[1])
    with pytest.raises(CourseError, match="no stage 5"):
        resnet.maps(x, depths=(5,))
    with pytest.raises(CourseError, match="no depths"):
        build_encoder("yolo12n", image_size=64).maps(x, depths=(1,))


def test_vit_b_16_offline_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(CourseError, match="weights=None"):
        build_encoder("vit_b_16", image_size=32, weights="IMAGENET1K_V1")
    with pytest.raises(CourseError, match="IMAGENET1K_V1"):
        build_encoder("vit_b_16", image_size=32, weights="NO_SUCH")


def test_vit_options(seeded):
    vit = build_encoder("vit_micro", image_size=64, registers=4, layer_scale=1e-5)
    cls, patches = vit.tokens(torch.randn(2, 3, 64, 96))  # not square
    assert cls.shape == (2, 128) and patches.shape == (2, 8 * 12, 128)
    assert vit.features(torch.randn(2, 3, 64, 96))[1].shape == (2, 128, 8, 12)
    assert vit.blocks[0].scale1.gamma.eq(1e-5).all()


def test_feature_map_keeps_rows_and_columns(seeded):
    """Changing one patch of the image changes its own cell most: catches a transposed map."""
    vit = ViT(32, patch_size=8, dim=32, depth=1, heads=2).eval()
    x = torch.zeros(1, 3, 32, 48)
    y = x.clone()
    y[:, :, 8:16, 32:40] = 3.0  # row 1, column 4
    change = (vit.features(y)[1] - vit.features(x)[1]).square().sum(1)[0]
    assert change.argmax() == 1 * 6 + 4


def test_masked_patches_do_not_see_their_pixels(seeded):
    vit = build_encoder("vit_micro", image_size=32).eval()
    x = torch.randn(1, 3, 32, 32)
    mask = torch.zeros(1, 16, dtype=torch.bool)
    mask[0, 5] = True
    y = x.clone()
    y[:, :, 8:16, 8:16] = 9.0  # patch 5
    assert torch.equal(vit.tokens(x, mask=mask)[1], vit.tokens(y, mask=mask)[1])
    assert not torch.equal(vit.tokens(x)[1], vit.tokens(y)[1])
    with pytest.raises(CourseError, match="bool"):
        vit.tokens(x, mask=mask.float())


def test_kept_patches_carry_their_positions(seeded):
    """keep drops the others before the first block; the order of keep is the order of the result."""
    vit = build_encoder("vit_micro", image_size=32).eval()
    x = torch.randn(2, 3, 32, 32)
    order = torch.stack([torch.randperm(16), torch.randperm(16)])
    cls, patches = vit.tokens(x)
    cls_kept, kept = vit.tokens(x, keep=order)
    torch.testing.assert_close(kept, patches.gather(1, order[:, :, None].expand(-1, -1, 128)), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(cls_kept, cls, atol=1e-5, rtol=1e-5)
    assert vit.tokens(x, keep=order[:, :4])[1].shape == (2, 4, 128)


def test_positions_are_interpolated_to_a_size(seeded):
    vit = ViT(56, patch_size=8, dim=16, depth=1, heads=2)
    assert vit.positions(7, 7) is vit.pos_embed
    for rows, columns in [(9, 7), (7, 11), (3, 5), (13, 13)]:  # factors such as 9 / 7 round badly
        assert vit.positions(rows, columns).shape == (1, 1 + rows * columns, 16)
    with torch.no_grad():
        vit.pos_embed[:, 1:] = torch.linspace(0, 1, 7).repeat_interleave(7)[None, :, None]  # grows with the row only
    grid = vit.positions(7, 14)[0, 1:, 0].view(7, 14)
    assert (grid.std(dim=1) < 0.03).all() and (grid[1:] > grid[:-1]).all()


def test_attention_maps_are_those_the_network_uses(seeded):
    vit = build_encoder("vit_micro", image_size=32, registers=2).eval()
    x = torch.randn(2, 3, 32, 48)
    maps = vit.attention_maps(x)
    assert maps.shape == (2, 4, 4, 6) and (maps > 0).all() and (maps.flatten(2).sum(2) < 1).all()
    attention = vit.blocks[0].attention
    tokens = torch.randn(2, 5, 128)
    v = attention.split(tokens)[2]
    by_hand = attention.out((attention.weights(tokens) @ v).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(tokens), by_hand, atol=1e-5, rtol=1e-5)


def test_wrong_pixels_are_explained_before_a_layer_fails():
    vit = build_encoder("vit_micro", image_size=32)
    with pytest.raises(CourseError, match="multiples of 8 px, not 30 x 32.*32 x 32"):
        vit(torch.randn(1, 3, 30, 32))
    with pytest.raises(CourseError, match="center_view"):
        vit(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
    with pytest.raises(CourseError, match="image_size 30"):
        build_encoder("vit_micro", image_size=30)


def test_names_and_options_are_checked():
    assert {"vit_micro", "resnet_micro", "vit_b_16", "yolo12n", "yolo12x"} <= set(encoder_names())
    with pytest.raises(CourseError, match="no encoder 'resnet999'.*vit_micro"):
        build_encoder("resnet999")
    with pytest.raises(CourseError, match="colour"):
        build_encoder("vit_micro", image_size=32, colour="red")
    with pytest.raises(CourseError, match="one of cifar, half, imagenet"):
        ResNet(stem="tiny")


def test_an_encoder_of_ones_own_can_be_registered():
    class Mean(Encoder):
        dim, stride = 3, 1

        def __init__(self, image_size):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def features(self, pixels):
            return pixels.mean((2, 3)) * self.scale, pixels

    register_encoder("mean_of_this_test", Mean)
    assert build_encoder("mean_of_this_test", image_size=8)(torch.ones(2, 3, 8, 8)).tolist() == [[1, 1, 1]] * 2


def test_resnet18_has_the_size_of_the_paper():
    """11.18 M without the classifier: 11.69 M of torchvision's resnet18 less 512 * 1000 + 1000."""
    assert sum(p.numel() for p in build_encoder("resnet18").parameters()) == 11_689_512 - 513_000


def test_projection_head_layers():
    head = ProjectionHead(8, out_dim=4)
    assert [type(m).__name__ for m in head.layers] == ["Linear", "BatchNorm1d", "ReLU", "Linear"]
    assert head(torch.randn(5, 8)).shape == (5, 4)
    assert [type(m).__name__ for m in ProjectionHead(8, layers=1).layers] == ["Linear"]
    assert not any(isinstance(m, nn.BatchNorm1d) for m in ProjectionHead(8, layers=3, batch_norm=False).layers)


def test_the_stem_decides_the_stride():
    for name, stride in (("resnet_micro_cifar", 8), ("resnet_nano", 16), ("resnet_micro", 32)):
        encoder = build_encoder(name, image_size=64)
        pooled, places = encoder.features(torch.zeros(1, 3, 64, 64))
        assert encoder.stride == stride and places.shape == (1, encoder.dim, 64 // stride, 64 // stride)
        assert pooled.shape == (1, encoder.dim)
    with pytest.raises(CourseError, match="one of cifar, half, imagenet, not 'none'"):
        build_encoder("resnet_nano", image_size=64, stem="none")
