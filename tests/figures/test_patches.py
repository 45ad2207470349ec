"""Pictures of patches in two views: numbers, colours and words are those of the match."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba

from coursekit import figures
from coursekit.draws import Draws
from coursekit.figures.patch_search import PatchPicture
from coursekit.figures.patch_steps import ANCHOR as DIAGRAM_ANCHOR
from coursekit.figures.patch_steps import LOOKS, _roles
from coursekit.figures.patches import ANCHOR, LEFT_OUT, POSITIVE, place_box
from coursekit.methods import build_method
from coursekit.methods.patch_matching import match_patches, patch_at
from coursekit.models import build_encoder
from coursekit.recipes.recorded import Recorded
from coursekit.runtime import CourseError
from coursekit.views import RandomView, TwoViews, View

GRID = (4, 4)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randint(256, (2, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def views(images) -> list[View]:
    return TwoViews(RandomView(32, scale=(0.4, 0.8)))(images, Draws(2))


def numbers(ax) -> dict[str, tuple[float, float]]:
    return {text.get_text(): text.get_position() for text in ax.texts if text.get_text().isdigit()}


def test_numbers_mark_the_same_place_of_the_image_in_both_views(images, views):
    fig = figures.correspondences(images, *views, GRID, pairs=4)
    for i in range(2):
        _, a, b = fig.axes[3 * i : 3 * i + 3]
        first, second = numbers(a), numbers(b)
        assert first.keys() == second.keys() and len(first) > 1
        for number, (x, y) in first.items():
            scale, offset = views[0].theta[i, :, :2].diagonal(), views[0].theta[i, :, 2]
            point = torch.tensor([2 * x - 1, 2 * y - 1]) * scale + offset
            cell = patch_at(point[None, None], views[1].theta[i : i + 1], *GRID).item()
            x0, y0, x1, y1 = place_box(cell, GRID)
            assert second[number] == pytest.approx(((x0 + x1) / 2, (y0 + y1) / 2))
    assert "2 images" in figures.alt_text(fig) and "have a partner" in figures.alt_text(fig)


def test_patches_without_a_partner_are_darkened(images, views):
    fig = figures.correspondences(images, *views, GRID)
    match = match_patches(*(view.theta for view in views), GRID, GRID)
    for k in range(2):
        veil = fig.axes[1 + k].images[1].get_array()
        np.testing.assert_array_equal(veil[..., 3] > 0, (match.partner[0] < 0).view(2, *GRID)[k])


def test_roles_have_their_colours_and_counts(views):
    match = match_patches(*(view.theta for view in views), GRID, GRID)
    patch = int((match.partner[0, :16] >= 0).nonzero()[0])
    fig = figures.patch_roles(*views, match, GRID, patch)
    colors = np.concatenate([ax.images[1].get_array().reshape(-1, 4) for ax in fig.axes[:2]])
    partner = match.partner[0, patch].item()
    out = (match.same[0, patch] | match.same[0, partner]).numpy().copy()
    out[[patch, partner]] = False
    np.testing.assert_allclose(colors[out], np.tile(to_rgba(LEFT_OUT, 0.7), (int(out.sum()), 1)))
    assert out.any() and not colors[~out, 3].any()  # anchor, positive and negatives are to be seen
    for ax, place, color in zip(fig.axes[:2], (patch, partner - 16), (ANCHOR, POSITIVE), strict=True):
        box = ax.patches[-1]
        assert box.get_xy() == place_box(place, GRID)[:2] and to_rgba(box.get_edgecolor()) == to_rgba(color)
    out[[patch, partner]] = True
    assert f"the other {int((~out).sum())} are negatives" in figures.alt_text(fig)
    lone = int((match.partner[0, :16] < 0).nonzero()[0])
    with pytest.raises(ValueError, match="no partner"):
        figures.patch_roles(*views, match, GRID, lone)


def test_regions_are_drawn_where_the_view_shows_them(images, seeded):
    method = build_method(
        "region_contrast", build_encoder("vit_micro", image_size=32), TwoViews(RandomView(32)), regions=3
    )
    pair = method.views(images, Draws(0))
    fig = figures.region_pairs(images, *pair)
    box = pair[1].target[1, 2]
    scale, offset = pair[1].theta[1, :, :2].diagonal(), pair[1].theta[1, :, 2]
    ends = torch.stack([(box[:2] - offset) / scale, (box[2:] - offset) / scale])
    corner = (ends.amin(dim=0) + 1) / 2
    assert numbers(fig.axes[4])["3"] == pytest.approx(corner.tolist(), abs=1e-5)
    assert "3 random boxes" in figures.alt_text(fig)
    titles = [ax.get_title() for ax in fig.axes if ax.get_title()]
    mirrored = [bool(view.theta[i, 0, 0] < 0) for i in range(2) for view in pair]
    assert ["flipped" in title for title in titles] == mirrored


def test_places_have_the_colours_of_their_classes(images):
    truth = torch.tensor([[[0, 1], [2, -1]], [[0, 0], [1, 1]]])
    said = truth.clamp(min=0)
    fig = figures.place_maps(images, truth, {"one": said, "other": 0 * said}, ("car", "bus"))
    shown = [ax.images[0].get_array() for ax in fig.axes[2:]]
    assert (
        len(shown) == 6
        and np.allclose(shown[1][0, 0], shown[1][0, 1])
        and not np.allclose(shown[0][0, 0], shown[0][0, 1])
    )
    np.testing.assert_allclose(shown[0][1, 1], to_rgba("white"))
    assert "one: 100%" in figures.alt_text(fig) and "other: 43%" in figures.alt_text(fig)


def test_the_search_shows_match_and_hardest_negatives(views):
    match = match_patches(*(view.theta for view in views), GRID, GRID)
    z = torch.randn(2, 2, 16, 8, generator=torch.Generator().manual_seed(0))
    picture = PatchPicture(*views, *z, (GRID, GRID))
    for patch in range(16):
        picture.show(1, *divmod(patch, 4))
        cosine = torch.cosine_similarity(z[0, 1, patch], z[1, 1], dim=1)
        np.testing.assert_allclose(picture.heat.get_array().ravel(), cosine, atol=1e-5)
        partner, alt = match.partner[1, patch].item(), figures.alt_text(picture.figure)
        assert f"image 1, row {patch // 4}, column {patch % 4}." in alt
        out = match.same[1, patch, 16:] | (match.same[1, partner, 16:] if partner >= 0 else False)
        hard = sorted(cosine[~out].tolist(), reverse=True)[:3]
        assert f"have cosines {', '.join(f'{value:.2f}' for value in hard)}." in alt
        assert picture.found[1].get_visible() == (partner >= 0)
        left_out = out.clone()
        if partner >= 0:
            left_out[partner - 16] = False
        assert (picture.veil.get_array()[..., 3] > 0).ravel().tolist() == left_out.tolist()
        if partner >= 0:
            assert picture.found[1].get_xy() == place_box(partner - 16, GRID)[:2]
            out[partner - 16] = False
            rank = int((cosine[~out] > cosine[partner - 16]).sum()) + 1
            assert f"number {rank} of {int((~out).sum())}" in alt
        else:
            assert "is no anchor" in alt
        for frame, value in zip(picture.rivals, hard, strict=False):
            x, y = frame[1].get_xy()
            assert cosine[round(y * 4) * 4 + round(x * 4)].item() == pytest.approx(value)
    with pytest.raises(ValueError, match="not those of patches"):
        PatchPicture(*views, z[0], z[1][:, :9], (GRID, GRID))


def test_the_diagram_fits_and_is_described():
    diagram = figures.patch_steps_diagram()
    assert str(diagram) == str(figures.patch_steps_diagram()) and "positives" in diagram.description


def test_the_diagram_pairs_patches_as_the_method_does():
    ends = torch.tensor([(left, up, left + w, up + h) for left, up, w, h in LOOKS])
    theta = torch.zeros(2, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = (ends[:, 2] - ends[:, 0]) / 40, (ends[:, 3] - ends[:, 1]) / 30
    theta[:, 0, 2], theta[:, 1, 2] = (ends[:, 0] + ends[:, 2]) / 40 - 1, (ends[:, 1] + ends[:, 3]) / 30 - 1
    match = match_patches(theta[:1], theta[1:], GRID, GRID)
    partner = match.partner[0, DIAGRAM_ANCHOR].item()
    out = match.same[0, DIAGRAM_ANCHOR] | match.same[0, partner]
    out[[DIAGRAM_ANCHOR, partner]] = False
    roles = sum(_roles(), [])
    assert roles[DIAGRAM_ANCHOR] == "a" and roles[partner] == "+" and [role == "0" for role in roles] == out.tolist()


def test_bars_are_the_means_over_seeds_of_one_network():
    rows = [
        {"network": net, "method": name, "seed": seed, "objects": base + 0.1 * seed, "mean_iou": base}
        for net, add in (("cnn", 0.0), ("vit", 0.3))
        for name, base in (("simclr", 0.2 + add), ("random", 0.1 + add))
        for seed in (0, 1, 2)
    ]
    recorded = Recorded("about", {}, {}, rows)
    fig = figures.dense_gains(
        recorded, "vit", {"random": "random encoder", "simclr": "SimCLR"}, ("objects", "mean_iou")
    )
    widths = sorted(round(bar.get_width(), 6) for bar in fig.axes[0].patches)
    assert widths == [40, 50, 50, 60] and "SimCLR, object at a place, AP: 60.0" in figures.alt_text(fig)
    with pytest.raises(CourseError, match="not byol"):
        figures.dense_gains(recorded, "vit", {"byol": "BYOL"}, ("objects",))
    one = Recorded(
        "about", {}, {}, [{"network": "vit", "method": "x", "objects": 0.4, "objects_low": 0.3, "objects_high": 0.6}]
    )
    ends = figures.dense_gains(one, "vit", {"x": "X"}, ("objects",)).axes[0].collections[0].get_segments()[0]
    assert ends[:, 0].tolist() == pytest.approx([30, 60])  # of a single seed: the interval over scenes
