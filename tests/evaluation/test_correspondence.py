"""Finding a place again: against a naive loop, with features that know the place, and for every kind of encoder."""

import pytest
import torch
import torch.nn.functional as F

from coursekit.draws import Draws
from coursekit.evaluation import most_similar, patch_vectors, places_found
from coursekit.methods.patch_matching import match_patches, patch_boxes
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.views import RandomView, View, crop_theta

GRID = (4, 5)


@pytest.fixture(scope="module")
def match():
    thetas = crop_theta(12, 96, 96, Draws(0), scale=(0.2, 0.7)).split(6)
    return match_patches(*thetas, GRID, GRID), thetas


def test_the_share_equals_a_naive_loop(match):
    found, _ = match
    z_a, z_b = torch.randn(2, 6, 20, 4, generator=torch.Generator().manual_seed(0))
    shares = []
    for i in range(6):
        hits = []
        for mine, others, start, partner in (
            (z_a[i], z_b[i], 20, found.partner[i, :20]),
            (z_b[i], z_a[i], 0, found.partner[i, 20:]),
        ):
            for p in range(20):
                if partner[p] >= 0:
                    cosines = [F.cosine_similarity(mine[p], others[q], dim=0).item() for q in range(20)]
                    hits.append(cosines.index(max(cosines)) + start == partner[p])
        if hits:
            shares.append(sum(hits) / len(hits))
    told = places_found(z_a, z_b, found)
    assert told.mean == pytest.approx(sum(shares) / len(shares)) and told.n == len(shares) and 0 < told.mean < 0.4


def test_features_that_know_the_place_find_it_and_equal_ones_do_not(match):
    found, thetas = match
    centers = [(boxes[..., :2] + boxes[..., 2:]) / 2 for boxes in (patch_boxes(theta, *GRID) for theta in thetas)]
    waves = torch.arange(1, 9) * 0.7
    z = [
        torch.cat([f(c[..., k : k + 1] * waves) for k in (0, 1) for f in (torch.sin, torch.cos)], dim=2)
        for c in centers
    ]
    assert places_found(*z, found).mean > 0.9
    assert places_found(*(torch.ones_like(part) for part in z), found).mean < 0.2


def test_most_similar_asks_for_direction_not_length():
    z_a, z_b = torch.randn(2, 2, 6, 3, generator=torch.Generator().manual_seed(0))
    longer = z_b * torch.linspace(1, 9, 6)[:, None]
    assert torch.equal(most_similar(z_a, z_b), most_similar(5 * z_a, longer))


@pytest.mark.parametrize("name, grid, dim", [("vit_micro", (8, 8), 128), ("resnet_micro_cifar", (8, 8), 256)])
def test_vectors_are_the_places_of_the_map(name, grid, dim, seeded):
    encoder = build_encoder(name, image_size=64).train()
    view = RandomView(64)(torch.randint(256, (2, 3, 80, 80), dtype=torch.uint8), Draws(0))
    z, found = patch_vectors(encoder, view)
    assert found == grid and z.shape == (2, grid[0] * grid[1], dim) and encoder.training and not z.requires_grad
    with torch.no_grad():
        places = encoder.eval().features(view.pixels)[1]
    torch.testing.assert_close(z[1, grid[1] * 2 + 3], F.normalize(places[1, :, 2, 3], dim=0), atol=1e-5, rtol=1e-4)


def test_a_pyramid_gives_all_levels_on_the_finest_grid(seeded):
    encoder = build_encoder("yolo12n", image_size=64)
    z, grid = patch_vectors(encoder, View(torch.randn(1, 3, 64, 64), torch.eye(2, 3)[None]))
    assert grid == (8, 8) and z.shape == (1, 64, 128 + 128 + 256)
    assert z[0, :, :128].norm(dim=1).sub(1).abs().max() < 1e-4


def test_what_cannot_be_asked_is_refused(match):
    found, thetas = match
    z = torch.randn(6, 20, 4)
    with pytest.raises(CourseError, match="not of"):
        places_found(z[:, :16], z, found)
    apart = match_patches(*(torch.tensor([[[0.2, 0, x], [0, 0.2, x]]]) for x in (-0.7, 0.7)), GRID, GRID)
    with pytest.raises(CourseError, match="nothing to find"):
        places_found(z[:1], z[:1], apart)
