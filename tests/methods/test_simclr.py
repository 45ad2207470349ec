"""SimCLR: InfoNCE against a double loop, closed forms, gradcheck and lightly; the module's gradient."""

import math

import pytest
import torch
import torch.nn.functional as F

from coursekit.draws import Draws
from coursekit.methods import SimCLR, build_method, info_nce
from coursekit.methods.diagnostics import alignment, effective_rank, feature_std, uniformity
from coursekit.models import build_encoder
from coursekit.views import RandomView, TwoViews

VIEWS = TwoViews(RandomView(16))


def naive(z_a, z_b, temperature):
    """The formula, letter by letter."""
    z = torch.cat([z_a, z_b])
    n, total = len(z_a), 0.0
    for i in range(2 * n):
        j = i + n if i < n else i - n
        s = [F.cosine_similarity(z[i], z[k], dim=0) / temperature for k in range(2 * n)]
        total += -(s[j] - torch.logsumexp(torch.stack([s[k] for k in range(2 * n) if k != i]), 0))
    return total / (2 * n)


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randn(7, 5, generator=generator, dtype=torch.float64) for _ in range(2))


@pytest.mark.parametrize("temperature", [0.05, 0.1, 0.5, 2.0])
def test_equals_the_double_loop(pair, temperature):
    torch.testing.assert_close(info_nce(*pair, temperature), naive(*pair, temperature), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n", [2, 8, 100])
def test_identical_embeddings_give_chance_level(n):
    z = torch.ones(n, 4, dtype=torch.float64)
    assert abs(info_nce(z, z).item() - math.log(2 * n - 1)) < 1e-12
    assert SimCLR(build_encoder("vit_micro", image_size=16), VIEWS).chance_level(n) == math.log(2 * n - 1)


def test_orthogonal_images_have_a_closed_form():
    """Both views of image i are the unit vector e_i: L = log(e^(1/tau) + 2N - 2) - 1/tau."""
    z = torch.eye(6, dtype=torch.float64)
    for tau in (0.1, 0.5):
        assert abs(info_nce(z, z, tau).item() - (math.log(math.exp(1 / tau) + 10) - 1 / tau)) < 1e-9


def test_gradcheck(pair):
    assert torch.autograd.gradcheck(lambda a, b: info_nce(a, b, 0.3), tuple(z.requires_grad_() for z in pair))


def test_equals_lightly(pair):
    loss = pytest.importorskip("lightly.loss", reason="lightly is a development-only oracle").NTXentLoss
    for temperature in (0.07, 0.1, 0.5):
        assert abs(info_nce(*pair, temperature).item() - loss(temperature=temperature)(*pair).item()) < 1e-6


def test_does_not_depend_on_scale_order_or_rotation(pair):
    loss = info_nce(*pair)
    permuted = torch.randperm(7)
    rotation = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))[0]
    for other in (
        info_nce(pair[0] * 9, pair[1] / 5),
        info_nce(pair[1], pair[0]),
        info_nce(pair[0][permuted], pair[1][permuted]),
        info_nce(pair[0] @ rotation, pair[1] @ rotation),
    ):
        torch.testing.assert_close(other, loss)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_does_not_overflow(pair, dtype):
    a, b = ((z * 300).to(dtype) for z in pair)
    loss = info_nce(a, b, 0.01)
    assert loss.isfinite() and abs(loss - info_nce(a.double(), b.double(), 0.01)) < 0.02
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = info_nce(a.float(), b.float(), 0.01)
    torch.testing.assert_close(inside, info_nce(a.float(), b.float(), 0.01))


def test_the_positive_is_pulled_and_the_most_similar_negative_pushed_hardest():
    """Each negative leans towards the anchor by its own cosine and away along an axis of its own, which tells the pushes
    apart in the anchor's gradient."""
    cosine = torch.tensor([0.9, 0.5, 0.1], dtype=torch.float64)
    sine = (1 - cosine.square()).sqrt()
    anchor, negatives = torch.eye(1, 5, dtype=torch.float64), torch.zeros(3, 5, dtype=torch.float64)
    negatives[:, 0], negatives[:, 1:4] = cosine, torch.diag(sine)
    z_a = torch.cat([anchor, negatives]).requires_grad_()
    z_b = z_a.detach().clone()
    z_b[0] = F.normalize(torch.tensor([1.0, 0.0, 0.0, 0.0, 0.5], dtype=torch.float64), dim=0)  # the positive, on axis 4
    info_nce(z_a, z_b, 0.2).backward()
    push = z_a.grad[0, 1:4] / sine  # > 0: downhill leads away
    assert push[0] > push[1] > push[2] > 0 > z_a.grad[0, 4]


def test_parameters_after_one_step_are_those_of_the_formula(seeded):
    """One SGD step through the module equals one step on the double loop: nothing between encoder and loss is lost."""
    method = build_method(
        "simclr", build_encoder("vit_micro", image_size=16, dim=16, depth=1, heads=2), VIEWS, head_batch_norm=False
    )
    views = method.views(torch.randint(0, 255, (5, 3, 20, 20), dtype=torch.uint8), Draws(0))
    z = [method.projector(method.encoder(v.pixels)) for v in views]
    expected = torch.autograd.grad(naive(*z, 0.1), list(method.projector.parameters()))
    method(views)["loss"].backward()
    for parameter, gradient in zip(method.projector.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-5)
    assert method.encoder.patch_embed.weight.grad.abs().sum() > 0


def test_batch_norm_sees_one_view_at_a_time(seeded):
    """The two views go through the network separately, as in the paper's code: statistics are per view."""
    method = SimCLR(build_encoder("resnet_micro", width=4), TwoViews(RandomView(32)))
    calls = []
    method.encoder.register_forward_hook(lambda m, i, o: calls.append(len(i[0])))
    method(method.views(torch.randint(0, 255, (6, 3, 32, 32), dtype=torch.uint8), Draws(0)))
    assert calls == [6, 6]


def test_diagnostics_have_their_closed_forms():
    e = torch.eye(4)
    assert alignment(e, 3 * e) == 0 and alignment(e, -e) == 4
    assert uniformity(torch.ones(5, 3)) == 0 and abs(uniformity(e) - -4) < 1e-6  # squared distance 2, times -2
    assert feature_std(torch.ones(5, 3)) == 0
    two = torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])
    assert abs(effective_rank(two) - 2) < 1e-5 and abs(effective_rank(torch.eye(5)) - 4) < 1e-5  # centred: one fewer
    line = torch.arange(6.0)[:, None] * torch.tensor([[1.0, 2.0, -1.0]])
    assert abs(effective_rank(line) - 1) < 1e-5 and abs(effective_rank(torch.ones(4, 3)) - 1) < 1e-5
