"""Pictures of lesson 07: what student and teacher see, what attention finds, and what each term of the loss is for."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from coursekit.evaluation.attention import MapScore
from coursekit.figures.curves import grouped_bars
from coursekit.figures.images import to_rgb
from coursekit.figures.layout import panels
from coursekit.figures.style import BLUE, INK, MUTED, bare, describe, styled
from coursekit.recipes.recorded import Recorded
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
def terms_table(recorded: Recorded, measures: Sequence[str]) -> Figure:
    """Recorded runs of a method with one thing changed: a row for each variant, a panel for each measure.

    recorded: rows with variant, seed and the measures; its levels, by the same names, are dashed lines: a random encoder.
    measures: of `MEASURES`. A point is the mean over the seeds, small ones are the seeds. The first row is the complete method.
    """
    names = list(dict.fromkeys(row["variant"] for row in recorded.rows))
    unknown = [measure for measure in measures if measure not in MEASURES]
    if unknown or not names or not measures:
        raise ValueError(
            f"Nothing to show of {', '.join(unknown) or 'no measure or no run'}. Known: {', '.join(MEASURES)}."
        )
    fig, axes = plt.subplots(1, len(measures), figsize=(10.2, 0.4 * len(names) + 1.3), sharey=True, squeeze=False)
    told = []
    for ax, measure in zip(axes[0], measures, strict=True):
        label, factor = MEASURES[measure]
        ax.set_xlabel(label)
        said = []
        for y, name in enumerate(names):
            each = [row.get(measure) for row in recorded.rows if row["variant"] == name]
            values = [factor * value for value in each if value is not None]
            if not values:
                continue
            mean = float(np.mean(values))
            ax.plot(values, [y] * len(values), "o", color=BLUE, markersize=4, alpha=0.5, markeredgewidth=0)
            ax.plot(mean, y, "o", color=BLUE, markersize=9, markerfacecolor="none" if y else BLUE, clip_on=False)
            said.append(f"{name} {mean:.{1 if factor == 100 else 2}f}")
        if measure in recorded.levels:
            ax.axvline(factor * recorded.levels[measure], color=MUTED, linestyle="--", linewidth=1.5)
            said.append(f"dashed, random encoder, {factor * recorded.levels[measure]:.1f}")
        ax.set_xlim(0, 1.1 * max(ax.get_xlim()[1], 1e-9))
        told.append(f"{' '.join(label.split())}: {', '.join(said)}")
    axes[0, 0].set_yticks(range(len(names)), names)
    axes[0, 0].set_ylim(len(names) - 0.5, -0.5)
    return describe(fig, f"Dot plots by what was taken away. {'; '.join(told)}.")
