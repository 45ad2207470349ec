"""Pictures of MoCo's queue: who is in it, how old the keys are, and what many negatives cost."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Wedge
from matplotlib.ticker import MaxNLocator

from coursekit.figures.layout import look, panels
from coursekit.figures.live import Stamp
from coursekit.figures.style import FAINT, INK, MARKERS, MUTED, RED, bare, describe, styled
from coursekit.methods.queue import Queue

MOST, OLDEST = 48, 15  # places of a ring, steps of age that are told apart
NUMBERED = 32  # a ring of more places has no room for numbers


def queue_after(steps: int, batch: int, size: int) -> Queue:
    """The queue after so many steps, each of which pushed `batch` keys."""
    queue = Queue(size, 2)
    for _ in range(steps):
        queue.push(torch.ones(batch, 2))
    return queue


class QueuePicture:
    """A queue as a ring of places and, beside it, how many keys have which age: `show(step, batch, size)` changes both.

    step: training steps so far. batch: keys that each put in. size: places, up to 48. figure: the Figure. moving: its
    artists that may change.
    """

    @styled
    def __init__(self, step: int, batch: int, size: int):
        self.figure, (ring, bars) = plt.subplots(1, 2, figsize=(9.4, 4.3), gridspec_kw={"width_ratios": (1, 1.15)})
        colors = plt.get_cmap("viridis")
        self.colors = [FAINT, *(colors(0.95 - 0.9 * age / OLDEST) for age in range(OLDEST + 1))]  # -1 first
        self.inks = [INK, *(INK if age < 7 else "white" for age in range(OLDEST + 1))]
        bare(ring).set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal")
        self.places = [ring.add_patch(Wedge((0, 0), 1, 0, 1, width=0.36, ec="white", lw=1.5)) for _ in range(MOST)]
        self.numbers = [ring.add_artist(Stamp(0, 0, "0", fontsize=9)) for _ in range(NUMBERED)]
        self.pointer = ring.add_patch(Polygon(np.zeros((3, 2)), color=RED))
        self.told = ring.text(0, 0, " ", ha="center", va="center", fontsize=11, linespacing=1.5)
        ring.set_title("The queue: age of each key, in steps")
        self.bars = bars.bar(range(-1, OLDEST + 1), 0, color=self.colors, width=0.85)
        bars.set(xlim=(-1.7, OLDEST + 0.7), ylim=(0, MOST + 2), xlabel="age, steps", ylabel="keys")
        bars.set_xticks([-1, *range(0, OLDEST + 1, 3)], ["start", *range(0, OLDEST + 1, 3)])
        bars.set_title("The negatives of the next step")
        self.moving = [*self.places, self.pointer, *self.numbers, self.told, *self.bars]
        self.show(step, batch, size)

    def show(self, step: int, batch: int, size: int) -> None:
        """Show the queue after `step` steps of `batch` keys each, and describe it."""
        queue = queue_after(step, batch, size)
        age, turn = queue.age.clamp(max=OLDEST).tolist(), 360 / size
        for k, place in enumerate(self.places):
            place.set_visible(k < size)
            if k < size:
                place.set_theta1(90 - turn * (k + 1))
                place.set_theta2(90 - turn * k)
                place.set_facecolor(self.colors[age[k] + 1])
        for k, number in enumerate(self.numbers):
            number.set_visible(k < size <= NUMBERED)
            if k < size <= NUMBERED:
                angle = np.pi / 2 - np.deg2rad(turn * (k + 0.5))
                number.set_position((0.82 * np.cos(angle), 0.82 * np.sin(angle)))
                number.set(text="" if age[k] < 0 else str(age[k]), color=self.inks[age[k] + 1])
        angle = np.pi / 2 - np.deg2rad(turn * queue.place.item())
        across, along = np.array([-np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), np.sin(angle)])
        self.pointer.set_xy([1.02 * along, 1.2 * along + 0.07 * across, 1.2 * along - 0.07 * across])
        counts = np.bincount(np.array(age) + 1, minlength=OLDEST + 2)
        for bar, count in zip(self.bars, counts, strict=True):
            bar.set_height(count)
        start, oldest = int(counts[0]), int(queue.age.max())
        of_age = "no key yet" if oldest < 0 else f"oldest: age {oldest}"
        self.told.set_text(f"after step {step}\n{size - start} of {size} places\n{of_age}")
        describe(
            self.figure,
            f"""
            A ring of {size} places, the queue after step {step} with {batch} keys a step. {size - start} places hold keys,
            {start} still the random start; {of_age}. The next batch goes in from place {queue.place.item()} on, where the
            oldest are. Bars count the keys of each age.""",
        )


def queue_ring(step: int, batch: int, size: int) -> Figure:
    """A queue after `step` steps of `batch` keys each: its places with their ages, and how many keys have which age.

    size: places, up to 48. The red mark shows where the next batch begins: it replaces the oldest keys.
    """
    return QueuePicture(step, batch, size).figure


@styled
def negatives_memory(measured: Mapping[str, Mapping[int, float]], reach: int = 65_536) -> Figure:
    """What negatives cost: memory of a training step against their number, both logarithmic.

    measured: {name: {negatives: bytes}}. reach: number of negatives up to which a series is extrapolated, dotted, in
    proportion from its last point; one that was measured that far is not.
    """
    fig, ax = plt.subplots(figsize=(7.2, 3.9))
    told = []
    for k, (name, points) in enumerate(measured.items()):
        x, y = np.array(list(points)), np.array(list(points.values())) / 1e6
        ax.plot(x, y, label=f"{name}, measured", color=look(k)["color"], marker=MARKERS[k], markersize=7)
        told.append(f"{name}: {y[-1]:.3g} MB for {x[-1]} negatives")
        if x[-1] < reach:
            far = y[-1] * reach / x[-1]
            ax.plot([x[-1], reach], [y[-1], far], ls=":", color=look(k)["color"], label=f"{name}, extrapolated")
            told[-1] += f", extrapolated {far:.3g} MB for {reach}"
    ax.set(xscale="log", yscale="log", xlabel="negatives of a query", ylabel="memory of a step, MB")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.set_title("A queue makes negatives cheap")
    ax.legend()
    return describe(fig, f"Memory of a training step against the number of negatives. {'; '.join(told)}.")


@styled
def key_ages(runs: Mapping[str, Sequence[Mapping[str, float]]], chance: float, mark: int | None = None) -> Figure:
    """How keys age: their cosine with the present key of the same view, and whether they are still found, by age.

    runs: {name: rows with "age", "cosine" and "found", as `KeyAges.by_age` gives them}. chance: of being found, 0 to 1.
    mark: an age, steps, drawn as a line: how long a key stays in the queue.
    """
    fig, axes = panels(2, 2, 4.6, 3.5)
    told = []
    for k, (name, rows) in enumerate(runs.items()):
        age = [row["age"] for row in rows]
        for ax, key, scale in zip(axes[:, 0], ("cosine", "found"), (1, 100), strict=True):
            ax.plot(age, [scale * row[key] for row in rows], label=name, **look(k), marker=MARKERS[k], markersize=5)
        last = rows[-1]
        told.append(f"{name}: cosine {last['cosine']:.2f}, found {100 * last['found']:.0f} % at age {last['age']}")
    left, right = axes[:, 0]
    lowest = min(row["cosine"] for rows in runs.values() for row in rows)
    left.set(xlabel="age of the old key, steps", ylabel="cosine similarity", ylim=(min(0.0, lowest) - 0.05, 1.05))
    left.set_title("Old key and new key")
    right.set(xlabel="age of the old keys, steps", ylabel="views, %", ylim=(-3, 103))
    right.set_title("Own old key is the nearest")
    right.axhline(100 * chance, color=MUTED, ls=(0, (4, 3)), lw=1.5)
    right.annotate(
        "chance", (1, 100 * chance), (-4, 3), ("axes fraction", "data"), "offset points", color=MUTED, ha="right"
    )
    for ax in (left, right):
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        if mark is not None:
            _mark(ax, mark)
    left.legend(loc="lower left")
    return describe(
        fig,
        f"""
        Two plots against the age of a key. Left: cosine of the old key and the present key of the same view. Right: how
        often a view's own old key is the nearest of all old keys, chance {100 * chance:.1f} %. {"; ".join(told)}.""",
    )


def _mark(ax: Axes, age: int) -> None:
    ax.axvline(age, color=MUTED, lw=1.2, ls=":")
    ax.annotate(" leaves\n the queue", (age, 0.62), xycoords=("data", "axes fraction"), color=MUTED, fontsize=10)
