"""The momentum explorer: each control trains anew and changes the picture, and what is told is what was trained."""

import ipywidgets
import pytest

from coursekit.figures.momentum import linear_student
from coursekit.runtime import CourseError
from coursekit.widgets import explorer, momentum_explorer


def test_both_controls_change_the_picture_and_going_back_gives_the_first_again(pixels):
    seen = momentum_explorer(0.9)
    start = seen.png
    seen.controls["momentum"].value = 0.2
    fast = seen.png
    seen.controls["predictor"].value = False
    assert len({start, fast, seen.png}) == 3 and pixels(seen.png).shape == (*seen.size[::-1], 3)
    assert f"keep {linear_student(0.2, False).spread[-1]:.2f} of" in seen.alt and "without predictor" in seen.alt
    seen.controls["momentum"].value, seen.controls["predictor"].value = 0.9, True
    assert seen.png == start


def test_the_controls_are_core_widgets_with_labels_and_no_figure_is_wider_than_a_slide():
    seen = momentum_explorer()
    assert isinstance(seen.controls["predictor"], ipywidgets.Checkbox) and seen.controls["momentum"].continuous_update
    assert all(control.description for control in seen.controls.values())
    assert seen.size[0] <= 1042 and seen.size[1] <= 521


def test_a_momentum_that_is_none_is_refused():
    with pytest.raises(CourseError, match="momentum"):
        momentum_explorer(1.2)


def test_without_ipywidgets_there_is_a_picture(monkeypatch, shown, capsys):
    monkeypatch.setattr(explorer, "ipywidgets", None)
    ((data, metadata),) = shown(momentum_explorer())
    assert "image/png" in data and metadata["image/png"]["alt"]
    assert "pip install ipywidgets" in capsys.readouterr().out
