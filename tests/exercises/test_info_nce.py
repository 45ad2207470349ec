"""info_nce as students write it: a wrong one is told its mistake, a right one passes in whatever style."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from coursekit.exercises.catalog import find_exercise
from coursekit.exercises.checks import RIGHT, WRONG, examine
from coursekit.methods.simclr import info_nce

NCE = find_exercise("info_nce")
MOVES = "With the diagonal removed, columns right of it move by one"


def told(answer) -> str:
    """What a wrong answer is told, without its line breaks."""
    verdict = examine(NCE, answer)
    assert verdict.state == WRONG
    return " ".join(str(verdict).split())


# --- known mistakes -----------------------------------------------------------------------------------------------


def logits_of(z_a, z_b, temperature):
    z = F.normalize(torch.cat([z_a, z_b]), dim=1)
    return z @ z.T / temperature


def forgot_the_mask(z_a, z_b, temperature=0.1):
    logits = logits_of(z_a, z_b, temperature)
    return F.cross_entropy(logits, torch.arange(len(logits)).roll(len(z_a)))


def masked_by_product(z_a, z_b, temperature=0.1):
    logits = logits_of(z_a, z_b, temperature)
    logits = logits * (1 - torch.eye(len(logits)))
    return F.cross_entropy(logits, torch.arange(len(logits)).roll(len(z_a)))


def probabilities_into_cross_entropy(z_a, z_b, temperature=0.1):
    logits = logits_of(z_a, z_b, temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(logits.softmax(dim=1), torch.arange(len(logits)).roll(len(z_a)))


def like_clip(z_a, z_b, temperature=0.1):
    logits = F.normalize(z_a, dim=1) @ F.normalize(z_b, dim=1).T / temperature
    target = torch.arange(len(logits))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def like_moco(z_a, z_b, temperature=0.1):
    logits = F.normalize(z_a, dim=1) @ F.normalize(z_b, dim=1).T / temperature
    return F.cross_entropy(logits, torch.arange(len(logits)))


def neighbors_in_the_list(z_a, z_b, temperature=0.1):
    logits = logits_of(z_a, z_b, temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(logits, torch.arange(len(logits)).view(-1, 2).flip(1).flatten())


def nll_of_probabilities(z_a, z_b, temperature=0.1):
    logits = logits_of(z_a, z_b, temperature).fill_diagonal_(-torch.inf)
    return F.nll_loss(logits.softmax(dim=1), torch.arange(len(logits)).roll(len(z_a)))


def no_lengths(z_a, z_b, temperature=0.1):
    z = torch.cat([z_a, z_b])
    return F.cross_entropy((z @ z.T / temperature).fill_diagonal_(-torch.inf), torch.arange(len(z)).roll(len(z_a)))


def no_lengths_plainly(z_a, z_b, temperature=0.1):
    z = torch.cat([z_a, z_b])
    every = torch.exp(z @ z.T / temperature) * (1 - torch.eye(len(z)))
    views = torch.arange(len(z))
    return -torch.log(every[views, views.roll(len(z_a))] / every.sum(dim=1)).mean()


def summed(z_a, z_b, temperature=0.1):
    logits = logits_of(z_a, z_b, temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(logits, torch.arange(len(logits)).roll(len(z_a)), reduction="sum")


def every_entry(z_a, z_b, temperature=0.1):
    return -F.log_softmax(logits_of(z_a, z_b, temperature), dim=1).mean()


def every_entry_but_the_diagonal(z_a, z_b, temperature=0.1):
    logits = logits_of(z_a, z_b, temperature).fill_diagonal_(-torch.inf)
    return -F.log_softmax(logits, dim=1)[~torch.eye(len(logits), dtype=torch.bool)].mean()


def shares_of(z_a, z_b, temperature):
    logits = logits_of(z_a, z_b, temperature)
    return logits - (logits.exp() * (1 - torch.eye(len(logits)))).sum(dim=1, keepdim=True).log()


def shares_without_the_view_itself(z_a, z_b, temperature=0.1):
    return -shares_of(z_a, z_b, temperature).mean()


def mean_of_a_masked_matrix(z_a, z_b, temperature=0.1):
    return -(torch.eye(2 * len(z_a)).roll(len(z_a), dims=1) * shares_of(z_a, z_b, temperature)).mean()


def without_diagonal(z_a, z_b, temperature):
    logits = logits_of(z_a, z_b, temperature)
    return logits[~torch.eye(len(logits), dtype=torch.bool)].view(len(logits), -1)


def cut(z_a, z_b, temperature, targets):
    logits = without_diagonal(z_a, z_b, temperature)
    return F.cross_entropy(logits, targets(torch.arange(len(logits)), len(z_a)))


def cut_and_indexed(z_a, z_b, temperature=0.1):
    shares, i = F.log_softmax(without_diagonal(z_a, z_b, temperature), dim=1), torch.arange(2 * len(z_a))
    return -shares[i, i.roll(len(z_a))].mean()


def exponentials_into_cross_entropy(z_a, z_b, temperature=0.1):
    e = torch.exp(logits_of(z_a, z_b, temperature)).fill_diagonal_(0)
    return F.cross_entropy(e, torch.arange(len(e)).roll(len(z_a)))


def views_divided_by_temperature(z_a, z_b, temperature=0.1):
    z = F.normalize(torch.cat([z_a, z_b]), dim=1) / temperature
    return F.cross_entropy((z @ z.T).fill_diagonal_(-torch.inf), torch.arange(len(z)).roll(len(z_a)))


def in_turns_with_far_targets(z_a, z_b, temperature=0.1):
    z = F.normalize(torch.stack([z_a, z_b], dim=1).reshape(-1, z_a.shape[1]), dim=1)
    return F.cross_entropy((z @ z.T / temperature).fill_diagonal_(-torch.inf), torch.arange(len(z)).roll(len(z_a)))


@pytest.mark.parametrize(
    "answer, keys",
    [
        (forgot_the_mask, {"itself"}),
        (masked_by_product, {"masked_with_zero"}),
        (like_clip, {"other_view_only"}),
        (probabilities_into_cross_entropy, {"softmax_twice"}),
        (like_moco, {"one_direction", "other_view_only"}),
        (neighbors_in_the_list, {"interleaved"}),
        (nll_of_probabilities, {"no_logarithm"}),
        (summed, {"sum"}),
        (no_lengths, {"not_normalised"}),
        (no_lengths_plainly, {"not_normalised"}),
        (lambda a, b, t: forgot_the_mask(a, b, t) / np.log(2), {"itself", "base_2"}),
        (every_entry, {"itself", "all_entries"}),
        (every_entry_but_the_diagonal, {"all_candidates"}),
        (shares_without_the_view_itself, {"all_entries"}),
        (mean_of_a_masked_matrix, {"zeros_in_mean"}),
        (lambda a, b, t: cut(a, b, t, lambda i, n: i.roll(n).clamp(max=2 * n - 2)), {"cut_and_clamped"}),
        (lambda a, b, t: cut(a, b, t, lambda i, n: i.roll(n) % (2 * n - 1)), {"cut_and_wrapped"}),
        (lambda a, b, t: cut(a, b, t, lambda i, n: (i.roll(n) - 1) % (2 * n - 1)), {"cut_and_all_moved"}),
        (lambda a, b, t: forgot_the_mask(a, b), {"itself", "fixed_temperature"}),
        (exponentials_into_cross_entropy, {"exp_as_logits"}),
        (views_divided_by_temperature, {"temperature_twice"}),
        (lambda a, b, t: info_nce(a, b, 1.0) / t, {"temperature_outside"}),
        (in_turns_with_far_targets, {"stacked"}),
    ],
)
def test_mistakes_as_students_write_them(answer, keys):
    assert set(examine(NCE, answer).mistakes) == keys


# --- mistakes that show in another way ----------------------------------------------------------------------------


@pytest.mark.parametrize("constant", [0.05, 0.07, 0.1, 0.2, 0.25, 0.5, 0.7, 1.0])
def test_a_fixed_temperature_is_noticed_whatever_it_is(constant):
    def answer(z_a, z_b, temperature=0.1):
        return info_nce(z_a, z_b, constant)

    assert ("temperature has no effect" if constant == 1 else "does not change with the temperature") in told(answer)
    known = {0.1: ("fixed_temperature",), 1.0: ("no_temperature",)}
    assert examine(NCE, answer).mistakes == known.get(constant, ()), "nothing else is wrong with it"


@pytest.mark.parametrize("targets", [lambda i, n: i.roll(n), lambda i, n: i.roll(n) - 1])
def test_targets_that_no_longer_fit_the_cut_matrix(targets):
    text = told(lambda a, b, t: cut(a, b, t, targets))
    assert "IndexError" in text and MOVES in text


def test_an_index_that_no_longer_fits_the_cut_matrix():
    assert "IndexError" in told(cut_and_indexed) and MOVES in told(cut_and_indexed)


def test_another_index_error_is_not_put_down_to_the_diagonal():
    assert MOVES not in told(lambda a, b, t: F.cross_entropy(a @ b.T / t, torch.arange(len(a)) + 1))


def test_positives_of_a_cut_matrix_that_stay_in_range_are_named():
    assert MOVES in told(lambda a, b, t: cut(a, b, t, lambda i, n: i.roll(n) % (2 * n - 1)))


def mask_times_infinity(z_a, z_b, temperature=0.1):
    logits = logits_of(z_a, z_b, temperature)
    return F.cross_entropy(logits - torch.eye(len(logits)) * float("inf"), torch.arange(len(logits)).roll(len(z_a)))


def test_nan_from_a_mask_is_not_called_infinite():
    text = told(mask_times_infinity)
    assert "NaN" in text and "0 * inf: a mask multiplied by infinity; use masked_fill" in text
    assert "infinite" not in text and "probability 0" not in text


def one_hot_targets(z_a, z_b, temperature=0.1):
    logits = logits_of(z_a, z_b, temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(logits, torch.eye(len(logits)).roll(len(z_a), dims=1))


@pytest.mark.parametrize(
    "answer, says",
    [
        (one_hot_targets, "one-hot target"),
        (lambda a, b, t: F.cross_entropy(logits_of(a, b, t), torch.arange(16) + 8), "i - N"),
        (
            lambda a, b, t: F.cross_entropy(
                F.cosine_similarity(torch.cat([a, b]), torch.cat([a, b])), torch.arange(16)
            ),
            "a matrix of logits",
        ),
        (lambda a, b, t: logits_of(a, b, t).masked_fill(torch.eye(16), -torch.inf), "dtype=torch.bool"),
    ],
)
def test_errors_that_are_easily_made_here_are_explained(answer, says):
    assert says in told(answer)


@pytest.mark.parametrize("value, says", [(-torch.inf, "the result is infinite"), (-1e9, "1000 times too large")])
@pytest.mark.parametrize(
    "loss",
    [
        lambda logits: F.cross_entropy(logits, torch.arange(len(logits))),
        lambda logits: -F.log_softmax(logits, dim=1).mean(),
    ],
)
def test_a_masked_entry_in_the_loss(loss, value, says):
    text = told(lambda a, b, t: loss(logits_of(a, b, t).fill_diagonal_(value)))
    assert says in text and "probability 0" in text and "all entries" in text


def test_a_gradient_that_is_nan_is_not_called_cut_off():
    def rooted(z_a, z_b, temperature=0.1):
        return info_nce(z_a, z_b, temperature) + 0 * (z_a - z_a).square().sum().sqrt()

    assert "gradient that reaches z_a is NaN" in told(rooted) and "detach" not in told(rooted)


# --- right, in other words ----------------------------------------------------------------------------------------


def double_loop(z_a, z_b, temperature=0.1):
    z = [v / v.norm() for v in (*z_a, *z_b)]
    n, total = len(z_a), 0.0
    for i in range(2 * n):
        partner = (i + n) % (2 * n)
        candidates = sum(torch.exp(z[i] @ z[k] / temperature) for k in range(2 * n) if k != i)
        total = total - torch.log(torch.exp(z[i] @ z[partner] / temperature) / candidates)
    return total / (2 * n)


def test_a_slow_plain_answer_is_right_and_learns_about_overflow():
    verdict = examine(NCE, double_loop)
    assert verdict.state == RIGHT and "logsumexp" in str(verdict) and "without a loop" in " ".join(str(verdict).split())
    assert "Remark" not in str(examine(NCE, info_nce))


def cut_and_moved(z_a, z_b, temperature=0.1):
    return cut(z_a, z_b, temperature, lambda i, n: torch.cat([i[n:] - 1, i[:n]]))


def positive_first(z_a, z_b, temperature=0.1):
    logits, n = logits_of(z_a, z_b, temperature), len(z_a)
    itself = torch.eye(2 * n, dtype=torch.bool)
    positive = itself.roll(n, dims=1)
    logits = torch.cat([logits[positive][:, None], logits[~(itself | positive)].view(2 * n, -1)], dim=1)
    return F.cross_entropy(logits, torch.zeros(2 * n, dtype=torch.long))


def in_blocks(z_a, z_b, temperature=0.1):
    a, b = F.normalize(z_a, dim=1), F.normalize(z_b, dim=1)
    here, there = (a @ a.T / temperature, b @ b.T / temperature), a @ b.T / temperature
    rows = [
        torch.cat([across, own - 1e9 * torch.eye(len(a))], dim=1)
        for across, own in zip((there, there.T), here, strict=True)
    ]
    return sum(F.cross_entropy(row, torch.arange(len(a))) for row in rows) / 2


def cosine_and_logsumexp(z_a, z_b, temperature=0.1):
    z = torch.cat([z_a, z_b])
    similarity = F.cosine_similarity(z[:, None], z[None], dim=2).div(temperature)
    positive = F.cosine_similarity(z_a, z_b).div(temperature).repeat(2)
    return (similarity.masked_fill(torch.eye(len(z)).bool(), -1e4).logsumexp(dim=1) - positive).mean()


def views_in_turns(z_a, z_b, temperature=0.1):
    z = F.normalize(torch.stack([z_a, z_b], dim=1).flatten(0, 1), dim=1)
    logits = torch.einsum("id,kd->ik", z, z) / temperature
    logits.fill_diagonal_(-torch.inf)
    return F.nll_loss(logits.log_softmax(dim=1), torch.arange(len(z)) ^ 1)


@pytest.mark.parametrize("answer", [cut_and_moved, positive_first, in_blocks, cosine_and_logsumexp, views_in_turns])
def test_right_answers_in_other_styles(answer):
    assert examine(NCE, answer).state == RIGHT, str(examine(NCE, answer))
