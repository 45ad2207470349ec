"""Pictures of numbers: how a training run went, and how encoders compare."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from coursekit.figures.layout import look, panels
from coursekit.figures.style import MUTED, PALETTE, describe, styled

UNITS = {
    "loss": "loss, nats",
    "lr": "learning rate",
    "images_per_second": "images a second",
    "seconds": "time, s",
    "uniformity": "uniformity, low is even",
    "grad_norm": "gradient norm",
}
NOT_PLOTTED = {"step", "chance"}


def rows_of(history) -> list[dict]:
    """The rows of a History, or the list of dicts itself. Raises ValueError if there are none."""
    rows = list(getattr(history, "rows", history))
    if not rows:
        raise ValueError("This history has no rows: nothing was logged.")
    return rows


def _unit(key: str, units: Mapping[str, str] | None = None) -> str:
    return {**UNITS, **(units or {})}.get(key, key.replace("_", " "))


def _series(rows: list[dict], key: str) -> tuple[list, list]:
    pairs = [(row["step"], row[key]) for row in rows if row.get(key) is not None]
    return [x for x, _ in pairs], [y for _, y in pairs]


def _curve(ax: Axes, runs: Mapping[str, list[dict]], key: str, unit: str) -> None:
    for k, (name, rows) in enumerate(runs.items()):
        steps, values = _series(rows, key)
        few = {"marker": "o", "markersize": 4} if len(steps) < 20 else {}
        ax.plot(steps, values, label=name or None, **look(k), **few)
    ax.set(xlabel="step", ylabel=unit)
    ax.set_title(unit.split(",")[0])
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _chance(ax: Axes, runs: Mapping[str, list[dict]]) -> None:
    """The chance level of every run; runs that share one share its line."""
    levels = dict.fromkeys(tuple(map(tuple, _series(rows, "chance"))) for rows in runs.values())
    for k, (steps, level) in enumerate(pair for pair in levels if pair[0]):
        ax.plot(steps, level, color=MUTED, linestyle=(0, (4, 3)), linewidth=1.5, label="chance" if k == 0 else None)


def _number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@styled
def training_curves(
    history, keys: Sequence[str] | None = None, columns: int = 3, units: Mapping[str, str] | None = None
) -> Figure:
    """A training run as it was logged: loss with its chance level (grey, dashed), learning rate, diagnostics, images a
    second.

    history: a History, a list of its rows, or several of them by name, {"with colour": ..., "without": ...}, drawn over
    each other. keys: which columns to draw; default: all numbers that were logged. units: what an axis says instead of
    the usual, {"loss": "loss, 0 to 4"}.
    """
    runs = {name: rows_of(h) for name, h in history.items()} if isinstance(history, Mapping) else {"": rows_of(history)}
    values = (pair for rows in runs.values() for row in rows for pair in row.items())
    logged = list(dict.fromkeys(key for key, value in values if _number(value) and key not in NOT_PLOTTED))
    first = [key for key in ("loss", "lr") if key in logged]
    last = [key for key in ("images_per_second",) if key in logged]
    keys = list(keys) if keys else first + [key for key in logged if key not in first + last] + last
    unknown = [key for key in keys if key not in logged]
    if unknown:
        raise ValueError(f"Not logged: {', '.join(unknown)}. Logged: {', '.join(logged)}.")

    fig, axes = panels(len(keys), columns, 3.1, 2.6, margin=(0.6, 0.2))
    for ax, key in zip(axes[:, 0], keys, strict=True):
        _curve(ax, runs, key, _unit(key, units))
        if key == "loss":
            _chance(ax, runs)
        if key in (keys[0], "loss") and ax.get_legend_handles_labels()[1]:
            ax.legend()  # not in every panel: the runs are the same, and a legend hides some of the curves
    told = []
    for name, rows in runs.items():
        steps, values = _series(rows, "loss")
        if steps:
            whose = f"{name}: " if name else ""
            told.append(f"{whose}the loss goes from {values[0]:.2f} to {values[-1]:.2f} in {steps[-1] + 1} steps")
    what = ", ".join(_unit(key, units).split(",")[0] for key in keys)
    return describe(fig, f"Training curves: {what}. {'; '.join(told).capitalize()}.")


@styled
def bars_with_intervals(
    names: Sequence[str],
    values: Sequence[float],
    intervals=None,
    chance: float | None = None,
    label: str = "accuracy, %",
    title: str | None = None,
    levels: Mapping[str, float] | None = None,
) -> Figure:
    """Compare encoders, or anything with a name: horizontal bars with error bars and the numbers beside them.

    values: in the unit that `label` names. intervals: (n, 2) low and high ends, or (n,) half widths; None: no error
    bars. chance: a dashed line at the level of guessing. levels: more such lines, by name: what the bars are to be
    compared with.
    """
    levels = {**({} if chance is None else {"guessing": chance}), **(levels or {})}
    values = np.asarray(values, dtype=float)
    if len(names) != len(values) or not len(values):
        raise ValueError(f"{len(names)} names for {len(values)} values.")
    ends = None
    if intervals is not None:
        ends = np.asarray(intervals, dtype=float)
        ends = np.stack([values - ends, values + ends], axis=1) if ends.ndim == 1 else ends
        if ends.shape != (len(values), 2) or (ends[:, 0] > values).any() or (ends[:, 1] < values).any():
            raise ValueError("Each interval is (low, high) and holds its value.")
    fig, ax = plt.subplots(figsize=(7.0, 0.42 * len(values) + 1.2))
    at = np.arange(len(values))[::-1]  # the first on top
    ax.barh(at, values, height=0.62, color=[PALETTE[i % len(PALETTE)] for i in range(len(values))], alpha=0.85)
    if ends is not None:
        arms = [values - ends[:, 0], ends[:, 1] - values]
        ax.errorbar(values, at, xerr=arms, fmt="none", ecolor="black", capsize=4, lw=1.5)
    reach = ends[:, 1] if ends is not None else values
    most = max(reach.max(), *levels.values(), 0.0)
    span = most - min(0.0, values.min())
    for y, value, end in zip(at, values, reach, strict=True):
        ax.text(max(end, 0) + 0.015 * span, y, f"{value:.1f}", va="center", fontsize=10)
    ax.set_xlim(right=most + 0.12 * span)
    ax.set_yticks(at, names)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(label)
    for name, level in levels.items():
        ax.axvline(level, color=MUTED, linestyle="--", linewidth=1.5)
        ax.text(level, len(values) - 0.45, f" {name} {level:.1f}", color=MUTED, fontsize=9, va="bottom", ha="left")
    if title:
        ax.set_title(title, pad=20 if levels else 6)
    told = [f"{name} {value:.1f}" for name, value in zip(names, values, strict=True)]
    if ends is not None:
        told = [f"{text} ({low:.1f} to {high:.1f})" for text, (low, high) in zip(told, ends, strict=True)]
    told += [f"{name} gives {level:.1f}" for name, level in levels.items()]
    return describe(fig, f"Bars of {label}: {'; '.join(told)}.")


@styled
def grouped_bars(
    values: Mapping[str, Mapping[str, float | tuple[float, float, float]]],
    label: str,
    title: str | None = None,
    missing: str = "not known",
) -> Figure:
    """Several bars for each name, one of each series, with the numbers beside them.

    values: {name: {series: value}}, the same series for every name. A value with its interval is (value, low, high); one
    that is missing is NaN and has no bar. label: what the values are, with the unit. missing: what is said of those that
    are: "not known" is shown as "?", other words as they are.
    """
    series = list(next(iter(values.values()), ()))
    if not series or any(list(row) != series for row in values.values()):
        raise ValueError(f"Every name needs the same series, not {[list(row) for row in values.values()]}.")
    numbers = np.array([[np.broadcast_to(row[key], 3) for key in series] for row in values.values()], dtype=float)
    span = max(np.nanmax(numbers), 0.0) - min(np.nanmin(numbers), 0.0) or 1.0
    form = ".1f" if span > 5 else ".2f"
    step = len(series) + 0.5
    fig, ax = plt.subplots(figsize=(7.0, 0.23 * step * len(values) + 0.9 + (0.3 if title else 0.0)))
    told = []
    for k, key in enumerate(series):
        at = -step * np.arange(len(values)) - k
        value, low, high = numbers[:, k].T
        ax.barh(at, value, height=0.85, color=PALETTE[k % len(PALETTE)], alpha=0.85, label=key)
        if (high > low).any():
            ax.errorbar(value, at, xerr=[value - low, high - value], fmt="none", ecolor="black", capsize=4, lw=1.5)
        for name, y, number, end in zip(values, at, value, high, strict=True):
            known = not np.isnan(number)
            told.append(f"{name}, {key}: {f'{number:{form}}' if known else missing}")
            if known:
                ax.text(max(end, 0) + 0.015 * span, y, f"{number:{form}}", va="center")
            else:
                ax.text(0, y, " ?" if missing == "not known" else f" {missing}", va="center", color=MUTED)
    ax.set_yticks(-step * np.arange(len(values)) - (len(series) - 1) / 2, list(values))
    ax.set_xlim(right=np.nanmax(numbers) + 0.12 * span)
    ax.set_ylim(-step * len(values) + 0.9, 0.6)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(label)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    if title:
        ax.set_title(title)
    return describe(fig, f"Bars of {label}: {'; '.join(told)}.")
