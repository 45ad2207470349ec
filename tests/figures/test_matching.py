"""Figures of lesson 11: IoU, precision and recall, a training in stages, the transfer diagram."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from coursekit import figures


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_iou_equals_torchvisions_for_boxes_that_overlap_touch_hold_each_other_or_miss():
    corners = torch.rand(60, 2, 2, generator=torch.Generator().manual_seed(0)) * 100
    boxes = torch.cat([corners.amin(1), corners.amax(1)], dim=1)
    boxes = torch.cat([boxes, torch.tensor([[0.0, 0, 10, 10], [10, 0, 20, 10], [2, 2, 4, 4], [30, 30, 40, 40]])])
    ours = torch.tensor([[figures.box_overlap(a, b)[0] for b in boxes.tolist()] for a in boxes.tolist()])
    assert torch.allclose(ours, box_iou(boxes, boxes), atol=1e-5)


def test_what_two_boxes_share_is_named_or_none():
    assert figures.box_overlap((20, 30, 120, 90), (50, 45, 150, 105))[1] == (50, 45, 120, 90)
    assert figures.box_overlap((0, 0, 10, 10), (10, 0, 20, 10)) == (0.0, None)


def test_the_iou_figure_says_what_it_shows():
    figure = figures.iou_boxes((20, 30, 120, 90), [(20, 30, 120, 90), (50, 45, 150, 105), (200, 0, 210, 10)])
    assert [ax.get_title() for ax in figure.axes] == ["IoU 1.00", "IoU 0.36", "IoU 0.00"]
    assert "1.00, 0.36, 0.00" in figures.alt_text(figure)
    shaded = [sum(patch.get_alpha() == 0.35 for patch in ax.patches) for ax in figure.axes]
    assert shaded == [1, 1, 0]


def test_iou_over_a_picture_uses_its_pixels_as_axes():
    figure = figures.iou_boxes((4, 4, 20, 12), [(5, 4, 21, 12)], image=np.zeros((30, 40, 3), np.uint8), titles=["x"])
    assert figure.axes[0].get_xlim() == (0, 40) and figure.axes[0].get_ylim() == (30, 0)


@pytest.mark.parametrize(("guesses", "titles"), [([], None), ([(0, 0, 1, 1)], ["a", "b"]), ([(5, 5, 1, 9)], None)])
def test_iou_refuses_what_is_no_box(guesses, titles):
    with pytest.raises(ValueError):
        figures.iou_boxes((0, 0, 10, 10), guesses, titles=titles)


def test_the_shaded_area_is_the_average_precision():
    hits = np.array([1, 1, 0, 1, 0])
    precision, recall = np.cumsum(hits) / np.arange(1, 6), np.cumsum(hits) / 4
    figure = figures.precision_recall(recall, precision, labels=list("abcde"), ap=0.6875)
    outline = figure.axes[0].collections[0].get_paths()[0].vertices
    x, y = outline[:, 0], outline[:, 1]
    area = abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2
    assert area == pytest.approx(100 * 100 * 0.6875)  # 2 * 0.25 * 1 + 0.25 * 0.75, in %
    assert "68.8 %" in figures.alt_text(figure) and len(figure.axes[0].texts) == 5


def test_a_detector_that_finds_nothing_has_no_area():
    figure = figures.precision_recall([0.0, 0.0], [0.0, 0.0], ap=0.0)
    assert "0.0 %" in figures.alt_text(figure)


@pytest.mark.parametrize(("recall", "precision"), [([], []), ([0.5], [1.0, 0.5]), ([0.5, 0.2], [1.0, 1.0])])
def test_precision_and_recall_that_cannot_be_are_refused(recall, precision):
    with pytest.raises(ValueError):
        figures.precision_recall(recall, precision)


def test_a_line_stands_where_the_backbone_began_to_learn(tmp_path):
    header, rates = "epoch,train/box_loss,lr/pg0,lr/pg3\n", (0, 0, 0.001, 0.002)
    rows = [f"{epoch},{1 / epoch},0.01,{rate}\n" for epoch, rate in enumerate(rates, 1)]
    (tmp_path / "results.csv").write_text(header + "".join(rows))
    figure = figures.results_curves(tmp_path, only=("box loss", "learning rate"))
    assert "frozen until epoch 2" in figures.alt_text(figure)
    assert [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_linestyle() == ":"] == [2.5]
    names = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert names == ["neck, head", "backbone"]
    (tmp_path / "results.csv").write_text(header + rows[2] + rows[3])
    assert "frozen" not in figures.alt_text(figures.results_curves(tmp_path)), "here it learned from the start"


def test_the_transfer_diagram_fits_and_is_described():
    diagram = figures.transfer_diagram()
    assert str(diagram) == str(figures.transfer_diagram()) and "frozen" in diagram.description
    assert len(re.findall("frozen: nothing", str(diagram))) == 1
