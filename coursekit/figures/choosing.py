"""How methods compare at one budget: accuracy with its interval, price, judges beside each other, published numbers."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from coursekit.evaluation.frontier import frontier
from coursekit.evaluation.intervals import Interval, accuracy_interval, mean_by
from coursekit.evaluation.judging import TITLES
from coursekit.figures.layout import look, panels
from coursekit.figures.style import BLUE, MARKERS, MUTED, ORANGE, PALETTE, RED, describe, styled
from coursekit.recipes.leaderboard import BASELINES, Standing
from coursekit.recipes.lesson_09 import ENTRIES
from coursekit.recipes.recorded import Recorded

COST_AXES = {
    "training_seconds": "seconds, at the speed of one step alone",
    "images_per_second": "images a second",
    "memory_mb": "memory at its peak, MB",
}


def _percent(standing: Standing, judge: str) -> tuple[float, float, float]:
    score = standing.scores[judge]
    return tuple(100 * (score.mean if end is None else end) for end in (score.mean, score.low, score.high))


def _title(mine: Sequence[Standing]) -> str:
    """The kind of images, and the budget."""
    seen = mine[0].seen
    return mine[0].data + (f", {seen:,} seen" if seen else "")


def _dot(ax: Axes, x: tuple, y: float, **how) -> None:
    value, low, high = x
    ax.errorbar([value], [y], xerr=[[value - low], [high - value]], fmt="o", capsize=3, lw=1.6, ms=6, **how)


def _looks(found: Sequence[Standing]) -> dict[str, dict]:
    """Colour, marker and label of every method, the same in all figures of the lesson."""
    names = list(dict.fromkeys([*ENTRIES, *(s.method for s in found)]))
    return {
        name: {
            "color": PALETTE[k % len(PALETTE)],
            "fmt": MARKERS[(k + k // len(PALETTE)) % len(MARKERS)],
            "label": name.replace("_", " "),
        }
        for k, name in enumerate(names)
    }


def _by_panel(found: Sequence[Standing]) -> dict[str, list[Standing]]:
    """{title: standings}, in their order: images of one kind at two budgets are two panels, which are not to be compared."""
    return {title: [s for s in found if _title([s]) == title] for title in dict.fromkeys(_title([s]) for s in found)}


def _log_ticks(ax: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis of x with a few round numbers, all of them written out."""
    low, high = min(values) / 1.15, max(values) * 1.15
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    steps = (digit * 10.0**power for power in range(-3, 9) for digit in (1, 2, 3, 5))
    ax.xaxis.set_major_locator(FixedLocator([step for step in steps if low <= step <= high]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter("{x:g}")


def _legend(fig: Figure, axes: Sequence[Axes]) -> None:
    """One legend for all panels, beside them."""
    shown = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    fig.legend(shown.values(), shown, loc="outside right center", fontsize=9)


@styled
def standings_dots(found: Sequence[Standing], judge: str = "linear_probe") -> Figure:
    """One panel for each kind of images and budget: a dot with its interval for every method, the best at the top.

    found: as `recipes.leaderboard.standings` gives them. judge: of TITLES; standings that lack it are left out. Baselines,
    which learned nothing, are open circles, and the best of them is a dashed line.
    """
    kinds = _by_panel([s for s in found if judge in s.scores])
    if not kinds:
        raise ValueError(f"None of the {len(found)} standings has {judge}.")
    most = max(map(len, kinds.values()))
    fig, axes = panels(len(kinds), 3, 5.0 if len(kinds) < 3 else 3.45, min(0.27 * most, 3.8) + 0.95)
    told = []
    for ax, (kind, mine) in zip(axes[:, 0], kinds.items(), strict=True):
        mine = sorted(mine, key=lambda s: s.scores[judge].mean)
        for y, standing in enumerate(mine):
            learned = standing.method not in BASELINES
            _dot(ax, _percent(standing, judge), y, color=BLUE if learned else MUTED, mfc=BLUE if learned else "white")
        floors = [_percent(s, judge)[0] for s in mine if s.method in BASELINES]
        if floors:
            ax.axvline(max(floors), color=MUTED, ls="--", lw=1.3)
        ax.set_yticks(range(len(mine)), [s.method.replace("_", " ") for s in mine])
        ax.set(xlabel=f"{TITLES[judge]}, accuracy, %", ylim=(-0.7, len(mine) - 0.3))
        ax.set_title(kind if len(kinds) < 3 else kind.replace(", ", ",\n", 1))  # three are narrow
        numbers = (f"{s.method} {_percent(s, judge)[0]:.1f}" for s in reversed(mine))
        told.append(f"{kind}, from the best: {', '.join(numbers)}")
    return describe(
        fig, f"Dots with intervals, {TITLES[judge]}, %, a dashed line at the best baseline. {'; '.join(told)}."
    )


@styled
def cost_frontier(found: Sequence[Standing], cost: str = "training_seconds", judge: str = "linear_probe") -> Figure:
    """Accuracy against cost, one panel for each kind of images and budget; those that no other beats: a broad line.

    found: as in `standings_dots`. cost: "training_seconds" or "memory_mb"; methods that lack it are left out.
    """
    of = [s for s in found if cost in s.costs and judge in s.scores]
    kinds = _by_panel(of)
    if not kinds:
        raise ValueError(f"None of the {len(found)} standings has both {judge} and {cost}.")
    fig, axes = panels(len(kinds), 2, 4.3, 3.9, margin=(1.6, 0))
    looks = _looks(of)
    told = []
    for ax, (kind, mine) in zip(axes[:, 0], kinds.items(), strict=True):
        price = np.array([s.costs[cost] for s in mine])
        values = np.array([_percent(s, judge) for s in mine])
        best = frontier(torch.from_numpy(values[:, 0]), torch.from_numpy(price)).numpy()
        order = np.flatnonzero(best)[np.argsort(price[best])]
        ax.step(
            [*price[order], price.max()],
            [*values[order, 0], values[order[-1], 0]],
            where="post",
            color=RED,
            lw=6,
            alpha=0.2,
            label="the frontier",
        )
        for standing, dear, (value, low, high) in zip(mine, price, values, strict=True):
            ax.errorbar(dear, value, yerr=[[value - low], [high - value]], ms=8, lw=0.9, **looks[standing.method])
        _log_ticks(ax, price)
        ax.set(title=kind, xlabel=COST_AXES[cost], ylabel=f"{TITLES[judge]}, accuracy, %")
        told.append(f"{kind}: {', '.join(mine[k].method for k in order)}")
    _legend(fig, axes[:, 0])
    return describe(
        fig,
        f"{TITLES[judge]}, %, against {COST_AXES[cost]} on a logarithmic axis. On the frontier, from cheap to "
        f"expensive, on {'; on '.join(told)}.",
    )


def rank_agreement(found: Sequence[Standing], a: str, b: str) -> float:
    """Spearman's rank correlation of two judges over the methods that both judged, -1 to 1 (ties: mean ranks)."""
    from scipy.stats import spearmanr

    pairs = [(s.scores[a].mean, s.scores[b].mean) for s in found if a in s.scores and b in s.scores]
    return float(spearmanr(*zip(*pairs, strict=True)).statistic)


@styled
def judges_against(
    found: Sequence[Standing], judges: Sequence[str] = ("knn", "linear_probe"), final: str = "finetune"
) -> Figure:
    """How well quick judges foretell the slow one: a panel for each, a point for every method, with both intervals.

    found: standings on one kind of images, at one budget. judges: the quick ones. final: the one that they are to foretell.
    Titles give the images, the budget and Spearman's rank correlation.
    """
    fig, axes = panels(len(judges), 2, 4.3, 3.9, margin=(1.6, 0))
    looks = _looks(found)
    told = []
    for ax, judge in zip(axes[:, 0], judges, strict=True):
        mine = [s for s in found if judge in s.scores and final in s.scores]
        for standing in mine:
            (x, x0, x1), (y, y0, y1) = _percent(standing, judge), _percent(standing, final)
            ends = {"xerr": [[x - x0], [x1 - x]], "yerr": [[y - y0], [y1 - y]]}
            ax.errorbar(x, y, **ends, ms=7, lw=0.9, **looks[standing.method])
        agreement = rank_agreement(mine, judge, final)
        ax.set(xlabel=f"{TITLES[judge]}, accuracy, %", ylabel=f"{TITLES[final]}, accuracy, %")
        ax.set_title(f"{_title(found)}\nrank correlation {agreement:.2f}")
        told.append(f"{TITLES[judge]} {agreement:.2f}")
    _legend(fig, axes[:, 0])
    return describe(
        fig,
        f"{_title(found)}. Points, one for each method: quick judges against {TITLES[final]}, %. Rank correlation with it: "
        f"{', '.join(told)}.",
    )


@styled
def data_size(recorded: Recorded, values: Sequence[str] = ("knn", "linear_probe"), tested: int | None = None) -> Figure:
    """Accuracy by how many different images were learned from: a panel for each judge, a curve for each choice of images.

    recorded: rows with "images", "kinds", "seed" and the judges as shares. tested: on how many images they were judged.
    Bars: 95 % intervals over the seeds, if there are several; of one seed, over the test images, if `tested` is known.
    """

    def interval(found: Interval) -> Interval:
        return accuracy_interval(round(found.mean * tested), tested) if tested and found.low is None else found

    fig, axes = panels(len(values), 2, 4.6, 3.3)
    told = []
    for ax, value in zip(axes[:, 0], values, strict=True):
        for k, kinds in enumerate(dict.fromkeys(row["kinds"] for row in recorded.rows)):
            rows = sorted((row for row in recorded.rows if row["kinds"] == kinds), key=lambda row: row["images"])
            found = {n: interval(each) for n, each in mean_by(rows, "images", value).items()}
            middle = np.array([100 * each.mean for each in found.values()])
            low, high = (
                np.array(
                    [100 * (each.mean if getattr(each, end) is None else getattr(each, end)) for each in found.values()]
                )
                for end in ("low", "high")
            )
            style = {"marker": MARKERS[k], "capsize": 3, "label": kinds, **look(k)}
            ax.errorbar(list(found), middle, yerr=[middle - low, high - middle], **style)
            told.append(
                f"{TITLES[value]}, {kinds}: {', '.join(f'{n} {m:.1f}' for n, m in zip(found, middle, strict=True))}"
            )
        sizes = sorted({row["images"] for row in recorded.rows})
        ax.set_xscale("log")
        ax.set_xticks(sizes, [f"{n:,}" for n in sizes])
        ax.xaxis.set_minor_locator(NullLocator())
        alone = len({row["seed"] for row in recorded.rows}) == 1
        ax.set(title=TITLES[value], xlabel="different images learned from")
        ax.margins(x=0.08)
        ax.set_ylabel("accuracy, %" + (" (one seed)" if alone else ""))
    if len(axes[0, 0].get_legend_handles_labels()[1]) > 1:
        axes[0, 0].legend(title="objects")
    return describe(fig, f"Accuracy, %, by the number of different images. {'; '.join(told)}.")


@styled
def two_budgets(
    pairs: Mapping[str, tuple[float, float]],
    called: tuple[str, str],
    label: str,
    notes: Mapping[str, str] | None = None,
) -> Figure:
    """The same methods at two budgets: a circle and a square for each, joined by a line; the best of the circles on top.

    pairs: {method: (value at the first budget, at the second)}. called: what the two are called. label: what the values
    are, with the unit. notes: {method: what is written beside its right end}.
    """
    order = sorted(pairs, key=lambda name: pairs[name][0])
    span = max(map(max, pairs.values())) - min(map(min, pairs.values()))
    fig, ax = plt.subplots(figsize=(9.0, max(0.33 * len(order) + 1.0, 2.7)))
    told = []
    for y, name in enumerate(order):
        note = f" {notes[name]}" if notes and name in notes else ""
        ax.plot(pairs[name], [y, y], color=MUTED, lw=1.5, zorder=1)
        for value, color, marker, says in zip(pairs[name], (BLUE, ORANGE), "os", called, strict=True):
            ax.scatter([value], [y], color=color, marker=marker, s=60, zorder=2, label=says if y == 0 else None)
        left, right = sorted(pairs[name])
        ax.text(left - 0.025 * span, y, f"{left:.1f}", ha="right", va="center", fontsize=10)
        ax.text(right + 0.025 * span, y, f"{right:.1f}{note}", ha="left", va="center", fontsize=10)
        told.append("{} {:.1f} and {:.1f}{}".format(name, *pairs[name], note))
    ax.set_yticks(range(len(order)), [name.replace("_", " ") for name in order])
    ax.set(xlabel=label, ylim=(-0.6, len(order) - 0.4))
    ax.margins(x=0.32 if notes else 0.12)
    ax.grid(axis="y", visible=False)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return describe(fig, f"{label}: {called[0]}, and {called[1]}. {'; '.join(reversed(told))}.")


@styled
def view_costs(costs: Mapping[str, Mapping[str, float]], columns: Mapping[str, str]) -> Figure:
    """Small bars beside each other: what a step of each method takes. costs: {method: {column: number}}. columns: {column:
    what its axis says, with the unit}."""
    names = list(costs)
    fig, axes = panels(len(columns), len(columns), 9.6 / len(columns), 0.26 * len(names) + 0.8, margin=(0.7, 0))
    told = []
    for k, (ax, (column, says)) in enumerate(zip(axes[:, 0], columns.items(), strict=True)):
        values = [costs[name][column] for name in names]
        ax.barh(range(len(names)), values, color=PALETTE[k], alpha=0.85)
        for y, value in enumerate(values):
            ax.text(value, y, f" {value:.3g}", va="center", fontsize=9)
        ax.set_yticks(range(len(names)), [name.replace("_", " ") for name in names] if k == 0 else [""] * len(names))
        ax.set(xlabel=says, ylim=(len(names) - 0.4, -0.6), xlim=(0, 1.25 * max(values)))
        ax.grid(axis="y", visible=False)
        told.append(f"{says}: {', '.join(f'{name} {value:.3g}' for name, value in zip(names, values, strict=True))}")
    return describe(fig, f"Bars. {'; '.join(told)}.")
