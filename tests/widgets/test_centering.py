"""The centering explorer: each control trains anew, changes the picture, and what is told is what was trained."""

import ipywidgets
import pytest

from coursekit.figures.toy_teacher import self_training
from coursekit.runtime import CourseError
from coursekit.widgets import centering_explorer, explorer


@pytest.mark.parametrize(
    ("control", "value", "told"),
    [
        ("centering", False, "no centering"),
        ("teacher_temperature", 0.1, "teacher temperature 0.1"),
        ("temperature", 0.2, "Student temperature 0.2"),
        ("center_momentum", 0.99, "center momentum 0.99"),
    ],
)
def test_each_control_changes_the_picture_and_going_back_gives_the_first_again(pixels, control, value, told):
    seen = centering_explorer()
    start, first = seen.png, seen.values[control]
    seen.controls[control].value = value
    assert seen.png != start and pixels(seen.png).shape == (*seen.size[::-1], 3)
    run = self_training(**{control: value})
    assert told in seen.alt and f"an entropy of {run.entropy[-1]:.2f} nats" in seen.alt and run.verdict in seen.alt
    seen.controls[control].value = first
    assert seen.png == start


def test_a_collapse_can_be_made_to_happen_in_both_ways():
    seen = centering_explorer()
    assert "alive" in seen.alt
    seen.set(centering=False)
    assert "one prototype for all" in seen.alt and "largest share in the mean answer is 1.00" in seen.alt
    seen.set(centering=True, teacher_temperature=0.2)
    assert "collapsed: uniform" in seen.alt


def test_the_controls_are_core_widgets_with_labels_and_no_figure_is_wider_than_a_slide():
    seen = centering_explorer()
    assert isinstance(seen.controls["centering"], ipywidgets.Checkbox)
    assert all(control.description for control in seen.controls.values())
    assert seen.size[0] <= 1042 and seen.size[1] <= 521


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"teacher_temperature": -1.0}, {"center_momentum": 1.2}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(CourseError, match=next(iter(wrong))):
        centering_explorer(**wrong)


def test_without_ipywidgets_there_is_a_picture(monkeypatch, shown, capsys):
    monkeypatch.setattr(explorer, "ipywidgets", None)
    ((data, metadata),) = shown(centering_explorer())
    assert "image/png" in data and metadata["image/png"]["alt"]
    assert "pip install ipywidgets" in capsys.readouterr().out
