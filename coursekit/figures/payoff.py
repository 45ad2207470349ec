"""Does a start pay? Its curve over the labels beside that of random weights, and the gain seed by seed."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from coursekit.evaluation.intervals import mean_interval, paired_difference
from coursekit.figures.layout import look
from coursekit.figures.style import INK, MARKERS, MUTED, describe, styled
from coursekit.figures.svg import SVG, TINTS, Drawing

METRICS = {"map50_95": "mAP50-95", "map50": "mAP50"}
BASELINE = "random"
GLYPHS = "●■◆▲▼"  # of MARKERS, in text


def payoff_diagram() -> SVG:
    """The fair protocol: the same labels, batches, steps and test images for every start; only the start differs."""
    d = Drawing(
        "payoff",
        880,
        292,
        "A fair answer to: does it pay?",
        """
        One set of labelled scenes, in nested subsets of 32, 128 and 320. From each subset the same detector is trained from
        several starts: random weights, a self-supervised encoder, and a backbone that has seen other labels. Labels, batches,
        number of steps and seed are the same for all. All are tested on the same scenes that nobody trained on. What counts is the
        difference from random weights, seed by seed.""",
    )
    d.panel(14, 34, 176, 214, "grey")
    d.text(102, 26, "labelled scenes, nested", 13, True)
    for k, (n, tint) in enumerate(((320, "blue"), (128, "blue"), (32, "blue"))):
        inset = 10 + 26 * k
        d.panel(14 + inset, 34 + inset, 176 - 2 * inset, 214 - 2 * inset - 10 * k, tint, 1.5)
        d.text(102, 34 + inset + 20, str(n), 13, True, TINTS[tint][2])
    d.scene(83, 130, 38, 1, boxed=True)
    starts = (
        ("random weights", "grey"),
        ("a self-supervised encoder", "green"),
        ("a backbone from other labels", "purple"),
    )
    d.text(357, 26, "start from ...", 13, True)
    for k, (name, tint) in enumerate(starts):
        y = 44 + 70 * k
        d.arrow((192, 141), (236, y + 25))
        d.card(240, y, 234, 50, name, tint, 14, True, line=2.2)
        d.arrow((474, y + 25), (520, 141))
    d.card(522, 84, 126, 114, "train: same labels, batches, steps, seed", "orange", 14, True)
    d.arrow((648, 141), (676, 141))
    d.card(678, 84, 86, 114, "test on other scenes", "blue", 14, True)
    d.arrow((764, 141), (790, 141))
    d.text(830, 120, "gain over", 13, True)
    d.text(830, 138, "random,", 13, True)
    d.text(830, 156, "seed by", 13, True)
    d.text(830, 174, "seed", 13, True)
    d.text(
        440,
        278,
        "Only the start differs (and, for a ViT, the network). Repeat with other seeds: other labels, heads, batches.",
        13,
        color=MUTED,
    )
    return d.svg()


class PayoffPicture:
    """One start against random weights: `show(start, labels, seeds)`.

    rows: one dict for each run, with arm, labels, seed and the metric as a share; some of random weights.
    names: {arm: what it is called}. start, labels, seeds: at first; of the seeds that both have, the first so many
    count. metric: of METRICS.

    figure: the Figure. moving: its artists that depend on the choice.
    """

    @styled
    def __init__(
        self,
        rows: Sequence[Mapping],
        names: Mapping[str, str],
        start: str,
        labels: int,
        seeds: int,
        metric: str = "map50_95",
    ):
        self.names, self.metric = dict(names), metric
        self.counts = sorted({row["labels"] for row in rows})
        self.table = {(row["arm"], row["labels"], row["seed"]): row for row in rows}
        if not any(row["arm"] == BASELINE for row in rows):
            raise ValueError("There is no run from random weights to compare with.")
        most = max(100 * row[metric] for row in rows)
        self.figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.1), gridspec_kw={"width_ratios": [1.25, 1.0]})
        left.set(xscale="log", xlabel="labelled images", xlim=(self.counts[0] / 1.5, 1.5 * self.counts[-1]))
        left.set_xticks(self.counts)
        left.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        left.minorticks_off()
        left.set(ylim=(0, 1.12 * most), ylabel=f"{METRICS[metric]} on the test scenes, %")
        left.set_title("each seed (small) and their mean", fontsize=11, fontweight="normal")
        self.means, self.dots, self.legend = {}, {}, {}
        for k, key in enumerate((BASELINE, "start")):
            (self.means[key],) = left.plot([], [], markersize=8)
            (self.dots[key],) = left.plot([], [], linestyle="", markersize=4, alpha=0.55)
            self.legend[key] = left.text(0.03, 0.95 - 0.085 * k, " ", transform=left.transAxes, fontsize=11, va="top")
        (self.here,) = left.plot([], [], ":", color=MUTED, linewidth=1.4)
        self.others = {arm: self._most_seeds(arm) for arm in self.names if arm != BASELINE}
        shared = max(self.others.values(), default=1)
        gains = [
            100 * (row[metric] - self.table[BASELINE, row["labels"], row["seed"]][metric])
            for row in rows
            if row["arm"] != BASELINE and (BASELINE, row["labels"], row["seed"]) in self.table
        ]
        low, high = min([0, *gains]), max([1, *gains])
        right.set(xlim=(-0.7, shared + 0.9), ylim=(low - 0.25 * (high - low), high + 0.22 * (high - low)))
        right.set_xticks(range(shared + 1), [*map(str, range(shared)), "mean"])
        right.set(xlabel="pair (same labels, head, batches)", ylabel="start minus random, points")
        right.axhline(0, color=MUTED, linewidth=1.2)
        (self.pairs,) = right.plot([], [], linestyle="", markersize=7)
        (self.interval,) = right.plot([], [], "-", color=INK, linewidth=3)
        (self.mean,) = right.plot([], [], "D", color=INK, markersize=10)
        self.verdict = right.text(0.5, 0.97, " ", transform=right.transAxes, ha="center", va="top", fontsize=11)
        right.set_title("the gain, seed by seed", fontsize=11, fontweight="normal")
        self.last = shared
        for text in (*self.legend.values(), self.verdict):
            text.set_in_layout(False)
        self.moving = [
            self.here,
            *self.means.values(),
            *self.dots.values(),
            *self.legend.values(),
            self.interval,
            self.mean,
            self.pairs,
            self.verdict,
        ]
        self.show(start, labels, seeds)

    def _most_seeds(self, arm: str) -> int:
        """The largest number of seeds that arm and random weights share at any label count."""
        return max(len(self.seeds_of(arm, n)) for n in self.counts)

    def seeds_of(self, arm: str, labels: int) -> list[int]:
        """The seeds that the arm shares with random weights."""
        mine, theirs = ({s for a, n, s in self.table if (a, n) == (who, labels)} for who in (arm, BASELINE))
        return sorted(mine & theirs)

    def show(self, start: str, labels: int, seeds: int) -> None:
        """Show another comparison, and describe it."""
        metric, arms, told = self.metric, {BASELINE: BASELINE, "start": start}, []
        for key, arm in arms.items():
            k = list(self.names).index(arm)  # a start has one colour and one marker in all pictures
            for line in (self.means[key], self.dots[key], *([self.pairs] if arm != BASELINE else [])):
                line.set(color=look(k)["color"], marker=MARKERS[k % len(MARKERS)])
            self.means[key].set_linestyle(look(k)["linestyle"])
            each = {
                n: [100 * self.table[arm, n, seed][metric] for seed in self.seeds_of(start, n)[:seeds]]
                for n in self.counts
            }
            each = {n: values for n, values in each.items() if values}
            self.means[key].set_data(list(each), [np.mean(values) for values in each.values()])
            points = [(n, value) for n, values in each.items() for value in values]
            self.dots[key].set_data(*np.array(points).reshape(-1, 2).T)
            self.legend[key].set(text=f"{GLYPHS[k % len(MARKERS)]} {self.names[arm]}", color=look(k)["color"])
            told.append(f"{self.names[arm]}: " + ", ".join(f"{np.mean(v):.1f} at {n}" for n, v in each.items()))
        self.here.set_data([labels, labels], [0, 1000])
        chosen = self.seeds_of(start, labels)[:seeds]
        a, b = ([100 * self.table[arm, labels, seed][metric] for seed in chosen] for arm in arms.values())
        self.pairs.set_data(chosen, np.subtract(b, a))
        if not chosen:
            verdict = f"not run at {labels} labels"
            self.mean.set_data([], [])
            self.interval.set_data([], [])
        else:
            gain = paired_difference(a, b)
            self.mean.set_data([self.last], [gain.mean])
            ends = [] if gain.low is None else [gain.low, gain.high]
            self.interval.set_data([self.last] * len(ends), ends)
            verdict = f"gain {gain.mean:+.1f} points" + (
                f" [{gain.low:+.1f}, {gain.high:+.1f}]: {'clear' if gain.clear else 'not clear'}"
                if ends
                else ": one pair, no interval"
            )
        self.verdict.set_text(verdict)
        describe(
            self.figure,
            f"{METRICS[metric]} of the start {start} and of random weights, labels {labels}, seeds {seeds}. In %: "
            f"{'; '.join(told)}. At {labels} labels: {verdict}.",
        )


@styled
def probe_against_detector(scores: Mapping[str, tuple], detector: Mapping[str, tuple], label: str) -> Figure:
    """What a dense probe says of several starts, against what detectors from them reach.

    scores, detector: {start: (value, low, high)} in %, the ends None if unknown. label: of the detector's axis.
    """
    fig, ax = plt.subplots(figsize=(8.4, 3.9))
    told = []
    for k, name in enumerate(scores):
        (x, *x_ends), (y, *y_ends) = scores[name], detector[name]
        spread = [
            None if None in ends else [[value - ends[0]], [ends[1] - value]]
            for value, ends in ((x, x_ends), (y, y_ends))
        ]
        style = look(k)
        bars = {"color": style["color"], "marker": MARKERS[k % len(MARKERS)], "markersize": 9, "capsize": 3}
        ax.errorbar([x], [y], xerr=spread[0], yerr=spread[1], linestyle="", label=name, **bars)
        told.append(f"{name}: probe {x:.0f}, detector {y:.1f}")
    ax.set(xlabel="dense probe: which class is here, mean AP, %", ylabel=label)
    ax.set_ylim(bottom=0)
    ax.legend(fontsize=9, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return describe(fig, f"Dense probe against detector, in %. {'; '.join(told)}.")


@styled
def two_schedules(rows: Sequence[Mapping], names: Mapping[str, str], labels: int, metric: str = "map50_95") -> Figure:
    """What a start reaches after a short and after a long training: a line for each, with 95 % intervals from three seeds on.

    rows: of both schedules, each with arm, labels, seed, steps and the metric as a share. names: {arm: what it is called}.
    """
    rows = [row for row in rows if row["labels"] == labels and row["arm"] in names]
    if not rows:
        raise ValueError(f"two_schedules was given no run with {labels} labels.")
    steps = sorted({row["steps"] for row in rows})
    fig, ax = plt.subplots(figsize=(8.4, 3.8))
    told = []
    for k, (arm, name) in enumerate(names.items()):
        values = {n: [100 * row[metric] for row in rows if (row["arm"], row["steps"]) == (arm, n)] for n in steps}
        means = {n: mean_interval(each) for n, each in values.items() if each}
        shift = 1 + 0.02 * (k - (len(names) - 1) / 2)  # intervals do not hide each other
        ends = np.array([[m.mean - m.low if m.n > 2 else 0 for m in means.values()]] * 2)
        style = {**look(k), "marker": MARKERS[k % len(MARKERS)], "markersize": 8, "capsize": 4}
        ax.errorbar([n * shift for n in means], [m.mean for m in means.values()], yerr=ends, label=name, **style)
        told.append(
            f"{name}: " + ", ".join(f"{m.mean:.1f} after {n} ({m.n} seed{'s' * (m.n > 1)})" for n, m in means.items())
        )
    ax.set(xscale="log", xlabel="optimizer steps", ylabel=f"{METRICS[metric]}, %")
    ax.set_xticks(steps, [str(n) for n in steps])
    ax.minorticks_off()
    ax.set_xlim(steps[0] / 1.4, 1.4 * steps[-1])
    ax.set_ylim(bottom=0)
    ax.legend(title="start from", fontsize=9, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    ax.set_title(f"{labels} labelled images; bars: 95 % from three seeds on", fontweight="normal", fontsize=11)
    return describe(fig, f"{METRICS[metric]} in % against optimizer steps, {labels} labels. {'; '.join(told)}.")
