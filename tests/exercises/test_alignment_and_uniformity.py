"""alignment_and_uniformity as students write it: wrong ones are told their mistake, right ones pass in every style."""

import pytest
import torch
import torch.nn.functional as F

from coursekit.exercises.catalog import find_exercise
from coursekit.exercises.checks import RIGHT, WRONG, examine
from coursekit.methods.diagnostics import alignment, uniformity

SPHERE = find_exercise("alignment_and_uniformity")


def spread(d2):
    return d2.mul(-2).exp().mean().log()


def squares(z):
    z = F.normalize(z, dim=1)
    return (z[:, None] - z).square().sum(-1)


def all_but_the_diagonal(matrix):
    return matrix[~torch.eye(len(matrix), dtype=torch.bool)]


def masked_before_exp(z):
    d, n = squares(z) * (1 - torch.eye(len(z))), len(z)
    return (torch.exp(-2 * d).sum() / (n * (n - 1))).log()


# --- known mistakes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer, keys",
    [
        (
            lambda a, b: (alignment(a.T, b.T) * len(a.T) / len(a), spread(torch.pdist(F.normalize(a, dim=0)).square())),
            {"normalised_over_images"},
        ),
        (lambda a, b: ((a - b).square().sum(1).mean(), uniformity(a)), {"alignment_not_normalised"}),
        (lambda a, b: (alignment(a, b), spread(torch.pdist(a).square())), {"uniformity_not_normalised"}),
        (lambda a, b: ((F.normalize(a) - b).square().sum(1).mean(), uniformity(a)), {"z_b_not_normalised"}),
        (
            lambda a, b: (alignment(a, b), spread(torch.pdist(F.normalize(a, dim=0)).square())),
            {"uniformity_over_images"},
        ),
        (lambda a, b: (alignment(a, b) * len(a), uniformity(a)), {"alignment_sum"}),
        (
            lambda a, b: (alignment(a, b), torch.pdist(F.normalize(a)).square().mul(-2).exp().sum().log()),
            {"uniformity_sum"},
        ),
        (lambda a, b: (F.cosine_similarity(a, b).mean(), uniformity(a)), {"alignment_cosine"}),
        (lambda a, b: (alignment(a, b), spread(squares(a).triu(diagonal=1))), {"uniformity_zero_distances"}),
        (
            lambda a, b: (alignment(a, b), squares(a).mul(-2).exp().triu(diagonal=1).mean().log()),
            {"uniformity_zeros_in_mean"},
        ),
        (
            lambda a, b: (alignment(a, b), squares(a).mul(-2).exp().fill_diagonal_(0).mean().log()),
            {"uniformity_zero_diagonal"},
        ),
        (lambda a, b: (alignment(a, b), uniformity(b)), {"uniformity_of_z_b"}),
        (lambda a, b: ((1 - F.cosine_similarity(a, b)).mean(), uniformity(a)), {"alignment_one_minus_cosine"}),
        (lambda a, b: (alignment(a, b), masked_before_exp(a)), {"uniformity_itself_in_sum"}),
        (
            lambda a, b: (
                alignment(a, b),
                ((-2 * torch.pdist(F.normalize(a)) ** 2).exp().sum() / (len(a) * (len(a) - 1))).log(),
            ),
            {"uniformity_half"},
        ),
        (lambda a, b: (alignment(a, b), uniformity(torch.cat([a, b]))), {"uniformity_of_both"}),
        (lambda a, b: (alignment(a, b), (uniformity(a) + uniformity(b)) / 2), {"uniformity_mean_of_both"}),
        (lambda a, b: (F.cosine_similarity(a, b).mean(), uniformity(b)), {"alignment_cosine", "uniformity_of_z_b"}),
    ],
)
def test_mistakes_as_students_write_them(answer, keys):
    assert set(examine(SPHERE, answer).mistakes) == keys


@pytest.mark.parametrize(
    "key, name",
    [
        ("alignment_not_normalised", "Alignment is"),
        ("alignment_over_images", "For alignment"),
        ("uniformity_not_normalised", "Uniformity is"),
        ("uniformity_over_images", "For uniformity"),
    ],
)
def test_where_one_of_the_two_is_not_normalized_it_is_named(key, name):
    assert f"What happened: {name}" in str(examine(SPHERE, SPHERE.flawed(frozenset([key]))))


# --- results of the wrong kind ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer, says, silent",
    [
        (lambda a, b: (alignment(a, b), None), ["uniformity is None: not written yet?"], "type"),
        (lambda a, b: (None, uniformity(a)), ["alignment is None: not written yet?"], "uniformity is"),
        (lambda a, b: (alignment(a, b), ...), ["uniformity is ...: not written yet?"], "type"),
        (
            lambda a, b: (0, 0),
            ["alignment is of type int", "uniformity is of type int", "computed from z_a and z_b"],
            "right",
        ),
        (
            lambda a, b: (alignment(a, b), 0.0),
            ["uniformity is of type float", "computed from z_a and z_b"],
            "alignment is",
        ),
        (
            lambda a, b: (alignment(a, b).item(), None),
            ["alignment is of type float, not a tensor. The value is right.", "uniformity is None"],
            "End with",
        ),
        (
            lambda a, b: torch.stack([alignment(a, b), uniformity(a)]),
            ["one Tensor", "End with: return alignment, uniformity"],
            "type",
        ),
        (lambda a, b: alignment(a, b), ["one Tensor", "End with: return alignment, uniformity"], "type"),
    ],
)
def test_what_is_no_pair_of_tensors(answer, says, silent):
    verdict = examine(SPHERE, answer)
    text = " ".join(str(verdict).split())
    assert verdict.state == WRONG
    assert all(part in text for part in says) and silent not in text


def test_a_root_of_zero_that_is_removed_afterwards_spoils_the_gradient():
    def rooted(z_a, z_b):
        return alignment(z_a, z_b), spread(all_but_the_diagonal(squares(z_a).sqrt()).square())

    text = " ".join(str(examine(SPHERE, rooted)).split())
    assert "gradient that reaches z_a is NaN" in text and "infinite slope at 0" in text
    assert "squared distances" in text and "torch.pdist" in text and "detach" not in text


def test_a_hint_says_that_a_view_is_not_compared_with_itself():
    assert "i != j" in SPHERE.hints[0] and "not compared with itself" in SPHERE.hints[0]


# --- right, in other words ----------------------------------------------------------------------------------------


def double_loop(z_a, z_b):
    a, b = ([v / v.norm() for v in z] for z in (z_a, z_b))
    near = sum(((x - y) ** 2).sum() for x, y in zip(a, b, strict=True)) / len(a)
    far = [torch.exp(-2 * ((x - y) ** 2).sum()) for i, x in enumerate(a) for k, y in enumerate(a) if i != k]
    return near, torch.log(sum(far) / len(far))


def by_cosine(z_a, z_b):
    a, b = z_a / z_a.norm(dim=1, keepdim=True), z_b / z_b.norm(dim=1, keepdim=True)
    d2 = 2 - 2 * a @ a.T
    rows, columns = torch.triu_indices(len(a), len(a), offset=1)
    return 2 - 2 * (a * b).sum(dim=1).mean(), spread(d2[rows, columns])


def by_cdist(z_a, z_b):
    a, b = F.normalize(z_a, dim=1), F.normalize(z_b, dim=1)
    return F.pairwise_distance(a, b, eps=0).pow(2).mean(), spread(all_but_the_diagonal(torch.cdist(a, a)).pow(2))


def with_logsumexp(z_a, z_b):
    exponents = squares(z_a).mul(-2).fill_diagonal_(-torch.inf).flatten()
    n = len(z_a)
    return [alignment(z_a, z_b), exponents.logsumexp(dim=0) - torch.log(torch.tensor(n * (n - 1.0)))]


def sum_over_pairs(z_a, z_b):
    n = len(z_a)
    near = squares(z_a).mul(-2).exp()
    return F.mse_loss(F.normalize(z_a), F.normalize(z_b)) * z_a.shape[1], ((near.sum() - n) / (n * (n - 1))).log()


@pytest.mark.parametrize("answer", [double_loop, by_cosine, by_cdist, with_logsumexp, sum_over_pairs])
def test_right_answers_in_other_styles(answer):
    assert examine(SPHERE, answer).state == RIGHT, str(examine(SPHERE, answer))
