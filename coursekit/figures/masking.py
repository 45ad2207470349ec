"""Pictures of lesson 08: what is hidden, what it costs, what is painted, and the words of a visual vocabulary."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from coursekit.evaluation.intervals import mean_by
from coursekit.figures.curves import grouped_bars
from coursekit.figures.images import to_rgb
from coursekit.figures.layout import look, panels
from coursekit.figures.style import INK, MARKERS, MUTED, PALETTE, alt_text, bare, describe, styled
from coursekit.recipes.recorded import Recorded

# Accuracy on ImageNet after fine-tuning, 224 px, %: He et al., MAE, CVPR 2022, table 3; "supervised" is their own
# training from scratch. The sizes are ViT-B, ViT-L and ViT-H; what they do not tell is left out.
PUBLISHED_SIZES = {"ViT-B": 86, "ViT-L": 304, "ViT-H": 632}  # millions of parameters
PUBLISHED = {"MAE": (83.6, 85.9, 86.9), "BEiT": (83.2, 85.2), "MoCo v3": (83.2, 84.1), "supervised": (82.3, 82.6, 83.1)}
BESIDE = {"BEiT": 0.985, "MoCo v3": 1.015}  # at ViT-B both have 83.2: moved apart a little, so that both are seen


@styled
def cost_curves(costs: Mapping[str, Mapping[float, Mapping[str, float]]], title: str = "") -> Figure:
    """Time and memory of a step against the share of hidden patches, each divided by that of the smallest share.

    costs: {method: {share: {"seconds": ..., "activations": ...}}}.
    """
    names = {"seconds": "time of a step", "activations": "memory of a step"}
    fig, axes = panels(2, 2, 4.2, 3.3, titles=list(names.values()))
    told = []
    for ax, key in zip(axes[:, 0], names, strict=True):
        for k, (method, rows) in enumerate(costs.items()):
            shares = sorted(rows)
            part = [rows[share][key] / rows[shares[0]][key] for share in shares]
            ax.plot([100 * share for share in shares], part, marker=MARKERS[k], label=method, **look(k))
            told.append(f"{names[key]}, {method}: {part[-1]:.2f} at {shares[-1]:.0%}")
        ax.set(xlabel="patches hidden, %", ylabel="relative to almost none hidden", xlim=(0, 100), ylim=(0, None))
        ax.title.set_fontsize(13)
        ax.legend()
    if title:
        fig.suptitle(title)
    return describe(fig, f"What a step costs by the share that is hidden, the first point being 1. {'; '.join(told)}.")


@styled
def share_curves(recorded: Recorded, columns: Mapping[str, str], titles: Mapping[str, str]) -> Figure:
    """Recorded numbers against the share of hidden patches, a panel for each column: the mean over the seeds, each seed as
    a dot, and of a single seed its own interval, if one is recorded.

    recorded: rows with method, share, seed and numbers; a method without a number is left out of that panel. columns:
    {column: label of its axis}; if the label has a %, the column holds shares. titles: {method: its name}.
    """
    fig, axes = panels(len(columns), 3, 3.35, 3.2, titles=[label.split(",")[0] for label in columns.values()])
    told = []
    for ax, (column, label) in zip(axes[:, 0], columns.items(), strict=True):
        scale = 100 if "%" in label else 1
        for k, (method, name) in enumerate(titles.items()):
            rows = [row for row in recorded.rows if row["method"] == method and row.get(column) is not None]
            if not rows:
                continue
            means = {share: scale * each.mean for share, each in mean_by(rows, "share", column).items()}
            shares = sorted(means)
            ax.plot([100 * s for s in shares], [means[s] for s in shares], marker=MARKERS[k], label=name, **look(k))
            at = [100 * row["share"] for row in rows]
            ax.plot(at, [scale * row[column] for row in rows], ".", color=PALETTE[k], alpha=0.5, markersize=5)
            if len(rows) == len(shares) and f"{column}_low" in rows[0]:
                arms = [[scale * abs(row[column] - row[column + end]) for row in rows] for end in ("_low", "_high")]
                ax.errorbar(
                    at, [scale * row[column] for row in rows], arms, fmt="none", ecolor=PALETTE[k], capsize=3, lw=1
                )
            told.append(f"{label}, {name}: {', '.join(f'{means[s]:.3g} at {s:.0%}' for s in shares)}")
        if column in recorded.levels:
            ax.axhline(scale * recorded.levels[column], color=MUTED, linestyle=":", label="random encoder")
            told.append(f"a random encoder {scale * recorded.levels[column]:.3g}")
        ax.set(xlabel="patches hidden, %", ylabel=label, xlim=(0, 100))
        ax.set_ylim(0, 1.08 * ax.get_ylim()[1])
        ax.title.set_fontsize(12)
    max(axes[:, 0], key=lambda ax: len(ax.get_legend_handles_labels()[1])).legend()
    return describe(fig, f"Numbers by the share of patches hidden in training. {'; '.join(told)}.")


def judge_bars(
    rows: Sequence[Mapping],
    chosen: Mapping[str, str],
    judges: Mapping[str, str],
    label: str = "accuracy, %",
    guessing: float | None = None,
) -> Figure:
    """Several judges of a few recorded runs, each with the interval that was recorded with it, in %.

    rows: dicts with method, and for each judge a share, and its interval under the same name with _low and _high. chosen:
    {name: method}; of several seeds, the first. judges: {column: name}. label: of the axis. guessing: the share that blind
    guesses would get, drawn as a dashed line.
    """
    values = {}
    for name, method in chosen.items():
        row = next(row for row in rows if row["method"] == method)
        values[name] = {
            title: tuple(100 * row[column + end] for end in ("", "_low", "_high")) for column, title in judges.items()
        }
    fig = grouped_bars(values, label)
    if guessing is not None:
        ax = fig.axes[0]
        ax.axvline(100 * guessing, color=INK, linestyle="--", linewidth=1.3, label="guessing")
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        describe(fig, f"{alt_text(fig)} Guessing: {100 * guessing:.1f}.")
    return fig


@styled
def target_row(pictures: Mapping[str, Tensor], cell: float = 2.2) -> Figure:
    """A few pictures of one image side by side, with their names. pictures: {name: uint8 or normalised (3, H, W)}."""
    fig, axes = panels(1, 1, cell, cell + 0.35, ratios=[1.0] * len(pictures))
    for ax, (name, picture) in zip(axes[0], pictures.items(), strict=True):
        bare(ax).imshow(to_rgb(picture))
        ax.set_title(name, fontsize=12, fontweight="normal")
    return describe(fig, f"One image in {len(pictures)} pictures: {'; '.join(pictures)}.")


@styled
def word_map(pixels: Tensor, tokens: Tensor, painted: Tensor, cell: float = 3.1) -> Figure:
    """An image, the number of the code of each patch, and what the decoder paints from these numbers alone.

    pixels, painted: normalised (3, S, S). tokens: int64 (P,), patches row by row.
    """
    n = round(len(tokens) ** 0.5)
    fig, axes = panels(1, 1, cell, cell + 0.35, ratios=[1.0, 1.0, 1.0])
    left, middle, right = axes[0]
    names = ("image", f"{n} x {n} numbers", "painted from the numbers")
    for ax, picture in ((left, pixels), (middle, pixels), (right, painted)):
        bare(ax).imshow(to_rgb(picture), extent=(0, n, n, 0), alpha=0.25 if ax is middle else None)
    for k, token in enumerate(tokens.tolist()):
        middle.text(k % n + 0.5, k // n + 0.5, str(token), fontsize=10, color=INK, ha="center", va="center")
    for ax, name in zip(axes[0], names, strict=True):
        ax.set_title(name, fontsize=12, fontweight="normal")
    return describe(
        fig,
        f"An image, its {len(tokens)} patches as {len(tokens.unique())} different numbers, and what is painted from them. "
        f"The first row: {' '.join(map(str, tokens[:n].tolist()))}.",
    )


@styled
def visual_words(
    patches: Tensor, tokens: Tensor, painted: Mapping[int, Tensor], n: int = 10, cell: float = 0.85
) -> Figure:
    """The vocabulary as pictures: in each column a code, as the decoder paints it, and below it patches that have it.

    patches: uint8 or normalised (N, 3, h, w). tokens: int64 (N,), the code of each. painted: {code: (3, h, w)}, which
    codes, and how each is painted alone. n: patches of each, taken evenly from all that have it.
    """
    size = (len(painted) * cell + 0.9, (n + 1) * cell + 0.3)
    fig, grid = plt.subplots(n + 1, len(painted), squeeze=False, figsize=size)
    counts = []
    for column, (code, alone) in enumerate(painted.items()):
        mine = (tokens == code).nonzero()[:, 0]
        counts.append(len(mine))
        chosen = mine[np.linspace(0, len(mine) - 1, min(n, len(mine))).round().astype(int)] if len(mine) else mine
        shown = [alone, *patches[chosen]]
        for row, ax in enumerate(grid[:, column]):
            bare(ax)
            if row < len(shown):
                ax.imshow(to_rgb(shown[row]))
        grid[0, column].set_title(str(code), fontsize=11, fontweight="normal")
    for ax, name in ((grid[0, 0], "painted"), (grid[1, 0], "patches")):
        ax.set_ylabel(name, fontsize=11, rotation=0, ha="right", va="center", labelpad=6)
    told = ", ".join(f"{code} ({count} patches)" for code, count in zip(painted, counts, strict=True))
    return describe(fig, f"Codes of a visual vocabulary, and patches that have them: {told}.")


@styled
def code_usage(counts: Mapping[str, Tensor]) -> Figure:
    """How often each code is used, the most frequent first; a curve ends at the last code in use, whose place is written there.

    counts: {name: int64 (K,)}.
    """
    fig, ax = plt.subplots(figsize=(6.6, 3.2))
    told = []
    for k, (name, each) in enumerate(counts.items()):
        share = (100 * each / each.sum()).sort(descending=True).values
        used = int((each > 0).sum())
        ax.plot(np.arange(1, used + 1), share[:used].numpy(), label=name, **look(k))
        ax.plot(used, share[used - 1], MARKERS[k], color=PALETTE[k])
        ax.annotate(
            f"{used} used", (used, share[used - 1]), (0, 8), textcoords="offset points", color=PALETTE[k], fontsize=11
        )
        told.append(f"{name}: {used} of {len(each)} codes used, the first by {share[0]:.1f} %")
    even = 100 / len(share)
    ax.axhline(even, color=MUTED, linestyle=":", linewidth=1.5, label="all alike")
    ax.set(xlabel="code, by frequency", ylabel="share of the patches, %", xscale="log", yscale="log")
    ax.xaxis.set_major_formatter("{x:.0f}")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.margins(x=0.15, y=0.1)  # room for the last number
    ax.legend()
    return describe(fig, f"How often codes are used. {'; '.join(told)}; all alike would be {even:.1f} %.")


@styled
def thin_class_picture(features: Tensor, labels: Tensor, scores: Mapping[str, Mapping[int, float]]) -> Figure:
    """Left: two directions of features, with their classes. Right: accuracies by the number of wide directions.

    features: (n, 2), the direction that tells the classes apart and one that does not. labels: (n,), 0 or 1. scores:
    {judge: {wide directions: share of right answers}}.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.6))
    for k, marker in enumerate("os"):
        mine = features[labels == k]
        left.plot(mine[:, 1], mine[:, 0], marker, color=PALETTE[k], alpha=0.5, markersize=4, label=f"class {k}")
    reach = float(features.abs().max()) * 1.05
    left.set(
        xlabel="a wide direction: no class", ylabel="a thin one: the class", xlim=(-reach, reach), ylim=(-reach, reach)
    )
    left.legend(loc="upper right")
    told = []
    for k, (judge, rows) in enumerate(scores.items()):
        right.plot(list(rows), [100 * share for share in rows.values()], marker=MARKERS[k], label=judge, **look(k))
        told.append(f"{judge}: " + ", ".join(f"{100 * share:.0f} % with {wide}" for wide, share in rows.items()))
    right.axhline(50, color=MUTED, linestyle="--", linewidth=1.5, label="guessing")
    right.set(xlabel="wide directions", ylabel="accuracy, %", ylim=(40, 103))
    right.set_xscale("log", base=2)
    right.set_xticks(list(rows), list(map(str, rows)))
    right.legend(loc="center right")
    return describe(fig, f"Two classes that differ in a thin direction only, and who finds them. {'; '.join(told)}.")


@styled
def published_scaling() -> Figure:
    """What the MAE paper reports for three sizes of ViT, fine-tuned on ImageNet: He et al., CVPR 2022, table 3."""
    fig, ax = plt.subplots(figsize=(7.0, 3.6))
    told, sizes = [], list(PUBLISHED_SIZES.values())
    for k, (name, values) in enumerate(PUBLISHED.items()):
        beside = [size * BESIDE.get(name, 1.0) for size in sizes]
        ax.plot(beside[: len(values)], values, marker=MARKERS[k], label=name, **look(k))
        told.append(f"{name} {', '.join(map(str, values))}")
    ax.set_xscale("log")
    ax.set_xticks(sizes, [f"{name}\n{size} M" for name, size in PUBLISHED_SIZES.items()])
    ax.minorticks_off()
    ax.set(xlabel="encoder, millions of parameters", ylabel="ImageNet, fine-tuned, %", ylim=(81.5, 87.5))
    ax.legend(loc="upper left")
    return describe(
        fig, f"Published accuracies of fine-tuned ViT-B, ViT-L and ViT-H (He et al., 2022, table 3): {'; '.join(told)}."
    )


class MaskingPicture:
    """What is given, what MAE paints, what is known without it, and the truth: `show(pictures, errors, told)`.

    figure: the Figure. moving: its artists that may change.
    """

    NAMES = ("given", "painted by MAE", "mean of each patch", "true")

    @styled
    def __init__(self, *first, cell: float = 2.35):
        self.figure, axes = panels(4, 4, cell, cell + 0.75, titles=self.NAMES)
        blank = np.full((1, 1, 3), 244, dtype=np.uint8)
        self.pictures = [bare(ax).imshow(blank, extent=(0, 1, 0, 1)) for ax in axes[:, 0]]
        self.labels = [ax.set_xlabel("X" * 14, fontsize=12) for ax in axes[:, 0]]  # room for the longest
        for ax in axes[:, 0]:
            ax.title.set_fontsize(13)
        self.moving = [*self.pictures, *(ax.xaxis for ax in axes[:, 0])]
        self.show(*first)

    def show(self, pictures: Sequence[Tensor], errors: tuple[float, float], told: str) -> None:
        """pictures: normalised (3, S, S), one for each of `NAMES`. errors: of the hidden pixels, in the second and in the
        third. told: what is hidden, in words."""
        for shown, picture in zip(self.pictures, pictures, strict=True):
            shown.set_data(to_rgb(picture))
        for label, text in zip(self.labels, (" ", *(f"error {error:.3f}" for error in errors), " "), strict=True):
            label.set_text(text)
        describe(
            self.figure,
            f"{told} Mean squared error of the hidden pixels: painted by MAE {errors[0]:.3f}; each patch in its own mean "
            f"{errors[1]:.3f}.",
        )
