"""Intervals, against numbers made by hand and against their definition."""

import functools
import math

import numpy as np
import pytest

from coursekit.evaluation.intervals import (
    Interval,
    accuracy_interval,
    mean_by,
    mean_interval,
    paired_accuracy,
    paired_difference,
    seeds_and_images,
)


def test_a_mean_and_its_interval_by_hand():
    got = mean_interval([0.1, 0.2, 0.1])
    half = (
        4.302653 * math.sqrt(((0.1 - 2 / 15) ** 2 * 2 + (0.2 - 2 / 15) ** 2) / 2) / math.sqrt(3)
    )  # Student, 2 degrees
    assert (got.mean, got.n) == (pytest.approx(2 / 15 + 0), 3)
    assert (got.low, got.high) == (pytest.approx(got.mean - half), pytest.approx(got.mean + half))
    assert str(mean_interval([0.5])) == "0.500 (one seed: no interval)"


def test_a_paired_difference_is_the_mean_of_the_differences():
    got = paired_difference([0.1, 0.2, 0.4], [0.2, 0.4, 0.5])
    alone = mean_interval([0.1, 0.2, 0.1])
    assert (got.mean, got.low, got.high) == pytest.approx((alone.mean, alone.low, alone.high)) and got.n == 3
    assert not got.clear and str(got) == "+0.133 [-0.010, +0.277]"
    assert paired_difference([0, 0, 0], [1.0, 1.1, 0.9]).clear and paired_difference([1.0, 1.1, 0.9], [0, 0, 0]).clear


def test_one_pair_has_no_interval_and_unequal_lists_are_a_mistake():
    got = paired_difference([0.1], [0.3])
    assert (got.low, got.high, got.clear) == (None, None, False) and "one seed" in str(got)
    with pytest.raises(ValueError, match="2 and 1"):
        paired_difference([1, 2], [1])


@pytest.mark.parametrize(("correct", "total"), [(0, 10), (3, 10), (10, 10), (412, 1000)])
def test_wilson_is_where_the_normal_test_just_rejects(correct, total):
    """Wilson's ends p solve |correct / total - p| = z * sqrt(p (1 - p) / total)."""
    got = accuracy_interval(correct, total)
    assert (got.mean, got.n) == (correct / total, total) and 0 <= got.low <= got.mean <= got.high <= 1
    for end in (got.low, got.high):
        if 0 < end < 1:
            assert abs(got.mean - end) == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / total), rel=1e-5)
    assert (got.low, got.high) != (got.mean, got.mean)


def predictions(both: int, only_a: int, only_b: int, none: int) -> tuple[list, list, list]:
    """Predictions of a and b and the truth, with so many images of each kind."""
    a = [1] * (both + only_a) + [0] * (only_b + none)
    b = [1] * both + [0] * only_a + [1] * only_b + [0] * none
    return a, b, [1] * len(a)


def newcombe(both: int, only_a: int, only_b: int, none: int) -> tuple[float, float]:
    """The interval of (a right) - (b right), written from the paper's formulas with the ends of Wilson's intervals."""
    n = both + only_a + only_b + none
    one, two = accuracy_interval(both + only_a, n), accuracy_interval(both + only_b, n)
    product = both * none - only_a * only_b
    product = max(product - n / 2, 0) if product > 0 else product
    margins = (both + only_a) * (only_b + none) * (both + only_b) * (only_a + none)
    phi = product / math.sqrt(margins) if margins else 0
    d_low, d_high, e_low, e_high = one.mean - one.low, one.high - one.mean, two.mean - two.low, two.high - two.mean
    below = math.sqrt(d_low**2 - 2 * phi * d_low * e_high + e_high**2)
    above = math.sqrt(d_high**2 - 2 * phi * d_high * e_low + e_low**2)
    return one.mean - two.mean - below, one.mean - two.mean + above


@pytest.mark.parametrize("counts", [(36, 12, 2, 0), (212, 11, 22, 55), (0, 0, 7, 3), (5, 5, 5, 5), (1, 8, 8, 1)])
def test_a_paired_accuracy_is_newcombes_whichever_of_the_two_comes_first(counts):
    low, high = newcombe(*counts)
    a, b, truth = predictions(*counts)
    forth, back = paired_accuracy(a, b, truth), paired_accuracy(b, a, truth)
    assert (back.low, back.high) == pytest.approx((low, high)) and (forth.low, forth.high) == pytest.approx(
        (-high, -low)
    )
    assert forth.mean == pytest.approx((counts[2] - counts[1]) / sum(counts)) and forth.n == sum(counts)


def test_the_example_of_newcombes_paper():
    """Airways tested twice in 50 subjects, Statistics in Medicine 1998: 36, 12, 2 and 0."""
    got = paired_accuracy(*predictions(36, 12, 2, 0))
    assert (got.mean, got.low, got.high) == pytest.approx((-0.2, -0.3404, -0.0569), abs=1e-4) and got.clear


def test_paired_accuracies_cover_the_truth_and_agree_with_a_bootstrap():
    rng = np.random.default_rng(0)
    shares, n, covered = (0.6, 0.05, 0.1, 0.25), 200, 0
    for _ in range(300):
        kind = rng.choice(4, n, p=shares)
        got = paired_accuracy(np.isin(kind, (0, 1)).astype(int), np.isin(kind, (0, 2)).astype(int), np.ones(n, int))
        covered += got.low <= shares[2] - shares[1] <= got.high
    assert 0.92 < covered / 300 <= 0.995
    gain = np.isin(kind, (0, 2)).astype(int) - np.isin(kind, (0, 1)).astype(int)
    ends = np.quantile(gain[rng.integers(0, n, (4000, n))].mean(axis=1), (0.025, 0.975))
    assert (got.low, got.high) == pytest.approx(tuple(ends), abs=0.012)


def test_the_more_two_agree_the_narrower_their_difference():
    together, apart = (paired_accuracy(*predictions(*counts)) for counts in ((60, 10, 10, 20), (45, 25, 25, 5)))
    assert together.mean == apart.mean == 0 and together.high - together.low < 0.75 * (apart.high - apart.low)
    same = paired_accuracy(*predictions(6, 0, 0, 4))
    assert same.low < same.mean == 0 < same.high and not same.clear


def test_predictions_of_other_images_cannot_be_paired():
    for a, b, truth in (([1, 0], [1], [1, 1]), ([1], [1], [1, 1]), ([], [], [])):
        with pytest.raises(ValueError, match="equally long"):
            paired_accuracy(a, b, truth)


def test_means_by_a_key_of_the_rows_that_count():
    rows = [{"v": v, "g": g, "knn": k} for v, g, k in (("b", 1, 0.2), ("a", 1, 0.5), ("b", 1, 0.4), ("b", 2, 9.0))]
    found = mean_by(rows, "v", "knn", g=1)
    assert list(found) == ["b", "a"] and found["b"].mean == pytest.approx(0.3) and found["a"].n == 1


def test_seeds_and_images_add_up_as_squares():
    scores = [Interval(0.40, 0.37, 0.44, 500), Interval(0.50, 0.47, 0.54, 500), Interval(0.45, 0.42, 0.49, 500)]
    got, seeds = seeds_and_images(scores), mean_interval([0.40, 0.50, 0.45])
    half = (seeds.high - seeds.low) / 2
    assert (got.mean, got.n) == (pytest.approx(0.45), 3)
    assert got.mean - got.low == pytest.approx(math.sqrt(0.03**2 + half**2))
    assert got.high - got.mean == pytest.approx(math.sqrt(0.04**2 + half**2))


def test_one_seed_or_equal_seeds_leave_the_interval_of_the_images():
    alone = accuracy_interval(30, 100)
    for scores in ([alone], [alone] * 3):
        got = seeds_and_images(scores)
        assert (got.mean, got.low, got.high) == pytest.approx((alone.mean, alone.low, alone.high))


def test_seeds_and_images_covers_both_chances():
    """Three runs that differ by chance, judged on the same images, which are a sample too: the mean of all such runs on
    all such images lies inside in about 95 of 100 experiments, and less often if either chance is left out."""
    rng, n, times = np.random.default_rng(0), 400, 400
    inside, only_images, only_seeds = 0, 0, 0
    interval = functools.cache(accuracy_interval)  # few counts come, again and again
    for _ in range(times):
        skill, ease = rng.normal(0, 0.02, 3), rng.choice([0.07, 0.93], n)  # of each run; of each image
        hits = rng.random((3, n)) < np.clip(ease + skill[:, None], 0, 1)
        scores = [interval(int(each.sum()), n) for each in hits]
        both, seeds = seeds_and_images(scores), mean_interval([score.mean for score in scores])
        inside += both.low <= 0.5 <= both.high
        only_images += scores[0].low <= 0.5 <= scores[0].high
        only_seeds += seeds.low <= 0.5 <= seeds.high
    assert 0.94 <= inside / times <= 0.995
    assert max(only_images, only_seeds) / times < 0.93
