"""Pictures of lesson 07: what student and teacher see, what attention finds, and what each term of the loss is for."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from coursekit.evaluation.attention import MapScore
from coursekit.figures.curves import grouped_bars, rows_of
from coursekit.figures.images import to_rgb
from coursekit.figures.layout import look, panels
from coursekit.figures.style import BLUE, INK, MUTED, bare, describe, styled
from coursekit.methods import DINOv2
from coursekit.recipes.recorded import Recorded
from coursekit.training import History
from coursekit.views import View

HIDDEN = (150, 156, 163)  # RGB of a hidden patch
MEASURES = {  # column of a recorded run -> (what its axis says, factor)
    "objects": ("objects, AP %", 100),
    "mean_class": ("classes, mean AP %", 100),
    "pointing": ("attention points\nat an object, %", 100),
    "iou": ("attention's IoU, %", 100),
    "teacher_entropy": ("entropy of an answer,\nnats", 1),
    "assignment_entropy": ("entropy of the mean\nanswer, of 1", 1),
    "effective_rank": ("effective rank of the\nclass token", 1),
}
CURVES = {  # column of a history -> what its panel shows
    "dino": "DINO loss",
    "ibot": "iBOT loss",
    "teacher_entropy": "entropy of one answer",
    "assignment_entropy": "entropy of the mean answer",
}


@styled
def hidden_patches(view: View, patch: int, n: int = 6, cell: float = 1.45) -> Figure:
    """What the teacher sees of a batch's first images, and what the student sees: hidden patches are grey.

    view: with a mask, bool (B, P). patch: side of a patch, px. n: images.
    """
    if view.mask is None:
        raise ValueError("This view has no mask: nothing is hidden in it.")
    n = min(n, len(view.pixels))
    fig, axes = panels(2, 1, cell, cell + 0.03, ratios=[1.0] * n, margin=(1.2, 0.0))
    for k in range(n):
        whole = to_rgb(view.pixels[k])
        hidden = view.mask[k].view(-1, whole.shape[1] // patch).numpy().repeat(patch, 0).repeat(patch, 1)
        bare(axes[0, k]).imshow(whole)
        bare(axes[1, k]).imshow(np.where(hidden[:, :, None], np.array(HIDDEN, dtype=np.uint8), whole))
    for ax, name in zip(axes[:, 0], ("teacher", "student"), strict=True):
        ax.set_ylabel(name, fontsize=12, color=INK, rotation=0, ha="right", va="center", labelpad=8)
    shares = ", ".join(f"{share:.0%}" for share in view.mask[:n].float().mean(dim=1).tolist())
    return describe(
        fig, f"{n} images, above as the teacher sees them, below for the student. Hidden patches: {shares}."
    )


def attention_found(scores: Mapping[str, Mapping[str, MapScore]]) -> Figure:
    """How well the class token's attention finds objects, by encoder, beside the image's centre and the mean mask; in %.

    scores: {encoder: what `attention_scores` found}, all on the same scenes. Of the heads the best one is shown.
    """
    if not scores:
        raise ValueError("There are no scores to show.")
    rows = {name: found["best head"] for name, found in scores.items()}
    first = next(iter(scores.values()))
    rows |= {"image's centre": first["center"], "mean mask": first["mean mask"]}
    values = {
        name: {
            label: (100 * each.mean, 100 * each.low, 100 * each.high)
            for label, each in (("points at an object", score.pointing), ("IoU", score.iou))
        }
        for name, score in rows.items()
    }
    return grouped_bars(values, "%, with 95 % intervals")


@styled
def answer_curves(histories: Mapping[str, History], method: DINOv2, losses: Sequence[str] = ("dino",)) -> Figure:
    """How the teacher's answers fare in training: losses, then both entropies, all in nats from 0. Dashed: log K.

    histories: runs by name, drawn over each other. method: of these runs, for its number of prototypes K. losses: of "dino" and
    "ibot". A student that says nothing has a DINO loss of log K, and an iBOT loss of that times the share of masked views.
    """
    keys, most = [*losses, "teacher_entropy", "assignment_entropy"], math.log(method.prototypes)
    runs = {name: rows_of(history) for name, history in histories.items()}
    fig, axes = plt.subplots(1, len(keys), figsize=(10.2, 2.9), sharey=True)
    told = []
    for ax, key in zip(axes, keys, strict=True):
        title, factor = CURVES[key], most if key == "assignment_entropy" else 1.0  # logged as a share of its largest
        for k, (name, rows) in enumerate(runs.items()):
            values = [factor * row[key] for row in rows]
            ax.plot([row["step"] for row in rows], values, label=name, **look(k))
            told.append(f"{title}, {name}: from {values[0]:.2f} to {values[-1]:.2f}")
        level = most * (method.mask_probability if key == "ibot" else 1.0)
        ax.axhline(level, color=MUTED, linestyle="--", linewidth=1.5)
        says = f"{method.mask_probability:g}\nlog K" if key == "ibot" else "log K"
        ax.text(1.02, level, says, transform=ax.get_yaxis_transform(), color=MUTED, fontsize=9, ha="left", va="center")
        ax.set_title(title.replace(" of ", "\nof ") if len(title) > 18 else title, fontsize=11)
        ax.set_xlabel("step")
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes[0].set(ylabel="nats", ylim=(-0.03 * most, None))
    if len(runs) > 1:
        axes[-1].legend(loc="center right")
    return describe(fig, f"Curves over the steps, in nats; log K, dashed, is {most:.2f}. {'; '.join(told)}.")


@styled
def terms_table(recorded: Recorded, measures: Sequence[str]) -> Figure:
    """Recorded runs of a method with one thing changed: a row for each variant, a panel for each measure.

    recorded: rows with variant, seed and the measures, some with the ends of their 95 % interval, ..._low and ..._high; its
    levels, by the same names, are dashed lines with their intervals grey: a random encoder. Dotted: log K, of its setup.
    measures: of `MEASURES`. A large point and the number are the mean over the seeds, small points are the seeds, if several.
    """
    names = list(dict.fromkeys(row["variant"] for row in recorded.rows))
    unknown = [measure for measure in measures if measure not in MEASURES]
    if unknown or not names or not measures:
        raise ValueError(
            f"Nothing to show of {', '.join(unknown) or 'no measure or no run'}. Known: {', '.join(MEASURES)}."
        )
    fig, axes = plt.subplots(1, len(measures), figsize=(10.2, 0.4 * len(names) + 1.3), sharey=True, squeeze=False)
    prototypes = recorded.setup.get("method", {}).get("prototypes")
    most = math.log(prototypes) if prototypes else None  # nats, the largest entropy
    told = [_measured(ax, recorded, names, measure, most) for ax, measure in zip(axes[0], measures, strict=True)]
    axes[0, 0].set_yticks(range(len(names)), names)
    axes[0, 0].set_ylim(len(names) - 0.5, -0.5)
    return describe(fig, f"Dot plots by what was taken away. {'; '.join(told)}.")


def _measured(ax: Axes, recorded: Recorded, names: Sequence[str], measure: str, most: float | None) -> str:
    """Draw one panel of `terms_table` -> what it shows, in words. most: the largest entropy, nats, if known."""
    label, factor = MEASURES[measure]
    if measure == "assignment_entropy" and most:  # recorded as a share of its largest
        label, factor = "entropy of the mean\nanswer, nats", most
    ax.set_xlabel(label)
    form, said, ends = ".1f" if factor == 100 else ".2f", [], []
    for y, name in enumerate(names):
        rows = [row for row in recorded.rows if row["variant"] == name and row.get(measure) is not None]
        values = [factor * row[measure] for row in rows]
        if not values:
            continue
        mean = float(np.mean(values))
        if len(values) > 1:
            ax.plot(values, [y] * len(values), "o", color=BLUE, markersize=4, alpha=0.5, markeredgewidth=0)
        ax.plot(mean, y, "o", color=BLUE, markersize=8, clip_on=False)
        reach = [
            factor * row[f"{measure}{end}"] for row in rows for end in ("_low", "_high") if f"{measure}{end}" in row
        ]
        if len(values) == 1 and reach:
            ax.plot(reach, [y, y], color=BLUE, linewidth=2)
        said.append(f"{name} {mean:{form}}" + (f" ({reach[0]:.1f} to {reach[1]:.1f})" if len(reach) == 2 else ""))
        ends.append((max([mean, *values, *reach]), y, f"{mean:{form}}"))
    span = max(end for end, _, _ in ends)
    if measure in recorded.levels:
        level, low, high = (
            factor * recorded.levels.get(f"{measure}{e}", recorded.levels[measure]) for e in ("", "_low", "_high")
        )
        ax.axvspan(low, high, color=MUTED, alpha=0.15, linewidth=0)
        ax.axvline(level, color=MUTED, linestyle="--", linewidth=1.5)
        said.append(f"dashed, random encoder, {level:.1f}" + (f" ({low:.1f} to {high:.1f})" if high > low else ""))
    if measure.endswith("entropy") and most:
        ax.axvline(most, color=MUTED, linestyle=":", linewidth=1.5)
        said.append(f"dotted, log K, {most:.2f}")
        span = max(span, most)
    for end, y, text in ends:
        beside = {"xytext": (8, 0), "textcoords": "offset points", "va": "center", "fontsize": 10}
        ax.annotate(text, (end, y), **beside, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    ax.set_xlim(0, 1.28 * max(span, 1e-9))
    return f"{' '.join(label.split())}: {', '.join(said)}"
