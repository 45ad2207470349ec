"""How many labels reach a score: closed forms, both ends, and the definition spelled out in a loop."""

import math

import pytest
import torch

from coursekit.evaluation import labels_needed
from coursekit.runtime import CourseError

LABELS, SCORES = torch.tensor([32.0, 128.0, 320.0]), torch.tensor([0.04, 0.10, 0.16])


def by_hand(labels, scores, wanted) -> float:
    if scores[0] >= wanted:
        return labels[0]
    for n, more, low, high in zip(labels, labels[1:], scores, scores[1:], strict=False):
        if low < wanted <= high:
            return n * (more / n) ** ((wanted - low) / (high - low))
    return math.inf


@pytest.mark.parametrize("wanted, needed", [(0.07, math.sqrt(32 * 128)), (0.13, math.sqrt(128 * 320))])
def test_half_way_it_is_the_geometric_mean(wanted, needed):
    assert labels_needed(LABELS, SCORES, torch.tensor(wanted)).item() == pytest.approx(needed, rel=1e-5)


@pytest.mark.parametrize("wanted, needed", [(0.01, 32), (0.04, 32), (0.10, 128), (0.16, 320), (0.161, math.inf)])
def test_points_ends_and_what_lies_beyond_them(wanted, needed):
    for scores in (SCORES, torch.tensor([0.04, 0.10, 0.16], dtype=torch.float64)):
        assert labels_needed(LABELS, scores, wanted).item() == pytest.approx(needed)


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_definition(seed):
    generator = torch.Generator().manual_seed(seed)
    k = 1 + seed % 6
    labels = torch.randint(5, 200, (k,), generator=generator).double().cumsum(0)
    scores = torch.rand(k, generator=generator).double().sort().values
    for wanted in torch.rand(8, generator=generator).double():
        found = labels_needed(labels, scores, wanted)
        assert found.item() == pytest.approx(by_hand(labels.tolist(), scores.tolist(), wanted.item()))
        if k > 1 and found.isfinite():
            assert labels[0] <= found <= labels[-1]


@pytest.mark.parametrize("factor", [100, 0.25])
def test_the_unit_of_the_scores_does_not_count_and_that_of_the_labels_comes_through(factor):
    want = labels_needed(LABELS, SCORES, torch.tensor(0.09))
    assert torch.isclose(labels_needed(LABELS, factor * SCORES, torch.tensor(factor * 0.09)), want)
    assert torch.isclose(labels_needed(factor * LABELS, SCORES, torch.tensor(0.09)), factor * want)


def test_of_equal_scores_the_first_point_counts():
    assert labels_needed(LABELS, torch.tensor([0.1, 0.2, 0.2]), 0.2).item() == pytest.approx(128)
    assert labels_needed(LABELS, torch.tensor([0.2, 0.2, 0.2]), 0.2).item() == 32


def test_a_single_point_lists_and_dtypes():
    assert labels_needed([50], [0.3], 0.2).item() == 50
    assert labels_needed([50], [0.3], 0.4).item() == math.inf
    assert labels_needed(LABELS.long(), SCORES, 0.07).dtype == torch.float32
    assert labels_needed(LABELS, SCORES.double(), 0.07).dtype == torch.float64
    assert labels_needed(LABELS, torch.tensor([1, 2, 3]), 1.5).dtype == torch.float32  # whole numbers of percent
    assert not labels_needed(LABELS, SCORES.clone().requires_grad_(), 0.07).requires_grad


@pytest.mark.parametrize(
    "labels, scores, wanted, says",
    [
        ([32, 128], [0.1], 0.1, r"\(2,\) and \(1,\)"),
        ([], [], 0.1, "one point at least"),
        ([[32, 128]], [[0.1, 0.2]], 0.1, r"\(1, 2\)"),
        ([128, 32], [0.1, 0.2], 0.1, "rise.*128, 32"),
        ([32, 32], [0.1, 0.2], 0.1, "rise"),
        ([0, 32], [0.1, 0.2], 0.1, "above 0"),
        ([32, 128, 320], [0.10, 0.20, 0.15], 0.1, "falls from 0.2 at 128 labels to 0.15 at 320"),
        ([32, 128], [0.1, math.nan], 0.1, "finite"),
        ([32, 128], [0.1, 0.2], math.nan, "finite"),
        ([32, 128], [0.1, 0.2], torch.ones(2), "one score to reach"),
    ],
)
def test_what_is_no_rising_curve_is_told(labels, scores, wanted, says):
    with pytest.raises(CourseError, match=f"(?s){says}"):
        labels_needed(labels, scores, wanted)
