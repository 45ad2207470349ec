"""Patch and region contrast: the loss against loops, its memory, and the methods around a ViT, a CNN and a pyramid."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode

from coursekit.draws import Draws
from coursekit.methods import PatchContrast, RegionContrast, SimCLR, build_method, info_nce, patch_info_nce
from coursekit.methods.local_maps import pool_regions
from coursekit.methods.patch_matching import Match, match_patches, region_boxes, to_view
from coursekit.models import build_encoder
from coursekit.runtime import CourseError, seed_everything
from coursekit.training import pretrain
from coursekit.views import MultiCrop, RandomView, TwoViews, View, crop_theta

VIEWS = TwoViews(RandomView(16, scale=(0.3, 1.0)))


def vit(**options):
    return build_encoder("vit_micro", **{"image_size": 16, "dim": 16, "depth": 1, "heads": 2, **options})


def images(n, size=20):
    """Smooth ones, each with places of its own."""
    small = torch.rand(n, 3, 5, 5, generator=torch.Generator().manual_seed(5))
    return (F.interpolate(small, size=(size, size), mode="bicubic").clamp(0, 1) * 255).byte()


def naive(z_a, z_b, match, temperature):
    """The formula, letter by letter."""
    losses, s = [], z_a.shape[1] + z_b.shape[1]
    z = [[*a, *b] for a, b in zip(z_a, z_b, strict=True)]
    for i in range(len(z)):
        for p in range(s):
            plus = int(match.partner[i, p])
            if plus == -1:
                continue
            total = 0.0
            for j in range(len(z)):
                for q in range(s):
                    if (j, q) == (i, p):
                        continue
                    near = match.same[i, p, q] or match.same[i, plus, q]
                    if j == i and near and q != plus:
                        continue
                    total = total + (F.cosine_similarity(z[i][p], z[j][q], dim=0) / temperature).exp()
            losses.append(-((F.cosine_similarity(z[i][p], z[i][plus], dim=0) / temperature).exp() / total).log())
    return sum(losses) / len(losses)


@pytest.fixture
def case():
    """Projections of 4 images, 2 x 2 patches in one view and 2 x 3 in the other, matched by real crops."""
    thetas = [crop_theta(4, 20, 20, Draws(seed), scale=(0.2, 0.9)) for seed in (2, 3)]
    match = match_patches(*thetas, (2, 2), (2, 3))
    assert 0 < (match.partner < 0).sum() < match.partner.numel() / 2 and match.same.sum() > 60
    random = torch.Generator().manual_seed(1)
    return *(torch.randn(4, n, 5, generator=random, dtype=torch.float64) for n in (4, 6)), match


def everyone(b, p):
    """Equal views: patch i of one view and patch i of the other are partners, and nothing shows the same."""
    index = torch.arange(p)
    partner = torch.cat([index + p, index]).expand(b, -1)
    return Match(partner, torch.zeros(b, 2 * p, 2 * p, dtype=torch.bool))


def value_and_gradient(loss, *z):
    given = [x.clone().requires_grad_() for x in z]
    value = loss(*given)
    return value.detach(), *torch.autograd.grad(value, given)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_equals_the_loops_in_value_and_gradient(case, temperature):
    *z, match = case
    mine = value_and_gradient(lambda a, b: patch_info_nce(a, b, match, temperature), *z)
    theirs = value_and_gradient(lambda a, b: naive(a, b, match, temperature), *z)
    torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-12)


def test_gradcheck(case):
    z, match = [x[:2, :, :3].clone().requires_grad_() for x in case[:2]], Match(*(part[:2] for part in case[2]))
    assert torch.autograd.gradcheck(lambda a, b: patch_info_nce(a, b, match, 0.3, chunk=8), z)


@pytest.mark.parametrize("chunk", [1, 3, 7, 1000])
def test_chunks_change_nothing(case, chunk):
    *z, match = case
    whole = value_and_gradient(lambda a, b: patch_info_nce(a, b, match, 0.2, chunk=10**6), *z)
    parts = value_and_gradient(lambda a, b: patch_info_nce(a, b, match, 0.2, chunk=chunk), *z)
    torch.testing.assert_close(parts, whole, rtol=1e-12, atol=1e-14)


def test_both_directions_count_alike(case):
    """The views change places, and so do their patches; order of images, scale and a rotation change nothing."""
    a, b, match = case
    loss = patch_info_nce(a, b, match)
    order = torch.tensor([4, 5, 6, 7, 8, 9, 0, 1, 2, 3])
    partner = match.partner[:, order]
    partner = torch.where(partner < 0, -1, torch.where(partner < 4, partner + 6, partner - 4))
    swapped = Match(partner, match.same[:, order][:, :, order])
    mixed = torch.tensor([2, 0, 3, 1])
    turn = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))[0]
    for other in (
        patch_info_nce(b, a, swapped),
        patch_info_nce(a[mixed], b[mixed], Match(match.partner[mixed], match.same[mixed])),
        patch_info_nce(a * 7, b / 3, match),
        patch_info_nce(a @ turn, b @ turn, match),
    ):
        torch.testing.assert_close(other, loss, rtol=1e-12, atol=1e-12)


def test_one_direction_alone_is_half_of_it(case):
    a, b, match = case
    halves = []
    for kept in (slice(4), slice(4, None)):
        partner = torch.full_like(match.partner, -1)
        partner[:, kept] = match.partner[:, kept]
        halves.append((patch_info_nce(a, b, Match(partner, match.same)), (partner >= 0).sum()))
    whole = sum(loss * n for loss, n in halves) / sum(n for _, n in halves)
    torch.testing.assert_close(patch_info_nce(a, b, match), whole, rtol=1e-12, atol=1e-12)
    assert abs(halves[0][0] - halves[1][0]) > 0.01


@pytest.mark.parametrize(("b", "p"), [(2, 1), (3, 4), (5, 16)])
def test_identical_embeddings_give_chance_level_and_one_place_an_image_is_simclr(b, p):
    z = torch.ones(b, p, 4, dtype=torch.float64)
    assert abs(patch_info_nce(z, z, everyone(b, p)).item() - math.log(2 * b * p - 1)) < 1e-12
    za, zb = (torch.randn(b * p, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(n)) for n in (0, 1))
    loss = patch_info_nce(za.view(b, p, 4), zb.view(b, p, 4), everyone(b, p), 0.2)
    torch.testing.assert_close(loss, info_nce(za, zb, 0.2), rtol=1e-12, atol=1e-12)


def test_patches_that_all_find_themselves_have_a_closed_form():
    """Each of BP places is a unit vector of its own in both views: L = log(e^(1/tau) + 2BP - 2) - 1/tau."""
    z = torch.eye(12, dtype=torch.float64).view(3, 4, 12)
    for tau in (0.1, 0.5):
        loss = patch_info_nce(z, z, everyone(3, 4), tau)
        assert abs(loss.item() - (math.log(math.exp(1 / tau) + 22) - 1 / tau)) < 1e-9


def test_what_shows_the_same_is_no_negative_and_what_one_view_alone_shows_is_one():
    """Patch 0 is the anchor, 3 its positive; 1 shares the anchor's place, 4 the positive's, 5 has no partner."""
    z = torch.randn(1, 6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    partner = torch.tensor([[3, -1, -1, -1, -1, -1]])
    same = torch.zeros(1, 6, 6, dtype=torch.bool)
    for i, j in ((0, 3), (0, 1), (3, 4)):
        same[0, i, j] = same[0, j, i] = True
    _, *gradients = value_and_gradient(lambda a, b: patch_info_nce(a, b, Match(partner, same)), z[:, :3], z[:, 3:])
    moved = torch.cat(gradients, dim=1).norm(dim=2)[0] > 1e-9
    assert moved.tolist() == [True, False, True, True, False, True]


def test_without_a_partner_there_is_no_loss_and_no_gradient():
    z = torch.randn(3, 4, 5)
    match = Match(torch.full((3, 8), -1), torch.zeros(3, 8, 8, dtype=torch.bool))
    loss, *gradients = value_and_gradient(lambda a, b: patch_info_nce(a, b, match), z, z)
    assert loss == 0 and all((g == 0).all() for g in gradients)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_does_not_overflow(case, dtype):
    *z, match = case
    a, b = ((x * 300).to(dtype) for x in z)
    loss, *gradients = value_and_gradient(lambda a, b: patch_info_nce(a, b, match, 0.01), a, b)
    assert loss.isfinite() and all(g.isfinite().all() for g in gradients)
    assert abs(loss - patch_info_nce(a.double(), b.double(), match, 0.01)) < 0.02
    with torch.autocast("cpu", dtype=torch.bfloat16):  # recomputed outside of it, in the backward pass
        given = [x.float().requires_grad_() for x in (a, b)]
        inside = patch_info_nce(*given, match, 0.01)
    inside = inside.detach(), *torch.autograd.grad(inside, given)
    outside = value_and_gradient(lambda a, b: patch_info_nce(a, b, match, 0.01), a.float(), b.float())
    torch.testing.assert_close(inside, outside)


class Largest(TorchDispatchMode):
    """How many numbers the largest tensor holds that is made inside."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        made = [x.numel() for x in (out if isinstance(out, (tuple, list)) else [out]) if isinstance(x, torch.Tensor)]
        self.numbers = max([self.numbers, *made])
        return out


def test_memory_grows_with_the_chunk_and_not_with_the_square_of_the_patches():
    b, p, chunk = 16, 16, 32
    n, z = 2 * b * p, torch.randn(2, b, p, 8)
    kept = []
    with Largest() as held, saved_tensors_hooks(lambda x: kept.append(x.numel()) or x, lambda x: x):
        value_and_gradient(lambda a, b: patch_info_nce(a, b, everyone(16, 16), chunk=chunk), *z)
    assert held.numbers == chunk * n and sum(kept) < 2 * chunk * n  # of the forward pass, for the backward pass
    with Largest() as held:
        value_and_gradient(lambda a, b: patch_info_nce(a, b, everyone(16, 16), chunk=n), *z)
    assert held.numbers == n * n


# --- regions -----------------------------------------------------------------------------------------------------


def test_a_region_has_the_same_mean_in_both_views_of_a_map_that_tells_the_place():
    """The map's features are the coordinates of its places in the image: a region's mean is its own centre."""
    thetas = [crop_theta(12, 64, 64, Draws(seed), scale=(0.4, 1.0)) for seed in (0, 1)]
    assert len({tuple(t[:, 0, 0].sign().tolist()) for t in thetas}) == 2
    boxes = region_boxes(*thetas, Draws(2), 5, (0.2, 0.5))
    assert boxes[0].equal(boxes[1])
    center = (boxes[0][..., :2] + boxes[0][..., 2:]) / 2
    for theta in thetas:
        places = F.affine_grid(theta, [12, 1, 24, 32], align_corners=False).permute(0, 3, 1, 2)  # (B, 2, h, w): x, y
        own = to_view(boxes[0], theta)
        inner = (own.abs() < 1 - 1.1 / 24).all(dim=2)  # beyond the last centre the map goes on unchanged
        assert inner.float().mean() > 0.5
        torch.testing.assert_close(pool_regions(places, own)[inner], center[inner], atol=2e-3, rtol=0)


def test_a_region_that_is_one_place_or_the_whole_map_is_its_mean():
    places = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    whole = torch.tensor([[[-1.0, -1.0, 1.0, 1.0]]]).expand(2, 1, 4)
    torch.testing.assert_close(pool_regions(places, whole)[:, 0], places.mean(dim=(2, 3)), atol=1e-5, rtol=0)
    half = torch.tensor([[[-1.0, -1.0, 0.0, 1.0]]]).expand(2, 1, 4)
    torch.testing.assert_close(pool_regions(places, half)[:, 0], places[..., :3].mean(dim=(2, 3)), atol=1e-5, rtol=0)
    assert pool_regions(places.bfloat16(), half).dtype == torch.float32


# --- the methods -------------------------------------------------------------------------------------------------


def test_the_gradient_is_that_of_the_formula_through_the_same_networks(seeded):
    method = PatchContrast(vit(), VIEWS, image_weight=0.3, patch_weight=0.7, out_dim=8, head_batch_norm=False).double()
    views = [view._replace(pixels=view.pixels.double()) for view in method.views(images(4), Draws(1))]
    sides = []
    for ours in (True, False):
        method.zero_grad()
        if ours:
            loss = method(views)["loss"]
        else:
            seen = [method.encoder.tokens(view.pixels) for view in views]
            whole = [method.projector(cls) for cls, _ in seen]
            local = [method.patch_projectors[0].head(patches) for _, patches in seen]
            match = match_patches(*(view.theta for view in views), (2, 2), (2, 2), 0.5, 0.1)
            loss = 0.3 * info_nce(*whole, 0.2) + 0.7 * naive(*local, match, 0.2)
        loss.backward()
        sides.append([loss.detach(), *(p.grad.clone() for p in method.parameters() if p.grad is not None)])
    assert len(sides[0]) > 15
    torch.testing.assert_close(*sides, rtol=1e-9, atol=1e-12)


def test_the_weights_are_those_of_the_two_losses(seeded):
    encoder = vit()
    losses = {}
    for image, patch in ((1.0, 0.0), (0.0, 1.0), (0.5, 2.0)):
        seed_everything(1)
        method = PatchContrast(encoder, VIEWS, image_weight=image, patch_weight=patch)
        out = method(method.views(images(6), Draws(0)))
        losses[image, patch] = out["loss"].item()
        assert math.isclose(
            out["loss"].item(), image * out["image_loss"].item() + patch * out["patch_loss"].item(), rel_tol=1e-6
        )
        assert out["z"].shape == (6, 128) and 0 < out["matched"] <= 1
    assert math.isclose(losses[0.5, 2.0], 0.5 * losses[1.0, 0.0] + 2 * losses[0.0, 1.0], rel_tol=1e-5)
    seed_everything(1)
    alone = SimCLR(encoder, VIEWS, temperature=0.2)
    assert math.isclose(alone(alone.views(images(6), Draws(0)))["loss"].item(), losses[1.0, 0.0], rel_tol=1e-6)


@pytest.mark.parametrize("name", ["patch_contrast", "region_contrast"])
@pytest.mark.parametrize("network", ["vit", "cnn"])
def test_it_learns_to_tell_places_apart(name, network, seeded):
    encoder = (
        vit() if network == "vit" else build_encoder("resnet_micro_cifar", image_size=16, width=8, blocks=(1, 1, 1))
    )
    plain = TwoViews(RandomView(16, scale=(0.3, 1.0), jitter=0.0, grayscale=0.0, blur=0.0))  # colours tell places apart
    method = build_method(name, encoder, plain)
    history = pretrain(method, images(32), steps=50, batch_size=16, lr=4e-3, progress=False, device="cpu", log_every=49)
    patches = 2 * 16 * {"region_contrast": 8, "vit": 4, "cnn": 16}.get(name if name[0] == "r" else network)
    chance = 0.5 * math.log(31) + 0.5 * math.log(patches - 1)
    assert history[-1]["chance"] == pytest.approx(chance) and history[-1]["loss"] < history[0]["loss"] - 0.4
    assert history[-1]["loss"] < chance - 0.8 and history[-1]["patch_loss"] < math.log(patches - 1) - 0.5
    assert {"image_loss", "matched", "feature_std"} <= set(history.columns)


def test_a_perturbed_match_is_another_loss(seeded):
    """The match is what the loss hangs on: mirrored without saying so in theta, the positives are wrong ones."""
    method = PatchContrast(
        build_encoder("resnet_micro_cifar", image_size=32, width=8),
        TwoViews(RandomView(32, flip=0.0, scale=(0.5, 1.0))),
    )
    pretrain(method, images(32, 40), steps=40, batch_size=16, lr=4e-3, progress=False, device="cpu")
    method.eval()
    views = method.views(images(32, 40), Draws(9))
    mirrored = views[1].theta.clone()
    mirrored[:, 0, 0] *= -1
    with torch.no_grad():
        right, wrong = method(views), method([views[0], views[1]._replace(theta=mirrored)])
    assert wrong["patch_loss"] > right["patch_loss"] + 0.3 and wrong["image_loss"] == right["image_loss"]


def test_region_contrast_trains_every_level_of_yolo12s_pyramid(seeded):
    encoder = build_encoder("yolo12n", image_size=64)
    method = RegionContrast(encoder, TwoViews(RandomView(64, scale=(0.3, 1.0))), regions=3, head_batch_norm=False)
    widths = [level.head.layers[0].in_features for level in method.patch_projectors]
    assert widths == [128, 128, 256] and method.projector.layers[0].in_features == encoder.dim
    method.eval()
    views = method.views(images(4, 80), Draws(0))
    out = method(views)
    out["patch_loss"].backward()
    for module in (*method.patch_projectors, encoder.model[0], encoder.model[8]):
        assert sum(p.grad.abs().sum() for p in module.parameters()) > 0
    levels = zip(*(encoder.pyramid(view.pixels) for view in views), strict=True)
    match, losses = method.match(views, []), []
    for project, level in zip(method.patch_projectors, levels, strict=True):
        z = [project(pool_regions(m, to_view(v.target, v.theta))) for m, v in zip(level, views, strict=True)]
        losses.append(naive(*(x.double() for x in z), match, 0.2))
    assert math.isclose(out["patch_loss"].item(), sum(losses).item() / 3, rel_tol=1e-4)


def test_patch_contrast_takes_the_last_map_of_an_encoder_with_a_pyramid(seeded):
    method = PatchContrast(build_encoder("yolo12n", image_size=64), TwoViews(RandomView(64)))
    assert len(method.patch_projectors) == 1 and method.places == 8
    assert method(method.views(images(3, 80), Draws(0)))["patch_loss"].isfinite()


def test_without_a_head_patches_are_the_features_themselves(seeded):
    method = PatchContrast(vit(), VIEWS, patch_layers=0)
    assert not list(method.patch_projectors.parameters())
    views = method.views(images(4), Draws(0))
    z = [method.encoder.tokens(view.pixels)[1] for view in views]
    match = match_patches(*(view.theta for view in views), (2, 2), (2, 2))
    torch.testing.assert_close(method(views)["patch_loss"], patch_info_nce(*z, match, 0.2))


@pytest.mark.parametrize("kind", [PatchContrast, RegionContrast])
def test_a_map_of_one_place_is_told_before_training(kind):
    encoder = build_encoder("resnet_micro", width=4)  # stride 32
    state = {name: value.clone() for name, value in encoder.state_dict().items()}
    with pytest.raises(
        CourseError, match=rf"{kind.__name__} compares places.*view of 32 px.*single one.*views of 64 px"
    ):
        kind(encoder, TwoViews(RandomView(32)))
    kind(encoder, TwoViews(RandomView(64)))
    with pytest.raises(CourseError, match="MultiCrop makes 3. Take TwoViews"):
        kind(encoder, MultiCrop(RandomView(64), RandomView(64), n_small=1))
    assert encoder.training and all(value.equal(state[name]) for name, value in encoder.state_dict().items())


def test_settings_that_make_no_sense_are_told():
    with pytest.raises(CourseError, match="both 0"):
        PatchContrast(vit(), VIEWS, image_weight=0, patch_weight=0)
    for sides in ((0.0, 0.5), (0.6, 0.5), (0.2, 1.5), (0.5,), 0.5):
        with pytest.raises(CourseError, match="region_sides is .*: give two shares"):
            RegionContrast(vit(), VIEWS, region_sides=sides)


def test_views_that_do_not_meet_have_no_positives_among_their_patches(seeded):
    method = PatchContrast(vit(), VIEWS)
    theta = torch.tensor([[[0.2, 0, -0.8], [0, 0.2, -0.8]]]).repeat(4, 1, 1)
    other = theta * torch.tensor([1.0, 1.0, -1.0])
    out = method([View(torch.randn(4, 3, 16, 16), where) for where in (theta, other)])
    assert out["matched"] == 0 and out["patch_loss"] == 0 and out["image_loss"] > 0
    out["loss"].backward()
