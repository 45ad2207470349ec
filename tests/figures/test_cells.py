"""The cells that answer a place: the frames stand where the numbers say, and the words name them."""

import matplotlib.pyplot as plt
import pytest
import torch

from coursekit import figures
from coursekit.figures.cells import CellPicture
from coursekit.figures.live import LiveFigure

IMAGE = torch.randint(256, (3, 32, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
GRID = (4, 8)  # places of 8 px


def answers() -> list[torch.Tensor]:
    """Of a network in which exactly the cell that holds the place moves."""
    levels = []
    for times in (1, 2, 4):
        level = torch.zeros(GRID[0] * GRID[1], GRID[0] // times, GRID[1] // times)
        for place in range(len(level)):
            row, column = divmod(place, GRID[1])
            level[place, row // times, column // times] = 1.0
        levels.append(level)
    return levels


def test_the_frames_stand_where_the_cells_are():
    picture = CellPicture(IMAGE, {"exact": answers()})
    picture.show("exact", 3, 6)
    assert [pair[0].get_bbox().bounds for pair in picture.found] == [(48, 24, 8, 8), (48, 16, 16, 16), (32, 0, 32, 32)]
    assert {pair[1].get_bbox().bounds for pair in picture.marks} == {(48, 24, 8, 8)}
    words = figures.alt_text(picture.figure)
    assert "row 3, column 6" in words and "Stride 16: cell 1, 3 of 2 x 4, with 100% of all change" in words
    plt.close(picture.figure)


def test_nothing_of_the_last_place_is_left():
    live = LiveFigure(CellPicture(IMAGE, {"exact": answers(), "other": [2 * level.flip(0) for level in answers()]}))
    first = live.draw("exact", 0, 0)[0]
    assert live.draw("other", 2, 5)[0] != first and live.draw("exact", 0, 0)[0] == first
    assert live.size[0] <= 1042 and live.size[1] <= 521


def test_answers_for_other_places_are_refused():
    with pytest.raises(ValueError, match="4 x 8 places"):
        CellPicture(IMAGE, {"short": [level[1:] for level in answers()]})
    plt.close("all")


def test_a_lit_patch_and_the_cell_that_answers_are_named():
    right, wrong = torch.zeros(3, 5), torch.zeros(3, 5)
    right[1, 2], wrong[2, 0] = 1.0, 1.0
    figure = figures.lit_cells({"right": right, "wrong": wrong}, (1, 2))
    assert "right: row 1, column 2; wrong: row 2, column 0" in figures.alt_text(figure)
    assert [ax.get_title() for ax in figure.axes] == ["right", "wrong"]
    plt.close(figure)
