"""A small world in which a student teaches itself: what centering and sharpening each prevent, at once and exactly.

A linear student scores points, which stand for images, for six prototypes. Its teacher, an average of it, answers for one
view of a point, centred and sharpened as in DINO (Caron et al., ICCV 2021), and the student learns that answer for
another view. All points share a constant part, as images share what makes them images: so one answer for all is near.
"""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from coursekit.figures.layout import look
from coursekit.figures.style import BLUE, GREEN, MUTED, ORANGE, RED, describe, styled

IMAGES, GROUPS, INPUTS, PROTOTYPES = 48, 6, 8, 6
STEPS, BATCH, LR, EMA = 300, 24, 0.1, 0.9
COMMON, WITHIN, NOISE = 6.0, 0.4, 0.5  # the part that all share; how images of a group differ, and views of an image
MOST = float(np.log(PROTOTYPES))  # the largest entropy, nats


class SelfTraining(NamedTuple):
    """answers: (48, 6), the teacher's for each image at the end. entropy: of one answer, in the mean, before each step and
    after the last, nats (STEPS + 1,). spread: entropy of the mean answer, nats (STEPS + 1,)."""

    answers: np.ndarray
    entropy: np.ndarray
    spread: np.ndarray

    @property
    def told(self) -> float:
        """How much an answer tells about its image, nats: entropy of the mean answer minus mean entropy of an answer."""
        return float(self.spread[-1] - self.entropy[-1])

    @property
    def verdict(self) -> str:
        """What became of it, in a few words."""
        if self.spread[-1] < 0.25 * MOST:
            return "collapsed: one prototype for all"
        return "collapsed: uniform" if self.entropy[-1] > 0.9 * MOST else "alive"


def _points(x: np.ndarray) -> np.ndarray:
    """With the common part, at unit length: (N, INPUTS) -> (N, INPUTS + 1)."""
    x = np.concatenate([x, np.full((len(x), 1), COMMON)], axis=1)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@cache
def world() -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """(the images, (48, 9); for each step two views of a batch, (24, 9) each; the student's first weights, (6, 9))."""
    rng = np.random.default_rng(0)
    middle = np.repeat(rng.normal(size=(GROUPS, INPUTS)), IMAGES // GROUPS, axis=0)
    images = middle + WITHIN * rng.normal(size=(IMAGES, INPUTS))
    pairs = []
    for _ in range(STEPS):
        batch = images[rng.permutation(IMAGES)[:BATCH]]
        pairs.append(tuple(_points(batch + NOISE * rng.normal(size=batch.shape)) for _ in range(2)))
    weights = rng.normal(size=(PROTOTYPES, INPUTS + 1))
    return _points(images), pairs, weights / np.linalg.norm(weights, axis=1, keepdims=True)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Of each row."""
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def _entropy(p: np.ndarray) -> float:
    return float(-(p * np.log(p.clip(1e-12))).sum(axis=-1).mean())


def self_training(
    temperature: float = 0.1, teacher_temperature: float = 0.04, center_momentum: float = 0.9, centering: bool = True
) -> SelfTraining:
    """Train the student for 300 steps, always on the same views.

    temperature: of the student. teacher_temperature: of the teacher. center_momentum: of the centre, 0 to 1. centering:
    whether there is one. Raises ValueError for other values.
    """
    if min(temperature, teacher_temperature) <= 0 or not 0 <= center_momentum <= 1:
        raise ValueError("Temperatures are above 0, and the centre's momentum is between 0 and 1.")
    images, pairs, student = world()
    teacher, center, entropy, spread = student, np.zeros(PROTOTYPES), [], []
    for a, b in [*pairs, (None, None)]:
        answers = softmax((images @ teacher.T - center) / teacher_temperature)
        entropy.append(_entropy(answers))
        spread.append(_entropy(answers.mean(axis=0)))
        if a is None:
            break
        asked, seen = np.concatenate([a, b]), np.concatenate([b, a])  # the student sees the other view
        scores = seen @ teacher.T
        target = softmax((scores - center) / teacher_temperature)  # centred and sharpened
        error = softmax(asked @ student.T / temperature) - target  # the cross-entropy's gradient
        student = student - LR * error.T @ asked / (len(asked) * temperature)
        center = center_momentum * center + (1 - center_momentum) * scores.mean(axis=0) if centering else center
        teacher = EMA * teacher + (1 - EMA) * student
    return SelfTraining(answers, np.array(entropy), np.array(spread))


@styled
def entropy_curves(runs: Mapping[str, SelfTraining]) -> Figure:
    """Entropy of one answer, and of the mean answer, over the steps of some runs. Dashed: log K, the largest there is."""
    if not runs:
        raise ValueError("There is no run to draw.")
    fig, axes = plt.subplots(1, 2, figsize=(10.2, 3.5), sharey=True)
    for k, (name, run) in enumerate(runs.items()):
        for ax, values in zip(axes, (run.entropy, run.spread), strict=True):
            ax.plot(values, label=name, **look(k))
    for ax, title in zip(axes, ("of one answer (mean over images)", "of the mean answer"), strict=True):
        ax.axhline(MOST, color=MUTED, linestyle="--", linewidth=1.5)
        ax.text(STEPS, MOST + 0.03, "log K", color=MUTED, ha="right", va="bottom")
        ax.set(xlabel="step", ylim=(-0.08, 1.15 * MOST))
        ax.set_title(f"Entropy {title}")
    axes[0].set_ylabel("nats")
    axes[1].legend(loc="center right")
    told = [f"{name}: {r.entropy[-1]:.2f} and {r.spread[-1]:.2f}" for name, r in runs.items()]
    return describe(
        fig,
        f"Two panels over {STEPS} steps: entropy of one answer and of the mean answer, at the end {'; '.join(told)}; "
        f"at most log K = {MOST:.2f} nats.",
    )


class SelfTrainingPicture:
    """Left: the teacher's answers at the end. Middle: both entropies on the way. Right: how often a prototype is named.

    figure: the Figure. moving: its artists that `show(temperature, teacher_temperature, center_momentum, centering)` changes.
    """

    @styled
    def __init__(self, **first):
        self.figure, axes = plt.subplots(1, 3, figsize=(10.2, 3.7), width_ratios=(0.9, 1.35, 1.0))
        left, middle, right = axes
        blank = np.zeros((IMAGES, PROTOTYPES))
        self.map = left.imshow(blank, cmap="viridis", vmin=0, vmax=1, aspect="auto")
        self.figure.colorbar(self.map, ax=left, label="share")
        left.set(xlabel="prototype", ylabel="image", xticks=range(PROTOTYPES), yticks=range(0, IMAGES, 8))
        left.grid(False)
        steps = np.arange(STEPS + 1)
        (self.one,) = middle.plot(steps, 0 * steps, color=BLUE, label="one answer")
        (self.mean,) = middle.plot(steps, 0 * steps, color=ORANGE, linestyle="--", label="mean answer")
        middle.axhline(MOST, color=MUTED, linestyle=":", linewidth=1.5)
        middle.text(STEPS, MOST + 0.03, "log K", color=MUTED, ha="right", va="bottom")
        middle.set(xlabel="step", ylabel="entropy, nats", ylim=(-0.08, 1.35 * MOST))
        middle.legend(loc="upper right", ncols=2, fontsize=9, columnspacing=1.0)
        self.bars = right.bar(range(PROTOTYPES), 0, width=0.75)
        right.axhline(1 / PROTOTYPES, color=MUTED, linestyle=":", linewidth=1.5)
        right.text(-0.4, 1 / PROTOTYPES + 0.01, "1 / K", color=MUTED, ha="left", va="bottom")
        right.set(xlabel="prototype", ylabel="share in the mean answer", ylim=(0, 1.03), xticks=range(PROTOTYPES))
        self.titles = [ax.set_title(" ", fontsize=11) for ax in axes]
        self.moving = [self.map, self.one, self.mean, *self.bars, *self.titles, middle.get_legend()]
        self.moving += [line for ax in (middle, right) for line in ax.lines[-1:]]
        self.show(**first)

    def show(
        self,
        temperature: float = 0.1,
        teacher_temperature: float = 0.04,
        center_momentum: float = 0.9,
        centering: bool = True,
    ) -> None:
        """Train again with these settings, and draw and describe what happened."""
        run = self_training(temperature, teacher_temperature, center_momentum, centering)
        self.map.set_data(run.answers)
        self.one.set_ydata(run.entropy)
        self.mean.set_ydata(run.spread)
        mean, alive = run.answers.mean(axis=0), run.verdict == "alive"
        for bar, share in zip(self.bars, mean, strict=True):
            bar.set(height=share, color=GREEN if alive else RED)
        titles = "Answers at the end", run.verdict, f"An answer tells {run.told:.2f} nats"
        for title, text in zip(self.titles, titles, strict=True):
            title.set(text=text)
        self.titles[1].set_color(GREEN if alive else RED)
        about = f"center momentum {center_momentum:.3g}" if centering else "no centering"
        describe(
            self.figure,
            f"""
            Student temperature {temperature:.2g}, teacher temperature {teacher_temperature:.2g}, {about}. After {STEPS} steps an
            answer has an entropy of {run.entropy[-1]:.2f} nats and the mean answer one of {run.spread[-1]:.2f}, at most
            {MOST:.2f}: {run.verdict}. The largest share in the mean answer is {mean.max():.2f}.""",
        )


def self_training_picture(**settings) -> Figure:
    """The teacher's answers, their entropy and how often each prototype is named, for one setting of `self_training`."""
    return SelfTrainingPicture(**settings).figure
