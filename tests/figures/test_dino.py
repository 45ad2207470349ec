"""Pictures of lesson 07: their numbers are those of the tested code, and they describe themselves."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from coursekit import figures
from coursekit.draws import Draws
from coursekit.evaluation.attention import MapScore
from coursekit.evaluation.intervals import Interval
from coursekit.figures.style import alt_text
from coursekit.figures.toy_teacher import EMA, IMAGES, LR, MOST, PROTOTYPES, STEPS, self_training, world
from coursekit.methods.blockwise import hide_blocks
from coursekit.methods.centering import Center, sharpened
from coursekit.methods.diagnostics import answer_entropy
from coursekit.methods.dino_losses import dino_loss
from coursekit.methods.ema import follow
from coursekit.models import build_encoder
from coursekit.recipes import lesson_07
from coursekit.recipes.recorded import Recorded
from coursekit.views import View


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


# --- the toy that teaches itself --------------------------------------------------------------------------------------


def test_the_toy_takes_the_steps_of_dino():
    images, pairs, first = world()
    student, teacher = (torch.nn.Linear(9, PROTOTYPES, bias=False).double() for _ in range(2))
    for network in (student, teacher):
        network.weight.data = torch.tensor(first)
    center, run = Center(PROTOTYPES, 0.7).double(), self_training(0.2, 0.05, 0.7)
    for step in range(4):
        with torch.no_grad():
            answers = sharpened(teacher(torch.tensor(images)), center.value, 0.05)
            assert run.entropy[step] == pytest.approx(answer_entropy(answers).item(), abs=1e-5)
            mean = torch.special.entr(answers.mean(dim=0)).sum().item()
            assert run.spread[step] == pytest.approx(mean, abs=1e-5)
            a, b = map(torch.tensor, pairs[step])
            scores = [teacher(a), teacher(b)]
            targets = [sharpened(each, center.value, 0.05).double() for each in scores]
        loss = dino_loss([student(a), student(b)], targets, 0.2)
        (gradient,) = torch.autograd.grad(loss, student.weight)
        student.weight.data -= LR * gradient
        center.update(torch.cat(scores))
        follow(teacher, student, EMA)
    assert len(run.entropy) == len(run.spread) == STEPS + 1 and run.answers.shape == (IMAGES, PROTOTYPES)


def test_each_half_alone_collapses_in_its_own_way_and_both_together_do_not():
    both, sharp, centered = self_training(), self_training(centering=False), self_training(teacher_temperature=0.1)
    assert both.verdict == "alive" and both.told > 0.7 * MOST
    assert sharp.spread[-1] < 0.01 and (sharp.answers.argmax(axis=1) == sharp.answers[0].argmax()).all()
    assert "one prototype" in sharp.verdict and sharp.told < 0.01
    assert centered.entropy[-1] > 0.95 * MOST and "uniform" in centered.verdict and centered.told < 0.1
    still = self_training(center_momentum=1.0)
    assert np.array_equal(still.answers, sharp.answers), "a centre that never moves is none"
    assert "one prototype" in self_training(center_momentum=0.99).verdict
    with pytest.raises(ValueError, match="above 0"):
        self_training(temperature=0)


def test_the_entropy_curves_are_those_of_the_runs():
    runs = {"both": self_training(), "no centering": self_training(centering=False)}
    fig = figures.entropy_curves(runs)
    one, mean = fig.axes
    assert np.array_equal(one.lines[1].get_ydata(), runs["no centering"].entropy)
    assert np.array_equal(mean.lines[0].get_ydata(), runs["both"].spread)
    assert "no centering: 0.00 and 0.00" in alt_text(fig)
    with pytest.raises(ValueError, match="no run"):
        figures.entropy_curves({})


def test_the_picture_of_the_toy_tells_what_it_shows():
    fig = figures.self_training_picture(centering=False)
    run = self_training(centering=False)
    assert np.array_equal(fig.axes[0].images[0].get_array(), run.answers)
    assert "no centering" in alt_text(fig) and run.verdict in alt_text(fig)


# --- what is seen, found and recorded ---------------------------------------------------------------------------------


def test_hidden_patches_are_grey_for_the_student_alone():
    pixels = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    view = hide_blocks(View(pixels, torch.zeros(3, 2, 3)), 8, (0.3, 0.5), 1.0, Draws(0))
    fig = figures.hidden_patches(view, patch=8, n=2)
    whole, half = (fig.axes[k].images[0].get_array() for k in (0, 2))
    hidden = view.mask[0].view(4, 4).numpy().repeat(8, 0).repeat(8, 1)
    assert (half[hidden] == half[hidden][0]).all() and np.array_equal(half[~hidden], whole[~hidden])
    assert f"{view.mask[0].float().mean():.0%}" in alt_text(fig)
    with pytest.raises(ValueError, match="no mask"):
        figures.hidden_patches(View(pixels, torch.zeros(3, 2, 3)), patch=8)


def test_bars_of_attention_show_the_best_heads_and_what_they_have_to_beat():
    def score(value: float) -> MapScore:
        return MapScore(Interval(value, value - 0.1, value + 0.1, 50), Interval(value / 2, 0.0, value, 50), 0.2)

    levels = {"center": score(0.4), "mean mask": score(0.5)}
    fig = figures.attention_found({"ours": {"mean of heads": score(0.1), "best head": score(0.7), **levels}})
    told = alt_text(fig)
    assert "ours, points at an object: 70.0" in told and "ours, IoU: 35.0" in told
    assert "image's centre, points at an object: 40.0" in told and "mean mask, IoU: 25.0" in told
    with pytest.raises(ValueError, match="no scores"):
        figures.attention_found({})


def test_the_curves_of_answers_are_in_nats_beside_log_k():
    method = lesson_07.method(
        build_encoder("vit_micro", image_size=32, dim=16, depth=1), prototypes=8, hidden_dim=8, out_dim=4
    )
    rows = [
        {"step": step, "dino": 2.0 + step, "ibot": 0.5, "teacher_entropy": 1.0, "assignment_entropy": 0.5 + 0.1 * step}
        for step in range(3)
    ]
    fig = figures.answer_curves({"one": rows, "other": rows[:2]}, method, losses=("dino", "ibot"))
    dino, ibot, answer, mean = fig.axes
    assert np.allclose(dino.lines[0].get_ydata(), [2, 3, 4]) and np.allclose(answer.lines[1].get_ydata(), 1)
    assert np.allclose(mean.lines[0].get_ydata(), np.log(8) * np.array([0.5, 0.6, 0.7]))
    for ax, level in ((dino, 1), (ibot, method.mask_probability), (answer, 1), (mean, 1)):
        assert np.allclose(ax.lines[2].get_ydata(), level * np.log(8))
    assert "log K, dashed, is 2.08" in alt_text(fig) and "DINO loss, other: from 2.00 to 3.00" in alt_text(fig)


ROWS = [
    {"variant": variant, "seed": seed, "objects": 0.5 + 0.1 * seed, "teacher_entropy": entropy}
    for variant, entropy in (("all terms", 2.0), ("no centering", 0.0))
    for seed in range(3)
]


def test_the_table_shows_means_seeds_and_the_random_encoder():
    fig = figures.terms_table(Recorded("", {}, {}, ROWS, {"objects": 0.45}), ["objects", "teacher_entropy"])
    objects, entropy = fig.axes
    assert [label.get_text() for label in objects.get_yticklabels()] == ["all terms", "no centering"]
    assert np.allclose(objects.lines[0].get_xdata(), [50, 60, 70]) and np.allclose(objects.lines[1].get_xdata(), 60)
    assert np.allclose(entropy.lines[3].get_xdata(), 0) and entropy.get_xlim()[1] > 2
    assert "dashed, random encoder, 45.0" in alt_text(fig) and "no centering 0.00" in alt_text(fig)
    with pytest.raises(ValueError, match="nonsense"):
        figures.terms_table(Recorded("", {}, {}, ROWS), ["nonsense"])


def test_the_table_draws_intervals_and_entropies_in_nats():
    row = {"variant": "all", "seed": 0, "iou": 0.2, "iou_low": 0.1, "iou_high": 0.4, "assignment_entropy": 0.5}
    levels = {"iou": 0.15, "iou_low": 0.1, "iou_high": 0.2}
    fig = figures.terms_table(
        Recorded("", {"method": {"prototypes": 8}}, {}, [row], levels), ["iou", "assignment_entropy"]
    )
    iou, mean = fig.axes
    assert np.allclose(iou.lines[1].get_xdata(), [10, 40]) and np.allclose(iou.lines[2].get_xdata(), 15)
    assert np.allclose(mean.lines[0].get_xdata(), 0.5 * np.log(8)) and np.allclose(mean.lines[1].get_xdata(), np.log(8))
    assert "nats" in mean.get_xlabel() and "dotted, log K, 2.08" in alt_text(fig)
    assert "all 20.0 (10.0 to 40.0)" in alt_text(fig) and "random encoder, 15.0 (10.0 to 20.0)" in alt_text(fig)


def test_lengths_of_tokens_are_shares_of_the_median():
    norms = torch.ones(2, 3, 3)
    norms[1, 0, 2] = 10.0
    images = torch.zeros(2, 3, 24, 24, dtype=torch.uint8)
    fig = figures.token_norms({"ours": 7 * norms}, images)
    assert "longest 10.0 times the median, 5.6% above 3" in alt_text(fig)
    assert np.allclose(fig.axes[3].images[0].get_array(), norms[1])
    with pytest.raises(ValueError, match="no encoder"):
        figures.token_norms({}, images)
