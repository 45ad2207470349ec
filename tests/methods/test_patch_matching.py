"""Matching by theta, against pictures: patch numbers painted into an image, which the real view code then looks at."""

import math

import pytest
import torch

from coursekit.draws import Draws
from coursekit.methods.patch_matching import (
    match_patches,
    match_regions,
    patch_at,
    patch_boxes,
    region_boxes,
    shared,
    to_image,
    to_view,
)
from coursekit.views import RandomView, crop_theta, resample

GRIDS = [((4, 4), (4, 4)), ((3, 5), (3, 5)), ((4, 4), (2, 6))]
SEED = 0
SIDE = 120  # px of a view, a multiple of every number of rows and columns


def painted(theta, rows, columns, height=192, width=160):
    """An image with one channel for each patch of one view: 1 where the patch lies, pixel by pixel. theta: (2, 3)."""
    (sx, _, tx), (_, sy, ty) = theta.tolist()
    image = torch.zeros(rows * columns, height, width)
    across = [((2 * j + 1) / width - 1 - tx) / sx for j in range(width)]  # where a column of pixels lies in the view
    down = [((2 * i + 1) / height - 1 - ty) / sy for i in range(height)]
    for row in range(rows):
        for column in range(columns):
            i = [n for n, y in enumerate(down) if abs(y) < 1 and int((y + 1) / 2 * rows) == row]
            j = [n for n, x in enumerate(across) if abs(x) < 1 and int((x + 1) / 2 * columns) == column]
            image[row * columns + column, min(i) : max(i) + 1, min(j) : max(j) + 1] = 1
    return image


def looked_at(image, theta, rows, columns):
    """Through a view, what is painted there: at the centre of each patch, (P, Q), and on average in it, (P, Q)."""
    view = resample(image[None], theta[None], SIDE)[0]  # (Q, SIDE, SIDE)
    cells = view.view(len(view), rows, SIDE // rows, columns, SIDE // columns)
    middle = cells[
        :, :, SIDE // rows // 2 - 1 : SIDE // rows // 2 + 1, :, SIDE // columns // 2 - 1 : SIDE // columns // 2 + 1
    ]
    return middle.mean(dim=(2, 4)).flatten(1).T, cells.mean(dim=(2, 4)).flatten(1).T


@pytest.fixture(scope="module")
def thetas():
    """Crops of the real recipe, mirrored and not: (a, b), 8 of each, and two pairs that do not meet."""
    a, b = (crop_theta(5, 192, 160, Draws(seed), scale=(0.3, 0.8)) for seed in (SEED, SEED + 1))
    apart = torch.tensor([[[0.3, 0, -0.6], [0, 0.3, -0.6]], [[-0.3, 0, 0.6], [0, 0.3, 0.6]]])
    a, b = torch.cat([a, apart]), torch.cat([b, apart.flip(0)])
    mirrored = {(x, y) for x, y in zip((a[:, 0, 0] < 0).tolist(), (b[:, 0, 0] < 0).tolist(), strict=True)}
    assert len(mirrored) == 4
    return a, b


@pytest.mark.parametrize(("grid_a", "grid_b"), GRIDS)
def test_partners_and_overlaps_are_those_of_the_painted_patches(thetas, grid_a, grid_b):
    match, p = match_patches(*thetas, grid_a, grid_b), math.prod(grid_a)
    boxes = torch.cat([patch_boxes(theta, *grid) for theta, grid in zip(thetas, (grid_a, grid_b), strict=True)], dim=1)
    common, area = shared(boxes), (boxes[..., 2:] - boxes[..., :2]).prod(dim=2)
    sure = 0
    for i in range(len(boxes)):
        for there, seen, first, partner in (
            ((thetas[1][i], *grid_b), (thetas[0][i], *grid_a), p, match.partner[i, :p]),
            ((thetas[0][i], *grid_a), (thetas[1][i], *grid_b), 0, match.partner[i, p:]),
        ):
            middle, mean = looked_at(painted(*there), *seen)
            clear = ((middle > 0.99) | (middle < 0.01)).all(dim=1)  # no border between patches at the centre
            found = torch.where(middle.sum(dim=1) > 0.5, middle.argmax(dim=1) + first, -1)
            assert partner[clear].equal(found[clear])
            sure += int(clear.sum())
            rows = slice(p, None) if first == 0 else slice(p)
            columns = slice(p) if first == 0 else slice(p, None)
            smaller = torch.minimum(area[i, rows, None], area[i, None, columns])
            share = common[i, rows, columns] * smaller / area[i, rows, None]  # of the patch that looks
            torch.testing.assert_close(share, mean, atol=0.12, rtol=0)
    assert sure > 0.8 * boxes.shape[0] * boxes.shape[1]
    assert match.partner[-2:].eq(-1).all() and (match.partner[:-2] >= 0).any(dim=1).sum() >= 4
    assert match.same.equal(common > 0.1) and match.same.equal(match.same.mT)


def test_what_is_painted_is_found_by_the_view_that_painted_it(thetas):
    """The painting above is not another formula: the view code sees each patch where it belongs."""
    for theta in torch.cat([thetas[0][:3], thetas[1][:3]]):
        middle, mean = looked_at(painted(theta, 3, 4), theta, 3, 4)
        assert middle.argmax(dim=1).equal(torch.arange(12)) and mean.diagonal().min() > 0.85


def test_the_real_views_match_as_their_thetas_say():
    """Pixels of matched patches, from RandomView itself: the same place, whichever way a view is turned."""
    ramp = torch.stack(
        [torch.arange(96.0).expand(96, 96), torch.arange(96.0)[:, None].expand(96, 96), torch.zeros(96, 96)]
    )
    images = (ramp * 2.5).byte().expand(24, 3, 96, 96).contiguous()
    plain = RandomView(64, scale=(0.2, 1.0), jitter=0, grayscale=0, blur=0)
    a, b = plain(images, Draws(3)), plain(images, Draws(4))
    match = match_patches(a.theta, b.theta, (8, 8), (8, 8))
    colors = [torch.nn.functional.avg_pool2d(v.pixels, 8).flatten(2).mT[..., :2] for v in (a, b)]
    z, seen = torch.cat(colors, dim=1), match.partner >= 0
    partner = z.gather(1, match.partner.clamp(min=0)[..., None].expand_as(z))
    step = torch.stack([v.theta.diagonal(dim1=1, dim2=2).abs() for v in (a, b)]).amax(
        dim=0
    )  # (B, 2): a side / 2, image units
    one = torch.tensor([0.229, 0.224]) * 255 / (2.5 * 96)  # a side of the image, in normalised colours
    apart = ((z - partner).abs() * one / (step / 8)[:, None])[seen]  # in sides of the larger patch
    assert seen.float().mean() > 0.4 and apart.max() < 0.62 and 0.1 < apart.mean() < 0.3


def test_two_equal_views_match_themselves_and_a_mirrored_one_its_mirror_image():
    theta = torch.tensor([[[0.5, 0, 0.1], [0, 0.4, -0.2]]])
    mirrored = theta.clone()
    mirrored[:, 0, 0] *= -1
    p = torch.arange(12)
    same = match_patches(theta, theta, (3, 4), (3, 4))
    assert same.partner.equal(torch.cat([p + 12, p])[None])
    flipped = match_patches(theta, mirrored, (3, 4), (3, 4))
    turned = p.view(3, 4).flip(1).flatten()
    assert flipped.partner.equal(torch.cat([turned + 12, turned])[None])
    assert same.same.equal(torch.eye(12, dtype=torch.bool).repeat(2, 2)[None])  # neighbours share a line, no area
    assert patch_boxes(theta, 3, 4)[0, 0].tolist() == pytest.approx([-0.4, -0.6, -0.15, -0.6 + 0.8 / 3])


def test_a_view_moved_by_less_than_half_a_patch_keeps_its_partners_within_the_tolerance():
    theta, p = torch.eye(2, 3)[None].clone(), torch.arange(16)
    for shift, tolerance, kept in ((0.2, 0.5, True), (0.2, 0.21, True), (0.2, 0.19, False), (0.49, 0.5, True)):
        moved = theta.clone()
        moved[:, 0, 2] += shift * 2 / 4  # in patches of a 4 x 4 grid
        found = match_patches(theta, moved, (4, 4), (4, 4), tolerance).partner[0]
        assert found[:16].equal(p + 16 if kept else -torch.ones_like(p))
    moved[:, 0, 2] = 0.6 * 2 / 4
    found = match_patches(theta, moved, (4, 4), (4, 4)).partner[0, :16].view(4, 4)
    assert found[:, 0].eq(-1).all() and found[:, 1:].equal(
        (p + 16).view(4, 4)[:, :-1]
    )  # the patch before has come near


def test_a_larger_look_gives_several_patches_one_partner():
    whole, quarter = torch.eye(2, 3)[None], torch.tensor([[[0.5, 0, -0.5], [0, 0.5, -0.5]]])
    match = match_patches(quarter, whole, (4, 4), (4, 4))
    assert match.partner[0, :16].unique().tolist() == [16, 17, 20, 21]
    assert (match.partner[0, 16:] >= 0).sum() == 4
    assert match.same[0, :4, 16].tolist() == [True, True, False, False]  # a quarter of it is all of the smaller patch


def test_boxes_go_to_the_view_and_back(thetas):
    boxes = patch_boxes(thetas[0], 3, 5)
    torch.testing.assert_close(to_image(to_view(boxes, thetas[1]), thetas[1]), boxes, atol=1e-5, rtol=0)
    own = to_view(boxes, thetas[0])
    assert own.amin() == pytest.approx(-1, abs=1e-5) and own.amax() == pytest.approx(1, abs=1e-5)
    assert (boxes[..., :2] < boxes[..., 2:]).all()
    centers = (boxes[..., :2] + boxes[..., 2:]) / 2
    assert patch_at(centers, thetas[0], 3, 5).equal(torch.arange(15).expand(7, 15))


def test_regions_lie_in_both_views_or_have_no_partner(thetas):
    a, b = region_boxes(*thetas, Draws(0), 6, (0.25, 0.75))
    match = match_regions(a, b)
    partner = match.partner >= 0
    meet = partner.any(dim=1)
    assert partner.equal(meet[:, None].expand_as(partner)) and not meet[-2:].any() and meet.sum() >= 4
    assert a[meet].equal(b[meet]) and not torch.isclose(a[~meet], b[~meet]).all(dim=2).any()
    for boxes, theta in ((a, thetas[0]), (b, thetas[1])):
        assert to_view(boxes, theta).abs().max() <= 1 + 1e-5
        sides = (boxes[..., 2:] - boxes[..., :2]).amin(dim=2)
        assert (sides > 0).all()
    index = torch.arange(6)
    assert match.partner[meet].equal(torch.cat([index + 6, index]).expand(int(meet.sum()), 12))
    assert match.same[meet].diagonal(6, 1, 2).all() and not match.same[:, :6, :6].all()
    whole = torch.eye(2, 3).repeat(2000, 1, 1)
    boxes, _ = region_boxes(whole, whole, Draws(1), 1, (0.25, 0.75))
    sides = (boxes[:, 0, 2:] - boxes[:, 0, :2]) / 2
    assert 0.25 <= sides.min() < 0.26 and 0.74 < sides.max() <= 0.75001 and boxes.abs().max() <= 1


def test_regions_of_two_processes_are_those_of_one(thetas):
    whole = region_boxes(*(t[:6] for t in thetas), Draws(3, 7), 4, (0.25, 0.75))
    halves = [region_boxes(*(t[3 * r : 3 * r + 3] for t in thetas), Draws(3, 7, r, 2), 4, (0.25, 0.75)) for r in (0, 1)]
    for side, (first, second) in zip(whole, zip(*halves, strict=True), strict=True):
        assert side.equal(torch.cat([first, second]))
