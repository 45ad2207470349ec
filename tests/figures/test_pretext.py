"""Pictures of pretext tasks: what they show is what the tasks make, and each says what is in it."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from coursekit import figures
from coursekit.draws import Draws
from coursekit.figures import pretext
from coursekit.figures.images import to_rgb
from coursekit.figures.style import alt_text
from coursekit.methods.colorization import GrayWithColor
from coursekit.methods.jigsaw import Jigsaw, orders
from coursekit.methods.masked_patches import HiddenPatches, pixel_mask
from coursekit.views import RandomView, denormalize

PLAIN = RandomView(32, jitter=0.0, grayscale=0.0, blur=0.0)


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def images(n: int = 3, side: int = 48) -> torch.Tensor:
    return torch.randint(256, (n, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def shown(fig) -> list[np.ndarray]:
    return [np.asarray(ax.images[0].get_array()) for ax in fig.axes if ax.images]


def test_rows_hold_their_pictures_under_their_names():
    fig = figures.picture_rows({"one": images(2), "two\nlines": images(2).flip(3)}, note="Done.")
    assert [ax.get_ylabel() for ax in fig.axes[::2]] == ["one", "two\nlines"]
    assert np.array_equal(shown(fig)[2], to_rgb(images(2).flip(3)[0]))
    assert "2 columns" in alt_text(fig) and "one, two lines. Done." in alt_text(fig)
    for rows in ({"one": images(2), "two": images(1)}, {"one": []}, {}):
        with pytest.raises(ValueError, match="same number"):
            figures.picture_rows(rows)


def test_the_true_colours_of_a_picture_are_its_colours_and_none_are_gray():
    (view,) = GrayWithColor(PLAIN)(images(4), Draws(0))
    want = (denormalize(PLAIN(images(4), Draws(0)).pixels) * 255).round()
    assert (pretext.colored(view.pixels, view.target).float() - want).abs().max() <= 1
    gray = pretext.colored(view.pixels, torch.zeros(4, 2, 1, 1)).float()
    assert (gray.amax(1) - gray.amin(1)).max() <= 1


def test_colouring_shows_the_answer_and_the_best_that_its_places_allow():
    (view,) = GrayWithColor(PLAIN)(images(2), Draws(0))
    answer = torch.zeros(2, 2, 4, 4)
    fig = figures.coloring(view, answer)
    rows = [shown(fig)[k] for k in (0, 2, 4, 6)]
    best = pretext.colored(view.pixels, F.adaptive_avg_pool2d(view.target, 4))[0]
    assert np.array_equal(rows[0], rows[1]) and np.array_equal(rows[2], to_rgb(best))
    assert "best of 4 x 4" in alt_text(fig) and len(shown(figures.coloring(view))) == 4


def test_of_an_answer_only_the_hidden_patches_are_shown():
    (view,) = HiddenPatches(PLAIN, patch=8)(images(2), Draws(0))
    fig = figures.inpainting(view, {"network": torch.full_like(view.target, 2.0)})
    given, painted, true = (shown(fig)[k] for k in (0, 2, 4))
    hidden = pixel_mask(view.mask, 32)[0, 0].numpy()
    assert (painted[~hidden] == true[~hidden]).all() and (painted[hidden] == painted[hidden][0]).all()
    assert (given[~hidden] == true[~hidden]).all() and not (given[hidden] == true[hidden]).all()


def test_a_jigsaw_in_order_is_the_picture_and_each_piece_bears_its_number():
    maker = Jigsaw(12, gap=0, equalize=False, view=PLAIN)
    (view,) = maker(images(2), Draws(0))
    fig = figures.jigsaw_pieces(view, maker)
    numbers = [[int(text.get_text()) for text in ax.texts] for ax in fig.axes]
    order = orders(9, maker.orders)[view.target]
    assert numbers == [*order.tolist(), list(range(9)), list(range(9))]
    whole = RandomView(36, jitter=0.0, grayscale=0.0, blur=0.0)(images(2), Draws(0)).pixels
    assert np.array_equal(shown(fig)[2], to_rgb(pretext.separated(whole)[0]))
    assert " ".join(map(str, order[0].tolist())) in alt_text(fig)


@pytest.mark.parametrize("task", pretext.TASKS)
def test_a_posed_task_has_a_free_label_of_one_kind(task):
    posed = pretext.pose(images()[0], task)
    assert (posed.answer is None) == bool(posed.words) and posed.question.endswith("?") and posed.told
    other = pretext.pose(images()[0], task, turns=2, gap=9, places=2, share=0.8)
    assert not np.array_equal(to_rgb(other.given), to_rgb(posed.given)) or task == "colorization"


def test_a_posed_picture_is_turned_cut_or_hidden_as_it_says():
    image = images()[0]
    upright, turned = (to_rgb(pretext.pose(image, "rotation", turns=k).given) for k in (0, 1))
    assert np.array_equal(np.rot90(upright), turned)
    hidden = pretext.pose(image, "masked patches", share=0.5)
    differ = (hidden.given != hidden.answer).any(dim=0)
    assert differ.float().mean().item() == pytest.approx(40 / 81, abs=0.01)
    with pytest.raises(ValueError, match="no task 'sudoku'"):
        pretext.pose(image, "sudoku")


def test_all_four_tasks_are_shown_with_what_is_asked():
    fig = figures.pretext_tasks(images()[0])
    titles = [ax.get_title() for ax in fig.axes]
    assert titles[:4] == list(pretext.TASKS) and all(title.endswith("?") for title in titles[4:])
    assert all(task in alt_text(fig) for task in pretext.TASKS)


def test_a_loss_stands_beside_its_baseline():
    rows = [{"step": k, "loss": 2.0 - k, "gray_loss": 1.5} for k in range(3)]
    fig = figures.loss_and_baseline(rows, "gray_loss", "gray everywhere", "Huber loss")
    lines = {line.get_label(): list(line.get_ydata()) for line in fig.axes[0].lines}
    assert lines == {"network": [2.0, 1.0, 0.0], "gray everywhere": [1.5] * 3}
    assert "gray everywhere from 1.5 to 1.5" in alt_text(fig) and "3 steps" in alt_text(fig)


def test_a_loss_stands_among_the_levels_of_simple_answers():
    rows = [{"step": k, "loss": 2.0 - k / 2} for k in range(3)]
    fig = figures.loss_and_levels(rows, {"one grey": 1.5, "one tint": 0.8125}, "loss", bottom=0.5)
    lines = {line.get_label(): list(line.get_ydata()) for line in fig.axes[0].lines}
    assert lines == {"network": [2.0, 1.5, 1.0], "one grey: 1.5": [1.5] * 2, "one tint: 0.812": [0.8125] * 2}
    assert fig.axes[0].get_ylim()[0] == 0.5 and "3 steps, from 2 to 1. Lines: one grey 1.5" in alt_text(fig)
