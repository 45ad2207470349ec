"""The codebook: nearest codes, a gradient that passes by them, codes that follow on average, dead codes that come back."""

import math

import pytest
import torch
import torch.nn.functional as F

from coursekit.methods.codebook import Codebook, badly_told, nearest_code, perplexity, straight_through
from coursekit.methods.visual_tokenizer import quantized_error


def rows(n, d, seed=0, dtype=torch.float64):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def units(n, d, seed=0, dtype=torch.float32):
    return F.normalize(rows(n, d, seed, dtype), dim=1)


def test_the_nearest_code_is_the_double_loops():
    z, codebook = rows(30, 5), rows(7, 5, 1)
    naive = [min(range(7), key=lambda k: ((z[i] - codebook[k]) ** 2).sum().item()) for i in range(30)]
    assert nearest_code(z, codebook).tolist() == naive and len(set(naive)) > 3
    assert nearest_code(z, codebook[[4, 4, 4]]).tolist() == [0] * 30, "of two that are as near, the first"
    assert nearest_code(units(9, 4).half(), units(3, 4, 1).half()).dtype == torch.int64


def test_the_gradient_of_a_code_goes_straight_to_the_vector():
    z, code, weight = rows(6, 4).requires_grad_(), rows(6, 4, 1).requires_grad_(), rows(6, 4, 2)

    def loss(x):
        return (weight * x**3).sum()

    out = straight_through(z, code)
    torch.testing.assert_close(out, code, rtol=1e-15, atol=1e-15)
    to_z, to_code = torch.autograd.grad(loss(out), [z, code], allow_unused=True)
    torch.testing.assert_close(to_z, 3 * weight * code.detach() ** 2, rtol=1e-12, atol=0)
    assert to_code is None


def test_the_loss_is_the_formulas_and_no_gradient_reaches_the_codes():
    painted, pixels = rows(2, 27).view(2, 3, 3, 3).requires_grad_(), rows(2, 27, 1).view(2, 3, 3, 3)
    z, code = rows(5, 4, 2).requires_grad_(), rows(5, 4, 3).requires_grad_()
    squares = sum((a - b) ** 2 for a, b in zip(painted.flatten(), pixels.flatten(), strict=True)) / 54
    away = sum(sum((z[i, d] - code[i, d]) ** 2 for d in range(4)) for i in range(5)) / 5
    ours = quantized_error(painted, pixels, z, code, commitment=0.3)
    torch.testing.assert_close(ours, squares + 0.3 * away, rtol=1e-12, atol=0)
    mine = torch.autograd.grad(ours, [painted, z, code], allow_unused=True)
    theirs = torch.autograd.grad(squares + 0.3 * away, [painted, z])
    torch.testing.assert_close(list(mine[:2]), list(theirs), rtol=1e-12, atol=0)
    assert mine[2] is None
    halves = [x.detach().to(torch.bfloat16) * 500 for x in (painted, pixels, z, code)]
    assert quantized_error(*halves).isfinite()


def test_codes_follow_as_in_vq_vaes_appendix():
    """Counts and sums by hand, code by code, over steps that do not use all codes."""
    book = Codebook(5, 3, momentum=0.9, revive=0.0).double()
    start = book.vectors.clone()
    counts, sums = [0.0] * 5, [torch.zeros(3, dtype=torch.float64) for _ in range(5)]
    for step in range(4):
        z = units(12, 3, step, torch.float64)
        chosen = book(z)
        for k in range(5):
            mine = [z[i] for i in range(12) if chosen[i] == k]
            counts[k] = 0.9 * counts[k] + 0.1 * len(mine)
            sums[k] = 0.9 * sums[k] + 0.1 * sum(mine, torch.zeros(3, dtype=torch.float64))
        book.update(z, chosen)
        expected = torch.stack([s / s.norm() if s.norm() else old for s, old in zip(sums, start, strict=True)])
        torch.testing.assert_close(book.counts, torch.tensor(counts, dtype=torch.float64))
        torch.testing.assert_close(book.vectors, expected)
        start = book.vectors.clone()
    torch.testing.assert_close(book.vectors.norm(dim=1), torch.ones(5, dtype=torch.float64))


def test_a_momentum_of_0_is_the_mean_of_this_batch_and_1_never_moves():
    z = units(20, 3)
    for momentum in (0.0, 1.0):
        book = Codebook(2, 3, momentum, revive=0.0)
        before, chosen = book.vectors.clone(), book(z)
        book.update(z, chosen)
        means = torch.stack([F.normalize(z[chosen == k].sum(dim=0), dim=0) for k in range(2)])
        torch.testing.assert_close(book.vectors, before if momentum else means)


def test_the_first_batch_places_all_codes_and_nothing_is_drawn():
    torch.manual_seed(7)
    state = torch.get_rng_state()
    books = [Codebook(8, 4) for _ in range(2)]
    z = units(64, 4)
    for book in books:
        book.update(z, torch.zeros(64, dtype=torch.long))
    assert torch.get_rng_state().equal(state) and books[0].vectors.equal(books[1].vectors)
    others = books[0].vectors[1:]  # the first was chosen by all, and is their mean
    assert ((others @ z.T).amax(dim=1) > 1 - 1e-6).all() and len(others.unique(dim=0)) == 7


def test_revival_brings_dead_codes_back():
    """Eight clusters, and a codebook of which one code has all of them, in their middle."""
    centers, found = units(8, 6, 5).abs(), {}
    middle = F.normalize(centers.mean(dim=0), dim=0)
    for revive in (0.05, 0.0):
        book = Codebook(8, 6, momentum=0.9, revive=revive)
        book.vectors.copy_(torch.cat([middle[None], -middle.expand(7, -1)]))
        book.counts[0], book.sums[0] = 64.0, 64 * middle
        for step in range(40):
            z = F.normalize(centers.repeat(8, 1) + 0.02 * rows(64, 6, step, torch.float32), dim=1)
            book.update(z, book(z))
        found[revive] = len(book(z).unique()), 1 - (z @ book.vectors.T).amax(dim=1).mean().item()
    assert found[0.05][0] == 8 and found[0.0][0] == 1
    assert found[0.05][1] < 0.2 * found[0.0][1]


def test_what_is_told_badly_is_chosen_as_often_as_it_is_far():
    codebook = torch.tensor([[1.0, 0.0]])
    angle = torch.tensor([0.0] * 60 + [math.pi / 3] * 20 + [math.pi] * 20)  # 1 - cos: 0, 0.5 and 2
    z = torch.stack([angle.cos(), angle.sin()], dim=1)
    chosen = badly_told(z, codebook, 50)
    share = [(chosen < 60).float().mean(), ((chosen >= 60) & (chosen < 80)).float().mean()]
    assert share[0] == 0 and share[1].item() == pytest.approx(0.2, abs=0.03)
    assert badly_told(z, codebook[:0], 8).tolist() == [6, 18, 31, 43, 56, 68, 81, 93], "none yet: evenly"
    assert badly_told(z[:1].expand(9, -1), codebook, 3).tolist() == [1, 4, 7], "all told exactly: evenly"


def test_perplexity_counts_codes_as_if_all_alike():
    assert perplexity(torch.arange(12).view(3, 4), 40).item() == pytest.approx(12)
    assert perplexity(torch.zeros(9, dtype=torch.long), 4).item() == pytest.approx(1)
    assert perplexity(torch.tensor([0, 0, 0, 1]), 4).item() == pytest.approx(math.exp(0.5623351446))
