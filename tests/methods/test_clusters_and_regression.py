"""Sinkhorn, SwAV, BYOL, SimSiam and LeJEPA: each objective against its formula, and the mistakes that others made."""

import math

import pytest
import torch
import torch.nn.functional as F
from scipy.integrate import quad
from torch import nn

from coursekit.draws import Draws
from coursekit.methods.byol import BYOL, cosine_regression
from coursekit.methods.diagnostics import assignment_entropy, feature_std
from coursekit.methods.lejepa import LeJEPA, agreement, sigreg
from coursekit.methods.simsiam import SimSiam, negative_cosine
from coursekit.methods.sinkhorn import sinkhorn
from coursekit.methods.swav import SwAV, swapped_prediction
from coursekit.models import build_encoder
from coursekit.training import pretrain

QUIET = {"progress": False, "device": "cpu"}


def images(n=16):
    return torch.randint(0, 256, (n, 3, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def made(kind, **settings):
    torch.manual_seed(0)
    encoder = build_encoder("vit_micro", image_size=16, dim=16, depth=1, heads=2)
    return kind(encoder, settings.pop("views", kind.default_views(16)), **settings)


def rows(n, d, seed, dtype=torch.float64):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def naive_sinkhorn(scores, epsilon, iterations):
    """SwAV's pseudo-code, with exponentials."""
    q = (scores / epsilon).exp().T
    q = q / q.sum()
    clusters, batch = q.shape
    for _ in range(iterations):
        q = q / q.sum(dim=1, keepdim=True) / clusters
        q = q / q.sum(dim=0, keepdim=True) / batch
    return (q * batch).T


@pytest.mark.parametrize("iterations", [1, 3, 10])
def test_sinkhorn_equals_the_exponentials_and_its_rows_sum_to_one(iterations):
    scores = F.normalize(rows(12, 5, 0), dim=1)
    codes = sinkhorn(scores, 0.05, iterations)
    torch.testing.assert_close(codes, naive_sinkhorn(scores, 0.05, iterations), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(codes.sum(dim=1), torch.ones(12, dtype=torch.float64))


def test_sinkhorn_uses_all_clusters_alike_and_stays_finite():
    scores = rows(40, 4, 1)
    scores[:, 0] += 5  # everything would like cluster 0
    assert scores.argmax(dim=1).eq(0).float().mean() > 0.9
    used = sinkhorn(scores, 0.5, 50).sum(dim=0)
    torch.testing.assert_close(used, torch.full((4,), 10.0, dtype=torch.float64), rtol=1e-3, atol=1e-3)
    for scores in (rows(8, 4, 2).half() * 1000, torch.zeros(8, 4), rows(8, 4, 2, torch.float32) * 1e4):
        codes = sinkhorn(scores, 0.05)
        assert codes.isfinite().all() and codes.dtype == torch.float32
        torch.testing.assert_close(codes.sum(dim=1), torch.ones(8))


def test_without_iterations_it_is_a_softmax():
    scores = rows(8, 4, 3)
    torch.testing.assert_close(sinkhorn(scores, 0.1, 0), (scores / 0.1).softmax(dim=1))


def test_swapped_prediction_equals_the_double_loop_and_skips_the_view_itself():
    scores = [rows(6, 5, k).requires_grad_() for k in range(4)]
    codes = [sinkhorn(score) for score in scores[:2]]
    total, count = 0.0, 0
    for k in range(2):
        for j in range(4):
            if j != k:
                for b in range(6):
                    p = (scores[j][b] / 0.1).exp() / (scores[j][b] / 0.1).exp().sum()
                    total, count = total - (codes[k][b] * p.log()).sum() / 6, count + (b == 0)
    mine = swapped_prediction(scores, codes, 0.1)
    torch.testing.assert_close(mine, total / count, rtol=1e-10, atol=1e-12)
    for one, other in zip(torch.autograd.grad(mine, scores), torch.autograd.grad(total / count, scores), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-12)
    even = [torch.zeros(6, 5)] * 2
    assert swapped_prediction(even, [torch.full((6, 5), 0.2)] * 2).item() == pytest.approx(math.log(5))


def test_swapped_prediction_equals_lightlys():
    loss = pytest.importorskip("lightly.loss", reason="lightly is a development-only oracle").SwaVLoss
    scores = [F.normalize(rows(8, 6, k, torch.float32), dim=1) for k in range(4)]
    mine = swapped_prediction(scores, [sinkhorn(score) for score in scores[:2]], 0.1)
    torch.testing.assert_close(mine, loss(temperature=0.1)(scores[:2], scores[2:]).squeeze(), rtol=1e-4, atol=1e-5)


def test_prototypes_have_unit_length_stand_still_at_first_and_are_used():
    method = made(SwAV, prototypes=6, out_dim=8, freeze=0.5)
    first = method.clusters.weight.detach().clone()
    torch.testing.assert_close(first.norm(dim=1), torch.ones(6))
    moved = []
    pretrain(
        method,
        images(),
        steps=8,
        batch_size=8,
        log_every=1,
        lr=0.01,
        on_log=lambda _: moved.append(not torch.allclose(method.clusters.weight, first, rtol=0, atol=1e-6)),
        **QUIET,
    )
    assert moved[:4] == [False] * 4 and moved[-1]
    torch.testing.assert_close(method.clusters.weight.norm(dim=1), torch.ones(6))


def test_swavs_queue_takes_part_once_it_is_full():
    method = made(SwAV, prototypes=6, out_dim=8, queue_size=32)
    scores = rows(8, 6, 0, torch.float32)
    alone = method.assign(scores)
    torch.testing.assert_close(alone, sinkhorn(scores))
    for seed in range(4):
        method.queue.push(F.normalize(rows(8, 8, seed, torch.float32), dim=1))
    with_past = method.assign(scores)
    assert with_past.shape == alone.shape and not torch.allclose(with_past, alone)
    torch.testing.assert_close(with_past.sum(dim=1), torch.ones(8))


def test_entropy_of_assignments_tells_one_cluster_from_all():
    assert assignment_entropy(torch.eye(4)).item() == pytest.approx(1)
    assert assignment_entropy(torch.eye(4)[[0, 0, 0]]).item() == pytest.approx(0)


def test_cosine_regression_is_the_squared_distance_of_unit_vectors():
    p, z = rows(7, 5, 0).requires_grad_(), rows(7, 5, 1).requires_grad_()
    apart = (F.normalize(p, dim=1) - F.normalize(z, dim=1)).square().sum(dim=1).mean()
    torch.testing.assert_close(cosine_regression(p, z), apart, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(negative_cosine(p, z), apart / 2 - 1, rtol=1e-10, atol=1e-12)
    cosine_regression(p, z).backward()
    assert z.grad is None and p.grad is not None
    negative_cosine(p, z, stop_gradient=False).backward()
    assert z.grad is not None


def test_negative_cosine_equals_lightlys():
    loss = pytest.importorskip("lightly.loss", reason="lightly is a development-only oracle").NegativeCosineSimilarity
    p, z = rows(7, 5, 0), rows(7, 5, 1)
    torch.testing.assert_close(negative_cosine(p, z), loss()(p, z))


@pytest.mark.parametrize("kind", [BYOL, SimSiam])
def test_both_directions_count_and_batch_norm_sees_each_view_alone(kind):
    method = made(kind)
    a, b = method.views(images(), Draws(0))
    there, back = method([a, b])["loss"], method([b, a])["loss"]
    torch.testing.assert_close(there, back, rtol=1e-4, atol=1e-5)
    z = method([a, b])["z"]
    other = b._replace(pixels=b.pixels * 3)
    torch.testing.assert_close(method([a, other])["z"], z)


def test_byols_teacher_follows_after_the_step_and_its_momentum_ends_at_one():
    method = made(BYOL, momentum=0.5)
    student = nn.Sequential(method.encoder, method.projector)
    with torch.no_grad():
        for p in student.parameters():
            p.add_(0.1)
    old = [p.clone() for p in method.teacher.parameters()]
    method.after_step({}, 1.0)
    assert all(mine.equal(before) for mine, before in zip(method.teacher.parameters(), old, strict=True))
    method.after_step({}, 0.0)
    for mine, before, theirs in zip(method.teacher.parameters(), old, student.parameters(), strict=True):
        torch.testing.assert_close(mine.data, (before.data + theirs.data) / 2)


def test_without_stop_gradient_and_predictor_everything_falls_onto_one_direction():
    x = rows(64, 8, 0, torch.float32) + 1.0  # a network with a constant part to fall onto
    torch.manual_seed(0)
    network = nn.Linear(8, 4)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    before = feature_std(network(x))
    for step in range(400):
        a, b = (x + 0.5 * rows(64, 8, 2 * step + k, torch.float32) for k in (1, 2))
        optimizer.zero_grad()
        negative_cosine(network(a), network(b), stop_gradient=False).backward()
        optimizer.step()
    assert feature_std(network(x)) < 0.15 * before


def test_sigreg_equals_the_integral():
    z = rows(9, 3, 0)
    lines = F.normalize(rows(3, 4, 1), dim=0)

    def inside(t, x):
        real, imaginary = (x * t).cos().mean().item(), (x * t).sin().mean().item()
        return ((real - math.exp(-t * t / 2)) ** 2 + imaginary**2) * math.exp(-t * t / 2)

    exact = [9 * quad(inside, -5, 5, args=(z @ lines[:, k],), limit=200)[0] for k in range(4)]
    assert sigreg(z, lines, points=2001).item() == pytest.approx(sum(exact) / 4, rel=1e-4)
    assert sigreg(z, lines).item() == pytest.approx(sum(exact) / 4, rel=0.02)
    assert torch.autograd.gradcheck(lambda x: sigreg(x, lines), z.requires_grad_())


def test_sigreg_is_small_for_a_gaussian_and_large_for_a_collapse():
    lines = F.normalize(rows(8, 64, 1), dim=0)
    normal = sigreg(rows(2000, 8, 2), lines)
    for other in (torch.zeros(2000, 8), rows(2000, 8, 2) * 3, rows(2000, 8, 2) + 1, rows(2000, 1, 2).expand(-1, 8)):
        assert sigreg(other.double(), lines) > 10 * normal


def test_agreement_is_measured_from_the_mean_of_the_large_views():
    z = rows(15, 4, 0).view(3, 5, 4)
    centre = (z[0] + z[1]) / 2
    wanted = sum((z[v, n] - centre[n]).square().sum() for v in range(3) for n in range(5)) / z.numel()
    torch.testing.assert_close(agreement(z, 2), wanted)


def test_lejepa_looks_along_new_lines_in_every_step_the_same_for_every_process():
    method = made(LeJEPA, out_dim=8, directions=16)
    seen = []
    for step, rank in ((0, 0), (0, 1), (1, 0)):
        method.views(images(4), Draws(0, step, rank, 2))
        seen.append(method.lines.clone())
    assert seen[0].equal(seen[1]) and not seen[0].equal(seen[2])
    torch.testing.assert_close(seen[0].norm(dim=0), torch.ones(16))
