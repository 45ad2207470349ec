"""Every objective a second time, in another algebra, and in lightly's: values and gradients, in float64.

lightly (MIT) is a development-only oracle. Where it has no such loss, the other side is the formula with loops, or a
closed form that shares nothing with ours.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from scipy.special import i0, logsumexp, ndtri

from coursekit.draws import Draws
from coursekit.methods import build_method, method_class
from coursekit.methods.byol import cosine_regression
from coursekit.methods.colorization import color_regression
from coursekit.methods.diagnostics import alignment, assignment_entropy, effective_rank, feature_std, uniformity
from coursekit.methods.lejepa import agreement, sigreg
from coursekit.methods.masked_patches import masked_error
from coursekit.methods.moco import info_nce_with_queue
from coursekit.methods.patch_contrast import patch_info_nce
from coursekit.methods.patch_matching import Match
from coursekit.methods.rotation import classify
from coursekit.methods.simclr import info_nce
from coursekit.methods.simsiam import negative_cosine
from coursekit.methods.sinkhorn import sinkhorn
from coursekit.methods.swav import swapped_prediction
from coursekit.models import build_encoder

TIGHT = {"rtol": 1e-9, "atol": 1e-12}


@pytest.fixture(scope="module")
def losses():
    return pytest.importorskip("lightly.loss", reason="lightly is a development-only oracle")


def rows(n, d, seed, dtype=torch.float64):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def assert_same_value_and_gradient(mine, theirs, *inputs, **close):
    """Two functions of the same tensors agree, and so do their gradients."""
    sides = []
    for side in (mine, theirs):
        given = [x.clone().requires_grad_() for x in inputs]
        value = side(*given).squeeze()
        sides.append([value.detach(), *torch.autograd.grad(value, given, allow_unused=True, materialize_grads=True)])
    assert any(gradient.abs().sum() > 1e-6 for gradient in sides[0][1:])
    for a, b in zip(*sides, strict=True):
        torch.testing.assert_close(a, b, **(close or TIGHT))


# --- contrast ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_info_nce_is_lightlys(losses, temperature):
    given = rows(9, 6, 0), rows(9, 6, 1)
    assert_same_value_and_gradient(lambda a, b: info_nce(a, b, temperature), losses.NTXentLoss(temperature), *given)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_info_nce_with_a_queue_is_lightlys(losses, temperature):
    q, k, negatives = rows(6, 4, 1), F.normalize(rows(6, 4, 2), dim=1), F.normalize(rows(20, 4, 3), dim=1)

    def theirs(query):
        loss = losses.NTXentLoss(temperature, memory_bank_size=(20, 4))
        loss.memory_bank.bank = negatives.clone()
        return loss(query, k)

    assert_same_value_and_gradient(lambda query: info_nce_with_queue(query, k, negatives, temperature), theirs, q)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_patch_info_nce_of_places_that_are_all_apart_is_lightlys(losses, temperature):
    """3 images of 4 places, all seen twice and none near another, are 12 things to tell apart."""
    places = torch.arange(4)
    match = Match(torch.cat([places + 4, places]).expand(3, -1), torch.zeros(3, 8, 8, dtype=torch.bool))

    def mine(a, b):
        return patch_info_nce(a.view(3, 4, 6), b.view(3, 4, 6), match, temperature, chunk=5)

    assert_same_value_and_gradient(mine, losses.NTXentLoss(temperature), rows(12, 6, 0), rows(12, 6, 1))


# --- clusters ----------------------------------------------------------------------------------------------------


def dual_sinkhorn(scores, epsilon, iterations):
    """Sinkhorn by potentials in NumPy: a price f of each cluster and g of each image, in float64 and logarithms."""
    logs = scores.double().numpy() / epsilon
    b, k = logs.shape
    f, g = torch.zeros(k).double().numpy(), torch.zeros(b).double().numpy()
    for _ in range(iterations):
        f = math.log(b / k) - logsumexp(logs + g[:, None], axis=0)
        g = -logsumexp(logs + f, axis=1)
    return torch.from_numpy(logs + f + g[:, None]).exp()


@pytest.mark.parametrize(("b", "k", "iterations"), [(12, 5, 3), (4, 30, 3), (16, 16, 1), (7, 3, 20)])
def test_sinkhorn_is_lightlys_and_that_of_the_potentials(losses, b, k, iterations):
    from lightly.loss.swav_loss import sinkhorn as theirs

    scores = F.normalize(rows(b, k, 0), dim=1)
    codes = sinkhorn(scores, 0.05, iterations)
    torch.testing.assert_close(codes, theirs(scores, iterations, 0.05), **TIGHT)
    torch.testing.assert_close(codes, dual_sinkhorn(scores, 0.05, iterations), **TIGHT)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("size", [1.0, 40.0, 2000.0])
def test_sinkhorn_keeps_to_the_reference_where_exponentials_overflow(dtype, size):
    scores = (rows(24, 6, 3) * size).to(dtype)  # / 0.05: logits of up to 100,000, whose exponential no float holds
    codes = sinkhorn(scores, 0.05)
    assert codes.dtype == torch.float32 and codes.isfinite().all()
    torch.testing.assert_close(codes.sum(dim=1), torch.ones(24))
    rounding = size * 3 / 0.05 * torch.finfo(torch.float32).eps  # of a logit
    torch.testing.assert_close(codes.double(), dual_sinkhorn(scores, 0.05, 3), rtol=0, atol=1e-6 + 4 * rounding)


@pytest.mark.parametrize("n_small", [0, 3])
def test_swapped_prediction_is_lightlys(losses, n_small):
    scores = [F.normalize(rows(8, 6, view), dim=1) for view in range(2 + n_small)]

    def mine(*given):
        return swapped_prediction(list(given), [sinkhorn(score) for score in given[:2]], 0.1)

    def theirs(*given):
        return losses.SwaVLoss(temperature=0.1)(list(given[:2]), list(given[2:]))

    assert_same_value_and_gradient(mine, theirs, *scores)


# --- regression --------------------------------------------------------------------------------------------------


def test_cosine_regression_and_negative_cosine_are_lightlys(losses):
    theirs, (p, z) = losses.NegativeCosineSimilarity(), (rows(7, 5, 0), rows(7, 5, 1))
    assert_same_value_and_gradient(lambda x: negative_cosine(x, z), lambda x: theirs(x, z), p)
    assert_same_value_and_gradient(lambda x: cosine_regression(x, z), lambda x: 2 + 2 * theirs(x, z), p)
    assert_same_value_and_gradient(lambda x, y: negative_cosine(x, y, stop_gradient=False), theirs, p, z)


def test_the_gradient_of_cosine_regression_lies_across_the_prediction():
    """d(2 - 2 cos) / dp = -2 / (N |p|) (t - cos p) for unit vectors p and t: it turns p, and cannot lengthen it."""
    p, z = rows(7, 5, 0).requires_grad_(), rows(7, 5, 1)
    (gradient,) = torch.autograd.grad(cosine_regression(p, z), p)
    length = p.detach().norm(dim=1, keepdim=True)
    unit, target = p.detach() / length, z / z.norm(dim=1, keepdim=True)
    cosine = (unit * target).sum(dim=1, keepdim=True)
    torch.testing.assert_close(gradient, -2 / 7 * (target - cosine * unit) / length, **TIGHT)
    assert (gradient * unit).sum(dim=1).abs().max() < 1e-12
    assert torch.autograd.gradcheck(lambda x: cosine_regression(x, z), p)


# --- the test of normality ---------------------------------------------------------------------------------------


def epps_pulley(z, directions):
    """The same integral over the whole line, solved: sums of bells of all distances, no characteristic function."""
    total = 0.0
    for direction in directions.T:
        x, n = z @ direction, len(z)
        pairs = sum((-((x[i] - x) ** 2) / 2).exp().sum() for i in range(n)) * math.sqrt(2 * math.pi) / n
        total = total + pairs - 2 * math.sqrt(math.pi) * (-(x**2) / 4).exp().sum() + n * math.sqrt(2 * math.pi / 3)
    return total / directions.shape[1]


def test_sigreg_is_the_solved_integral():
    z, lines = rows(20, 3, 0) * 1.5 + 0.3, F.normalize(rows(3, 7, 1), dim=0)
    assert_same_value_and_gradient(lambda x: sigreg(x, lines, points=81, reach=8.0), lambda x: epps_pulley(x, lines), z)


def test_sigreg_and_agreement_are_lightlys(losses):
    from lightly.loss.lejepa_loss import SIGReg, lejepa_invariance_loss

    lines = F.normalize(rows(4, 9, 1), dim=0)
    theirs = SIGReg(knots=9, t_max=5.0, num_vectors=9).double()
    theirs._generate_unit_vectors = lambda *given: lines
    assert_same_value_and_gradient(
        lambda x: sigreg(x, lines), theirs, rows(11, 4, 0), rtol=1e-6, atol=1e-7
    )  # its t: float32
    views = rows(15, 4, 0).view(3, 5, 4)
    invariance = lambda z: lejepa_invariance_loss(all_proj=z, global_proj=z[:2])  # noqa: E731
    assert_same_value_and_gradient(lambda z: agreement(z, 2), invariance, views)


def test_the_quantiles_of_a_normal_are_sigregs_minimum():
    n, line = 200, torch.ones(1, 1, dtype=torch.float64)
    quantiles = torch.from_numpy(ndtri((torch.arange(n).double() + 0.5).numpy() / n))[:, None]

    def slope(z):
        z = z.clone().requires_grad_()
        return torch.autograd.grad(sigreg(z, line), z)[0].norm()

    assert 0 <= sigreg(quantiles, line) < 2e-3
    for other in (quantiles * 1.2, quantiles * 0.8, quantiles + 0.2, quantiles.sign(), rows(n, 1, 0)):
        assert sigreg(other, line) > 20 * sigreg(quantiles, line) and slope(other) > 5 * slope(quantiles)


def test_sigreg_does_not_see_order_nor_a_rotation_of_everything():
    z, lines = rows(12, 5, 0), F.normalize(rows(5, 8, 1), dim=0)
    turn = torch.linalg.qr(rows(5, 5, 2))[0]
    for other in (sigreg(z[torch.randperm(12)], lines), sigreg(z @ turn, turn.T @ lines), sigreg(z, -lines)):
        torch.testing.assert_close(other, sigreg(z, lines), **TIGHT)
    assert not torch.isclose(sigreg(z @ turn, lines), sigreg(z, lines))


# --- pretext tasks -----------------------------------------------------------------------------------------------


def test_classification_is_the_log_of_the_right_share():
    target = torch.tensor([2, 0, 1, 3, 3])
    naive = lambda x: -sum((row.exp()[c] / row.exp().sum()).log() for row, c in zip(x, target, strict=True)) / 5  # noqa: E731
    assert_same_value_and_gradient(lambda x: classify(x, target), naive, rows(5, 4, 0))


def test_the_colour_loss_and_its_gradient_are_hubers():
    target = rows(2, 2 * 36, 1).view(2, 2, 6, 6) * 2

    def naive(x):
        means = torch.stack([target[..., 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean((2, 3)) for i, j in PLACES], dim=2)
        apart = (x.flatten(2) - means).abs()
        return sum(a**2 / 2 if a < 1 else a - 0.5 for a in apart.flatten()) / apart.numel()

    assert_same_value_and_gradient(lambda x: color_regression(x, target), naive, rows(2, 18, 0).view(2, 2, 3, 3))


PLACES = [(i, j) for i in range(3) for j in range(3)]


def test_the_masked_error_and_its_gradient_are_those_of_the_hidden_pixels():
    target, mask = (
        rows(2, 48, 1).view(2, 3, 4, 4),
        torch.tensor([[True, False, False, True], [False, True, False, True]]),
    )

    def naive(x):
        total = 0.0
        for b, patch in mask.nonzero().tolist():
            i, j = 2 * (patch // 2), 2 * (patch % 2)
            total = total + ((x - target)[b, :, i : i + 2, j : j + 2] ** 2).sum()
        return total / (4 * 3 * 4)  # hidden patches, channels, pixels of a patch

    assert_same_value_and_gradient(lambda x: masked_error(x, target, mask), naive, rows(2, 48, 0).view(2, 3, 4, 4))


# --- whole methods -----------------------------------------------------------------------------------------------


def simclr(method, views, losses):
    z = [method.projector(method.encoder(view)) for view in views]
    return losses.NTXentLoss(method.temperature)(*z)


def moco(method, views, losses):
    total = 0.0
    for query, key in (views, views[::-1]):
        loss = losses.NTXentLoss(method.temperature, memory_bank_size=tuple(method.queue.keys.shape))
        loss.memory_bank.bank = method.queue.keys.clone()
        total = total + loss(method.projector(method.encoder(query)), method.teacher(key).detach()) / 2
    return total


def swav(method, views, losses):
    scores = [method.clusters(F.normalize(method.projector(method.encoder(view)), dim=1)) for view in views]
    return losses.SwaVLoss(method.temperature, method.iterations, method.epsilon)(scores[:2], scores[2:])


def byol(method, views, losses):
    p = [method.predict(method.projector(method.encoder(view))) for view in views]
    targets = [method.teacher(view).detach() for view in views]
    loss = losses.NegativeCosineSimilarity()
    return 4 + 2 * loss(p[0], targets[1]) + 2 * loss(p[1], targets[0])


def simsiam(method, views, losses):
    z = [method.projector(method.encoder(view)) for view in views]
    loss, p = losses.NegativeCosineSimilarity(), [method.predict(part) for part in z]
    return (loss(p[0], z[1].detach()) + loss(p[1], z[0].detach())) / 2


def lejepa(method, views, losses):
    from lightly.loss.lejepa_loss import LeJEPALoss

    z = torch.stack([method.projector(method.encoder(view)) for view in views[:2]])
    small = torch.stack([method.projector(method.encoder(view)) for view in views[2:]])
    loss = LeJEPALoss(method.weight, sigreg_knots=9, sigreg_t_max=5.0).double()
    loss.sigreg._generate_unit_vectors = lambda *given: method.lines
    return loss(local_proj=small, global_proj=z)


@pytest.mark.parametrize("theirs", [simclr, moco, swav, byol, simsiam, lejepa], ids=lambda f: f.__name__)
def test_a_whole_method_has_the_gradient_of_lightlys_loss_around_the_same_networks(theirs, losses, seeded):
    kind = method_class(theirs.__name__)
    encoder = build_encoder("resnet_micro_cifar", image_size=16, width=4, blocks=(1, 1, 1))
    few = {"moco": {"queue_size": 24}, "swav": {"prototypes": 8}}.get(theirs.__name__, {})
    method = build_method(theirs.__name__, encoder, kind.default_views(16), **few)
    if hasattr(method, "teacher"):
        with torch.no_grad():  # a teacher that is not its student
            for weight in method.teacher.parameters():
                weight.mul_(1.1)
    images = torch.randint(0, 256, (8, 3, 20, 20), dtype=torch.uint8)
    views = [view._replace(pixels=view.pixels.double()) for view in method.views(images, Draws(0))]
    method.double()
    sides = []
    for loss in (method(views)["loss"], theirs(method, [view.pixels for view in views], losses).squeeze()):
        method.zero_grad()
        loss.backward()
        sides.append((loss.detach(), {n: p.grad.clone() for n, p in method.named_parameters() if p.grad is not None}))
    assert len(sides[0][1]) > 10 and not any(name.startswith("teacher") for name in sides[0][1])
    torch.testing.assert_close(sides[0], sides[1], rtol=1e-5, atol=1e-7)  # MoCo's keys are float32


# --- diagnostics -------------------------------------------------------------------------------------------------


def circle(n, turn=0.0):
    angle = torch.arange(n, dtype=torch.float64) * 2 * math.pi / n + turn
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def test_alignment_and_uniformity_have_their_closed_forms():
    for turn in (0.3, 1.0, 3.0):  # every partner is turned by the same angle
        assert alignment(circle(9), 5 * circle(9, turn)).item() == pytest.approx(2 - 2 * math.cos(turn), abs=1e-12)
        pair = circle(1, turn), circle(1)
        assert uniformity(torch.cat(pair)).item() == pytest.approx(-4 + 4 * math.cos(turn), abs=1e-5)
    for n in (3, 7):  # a regular simplex: all distances alike
        corners = torch.eye(n) - 1 / n
        assert uniformity(corners).item() == pytest.approx(-4 * n / (n - 1), rel=1e-5)
    n = 60  # a circle: the mean over all pairs, themselves included, is exp(-4) I0(4)
    expected = math.log((n * math.exp(-4) * i0(4.0) - 1) / (n - 1))
    assert uniformity(circle(n)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -3e-20, 1e15])
def test_a_collapse_has_finite_diagnostics(value):
    z = torch.full((32, 16), value)
    assert effective_rank(z).item() == pytest.approx(1, abs=1e-4) and feature_std(z).item() == pytest.approx(
        0, abs=1e-6
    )
    assert uniformity(z).item() == pytest.approx(0, abs=1e-5) and alignment(z, z) == 0
    one = torch.zeros(32, 16).index_fill_(1, torch.tensor([3]), 1.0)
    assert assignment_entropy(one) == 0


def test_rounding_is_no_direction_of_a_collapse():
    """A collapsed network gives equal features up to the last bits, which are noise of full rank."""
    z = torch.full((64, 16), 0.3) * (1 + torch.finfo(torch.float32).eps * rows(64, 16, 0, torch.float32))
    assert torch.linalg.matrix_rank(z.double() - z.double().mean(dim=0)) > 10
    assert effective_rank(z).item() == pytest.approx(1, abs=1e-4)
    assert effective_rank(z + 1e-3 * rows(64, 16, 1, torch.float32)).item() > 10
