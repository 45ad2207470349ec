"""How sure a number is: means over seeds, paired differences and accuracies, each with its 95 % interval."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy.stats import binomtest, t

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """The mean of n numbers and its 95 % interval; low and high are None for a single number, which shows no spread."""

    mean: float
    low: float | None
    high: float | None
    n: int

    sign = ""  # of the format; no field

    def __str__(self) -> str:
        mean, low, high = (None if x is None else f"{x:{self.sign}.3f}" for x in (self.mean, self.low, self.high))
        return f"{mean} (one seed: no interval)" if low is None else f"{mean} [{low}, {high}]"


class PairedDifference(Interval):
    """The mean of b - a over n pairs."""

    sign = "+"

    @property
    def clear(self) -> bool:
        """True if the interval lies on one side of zero."""
        return self.low is not None and (self.low > 0 or self.high < 0)


def mean_interval(values: Iterable[float]) -> Interval:
    """Mean with Student's interval (The Probable Error of a Mean, Biometrika 1908). values: one for each seed."""
    return Interval(*_student(list(values)))


def paired_difference(a: Sequence[float], b: Sequence[float]) -> PairedDifference:
    """b - a with Student's interval; a[i] and b[i] come from the same seed. Raises ValueError for unequal lengths.

    Pairing removes what both share (the same subset of labels, the same order), which is most of the spread.
    """
    if len(a) != len(b) or not a:
        raise ValueError(f"paired_difference wants two equally long lists, not {len(a)} and {len(b)} numbers.")
    return PairedDifference(*_student([y - x for x, y in zip(a, b, strict=True)]))


def _student(values: list[float]) -> tuple[float, float | None, float | None, int]:
    mean, n = statistics.fmean(values), len(values)
    if n == 1:
        return mean, None, None, 1
    half = float(t.ppf((1 + CONFIDENCE) / 2, n - 1)) * statistics.stdev(values) / n**0.5
    return mean, mean - half, mean + half, n


def seeds_and_images(scores: Iterable[Interval]) -> Interval:
    """The mean accuracy of several training runs; its 95 % interval covers the choice of seeds and that of test images.

    scores: one for each seed, all judged on the same test images, each with its interval over these images
    (`accuracy_interval`).

    The two sources of chance are independent, so the distances from the mean to the two intervals' ends add up as squares
    do, on each side by itself (Zou and Donner, Construction of confidence limits about effect measures, Statistics in
    Medicine 2008). More seeds narrow one of them alone: the images stay the same. A single seed shows no spread, so its
    interval covers the images alone.
    """
    scores = list(scores)
    mean, low, high, n = _student([score.mean for score in scores])
    below, above = (statistics.fmean(abs(getattr(s, end) - s.mean) for s in scores) for end in ("low", "high"))
    over_seeds = 0.0 if low is None else (high - low) / 2
    return Interval(mean, mean - math.hypot(below, over_seeds), mean + math.hypot(above, over_seeds), n)


def accuracy_interval(correct: int, total: int) -> Interval:
    """Share of right answers with Wilson's interval (JASA 1927), which stays inside [0, 1] and is not empty at its ends.

    It covers the choice of test images, not the training: several seeds have `mean_interval`.
    """
    ends = binomtest(correct, total).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(correct / total, float(ends.low), float(ends.high), total)


def paired_accuracy(a: Sequence[int], b: Sequence[int], truth: Sequence[int]) -> PairedDifference:
    """How much more often b is right than a on the same images, with Newcombe's interval for paired shares.

    a, b: predictions (N,) of two encoders or judges, as lists, arrays or tensors. truth: the right answers (N,).

    Newcombe, Improved confidence intervals for the difference between binomial proportions based on paired data,
    Statistics in Medicine 1998 (method 10). Images that both get right, or both wrong, say nothing about the difference;
    the two Wilson intervals are combined with the correlation phi that these images cause. Raises ValueError for unequal
    lengths.
    """
    if not len(a) == len(b) == len(truth) or not len(truth):
        raise ValueError(f"paired_accuracy wants three equally long lists, not {len(a)}, {len(b)} and {len(truth)}.")
    hits = [(int(x) == int(y), int(z) == int(y)) for x, z, y in zip(a, b, truth, strict=True)]
    n = len(hits)
    both, only_a, only_b, none = (
        hits.count(pair) for pair in ((True, True), (True, False), (False, True), (False,) * 2)
    )
    left, right = accuracy_interval(both + only_a, n), accuracy_interval(both + only_b, n)
    spread = ((both + only_a) * (only_b + none) * (both + only_b) * (only_a + none)) ** 0.5
    product = both * none - only_a * only_b
    product = max(product - n / 2, 0.0) if product > 0 else product  # Newcombe's correction for continuity
    phi = product / spread if spread else 0.0

    def reach(p: float, q: float) -> float:
        return max(p * p - 2 * phi * p * q + q * q, 0.0) ** 0.5

    mean = right.mean - left.mean
    low = mean - reach(right.mean - right.low, left.high - left.mean)
    return PairedDifference(mean, low, mean + reach(right.high - right.mean, left.mean - left.low), n)


def mean_by(rows: Iterable[dict], key: str, value: str, **only) -> dict[object, Interval]:
    """Means over the seeds: {row[key]: interval of row[value]}, in the order in which the keys first come.

    only: which rows count: mean_by(rows, "variant", "knn", group="temperature").
    """
    found: dict[object, list[float]] = {}
    for row in rows:
        if all(row[name] == wanted for name, wanted in only.items()):
            found.setdefault(row[key], []).append(row[value])
    return {name: mean_interval(values) for name, values in found.items()}
