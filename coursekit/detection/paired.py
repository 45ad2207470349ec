"""Comparing two arms that share their seeds: the mean difference and how sure it is."""

import math
import statistics
from dataclasses import dataclass

# Two-sided 95 % quantiles of Student's t for 1, 2, ..., 30 degrees of freedom
# (Student, The Probable Error of a Mean, Biometrika 1908)
T_95 = (
    12.7062,
    4.3027,
    3.1824,
    2.7764,
    2.5706,
    2.4469,
    2.3646,
    2.3060,
    2.2622,
    2.2281,
    2.2010,
    2.1788,
    2.1604,
    2.1448,
    2.1314,
    2.1199,
    2.1098,
    2.1009,
    2.0930,
    2.0860,
    2.0796,
    2.0739,
    2.0687,
    2.0639,
    2.0595,
    2.0555,
    2.0518,
    2.0484,
    2.0452,
    2.0423,
)


@dataclass(frozen=True)
class PairedDifference:
    """Mean of b - a over n pairs and its 95 % interval; low and high are None for one pair, which shows no spread."""

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def clear(self) -> bool:
        """True where the interval lies on one side of zero."""
        return self.low is not None and (self.low > 0 or self.high < 0)

    def __str__(self) -> str:
        if self.low is None:
            return f"{self.mean:+.3f} (one seed: no interval)"
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def paired_difference(a: list[float], b: list[float]) -> PairedDifference:
    """b - a with Student's 95 % interval; a[i] and b[i] come from the same seed. Raises ValueError for other lengths.

    Pairing removes what both arms share (the same subset of labels, the same order), which is most of the spread.
    Beyond 31 pairs the quantile of 31 is used, which errs on the wide side.
    """
    if len(a) != len(b) or not a:
        raise ValueError(f"paired_difference wants two equally long lists, not {len(a)} and {len(b)} numbers.")
    differences = [y - x for x, y in zip(a, b, strict=True)]
    mean, n = statistics.fmean(differences), len(differences)
    if n == 1:
        return PairedDifference(mean, None, None, 1)
    half = T_95[min(n - 1, len(T_95)) - 1] * statistics.stdev(differences) / math.sqrt(n)
    return PairedDifference(mean, mean - half, mean + half, n)
