"""A small world in which a teacher follows a student exactly and at once: what its momentum and a predictor do.

A linear student, two features of eight-dimensional points that stand for images, learns as BYOL does, by gradient descent
on |P W a - T b|^2 for two noisy views a and b, without unit length. The dynamics is that of Tian, Chen and Ganguli,
Understanding Self-Supervised Learning Dynamics without Contrastive Pairs, ICML 2021.
"""

from functools import cache
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from coursekit.figures.style import BLUE, GREEN, MUTED, RED, describe, styled

IMAGES, INPUTS, FEATURES, STEPS, BATCH, LR = 60, 8, 2, 200, 32, 0.15
WEIGHT = (1, 1)  # of the student's matrix: the one whose path is drawn


class Run(NamedTuple):
    """students, teachers: weights before each step and after the last, (STEPS + 1, 2, 8). spread: the features' standard
    deviation as a share of that at the start, (STEPS + 1,). places: (60, 2) features at the end."""

    students: np.ndarray
    teachers: np.ndarray
    spread: np.ndarray
    places: np.ndarray


@cache
def _world() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(the images, centred; for each step the second moments of its views, within a view and across; first W and P)."""
    rng = np.random.default_rng(1)
    images = rng.normal(size=(IMAGES, INPUTS)) * [1.0, 0.8, *[0.5] * (INPUTS - 2)]
    images -= images.mean(axis=0)
    noise = np.array(
        [0.3, 0.3, *[0.6] * (INPUTS - 2)]
    )  # what differs most between views is not what differs most in images
    within, across = [], []
    for _ in range(STEPS):
        batch = images[rng.integers(IMAGES, size=BATCH)]
        a, b = (batch + rng.normal(size=batch.shape) * noise for _ in range(2))
        within.append((a.T @ a + b.T @ b) / BATCH)
        across.append((a.T @ b + b.T @ a) / BATCH)  # both directions
    return images, np.array(within), np.array(across), rng.normal(size=(FEATURES, INPUTS)) * 0.4, np.eye(FEATURES)


def linear_student(momentum: float, predictor: bool = True) -> Run:
    """Train the student for 200 steps, the same images and views each time. momentum: of the teacher, 0 to 1, constant."""
    if not 0 <= momentum <= 1:
        raise ValueError(f"momentum lies between 0 and 1, not at {momentum}.")
    images, within, across, student, p = _world()
    teacher, students, teachers = student, [student], [student]
    for views, pairs in zip(within, across, strict=True):
        error = p @ student @ views - teacher @ pairs  # half the gradient by P W
        change_p = LR * error @ student.T if predictor else 0.0
        student = student - LR * p.T @ error
        p = p - change_p
        teacher = momentum * teacher + (1 - momentum) * student
        students.append(student)
        teachers.append(teacher)
    features = np.array(students) @ images.T  # (STEPS + 1, 2, 60)
    spread = np.sqrt(features.var(axis=2).mean(axis=1))
    return Run(np.array(students), np.array(teachers), spread / spread[0], features[-1].T)


class MomentumPicture:
    """Left: a weight of student and teacher. Middle: the spread of the features. Right: where the images end.

    figure: the Figure. moving: its artists that `show(momentum, predictor)` changes.
    """

    @styled
    def __init__(self, momentum: float = 0.9, predictor: bool = True):
        self.figure, axes = plt.subplots(1, 3, figsize=(10.2, 3.5), width_ratios=(1.15, 1.15, 1.0))
        steps = np.arange(STEPS + 1)
        left, middle, right = axes
        (self.student,) = left.plot(steps, 0 * steps, color=BLUE, label="student")
        (self.teacher,) = left.plot(steps, 0 * steps, color=RED, linestyle="--", label="teacher")
        left.set(xlabel="step", ylabel="one of the weights", ylim=(-0.1, 1.2))
        left.legend(loc="upper right")
        (self.spread,) = middle.plot(steps, 0 * steps, color=GREEN)
        middle.axhline(1, color=MUTED, linestyle=":", linewidth=1.5)
        middle.set(xlabel="step", ylabel="spread (0 = collapsed)", ylim=(-0.05, 1.3))
        (self.places,) = right.plot([], [], "o", color=BLUE, alpha=0.6, markersize=5)
        right.set(xlabel="feature 1", ylabel="feature 2", xlim=(-2.5, 2.5), ylim=(-2.5, 2.5), aspect="equal")
        self.titles = [ax.set_title(" ", fontsize=11) for ax in axes]
        self.moving = [self.student, self.teacher, self.spread, self.places, *self.titles, left.get_legend()]
        self.show(momentum, predictor)

    def show(self, momentum: float, predictor: bool) -> None:
        """Train again with this momentum, with or without a predictor, and draw and describe what happened."""
        run = linear_student(momentum, predictor)
        self.student.set_ydata(run.students[(..., *WEIGHT)])
        self.teacher.set_ydata(run.teachers[(..., *WEIGHT)])
        self.spread.set_ydata(run.spread)
        self.spread.set_color(GREEN if run.spread[-1] > 0.5 else RED)
        self.places.set_data(*run.places.T)
        back = "never moves" if momentum == 1 else f"averages {1 / (1 - momentum):.0f} step{'s' * (momentum > 0)}"
        titles = f"Teacher {back}", f"Spread at the end {run.spread[-1]:.2f}", "Where the images end"
        for title, text in zip(self.titles, titles, strict=True):
            title.set_text(text)
        describe(
            self.figure,
            f"""
            Momentum {momentum:.2f}, {"with" if predictor else "without"} predictor. A weight of the student and of its
            teacher over {STEPS} steps: the teacher {back}. The features keep {run.spread[-1]:.2f} of their spread; a third
            panel shows where {IMAGES} images end.""",
        )


def momentum_picture(momentum: float = 0.9, predictor: bool = True) -> plt.Figure:
    """A linear student and its teacher at one momentum: a weight of both, the spread of the features, where they end."""
    return MomentumPicture(momentum, predictor).figure
