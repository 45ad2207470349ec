"""views: geometry against torch's own sampler, colour against torchvision, and one draw for each image."""

import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms.v2 import functional as tv

from coursekit.runtime import CourseError
from coursekit.views import (
    Draws,
    RandomView,
    TwoViews,
    center_view,
    color_matrix,
    crop_theta,
    denormalize,
    normalize,
    recolor,
    resample,
)

NOTHING = dict(scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0, jitter=0, grayscale=0, blur=0)


@pytest.fixture(scope="module")
def images():
    smooth = F.interpolate(
        torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(0)), size=(48, 48), mode="bicubic"
    )
    return (smooth.clamp(0, 1) * 255).byte()


def test_enlarging_agrees_with_grid_sample(images):
    theta = crop_theta(6, 48, 48, Draws(0), scale=(0.05, 0.3))
    expected = F.grid_sample(
        images.float(),
        F.affine_grid(theta, [6, 3, 32, 32], align_corners=False),
        padding_mode="border",
        align_corners=False,
    )
    torch.testing.assert_close(resample(images, theta, 32), expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("size", [12, 20, 48])
def test_shrinking_agrees_with_antialiased_resize(images, size):
    whole = torch.eye(2, 3).repeat(6, 1, 1)
    expected = F.interpolate(images.float(), size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    torch.testing.assert_close(resample(images, whole, size), expected, atol=2e-2, rtol=0)


def test_flip_is_in_theta(images):
    plain = RandomView(48, **NOTHING)(images, Draws(0))
    flipped = RandomView(48, **{**NOTHING, "flip": 1.0})(images, Draws(0))
    torch.testing.assert_close(flipped.pixels, plain.pixels.flip(-1), atol=1e-4, rtol=0)
    assert (flipped.theta[:, 0, 0] == -1).all()


def test_nothing_switched_on_returns_the_image(images):
    view = RandomView(48, **NOTHING)(images, Draws(0))
    torch.testing.assert_close(denormalize(view.pixels) * 255, images.float(), atol=1e-2, rtol=0)
    assert view.theta.dtype == torch.float32


def test_theta_tells_where_a_pixel_came_from():
    ramp = torch.linspace(0, 255, 64).byte().expand(2, 3, 64, 64)  # the value is the column
    view = RandomView(16, **{**NOTHING, "scale": (0.2, 0.5), "flip": 0.5})(ramp, Draws(3))
    grid = F.affine_grid(view.theta, [2, 3, 16, 16], align_corners=False)  # (B, S, S, 2): x, y in [-1, 1]
    column = (grid[..., 0] + 1) * 32 - 0.5
    got = denormalize(view.pixels)[:, 0] * 255 / 255 * 63
    inner = (column > 1) & (column < 62)
    assert (got - column)[inner].abs().max() < 0.6


def test_crops_keep_inside_the_image_and_the_area_range():
    theta = crop_theta(4000, 40, 60, Draws(1), scale=(0.1, 0.6))
    size, center = torch.stack([theta[:, 0, 0].abs(), theta[:, 1, 1]], 1), theta[:, :, 2]
    assert (center.abs() + size <= 1 + 1e-5).all()
    area, aspect = size.prod(1), size[:, 0] * 60 / (size[:, 1] * 40)
    assert 0.1 <= area.min() < 0.12 and 0.55 < area.max() <= 0.6001
    assert aspect.min() >= 0.75 - 1e-4 and aspect.max() <= 4 / 3 + 1e-4
    assert 0.46 < (theta[:, 0, 0] < 0).float().mean() < 0.54


def test_a_crop_that_never_fits_is_the_whole_image():
    theta = crop_theta(8, 10, 100, Draws(0), scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0)
    torch.testing.assert_close(theta, torch.eye(2, 3).repeat(8, 1, 1))


@pytest.mark.parametrize(
    ("name", "factor", "reference"),
    [
        ("brightness", 0.6, tv.adjust_brightness),
        ("contrast", 0.5, tv.adjust_contrast),
        ("contrast", 1.1, tv.adjust_contrast),
        ("saturation", 0.3, tv.adjust_saturation),
        ("saturation", 1.2, tv.adjust_saturation),
    ],
)
def test_color_agrees_with_torchvision(images, name, factor, reference):
    rgb = images.float() / 255 * 0.5 + 0.2  # far from the clamps
    values = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.0} | {name: factor}
    got = recolor(rgb, *(torch.full((6,), v) for v in values.values()), torch.zeros(6, dtype=torch.bool))
    torch.testing.assert_close(got, reference(rgb, factor), atol=2e-3, rtol=0)


def test_grayscale_and_the_order_of_operations(images):
    rgb, ones = images.float() / 255 * 0.4 + 0.3, torch.ones(6)
    gray = recolor(rgb, ones, ones, ones, 0 * ones, torch.ones(6, dtype=torch.bool))
    torch.testing.assert_close(gray, tv.rgb_to_grayscale(rgb, 3), atol=2e-3, rtol=0)
    both = recolor(rgb, 0.8 * ones, 1.2 * ones, 0.5 * ones, 0 * ones, torch.zeros(6, dtype=torch.bool))
    chain = tv.adjust_saturation(tv.adjust_contrast(tv.adjust_brightness(rgb, 0.8), 1.2), 0.5)
    torch.testing.assert_close(both, chain, atol=3e-3, rtol=0)


def test_hue_turns_about_the_gray_axis(images):
    rgb, ones = images.float() / 255 * 0.2 + 0.4, torch.ones(6)
    no = torch.zeros(6, dtype=torch.bool)
    for turn in (0.1, -0.3):
        got = recolor(rgb, ones, ones, ones, turn * ones, no)
        torch.testing.assert_close(tv.rgb_to_grayscale(got), tv.rgb_to_grayscale(rgb), atol=2e-3, rtol=0)
        assert (got - rgb).abs().mean() > 0.003
    torch.testing.assert_close(recolor(rgb, ones, ones, ones, ones, no), rgb, atol=1e-3, rtol=0)  # a full turn
    matrix, offset = color_matrix(rgb.mean((2, 3)), ones, ones, ones, 0.2 * ones, no)
    torch.testing.assert_close(matrix.sum(2), torch.ones(6, 3), atol=1e-3, rtol=0)  # grey stays grey
    assert offset.abs().max() < 1e-6


def test_blur_has_the_asked_width():
    point = torch.zeros(3, 3, 65, 65)
    point[:, :, 32, 32] = 1
    sigma = torch.tensor([0.0, 1.0, 3.0])
    blurred = resample(point, torch.eye(2, 3).repeat(3, 1, 1), 65, sigma)[:, 0]
    gap = (torch.arange(65) - 32.0).square()
    variance = (blurred.sum(1) * gap).sum(1) / blurred.sum((1, 2))
    torch.testing.assert_close(variance.sqrt(), sigma, atol=0.05, rtol=0.02)
    torch.testing.assert_close(blurred.sum((1, 2)), torch.ones(3), atol=1e-3, rtol=0)


def test_solarize_inverts_what_is_bright(images):
    view = RandomView(48, **NOTHING, solarize=1.0)(images, Draws(0))
    rgb = images.float() / 255
    torch.testing.assert_close(denormalize(view.pixels), torch.where(rgb > 0.5, 1 - rgb, rgb), atol=5e-3, rtol=0)


@pytest.mark.parametrize(
    "only", ["scale", "flip", "brightness", "contrast", "saturation", "hue", "grayscale", "blur", "solarize"]
)
def test_equal_images_in_a_batch_come_out_different(images, only):
    """A transform that draws once for each *batch* is the classic mistake."""
    strength = {"scale": (0.2, 0.6), "flip": 0.5, "grayscale": 0.5, "blur": 1.0, "solarize": 0.5, "hue": 0.2}.get(
        only, 0.5
    )
    jitter = 1.0 if only in ("brightness", "contrast", "saturation", "hue") else 0.0
    off = dict(brightness=0, contrast=0, saturation=0, hue=0)
    view = RandomView(24, **{**NOTHING, **off, "jitter": jitter, only: strength})
    pixels = view(images[:1].repeat(16, 1, 1, 1), Draws(0)).pixels
    assert len({tuple(p.flatten().tolist()) for p in pixels}) > 1


def test_two_views_differ_and_a_seed_repeats_them(images):
    make = TwoViews(RandomView(24))
    a, b = make(images, Draws(0, 3))
    again, _ = make(images, Draws(0, 3))
    other, _ = make(images, Draws(0, 4))
    assert (
        torch.equal(a.pixels, again.pixels)
        and not torch.equal(a.pixels, b.pixels)
        and not torch.equal(a.pixels, other.pixels)
    )
    assert a.pixels.shape == (6, 3, 24, 24) and a.mask is None and a.target is None


def test_processes_share_the_draws_of_the_whole_batch():
    whole = Draws(7, 2)
    parts = [Draws(7, 2, rank, 2) for rank in (0, 1)]
    for draw in (lambda d, n: d.uniform(n, 3), lambda d, n: d.normal(n), lambda d, n: d.integers(n, 2, high=9)):
        assert torch.equal(draw(whole, 8), torch.cat([draw(p, 4) for p in parts]))


def test_views_of_two_processes_are_the_views_of_one(images):
    whole = RandomView(24)(images, Draws(0, 5))
    halves = [RandomView(24)(images[3 * r : 3 * r + 3], Draws(0, 5, r, 2)) for r in (0, 1)]
    torch.testing.assert_close(torch.cat([h.pixels for h in halves]), whole.pixels, atol=1e-5, rtol=1e-5)


def test_center_view_crops_the_middle_square():
    wide = torch.zeros(1, 3, 20, 40, dtype=torch.uint8)
    wide[:, :, :, 10:30] = 200
    view = center_view(wide, 20)
    torch.testing.assert_close(denormalize(view.pixels), torch.full((1, 3, 20, 20), 200 / 255), atol=1e-4, rtol=0)
    torch.testing.assert_close(view.theta, torch.tensor([[[0.5, 0, 0], [0, 1.0, 0]]]))


def test_normalize_and_back():
    rgb = torch.rand(2, 3, 5, 5)
    torch.testing.assert_close(denormalize(normalize(rgb)), rgb)


@pytest.mark.parametrize(
    "bad",
    [torch.zeros(3, 8, 8, dtype=torch.uint8), torch.zeros(2, 3, 8, 8), torch.zeros(2, 1, 8, 8, dtype=torch.uint8)],
)
def test_wrong_images_are_explained(bad):
    with pytest.raises(CourseError, match=r"uint8 images \(B, 3, H, W\)"):
        RandomView(8)(bad, Draws(0))


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(CourseError, match="scale"):
        RandomView(8, scale=(0.0, 1.0))


@pytest.mark.parametrize("size", [24, 48])
def test_bfloat16_is_as_exact_as_a_pixel(images, size):
    theta, sigma = crop_theta(6, 48, 48, Draws(2)), torch.tensor([0.0, 0.0, 0.5, 1.0, 1.5, 2.0])
    gap = resample(images, theta, size, sigma, torch.bfloat16) - resample(images, theta, size, sigma)
    assert gap.dtype == torch.float32
    assert 0 < gap.square().mean().sqrt() < 0.5 and gap.abs().max() < 4, "in levels of 0 ... 255"
