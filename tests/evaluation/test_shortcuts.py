"""Cheap rivals of pretext tasks: each solves what it should, and nothing else."""

from dataclasses import replace

import pytest
import torch

from coursekit.draws import Draws
from coursekit.evaluation import shortcuts
from coursekit.methods import method_class
from coursekit.methods.colorization import GrayWithColor
from coursekit.methods.jigsaw import Jigsaw, assemble, cut
from coursekit.methods.masked_patches import HiddenPatches, masked_error, pixel_mask
from coursekit.methods.rotation import Rotations
from coursekit.models import build_encoder
from coursekit.views import RandomView, View

WHOLE = RandomView(32, scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0.0, jitter=0.0, grayscale=0.0, blur=0.0)


def pictures(n: int, seed: int = 0, side: int = 48) -> torch.Tensor:
    """Smooth pictures, bright above and dark below, with colours and waves of their own."""
    generator = torch.Generator().manual_seed(seed)
    at = torch.linspace(0, 1, side)
    tint = 60 * torch.rand(n, 3, 1, 1, generator=generator)
    wave = torch.sin(6.3 * (at[None, :] + at[:, None]) * (1 + torch.rand(n, 1, 1, 1, generator=generator)))
    return (150 - 110 * at[:, None] + tint + 20 * wave).round().clamp(0, 255).to(torch.uint8)


def noise(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(256, (n, 3, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def test_the_brightness_of_edges_is_that_of_top_left_bottom_and_right():
    pixels = torch.zeros(1, 3, 16, 16)
    pixels[:, :, :2], pixels[:, :, 2:-2, -2:] = 1.0, 2.0
    top, left, bottom, right = shortcuts.edge_brightness(pixels, width=2)[0].tolist()
    assert (top, left, bottom, right) == pytest.approx((1.0, 2 / 16, 0.0, (2 * 1 + 12 * 2) / 16))


def test_four_numbers_tell_the_turn_of_a_picture_that_is_bright_above_and_of_no_other():
    def rival(make):
        return shortcuts.linear_rival(shortcuts.edge_brightness, Rotations(WHOLE), make(60, 1), make(60, 2))

    assert rival(pictures) > 0.95 and rival(noise) < 0.45


@pytest.mark.parametrize("gap, equalize, low, high", [(0, False, 1.0, 1.0), (0, True, 0.3, 1.0)])
def test_seams_solve_a_jigsaw_without_guards(gap, equalize, low, high):
    maker = Jigsaw(16, gap=gap, equalize=equalize, view=WHOLE)
    (view,) = maker(pictures(40), Draws(0))
    right = (shortcuts.seam_order(view.pixels, maker) == view.target).float().mean().item()
    assert low <= right <= high


def test_seams_say_nothing_of_noise_and_agree_with_a_loop():
    maker = replace(Jigsaw(16, gap=0, equalize=False, view=WHOLE), orders=4)
    (view,) = maker(noise(3), Draws(0))
    from coursekit.methods.jigsaw import orders

    for picture, told in zip(view.pixels, shortcuts.seam_order(view.pixels, maker).tolist(), strict=True):
        costs = []
        for order in orders(9, 4):
            tiles = cut(picture[None], 3)[0]
            home = torch.empty_like(tiles)
            for place, piece in enumerate(order):
                home[piece] = tiles[place]
            whole = assemble(home[None], 3)[0]
            seams = [(whole[:, :, x] - whole[:, :, x - 1]).abs().mean() for x in (16, 32)]
            seams += [(whole[:, y] - whole[:, y - 1]).abs().mean() for y in (16, 32)]
            costs.append(sum(seams).item())
        assert costs.index(min(costs)) == told


def test_equal_brightness_leaves_a_linear_model_with_nothing():
    def rival(equalize):
        maker = Jigsaw(16, gap=0, equalize=equalize, orders=4, view=WHOLE)
        return shortcuts.linear_rival(shortcuts.tile_brightness, maker, pictures(80, 1), pictures(80, 2))

    assert rival(False) > 0.9 and rival(True) < 0.45


def test_a_rival_of_colours_uses_what_tells_the_colour_and_gray_is_the_baseline():
    n, side = 60, 32
    images = torch.full((n, 3, side, side), 120, dtype=torch.uint8)
    images[:, 2, : side // 2] = 220  # blue above, gray below: place tells all
    told = shortcuts.color_rivals(GrayWithColor(WHOLE), images[:40], images[40:], places=2)
    (view,) = GrayWithColor(WHOLE)(images[40:], Draws(0))
    pooled = torch.nn.functional.adaptive_avg_pool2d(view.target, 2)
    assert told["gray"] == pytest.approx((pooled.square() / 2).mean().item(), rel=5e-3)
    assert told["place"] < 0.01 * told["mean colour"] < 0.01 * told["gray"]
    random = noise(40).float().mul(0.5).add(torch.rand(40, 3, 1, 1) * 120).to(torch.uint8)
    of_noise = shortcuts.color_rivals(GrayWithColor(WHOLE), random[:20], random[20:], places=2)
    assert min(of_noise.values()) > 0.7 * of_noise["gray"]


def test_smooth_fill_keeps_what_is_seen_and_finds_a_ramp():
    ramp = torch.linspace(-1, 1, 32).expand(2, 3, 32, 32).contiguous()
    mask = torch.zeros(2, 16, dtype=torch.bool)
    mask[:, [5, 10]] = True
    hidden = pixel_mask(mask, 32)
    view = View(ramp * ~hidden, torch.eye(2, 3).repeat(2, 1, 1), mask, ramp)
    filled = shortcuts.smooth_fill(view, rounds=300)
    assert torch.equal(filled[~hidden.expand_as(ramp)], ramp[~hidden.expand_as(ramp)])
    torch.testing.assert_close(filled, ramp, atol=2e-3, rtol=0)
    assert masked_error(shortcuts.smooth_fill(view, rounds=0), ramp, mask) > 0.01


def test_smooth_fill_beats_the_mean_colour_on_smooth_pictures_alone():
    maker = HiddenPatches(WHOLE, patch=8)

    def errors(images):
        (view,) = maker(images, Draws(0))
        visible = ~pixel_mask(view.mask, 32)
        mean = (view.target * visible).sum((2, 3), keepdim=True) / visible.sum((2, 3), keepdim=True)
        answers = mean.expand_as(view.target), shortcuts.smooth_fill(view)
        return [masked_error(answer, view.target, view.mask).item() for answer in answers]

    mean, smooth = errors(pictures(20))
    assert smooth < 0.5 * mean
    mean, smooth = errors(noise(20))
    assert smooth > 0.9 * mean


@pytest.mark.parametrize("task, column", [("rotation", "accuracy"), ("masked_patches", "mean_error")])
def test_a_score_is_that_of_unseen_views_in_eval_mode_and_nothing_is_changed(seeded, task, column):
    made = method_class(task)
    method = made(build_encoder("resnet_nano", image_size=32), made.default_views(32)).train()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    first, again = (shortcuts.task_score(method, noise(12), seed=3) for _ in range(2))
    assert first == again and {"loss", column} <= set(first) and method.training
    assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())
    view, out = shortcuts.answers(method, noise(12), seed=3)
    assert out["loss"].item() == first["loss"] and not out["loss"].requires_grad
    assert torch.equal(view.pixels, method.view_maker(noise(12), Draws(3))[0].pixels)
