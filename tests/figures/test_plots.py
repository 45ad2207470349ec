"""Plots: what they show agrees with the tested code, each describes itself, and wrong inputs are named."""

import math
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from coursekit import figures
from coursekit.draws import Draws
from coursekit.figures.boxes import CLASS_COLORS, label_corners
from coursekit.figures.images import to_rgb
from coursekit.figures.matching import box_overlap
from coursekit.figures.style import SETTINGS, alt_text, describe, png
from coursekit.methods.simclr import info_nce
from coursekit.runtime import CourseError
from coursekit.views import RandomView, TwoViews, View, resample

NAMES = ("person", "bicycle", "car", "bus")


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def tensors(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def photos(n: int = 4, height: int = 24, width: int = 32) -> torch.Tensor:
    return torch.randint(256, (n, 3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


HISTORY = [
    {
        "step": s,
        "loss": 5 - 0.1 * s,
        "chance": math.log(63),
        "lr": 0.001 * s,
        "images_per_second": 300.0,
        "uniformity": -0.1 * s,
    }
    for s in range(12)
]
BOXES, CLASSES = np.array([[2, 3, 12, 20], [15, 4, 30, 10.0]]), np.array([0, 2])
SIZES = [
    {"size": s, "parameters": p, "backbone_parameters": p // 2, "gflops": g}
    for s, p, g in (("n", 10, 1.5), ("s", 30, 4.0))
]
RUNS = [
    {"arm": a, "labels": n, "seed": s, "map50": 0.1 * s + 0.001 * n}
    for a in ("random", "ssl")
    for n in (8, 64)
    for s in (0, 1)
]


class Found:
    def __init__(self):
        self.image, self.boxes, self.classes = photos(1)[0], BOXES, CLASSES
        self.scores, self.names = np.array([0.4, 0.9]), NAMES


def every_plot() -> dict[str, Figure]:
    images, labels = photos(), torch.tensor([0, 1, 0, 1])
    a, b = TwoViews(RandomView(16))(images, Draws(0))
    return {
        "image_grid": figures.image_grid(images, titles=list("abcd")),
        "view_pairs": figures.view_pairs(images, a, b),
        "crop_box": figures.crop_box(images[0], a.theta),
        "curves": figures.training_curves(HISTORY),
        "two curves": figures.training_curves({"x": HISTORY, "y": HISTORY[:5]}, keys=["loss"]),
        "similarity_matrix": figures.similarity_matrix(tensors(0, 3, 4), tensors(1, 3, 4)),
        "temperature_curves": figures.temperature_curves(similarities=tensors(2, 50).tanh()),
        "bars": figures.bars_with_intervals(["a", "b"], [10, 20], [[8, 12], [15, 26]], chance=5),
        "grouped": figures.grouped_bars({"a": {"x": (5, 4, 7), "y": 9}, "b": {"x": 3, "y": math.nan}}, "score, %"),
        "embedding_map": figures.embedding_map(tensors(3, 12, 5), torch.arange(12) % 4, NAMES),
        "neighbours": figures.neighbors(images, [0, 1], torch.tensor([[1, 2], [0, 3]]), labels, ["x", "y"]),
        "detections": figures.detections(Found(), truth=BOXES),
        "grid": figures.detection_grid([Found(), Found()]),
        "sample": figures.dataset_sample(images[:2], [BOXES, BOXES[:0]], [CLASSES, CLASSES[:0]], NAMES),
        "label": figures.label_numbers(images[0], (0.4, 0.6, 0.5, 0.3), "car"),
        "class_counts": figures.class_counts({"train": CLASSES, "val": CLASSES}, NAMES),
        "box_sizes": figures.box_sizes(BOXES, CLASSES, NAMES),
        "model_sizes": figures.model_sizes(SIZES),
        "label_efficiency": figures.label_efficiency(RUNS),
    }


def test_every_name_of_the_room_leads_to_its_function_and_no_other_name_does():
    for name in figures.__all__:
        assert getattr(figures, name).__name__ == name and name in dir(figures)
    with pytest.raises(AttributeError, match="nothing"):
        figures.nothing  # noqa: B018


def test_every_plot_describes_itself_names_its_axes_and_leaves_settings_alone():
    before = dict(plt.rcParams)
    for name, fig in every_plot().items():
        text = getattr(fig, "alt_text", "")
        assert len(text.split()) > 5 and "\n" not in text, name
        for ax in fig.axes:
            if ax.axison and ax.get_visible() and (len(ax.get_xticks()) or len(ax.get_yticks())):
                assert ax.get_ylabel() or ax.get_xlabel(), name
    assert dict(plt.rcParams) == before


def test_a_figure_gives_the_same_bytes_twice_and_can_be_closed():
    first, again = (png(figures.training_curves(HISTORY), close=True) for _ in range(2))
    assert first == again and first.startswith(b"\x89PNG")
    assert plt.get_fignums() == []


def test_a_students_own_plot_is_described_by_its_labels_and_not_cut_off():
    with plt.rc_context({**SETTINGS, "figure.constrained_layout.use": False}):
        fig, ax = plt.subplots()
        ax.set(xlabel="step", ylabel="loss, nats", title="My run")
    assert alt_text(fig) == "Plot. My run. loss, nats against step"
    assert png(fig).startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="empty"):
        describe(fig, "  ")


# --- views -----------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 1), st.floats(0.1, 1), st.floats(-0.9, 0.9), st.floats(-0.9, 0.9), st.booleans())
def test_crop_corners_are_where_the_corners_of_the_view_land(w, h, x, y, flipped):
    theta = torch.tensor([[w * (-1 if flipped else 1), 0, x], [0, h, y]])
    corners = theta @ torch.tensor([[-1.0, 1.0], [-1.0, 1.0], [1.0, 1.0]])  # of the view, in image coordinates
    px = (corners + 1) / 2 * torch.tensor([[32.0], [24.0]])
    want = torch.cat([px.amin(dim=1), px.amax(dim=1)])
    torch.testing.assert_close(figures.crop_corners(theta, 24, 32), want, atol=1e-4, rtol=0)


def test_the_box_is_the_place_that_the_view_shows():
    image = torch.zeros(1, 3, 40, 40, dtype=torch.uint8)
    image[:, :, 10:20, 24:36] = 200  # one bright rectangle: x 24..36, y 10..20
    theta = torch.tensor([[[-12 / 40, 0, 2 * 30 / 40 - 1], [0, 10 / 40, 2 * 15 / 40 - 1]]])
    assert resample(image, theta, 8).min() > 150, "theta looks at the rectangle and nothing else"
    assert figures.crop_corners(theta[0], 40, 40).tolist() == pytest.approx([24, 10, 36, 20], abs=1e-4)


def test_view_pairs_show_each_view_beside_its_own_image():
    images = photos(2)
    views = TwoViews(RandomView(16))(images, Draws(0))
    fig = figures.view_pairs(images, *views, columns=1)
    shown = [np.asarray(ax.images[0].get_array()) for ax in fig.axes if ax.images]
    assert len(shown) == 6 and np.array_equal(shown[3], images[1].permute(1, 2, 0).numpy())
    assert sum(ax.get_xlabel() == "flipped" for ax in fig.axes) == sum((v.theta[:, 0, 0] < 0).sum() for v in views)
    with pytest.raises(ValueError, match="same 2 images"):
        figures.view_pairs(images, View(views[0].pixels[:1], views[0].theta[:1]))


# --- numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.05, 0.5, 2.0])
def test_the_similarity_matrix_tells_the_tested_loss_and_marks_the_positives(temperature):
    z_a, z_b = tensors(0, 5, 7), tensors(1, 5, 7)
    fig = figures.similarity_matrix(z_a, z_b, temperature)
    assert f"InfoNCE {info_nce(z_a, z_b, temperature):.2f} nats; chance {math.log(9):.2f}" in fig.get_suptitle()
    share = np.ma.filled(fig.axes[1].images[0].get_array().astype(float), np.nan)
    assert np.allclose(np.nansum(share, axis=1), 100, atol=1e-3) and np.isnan(np.diag(share)).all()
    marks = {(round(p.get_y() + 0.5), round(p.get_x() + 0.5)) for p in fig.axes[1].patches}
    assert marks == {(i, (i + 5) % 10) for i in range(10)}


def test_a_temperature_curve_is_the_gradient_that_a_negative_gets():
    fig = figures.temperature_curves((0.1, 0.5))
    for line, temperature in zip(fig.axes[0].lines, (0.1, 0.5), strict=True):
        s, push = (np.asarray(values) for values in line.get_data())
        similar = torch.tensor(
            [0.3, s[120], s[-1]], dtype=torch.float64, requires_grad=True
        )  # positive, negative, s = 1
        torch.nn.functional.cross_entropy(similar[None] / temperature, torch.tensor([0])).backward()
        assert push[120] == pytest.approx(100 * float(similar.grad[1] / similar.grad[2]), rel=1e-4)


def test_bars_are_compared_with_named_levels():
    fig = figures.bars_with_intervals(["a", "b"], [15.0, 18.0], chance=6.7, levels={"raw pixels": 21.3})
    (ax,) = fig.axes
    assert {round(line.get_xdata()[0], 1) for line in ax.lines} == {6.7, 21.3} and ax.get_xlim()[1] > 21.3
    assert "raw pixels gives 21.3" in fig.alt_text and "guessing gives 6.7" in fig.alt_text


def test_training_curves_draw_the_logged_numbers_and_the_chance_level():
    fig = figures.training_curves(HISTORY)
    loss = fig.axes[0]
    assert list(loss.lines[0].get_ydata()) == [row["loss"] for row in HISTORY]
    assert set(loss.lines[1].get_ydata()) == {math.log(63)}
    titles = [ax.get_title() for ax in fig.axes if ax.get_visible()]
    assert titles == ["loss", "learning rate", "uniformity", "images a second"]

    class History:
        rows = HISTORY

    assert alt_text(figures.training_curves(History())) == alt_text(fig)


def test_a_history_without_chance_or_rows_and_an_unknown_column():
    rows = [{"step": 0, "loss": 1.0, "chance": None, "note": "text"}]
    assert len(figures.training_curves(rows).axes[0].lines) == 1
    with pytest.raises(ValueError, match="no rows"):
        figures.training_curves([])
    with pytest.raises(ValueError, match="Not logged: accuracy. Logged: loss"):
        figures.training_curves(rows, keys=["accuracy"])


def test_bars_refuse_an_interval_that_misses_its_value():
    with pytest.raises(ValueError, match="holds its value"):
        figures.bars_with_intervals(["a"], [10], [[11, 12]])
    fig = figures.bars_with_intervals(["a", "b"], [10, 20], [1, 2])
    assert "a 10.0 (9.0 to 11.0)" in alt_text(fig)


def test_an_embedding_map_says_how_well_neighbors_agree():
    labels = torch.arange(4).repeat_interleave(5)
    apart = 50 * torch.eye(4)[labels] + tensors(0, 20, 4)
    assert "For 100 %" in alt_text(figures.embedding_map(apart, labels, NAMES))
    assert "t-SNE" in alt_text(figures.embedding_map(apart, labels, NAMES, method="tsne"))
    with pytest.raises(ValueError, match="pca"):
        figures.embedding_map(apart, labels, NAMES, method="umap")


def test_neighbors_count_the_right_class_and_may_come_from_another_set():
    images, labels = photos(), torch.tensor([0, 1, 0, 1])
    fig = figures.neighbors(
        images, [0], torch.tensor([[0, 1]]), labels, ["x", "y"], bank=images[2:], bank_labels=labels[2:]
    )
    assert "1 of 2 neighbours" in alt_text(fig)
    assert [ax.get_xlabel()[0] for ax in fig.axes[2:]] == ["✓", "✗"]


# --- detection -------------------------------------------------------------------------------------------------------


def test_boxes_are_drawn_where_they_are_best_on_top_with_names():
    fig = figures.detections(Found())
    ax = fig.axes[0]
    drawn = [(p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in ax.patches]
    assert drawn == [(2, 3, 10, 17), (15, 4, 15, 6)]
    assert [text.get_text() for text in ax.texts] == ["person 0.40", "car 0.90"]
    assert plt.matplotlib.colors.to_hex(ax.patches[1].get_edgecolor()).upper() == CLASS_COLORS[2]
    assert alt_text(figures.detections(photos(1)[0], [], [], [], NAMES)) == "An image with boxes: nothing."


def test_names_of_boxes_do_not_hide_each_other_and_stay_in_the_picture():
    crowd = np.array([[10, 40, 60, 90], [12, 42, 62, 92], [11, 38, 58, 88], [0, 0, 30, 12], [70, 0, 100, 100.0]])
    crowd = np.concatenate([crowd, crowd[:1], crowd[:1]])  # found three times
    corners = label_corners(crowd, ["bicycle"] * len(crowd), size=4, width=100, height=100)
    wide, high = (0.62 * 7 + 0.4) * 4, 1.5 * 4
    places = np.concatenate([corners, corners + (wide, high)], axis=1)
    assert (places >= 0).all() and (places <= 100).all()
    assert not any(box_overlap(a, b)[1] for a, b in combinations(places, 2))
    assert label_corners(crowd[:1], ["bicycle"], size=4, width=100, height=100).tolist() == [[10, 40 - high]]


def test_the_numbers_of_a_label_are_where_its_arrows_end():
    fig = figures.label_numbers(photos(1)[0], (0.4, 0.6, 0.5, 0.3), "car")
    (x,), (y,) = fig.axes[0].lines[0].get_data()
    box = fig.axes[0].patches[0].get_bbox().extents
    assert (x, y) == (0.4, 0.6) and np.allclose(box, [0.15, 0.45, 0.65, 0.75])
    assert {"x 0.400", "y 0.600", "w 0.500", "h 0.300"} <= {text.get_text() for text in fig.axes[0].texts}


RESULTS = """epoch,   train/box_loss, val/box_loss, val/cls_loss, metrics/mAP50(B), metrics/mAP50-95(B), lr/pg0
1,3.0,0,0,0,0,0.01
2,2.0,2.5,1.0,0.4,0.2,0.005
"""


def test_an_ultralytics_run_is_drawn_and_epochs_without_validation_are_not_zeros(tmp_path):
    (tmp_path / "results.csv").write_text(RESULTS)
    fig = figures.results_curves(tmp_path)
    box, ap = fig.axes[0], fig.axes[4]
    assert [list(line.get_ydata()) for line in box.lines] == [[3.0, 2.0], [2.5]]
    assert list(ap.lines[0].get_xdata()) == [2] and list(ap.lines[0].get_ydata()) == [40.0]
    assert "best mAP50-95 20.0 %" in alt_text(fig)
    losses = figures.results_curves(tmp_path, only=("box loss", "class loss"))
    assert [ax.get_title() for ax in losses.axes] == ["box loss", "class loss"]
    with pytest.raises(ValueError, match="no panel cost"):
        figures.results_curves(tmp_path, only=("cost",))
    two = figures.results_curves({"a": tmp_path, "b": tmp_path / "results.csv"})
    assert "a: 2 epochs" in alt_text(two) and "b: 2 epochs" in alt_text(two)


@pytest.mark.parametrize("content", [None, "", "a,b\n1,2\n", "epoch,x\n1,text\n"])
def test_a_file_that_is_no_training_run_is_named(tmp_path, content):
    file = tmp_path / "results.csv"
    if content is not None:
        file.write_text(content)
    with pytest.raises(CourseError, match="results.csv"):
        figures.results_curves(file)


def test_label_efficiency_draws_means_and_every_seed():
    fig = figures.label_efficiency(RUNS, names={"ssl": "SSL backbone"})
    mean, seeds = fig.axes[0].lines[:2]
    assert list(mean.get_ydata()) == pytest.approx([5.8, 11.4]) and len(seeds.get_ydata()) == 4
    assert "SSL backbone: 5.8 at 8, 11.4 at 64" in alt_text(fig)


def test_box_sizes_and_class_counts_count():
    assert "person 1, bicycle 0, car 1, bus 0" in alt_text(figures.class_counts({"train": CLASSES}, NAMES))
    boxes = np.array([[0, 0, 100, 100], [0, 0, 10, 10], [0, 0, 40, 40], [0, 0, 20, 20.0]])
    assert "50 % of all boxes are below 32 px, 25 % above 96 px" in alt_text(
        figures.box_sizes(boxes, [0, 1, 2, 3], NAMES)
    )


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.image_grid(photos(0)),
        lambda: figures.image_grid(photos(), titles=["one"]),
        lambda: figures.similarity_matrix(tensors(0, 3, 4), tensors(0, 4, 4)),
        lambda: figures.detection_grid([]),
        lambda: figures.dataset_sample(photos(2), [BOXES], [CLASSES], NAMES),
        lambda: figures.box_sizes([], [], NAMES),
        lambda: figures.label_efficiency([]),
        lambda: figures.bars_with_intervals(["a"], []),
        lambda: figures.neighbors(photos(), [0, 1], [[1]]),
        lambda: figures.crop_box(torch.zeros(5, 5), torch.eye(2, 3)),
    ],
)
def test_a_misuse_is_a_value_error(draw):
    with pytest.raises(ValueError):
        draw()


def test_the_similarity_matrix_shows_the_views_beside_their_rows():
    views = torch.rand(2, 3, 3, 8, 8)
    fig = figures.similarity_matrix(tensors(0, 3, 4), tensors(1, 3, 4), views=tuple(views))
    (column,) = fig.axes[0].child_axes
    shown = column.images[0].get_array()
    assert shown.shape == (6 * 8, 8, 3)
    assert (shown[4 * 8 : 5 * 8] == to_rgb(views[1, 1])).all(), "row 4 is b1"
    with pytest.raises(ValueError, match="6 pictures, not 3"):
        figures.similarity_matrix(tensors(0, 3, 4), tensors(1, 3, 4), views=views[:1])


def test_grouped_bars_show_every_known_number_once_and_want_the_same_series():
    fig = figures.grouped_bars({"raw": {"h": 0.25, "z": (0.5, 0.4, 0.6)}, "run": {"h": 0.75, "z": math.nan}}, "R²")
    assert sorted(text.get_text() for text in fig.axes[0].texts) == [" ?", "0.25", "0.50", "0.75"]
    assert "raw, z: 0.50" in alt_text(fig) and "run, z: not known" in alt_text(fig)
    fig = figures.grouped_bars({"a": {"x": 1, "y": 2}, "b": {"x": math.nan, "y": 3}}, "score", missing="not possible")
    assert [text.get_text() for text in fig.axes[0].texts] == ["1.00", " not possible", "2.00", "3.00"]
    assert "b, x: not possible" in alt_text(fig)
    with pytest.raises(ValueError, match="same series"):
        figures.grouped_bars({"a": {"x": 1}, "b": {"y": 1}}, "score")
