"""What a head puts out: every place has its box, the most confident are drawn, in px of the picture."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from coursekit import figures
from coursekit.figures.head_output import places
from coursekit.figures.style import alt_text


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_places_lie_in_the_middle_of_their_squares_row_by_row_of_the_finest_map_first():
    found = places(64, 96)
    assert len(found) == 8 * 12 + 4 * 6 + 2 * 3
    assert found[:2].tolist() == [[4, 4], [12, 4]] and found[12].tolist() == [4, 12]
    assert found[-6:].tolist() == [[16, 16], [48, 16], [80, 16], [16, 48], [48, 48], [80, 48]]


def test_the_most_confident_boxes_are_drawn_with_class_and_place():
    picture = np.zeros((64, 64, 3), dtype=np.uint8)
    boxes, scores = torch.full((84, 4), 8.0), torch.zeros(84, 2)
    boxes[70], scores[70, 1] = torch.tensor([30.0, 20, 10, 6]), 0.8
    scores[3, 0] = 0.5
    fig = figures.raw_boxes(picture, {"mine": (boxes, scores)}, {"mine": {0: "car", 1: "bus"}}, show=2)
    assert "mine: bus 0.80, car 0.50" in alt_text(fig) and "64, 16, 4 of three maps" in alt_text(fig)
    corners = [(p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in fig.axes[1].patches]
    assert (25.0, 17.0, 10.0, 6.0) in corners
    dots = fig.axes[1].lines[0].get_xydata()
    assert dots.tolist() == [places(64, 64)[70].tolist(), places(64, 64)[3].tolist()]
    assert "class 1 0.80" in alt_text(figures.raw_boxes(picture, {"mine": (boxes, scores)}, {}, show=2))


def test_another_number_of_places_is_refused():
    with pytest.raises(ValueError, match="64 x 64 px has 84 places, not 80"):
        figures.raw_boxes(np.zeros((64, 64, 3), np.uint8), {"x": (torch.ones(80, 4), torch.ones(80, 2))}, {})
