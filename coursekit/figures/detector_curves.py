"""Detectors in numbers: the five sizes, a training run as Ultralytics logs it, accuracy against the labels it had."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from coursekit.evaluation.intervals import mean_interval
from coursekit.figures.layout import look, panels
from coursekit.figures.style import INK, MARKERS, MUTED, PALETTE, describe, styled
from coursekit.runtime import CourseError

PANELS = (  # title, y label, ((column, line style, name), ...)
    ("box loss", "loss, weighted", (("train/box_loss", "-", "train"), ("val/box_loss", "--", "val"))),
    ("class loss", "loss, weighted", (("train/cls_loss", "-", "train"), ("val/cls_loss", "--", "val"))),
    ("edge loss", "loss, weighted", (("train/dfl_loss", "-", "train"), ("val/dfl_loss", "--", "val"))),
    (
        "precision and recall",
        "share, %",
        (("metrics/precision(B)", "-", "precision"), ("metrics/recall(B)", "--", "recall")),
    ),
    ("average precision", "mAP, %", (("metrics/mAP50(B)", "-", "mAP50"), ("metrics/mAP50-95(B)", "--", "mAP50-95"))),
    ("learning rate", "learning rate", (("lr/pg0", "-", "neck, head"), ("lr/pg3", "--", "backbone"))),
)


@styled
def model_sizes(table: Sequence[Mapping]) -> Figure:
    """The sizes of a detector side by side: parameters (backbone and the rest) and cost.

    table: rows with size, parameters, backbone_parameters and gflops, as `coursekit.detection.size_table` gives them.
    """
    names = [row["size"] for row in table]
    total = np.array([row["parameters"] for row in table]) / 1e6
    backbone = np.array([row["backbone_parameters"] for row in table]) / 1e6
    gflops = np.array([row["gflops"] for row in table], dtype=float)
    fig, axes = panels(2, 2, 4.2, 3.2)
    axes = axes[:, 0]
    axes[0].bar(names, backbone, color=PALETTE[2], label="backbone", hatch="//", edgecolor="white")
    top = axes[0].bar(names, total - backbone, bottom=backbone, color=PALETTE[0], label="neck and head")
    axes[0].bar_label(top, [f"{value:.1f}" for value in total], fontsize=10)
    axes[0].set_ylabel("parameters, millions")
    axes[0].legend(loc="upper left")
    axes[1].bar_label(axes[1].bar(names, gflops, color=PALETTE[3]), [f"{value:.1f}" for value in gflops], fontsize=10)
    axes[1].set_ylabel("GFLOPs for one image")
    for ax in axes:
        ax.set_xlabel("size of the model")
        ax.grid(axis="x", visible=False)
        ax.margins(y=0.12)
    rows = zip(names, total, gflops, strict=True)
    told = "; ".join(f"{n}: {p:.1f} million parameters, {g:.1f} GFLOPs" for n, p, g in rows)
    return describe(fig, f"Bars for {len(names)} model sizes. {told}.")


def read_results(path: str | Path) -> dict[str, np.ndarray]:
    """The columns of an Ultralytics results.csv; what was not measured in an epoch is NaN.

    path: the file or the run's folder. Raises CourseError if there is none. Ultralytics writes zeros for an epoch that it
    did not validate; a loss that is exactly zero in every part is how such an epoch is known.
    """
    file = Path(path)
    file = file / "results.csv" if file.is_dir() else file
    try:
        with file.open(encoding="utf-8") as text:
            rows = [{key.strip(): value for key, value in row.items()} for row in csv.DictReader(text)]
        columns = {key: np.array([float(row[key]) for row in rows]) for key in rows[0]}
    except (OSError, ValueError, IndexError, AttributeError, TypeError, UnicodeDecodeError) as error:
        raise CourseError(f"{file} is not the results.csv of a training run ({error}).") from error
    if "epoch" not in columns:
        raise CourseError(f"{file} has no column 'epoch': it is not the results.csv of a training run.")
    checked = [key for key in columns if key.startswith(("val/", "metrics/"))]
    losses = [columns[key] for key in checked if key.startswith("val/")]
    if losses:
        skipped = np.all(np.stack(losses) == 0, axis=0)
        for key in checked:
            columns[key] = np.where(skipped, np.nan, columns[key])
    return columns


def _frozen_until(table: dict[str, np.ndarray]) -> int:
    """The epoch after which a frozen backbone began to learn; 0 if it learned from the start."""
    rates = table.get("lr/pg3", np.ones(1))
    return int(table["epoch"][np.argmax(rates > 0) - 1]) if rates[0] == 0 and rates.any() else 0


@styled
def results_curves(runs: str | Path | Mapping[str, str | Path], only: Sequence[str] = ()) -> Figure:
    """A detector's training as Ultralytics logged it: losses, precision and recall, mAP, learning rate.

    runs: a results.csv or the folder of a run, or several by name, drawn over each other. A dotted line stands where a
    frozen backbone began to learn. only: titles of the panels to draw, such as "box loss"; default: all. Raises CourseError
    for what is not a run, and ValueError for a panel that there is not.
    """
    if unknown := set(only) - {title for title, *_ in PANELS}:
        raise ValueError(
            f"results_curves has no panel {', '.join(sorted(unknown))}: {', '.join(p[0] for p in PANELS)}."
        )
    drawn = [panel for panel in PANELS if not only or panel[0] in only]
    named = dict(runs) if isinstance(runs, Mapping) else {"": runs}
    tables = {name: read_results(path) for name, path in named.items()}
    ends = {end for table in tables.values() if (end := _frozen_until(table))}
    longest = max(table["epoch"].max() for table in tables.values())
    fig, axes = panels(len(drawn), 2 if len(drawn) == 4 else 3, 3.2, 2.6)
    for ax, (title, label, curves) in zip(axes[:, 0], drawn, strict=True):
        for end in ends:
            ax.axvline(end + 0.5, color=MUTED, lw=1.2, ls=":")
        for k, table in enumerate(tables.values()):
            for j, (column, line, part) in enumerate(curves):
                there = np.isfinite(table.get(column, np.array([np.nan])))
                if not there.any():
                    continue
                epochs = table["epoch"][there]
                values = table[column][there] * (100 if column.startswith("metrics/") else 1)
                few = {"marker": "os"[j], "markersize": 4} if len(values) < 15 else {}
                color = PALETTE[k if len(tables) > 1 else j]
                part = part if len(curves) == 1 or curves[-1][0] in table else ""  # a single curve needs no name
                ax.plot(epochs, values, line, color=color, label=part if k == 0 else None, **few)
        ax.set(title=title, xlabel="epoch", ylabel=label)
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        least = 1 if label.endswith("%") else 0  # a detector that finds nothing: 0 on a scale up to 1 %
        ax.set_ylim(0, max(1.06 * ax.get_ylim()[1], least))
        ax.set_xlim(0.5, longest + 0.5)
        if any(ax.get_legend_handles_labels()[1]):
            legend = ax.legend(fontsize=8)
            for handle in legend.legend_handles if len(tables) > 1 else ():
                handle.set_color(INK)  # here the dash tells the part, and the colour tells the run, below
    if len(tables) > 1:
        lines = [Line2D([], [], color=PALETTE[k], label=name) for k, name in enumerate(tables)]
        fig.legend(handles=lines, loc="outside lower center", ncols=len(lines))
    told = []
    for name, table in tables.items():
        reached = table.get("metrics/mAP50-95(B)", np.array([np.nan]))
        best = f", best mAP50-95 {100 * np.nanmax(reached):.1f} %" if np.isfinite(reached).any() else ""
        told.append(f"{name and f'{name}: '}{len(table['epoch'])} epochs{best}")
    what = ", ".join(title for title, *_ in drawn)
    after = "".join(f" The backbone is frozen until epoch {end}." for end in sorted(ends))
    return describe(fig, f"Training curves of a detector: {what}. {'; '.join(told)}.{after}")


@styled
def label_efficiency(rows: Sequence[Mapping], metric: str = "map50", names: Mapping[str, str] | None = None) -> Figure:
    """Accuracy against the number of labelled images: one line for each start, one small marker for each seed.

    From three seeds on, a mean has its 95 % interval; two seeds tell too little of their spread.

    rows: one dict for each run, with arm, labels, seed and the metric as a share. names: what to call the arms.
    """
    if not rows:
        raise ValueError("label_efficiency was given no run.")
    titles = {"map50": "mAP50", "map50_95": "mAP50-95"}
    run = dict.fromkeys(row["arm"] for row in rows)
    arms = [arm for arm in dict.fromkeys([*(names or {}), *run]) if arm in run]  # in the order of their names
    counts = sorted({row["labels"] for row in rows})
    fig, ax = plt.subplots(figsize=(9.2, 3.8))
    told = []
    for k, arm in enumerate(arms):
        name = (names or {}).get(arm, arm.replace("_", " "))
        mine = {n: [100 * row[metric] for row in rows if row["arm"] == arm and row["labels"] == n] for n in counts}
        mine = {n: values for n, values in mine.items() if values}
        shift = 1 + 0.02 * (k - (len(arms) - 1) / 2)  # two arms' seeds do not hide each other
        marker, means = MARKERS[k % len(MARKERS)], [np.mean(values) for values in mine.values()]
        ax.plot([n * shift for n in mine], means, marker=marker, markersize=8, label=name, **look(k))
        for n, values in mine.items():
            if len(values) > 2:
                found = mean_interval(values)
                ends = [[found.mean - found.low], [found.high - found.mean]]
                ax.errorbar([n * shift], [found.mean], yerr=ends, color=look(k)["color"], capsize=4, linewidth=1.4)
        each = [(n * shift, value) for n, values in mine.items() for value in values]
        seeds_look = {**look(k), "linestyle": "", "marker": marker, "markersize": 4, "alpha": 0.55}
        ax.plot(*zip(*each, strict=True), **seeds_look)
        told.append(f"{name}: " + ", ".join(f"{np.mean(values):.1f} at {n}" for n, values in mine.items()))
    ax.set_xscale("log")
    ax.set_xticks(counts)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.minorticks_off()
    ax.set_xlabel("labelled images")
    ax.set_ylabel(f"{titles.get(metric, metric)}, %")
    ax.set_ylim(bottom=0)
    ax.legend(title="start from", fontsize=9, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    title = "Mean (large) and each seed (small); bars: 95 % from three seeds on"
    ax.set_title(title, fontweight="normal", fontsize=11)
    return describe(fig, f"{titles.get(metric, metric)} in % against labelled images. {'; '.join(told)}.")
