"""The explorer of pretext tasks: every control changes the picture of its own task, and no other is shown."""

import ipywidgets
import numpy as np
import pytest
import torch

from coursekit.figures import pretext as figures
from coursekit.figures.images import to_rgb
from coursekit.figures.live import LiveFigure
from coursekit.runtime import CourseError
from coursekit.widgets import explorer, pretext, pretext_explorer

OTHER = {"turns": 3, "gap": 10, "equalize": False, "places": 2, "share": 0.8, "seed": 5}


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randint(256, (3, 3, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def visible(seen) -> set[str]:
    return {name for name, control in seen.controls.items() if control.layout.display != "none"}


@pytest.mark.parametrize("task", figures.TASKS)
def test_a_task_shows_its_own_controls_and_they_alone_change_its_picture(images, task):
    seen = pretext_explorer(images, task)
    assert visible(seen) == {"task", "image", *pretext.NEEDED[task]}
    start = seen.png
    for name, value in OTHER.items():
        first = seen.values[name]
        seen.set(**{name: value})
        assert (seen.png != start) == (name in pretext.NEEDED[task]), name
        seen.set(**{name: first})
        assert seen.png == start


def test_another_task_brings_its_controls_and_its_description(images):
    seen = pretext_explorer(images)
    assert "turned by 90 degrees" in seen.alt
    seen.controls["turns"].value = 2
    assert "turned by 180 degrees" in seen.alt and "Free label: 2." in seen.alt
    seen.controls["task"].value = "masked patches"
    seen.controls["share"].value = 0.5
    assert visible(seen) == {"task", "image", "share", "seed"} and "50% of the patches hidden" in seen.alt
    before = seen.png
    seen.controls["seed"].click()
    assert seen.png != before


def test_what_is_shown_is_what_the_task_makes_of_the_chosen_image(images, monkeypatch):
    kept = []
    monkeypatch.setattr(pretext, "LiveFigure", lambda picture: kept.append(picture) or LiveFigure(picture))
    seen = pretext_explorer(images, "jigsaw")
    seen.controls["image"].value = 2
    posed = figures.pose(images[2], "jigsaw")
    whole, given, _ = kept[0].figure.axes
    assert np.array_equal(whole.images[0].get_array(), to_rgb(images[2]))
    assert np.array_equal(given.images[0].get_array(), to_rgb(posed.given))
    assert kept[0].words.get_text() == posed.words and kept[0].question.get_text() == posed.question


def test_every_picture_has_the_same_size(images, pixels):
    seen = pretext_explorer(images)
    for task in figures.TASKS:
        seen.set(task=task)
        assert pixels(seen.png).shape == (*seen.size[::-1], 3)


def test_all_controls_are_core_widgets_with_labels(images):
    seen = pretext_explorer(images)
    assert all(control.description for control in seen.controls.values()) and set(seen.controls) == set(seen.values)
    parts = [seen.widget, *seen.widget.children, *seen.controls.values()]
    assert all(part._model_module in ("@jupyter-widgets/controls", "@jupyter-widgets/base") for part in parts)
    assert not any(isinstance(part, (ipywidgets.Output, ipywidgets.Tab, ipywidgets.Accordion)) for part in parts)


def test_wrong_inputs_are_named(images):
    for wrong in (images[0], images.float(), images[:0]):
        with pytest.raises(CourseError, match=r"uint8 \(N, 3, H, W\)"):
            pretext_explorer(wrong)
    with pytest.raises(CourseError, match="no task 'sudoku'"):
        pretext_explorer(images, "sudoku")


def test_a_single_image_and_no_ipywidgets_leave_a_picture(images, monkeypatch, shown, capsys):
    assert pretext_explorer(images[:1]).alt
    monkeypatch.setattr(explorer, "ipywidgets", None)
    ((data, metadata),) = shown(pretext_explorer(images))
    assert "image/png" in data and metadata["image/png"]["alt"] and "pip install" in capsys.readouterr().out
