"""Intervals of what is measured on the places of scenes: a bootstrap over scenes, because places of one are alike."""

import numpy as np
import torch
from scipy.stats import t
from torch import Tensor

from coursekit.evaluation.intervals import CONFIDENCE, Interval

RESAMPLES = 1000


def scene_counts(n: int, seed: int) -> Tensor:
    """How often each of n scenes counts: float64 (1 + RESAMPLES, n). The first row is all of them once."""
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    return torch.cat([torch.ones(1, n), torch.from_numpy(drawn)]).double()


def scene_interval(values: Tensor, n: int, kind: type[Interval] = Interval, least: float = 0.0) -> Interval:
    """Student's interval around the first of the values, with the spread of the others as its standard error.

    values: (1 + RESAMPLES,), one for each row of `scene_counts`. n: scenes. kind: of interval. least: the smallest value
    that there can be; the largest is 1.

    Average precision of few scenes is a little too high in the mean, and so is that of their resamples: percentiles of
    these would inherit the shift twice. A resample that shows no place of a class says nothing of it (NaN).
    """
    value, drawn = float(values[0]), values[1:][~values[1:].isnan()]
    if len(drawn) < 2:
        return kind(value, None, None, n)
    half = float(t.ppf((1 + CONFIDENCE) / 2, n - 1) * drawn.std())
    return kind(value, max(least, value - half), min(1.0, value + half), n)
