"""Pictures of chance: what an accuracy would have been on other test images."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from coursekit.figures.style import BLUE, INK, RED, describe, styled


@styled
def accuracy_draws(
    accuracies: Sequence[float], interval: tuple[float, float], measured: float, title: str | None = None
) -> Figure:
    """How an accuracy varies with the test images: a histogram of many draws, and over it an interval.

    accuracies: 0 to 1, one for each draw of test images. interval: low and high end. measured: the accuracy that the
    interval belongs to. Raises ValueError for no draw, or if the interval does not hold what was measured.
    """
    drawn, (low, high) = 100 * np.asarray(accuracies, dtype=float), interval
    if not len(drawn) or not low <= measured <= high:
        raise ValueError(
            f"Needed: draws, and low <= measured <= high. Given: {len(drawn)} draws, {low}, {measured}, {high}."
        )
    fig, ax = plt.subplots(figsize=(7.0, 3.2))
    values, counts = np.unique(drawn.round(6), return_counts=True)
    width = 0.9 * (np.diff(values).min() if len(values) > 1 else 1.0)
    percent = 100 * counts / len(drawn)
    ax.bar(values, percent, width=width, color=BLUE, alpha=0.6)
    top = percent.max()
    ax.plot([100 * low, 100 * high], [1.1 * top] * 2, color=RED, lw=3, marker="|", markersize=14, markeredgewidth=3)
    ax.plot([100 * measured], [1.1 * top], color=INK, marker="o")
    ax.text(100 * high, 1.1 * top, f"   95 %: {100 * low:.1f} to {100 * high:.1f}", va="center", fontsize=10)
    inside = ((drawn >= 100 * low - 1e-6) & (drawn <= 100 * high + 1e-6)).mean()
    ax.set(xlabel="accuracy, %", ylabel="share of the draws, %", ylim=(0, 1.25 * top))
    ax.set_xlim(right=max(drawn.max(), 100 * high) + 0.35 * (drawn.max() - drawn.min() + 1e-9))
    if title:
        ax.set_title(title)
    return describe(
        fig,
        f"""
        Histogram of the accuracy in {len(drawn)} draws of test images, from {drawn.min():.1f} to {drawn.max():.1f} %.
        Above it the 95 % interval of {100 * measured:.1f} %: {100 * low:.1f} to {100 * high:.1f} %, which holds
        {100 * inside:.0f} % of the draws.""",
    )
