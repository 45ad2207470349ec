"""Pretext tasks: the free label is the right one, nothing gives it away, and the loss is the formula's."""

import math

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from coursekit.draws import Draws
from coursekit.methods import build_method, method_class
from coursekit.methods.colorization import SCALE, GrayWithColor, color_regression, lab_to_rgb, rgb_to_lab
from coursekit.methods.jigsaw import Jigsaw, assemble, cut, orders
from coursekit.methods.masked_patches import HiddenPatches, masked_error, pixel_mask
from coursekit.methods.rotation import Rotations
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.training import pretrain
from coursekit.views import RandomView, TwoViews, denormalize

PLAIN = RandomView(16, scale=(0.3, 1.0), jitter=0.0, grayscale=0.0, blur=0.0)
TASKS = ("rotation", "jigsaw", "colorization", "masked_patches")


def images(n=12):
    """Coarse patterns: views of them can be compared by eye and by pixel."""
    coarse = torch.rand(n, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    return (F.interpolate(coarse, size=40, mode="bilinear") * 255).to(torch.uint8)


def made(name, **settings):
    torch.manual_seed(0)
    kind = method_class(name)
    encoder = build_encoder("resnet_micro_cifar", width=8, blocks=(1, 1, 1))
    return build_method(name, encoder, settings.pop("views", kind.default_views(16)), **settings)


def test_a_turned_view_is_the_plain_one_turned_and_its_theta_says_where_it_came_from():
    (turned,) = Rotations(PLAIN)(images(), Draws(3))
    plain = PLAIN(images(), Draws(3))
    assert set(turned.target.tolist()) == {0, 1, 2, 3}
    for k, one, other in zip(turned.target.tolist(), turned.pixels, plain.pixels, strict=True):
        assert one.equal(other.rot90(k, (1, 2)))
    grid = F.affine_grid(turned.theta, (12, 3, 16, 16), align_corners=False)
    seen = F.grid_sample(images().float(), grid, align_corners=False, padding_mode="border")
    torch.testing.assert_close(seen / 255, denormalize(turned.pixels), atol=0.08, rtol=0)


@pytest.mark.parametrize(("tiles", "count", "least"), [(4, 4, 4), (9, 9, 8), (9, 24, 7)])
def test_orders_differ_in_as_many_places_as_they_can(tiles, count, least):
    found = orders(tiles, count)
    assert found.shape == (count, tiles) and found.sort(dim=1).values.eq(torch.arange(tiles)).all()
    apart = (found[:, None] != found[None]).sum(dim=2) + tiles * torch.eye(count, dtype=torch.long)
    assert apart.min() >= least


def test_tiles_lie_where_the_order_says():
    views = Jigsaw(tile=8, grid=3, gap=0, equalize=False, orders=12, view=RandomView(8, jitter=0.0, blur=0.0))
    (view,) = views(images(), Draws(1))
    whole = RandomView(24, jitter=0.0, blur=0.0)(images(), Draws(1)).pixels
    right = cut(whole, 3)  # nothing is left out, so the tiles are the whole view's
    order = orders(9, 12)[view.target]
    for tiles, places, source in zip(cut(view.pixels, 3), order, right, strict=True):
        assert all(tile.equal(source[place]) for tile, place in zip(tiles, places, strict=True))
    assert len(view.target.unique()) > 3
    tiles = torch.rand(2, 9, 3, 4, 4)
    assert cut(assemble(tiles, 3), 3).equal(tiles)


def test_a_gap_leaves_pixels_out_and_every_tile_is_as_bright_as_the_others():
    (view,) = Jigsaw(tile=8, gap=6)(images(), Draws(1))
    tiles = cut(view.pixels, 3).flatten(0, 1)
    assert tiles.mean(dim=(1, 2, 3)).abs().max() < 1e-4 and (tiles.std(dim=(1, 2, 3)) - 1).abs().max() < 0.2
    (plain,) = Jigsaw(tile=8, gap=6, equalize=False)(images(), Draws(1))
    assert cut(plain.pixels, 3).flatten(0, 1).mean(dim=(1, 2, 3)).std() > 0.1


def test_lab_is_opencvs():
    rgb = torch.rand(2, 3, 6, 7, generator=torch.Generator().manual_seed(1))
    for one, mine in zip(rgb, rgb_to_lab(rgb), strict=True):
        theirs = cv2.cvtColor(np.ascontiguousarray(one.permute(1, 2, 0).numpy()), cv2.COLOR_RGB2LAB)
        torch.testing.assert_close(mine.permute(1, 2, 0), torch.from_numpy(theirs), atol=0.3, rtol=0)  # OpenCV's tables


def test_a_gray_view_has_no_colour_and_its_target_has():
    (view,) = GrayWithColor(PLAIN)(images(), Draws(0))
    assert view.pixels[:, 0].equal(view.pixels[:, 1]) and view.pixels[:, 0].equal(view.pixels[:, 2])
    lab = rgb_to_lab(denormalize(PLAIN(images(), Draws(0)).pixels))
    torch.testing.assert_close(view.target * SCALE, lab[:, 1:])
    (other,) = GrayWithColor(PLAIN)(255 - images(), Draws(0))
    assert view.pixels.abs().max() <= 1.001 and not torch.allclose(view.target, other.target)


def test_colour_loss_is_hubers_of_each_places_mean():
    prediction, target = torch.randn(2, 2, 3, 3), torch.randn(2, 2, 6, 6) * 2
    total = 0.0
    for b, c, i, j in np.ndindex(2, 2, 3, 3):
        apart = (prediction[b, c, i, j] - target[b, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean()).abs()
        total += apart**2 / 2 if apart < 1 else apart - 0.5
    torch.testing.assert_close(color_regression(prediction, target), total / 36)


def test_patches_are_hidden_exactly_and_only_they_count():
    views = HiddenPatches(PLAIN, patch=4, share=0.3)
    (view,) = views(images(), Draws(0))
    assert view.mask.sum(dim=1).eq(5).all() and len({tuple(row.tolist()) for row in view.mask}) > 8
    hidden = pixel_mask(view.mask, 16)
    for b, row, column in np.ndindex(12, 16, 16):
        assert hidden[b, 0, row, column] == view.mask[b, row // 4 * 4 + column // 4]
    assert view.pixels[hidden.expand_as(view.pixels)].eq(0).all()
    assert view.pixels[~hidden.expand_as(view.pixels)].equal(view.target[~hidden.expand_as(view.pixels)])
    prediction = view.target + hidden * 2.0 + ~hidden * torch.randn_like(view.target)
    assert masked_error(prediction, view.target, view.mask).item() == pytest.approx(4.0, rel=1e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Jigsaw(grid=5), "grid of 2 or 3"),
        (lambda: Jigsaw(grid=2, orders=40), "4 tiles have 24 orders"),
        (lambda: HiddenPatches(PLAIN, patch=5), "divide the view"),
        (lambda: HiddenPatches(PLAIN, patch=4, share=1.0), "not all"),
        (lambda: made("jigsaw", views=TwoViews(PLAIN)), "needs the views of Jigsaw"),
    ],
)
def test_what_cannot_be_cut_is_told(make, words):
    with pytest.raises(CourseError, match=words):
        make()


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_learned_beyond_its_baseline(name):
    pictures, few = images(48), {}
    if name == "jigsaw":  # pictures with a left and a right, a top and a bottom
        few = {"views": Jigsaw(tile=16, grid=2, gap=2, equalize=False, orders=4)}
        along = torch.linspace(0, 200, 40)
        pictures[:, 0], pictures[:, 1] = along.expand(40, 40), along[:, None].expand(40, 40)
    method = made(name, **few)
    history = pretrain(method, pictures, steps=60, batch_size=24, lr=3e-3, progress=False, device="cpu", log_every=59)
    first, last = history[0], history[-1]
    assert last["loss"] < first["loss"]
    baseline = {"colorization": "gray_loss", "masked_patches": "mean_error"}.get(name, "chance")
    assert last["loss"] < last[baseline], (last["loss"], last[baseline])
    assert name not in ("rotation", "jigsaw") or 0 <= last["accuracy"] <= 1


def test_chance_is_the_log_of_the_choices():
    assert made("rotation").chance_level(8) == math.log(4)
    assert made("jigsaw", views=Jigsaw(tile=8, orders=10)).chance_level(8) == math.log(10)
    assert made("colorization").chance_level(8) is None and made("masked_patches").chance_level(8) is None


def test_lab_and_back_is_the_same_colour():
    rgb = torch.rand(2, 3, 9, 9, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(rgb)), rgb, atol=2e-3, rtol=0)
    assert lab_to_rgb(torch.tensor([150.0, 90, -90]).view(1, 3, 1, 1)).max() <= 1  # no colour of a screen: clamped
