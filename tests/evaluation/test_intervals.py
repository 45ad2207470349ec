"""Intervals, against numbers made by hand and against their definition."""

import math

import pytest

from coursekit.evaluation.intervals import accuracy_interval, mean_by, mean_interval, paired_difference


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


def test_means_by_a_key_of_the_rows_that_count():
    rows = [{"v": v, "g": g, "knn": k} for v, g, k in (("b", 1, 0.2), ("a", 1, 0.5), ("b", 1, 0.4), ("b", 2, 9.0))]
    found = mean_by(rows, "v", "knn", g=1)
    assert list(found) == ["b", "a"] and found["b"].mean == pytest.approx(0.3) and found["a"].n == 1
