"""Pictures of queues and clusters: what they show is what the tested code does, and each says it in words."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from coursekit import figures
from coursekit.figures.clusters import SinkhornPicture, balanced
from coursekit.figures.key_queue import QueuePicture, queue_after
from coursekit.figures.live import LiveFigure
from coursekit.figures.style import alt_text
from coursekit.methods.sinkhorn import sinkhorn

SCORES = 0.3 * torch.randn(9, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
AGES = {"a": [{"age": 4 * k, "cosine": 1 - 0.1 * k, "found": 1 - 0.2 * k} for k in range(4)]}


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


@pytest.mark.parametrize("iterations", [1, 3])
def test_two_half_steps_are_an_iteration_of_the_tested_sinkhorn(iterations):
    torch.testing.assert_close(balanced(SCORES, 0.1, 2 * iterations), sinkhorn(SCORES, 0.1, iterations))


def test_half_steps_make_columns_and_rows_right_in_turn():
    start, columns, rows = (balanced(SCORES, 0.1, half) for half in range(3))
    assert start.sum().item() == pytest.approx(9) and (start.sum(0) - 9 / 4).abs().max() > 0.5
    torch.testing.assert_close(columns.sum(0), torch.full((4,), 9 / 4, dtype=torch.float64))
    torch.testing.assert_close(rows.sum(1), torch.ones(9, dtype=torch.float64))


def test_the_bars_of_a_step_are_the_sums_of_its_matrix():
    fig = figures.sinkhorn_steps(SCORES, 0.1, (0, 3))
    _, above, right = fig.axes[3:6]
    q = balanced(SCORES, 0.1, 3)
    assert [bar.get_height() for bar in above.patches] == pytest.approx(q.sum(0).tolist())
    assert [bar.get_width() for bar in right.patches] == pytest.approx(q.sum(1).tolist())
    assert "iteration 2: columns" in alt_text(fig) and "aim 2.25" in alt_text(fig)
    assert [ax.get_title(loc="left") for ax in fig.axes[1::3]] == ["start: exp(s / ε)", "iteration 2: columns"]


def test_the_ring_shows_the_ages_of_the_queue():
    picture = QueuePicture(5, 12, 32)
    shown = [number.get_text() for number in picture.numbers]
    assert shown == [str(age) for age in queue_after(5, 12, 32).age.tolist()]
    heights = {k - 1: bar.get_height() for k, bar in enumerate(picture.bars)}
    assert (heights[-1], heights[0], heights[1], heights[2], heights[3]) == (0, 12, 12, 8, 0)
    assert "place 28 on" in alt_text(picture.figure) and "oldest: age 2" in alt_text(picture.figure)
    picture.show(1, 4, 16)
    assert sum(place.get_visible() for place in picture.places) == 16
    assert [number.get_text() for number in picture.numbers[:5]] == ["0"] * 4 + [""]
    assert "4 places hold keys, 12 still the random start" in alt_text(picture.figure)
    assert alt_text(figures.queue_ring(1, 4, 16)) == alt_text(picture.figure)


LIVE = {
    "queue": (QueuePicture, [(0, 8, 32), (7, 4, 48), (3, 16, 16)]),
    "sinkhorn": (lambda *values: SinkhornPicture(SCORES, *values), [(0, 0.05), (3, 0.05), (2, 1.0)]),
}


@pytest.mark.parametrize("name", LIVE)
def test_a_move_leaves_nothing_of_the_last_picture_and_draws_no_whole_figure(name, monkeypatch):
    make, values = LIVE[name]
    live = LiveFigure(make(*values[0]))
    fresh = [LiveFigure(make(*value)).draw(*value) for value in values]
    monkeypatch.setattr(FigureCanvasAgg, "draw", None)
    moved = [live.draw(*value) for value in (*values, values[0])]
    assert moved[0] == moved[-1] and len({told for _, told in moved}) == len(values)
    for (png, told), (other, same) in zip(moved[:-1], fresh, strict=True):
        a, b = (np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int) for data in (png, other))
        assert told == same and a.shape == b.shape and (abs(a - b).max(axis=2) > 30).mean() < 0.01


def test_memory_is_drawn_on_in_proportion_where_it_was_not_measured():
    fig = figures.negatives_memory({"batch": {10: 1e6, 100: 10e6}, "queue": {64: 2e6, 1000: 3e6}}, reach=1000)
    assert "batch: 10 MB for 100 negatives, extrapolated 100 MB for 1000" in alt_text(fig)
    assert [line.get_label() for line in fig.axes[0].lines] == [
        "batch, measured",
        "batch, extrapolated",
        "queue, measured",
    ]


def test_key_ages_are_drawn_as_they_are():
    fig = figures.key_ages(AGES, chance=0.125, mark=6)
    left, right = fig.axes
    assert list(left.lines[0].get_ydata()) == [row["cosine"] for row in AGES["a"]]
    assert list(right.lines[0].get_ydata()) == [100 * row["found"] for row in AGES["a"]]
    assert "cosine 0.70, found 40 % at age 12" in alt_text(fig) and "chance 12.5 %" in alt_text(fig)


def test_typical_images_of_a_cluster_come_first_and_its_class_is_told():
    images = torch.arange(6, dtype=torch.uint8)[:, None, None, None].expand(6, 3, 8, 8)
    codes = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3], [0.1, 0.9], [0.4, 0.6]])
    labels = torch.tensor([0, 1, 0, 1, 1, 1])
    fig = figures.cluster_examples(images, codes, [0, 1], n=3, labels=labels, names=("car", "bus"))
    assert [int(ax.images[0].get_array()[0, 0, 0]) for ax in fig.axes] == [0, 3, 2, 4, 1, 5]
    assert "cluster 0: 3 images, 67 % car" in alt_text(fig) and "cluster 1: 3 images, 100 % bus" in alt_text(fig)
