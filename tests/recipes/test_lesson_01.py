"""Lesson 01's settings, and that the recorded results say what its text says of them."""

import math
from types import SimpleNamespace

import pytest
import torch

from coursekit.draws import Draws
from coursekit.methods.jigsaw import Jigsaw
from coursekit.recipes import lesson_01, lesson_09
from coursekit.settings import plain


def images(n: int = 4) -> torch.Tensor:
    return torch.randint(256, (n, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_the_mark_says_which_side_is_up_and_nothing_else_changes():
    bare, marked = lesson_01.views("rotation"), lesson_01.marked_rotations()
    (view,), (with_mark,) = bare(images(), Draws(2)), marked(images(), Draws(2))
    assert torch.equal(view.target, with_mark.target) and torch.equal(view.theta, with_mark.theta)
    for k in range(4):
        changed = (view.pixels[k] != with_mark.pixels[k]).any(dim=0)
        upright = with_mark.pixels[k].rot90(-int(view.target[k]), (1, 2))
        assert changed.sum() == 36
        assert (upright[:, 25:28, 25:31] == 2).all() and (upright[:, 28:31, 25:31] == -2).all()
    assert plain(marked)["view"]["side"] == 6


def test_settings_are_those_of_the_shipped_encoders_and_can_be_changed():
    for task in lesson_01.TASKS:
        assert lesson_01.method(task).view_maker == lesson_09.views(task, "road objects")
    for gap, equalize in lesson_01.JIGSAWS.values():
        maker = lesson_01.jigsaw(gap, equalize)
        assert isinstance(maker, Jigsaw) and (maker.gap, maker.equalize) == (gap, equalize)
    assert lesson_01.JIGSAWS["gap, equalised"] == (lesson_01.views("jigsaw").gap, lesson_01.views("jigsaw").equalize)
    assert lesson_01.whole(lesson_01.views("colorization")).view.scale == (1.0, 1.0)


def test_of_one_run_the_interval_is_that_over_images_of_several_that_over_seeds(monkeypatch):
    def row(method, seed, share):
        judged = {"knn": share, "knn_low": share - 0.02, "knn_high": share + 0.03}
        return {"data": "road objects", "method": method, "seed": seed, **judged}

    rows = [row("raw pixels", 0, 0.2), row("rotation", 0, 0.3), row("rotation", 1, 0.4)]
    rows.append({**row("rotation", 2, 0.9), "data": "CIFAR-10"})
    monkeypatch.setattr(lesson_09, "recorded_methods", lambda: SimpleNamespace(rows=rows))
    told = lesson_01.recorded_accuracies(("knn", "finetune"))
    assert list(told) == ["raw pixels", "rotation"]
    assert told["raw pixels"]["k-NN"] == pytest.approx((20, 18, 23))
    mean, low, high = told["rotation"]["k-NN"]
    assert mean == pytest.approx(35) and low < 0 and high > 70  # two seeds: Student's interval is wide
    assert all(map(math.isnan, told["rotation"]["fine-tuned"]))


def test_what_the_lesson_says_of_the_recorded_results():
    told = lesson_01.recorded_accuracies()
    names = {task: lesson_01.BARS[task] for task in lesson_01.TASKS}
    linear = {name: row["linear probe"][0] for name, row in told.items()}
    tuned = {name: row["fine-tuned"][0] for name, row in told.items()}
    assert set(names.values()) <= set(told)
    for name in names.values():  # well above random weights, below raw pixels
        assert linear["random encoder"] + 4 < linear[name] < linear["raw pixels"]
    for task in ("rotation", "jigsaw", "masked_patches"):  # as good a start as SimCLR's
        assert tuned["random encoder"] + 5 < tuned[names[task]] > tuned["SimCLR (lesson 03)"] - 2
    assert abs(tuned["colorization"] - tuned["random encoder"]) < 3
