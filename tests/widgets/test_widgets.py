"""Explorers: a moved slider changes the picture and nothing else; without ipywidgets there is still a picture."""

import base64
import html
import re

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from coursekit.draws import Draws
from coursekit.figures.images import to_rgb
from coursekit.figures.live import LiveFigure
from coursekit.methods.simclr import info_nce
from coursekit.runtime import CourseError
from coursekit.views import RandomView
from coursekit.widgets import explorer, explorers, live, similarity_explorer, views_explorer
from coursekit.widgets.explorers import STRENGTHS, yellow_van


def img(seen) -> dict[str, str]:
    """The attributes of the live picture."""
    return dict(re.findall(r'(\w+)="([^"]*)"', seen.picture.value))


def test_the_picture_changes_keeps_its_size_and_no_figure_stays_open(image, pixels):
    seen = views_explorer(image, RandomView(16), views=1)
    start = seen.png
    seen.controls["scale"].value = (0.05, 0.1)
    assert seen.png != start and pixels(start).std() > 10
    assert pixels(seen.png).shape == pixels(start).shape == (*seen.size[::-1], 3)
    assert set(seen.values) == set(seen.controls) and plt.get_fignums() == []


def test_the_live_picture_is_the_png_with_its_size_and_description(embeddings):
    seen = similarity_explorer(*embeddings)
    for temperature in (None, 0.5):
        if temperature:
            seen.controls["temperature"].value = temperature
        look = img(seen)
        assert look["src"] == "data:image/png;base64," + base64.b64encode(seen.png).decode()
        assert (int(look["width"]), int(look["height"])) == seen.size
        assert html.unescape(look["alt"]) == seen.alt
    assert "temperature 0.5 " in seen.alt


def test_sliders_start_where_the_lesson_says(image):
    seen = views_explorer(image, RandomView(16, scale=(0.4, 1.0), hue=0.1), views=1)
    assert tuple(seen.controls["scale"].value) == (0.4, 1.0) and seen.controls["hue"].value == pytest.approx(0.1)


def test_every_slider_of_the_views_has_its_effect_and_no_other(image):
    seen = views_explorer(image, RandomView(16), views=2, seed=0)
    for name, _, high in STRENGTHS:
        first, before = seen.values[name], seen.png
        seen.controls[name].value = high if first < high else 0.0
        assert seen.values[name] == seen.controls[name].value
        assert seen.png != before, name
        seen.controls[name].value = first
        assert seen.png == before, "the draw must stay the same when a slider goes back"


@pytest.mark.parametrize("size", [32, 64])
def test_on_the_first_image_every_slider_changes_a_good_part_of_the_views(size, pixels):
    mild = RandomView(size, scale=(0.4, 1.0), brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, blur=0.2)
    seen = views_explorer(view=mild)
    start = pixels(seen.png).astype(int)
    ends = {name: (0.0, high) for name, _, high in STRENGTHS}
    for name, both in {"scale": ((0.05, 0.3), (0.8, 1.0)), **ends}.items():
        first, changed = seen.values[name], []
        for end in both:
            seen.set(**{name: end})
            changed.append((abs(pixels(seen.png) - start).max(axis=2) > 20).mean())
        seen.set(**{name: first})
        assert max(changed) > 0.08, f"{name} changes {changed} of the picture"


def test_the_first_image_is_bright_and_colourful():
    van = yellow_van().float()
    assert van.dtype == torch.float32 and 110 < van.mean() < 200
    assert (van.amax(0) - van.amin(0) > 60).float().mean() > 0.15
    assert yellow_van().dtype == torch.uint8 and yellow_van().shape == (3, 241, 241)


def test_new_draw_draws_again_and_the_first_state_can_be_made_again(image):
    seen = views_explorer(image, RandomView(16), views=2, seed=3)
    before = seen.png
    seen.controls["seed"].click()
    assert seen.values["seed"] == 4 and seen.png != before
    assert views_explorer(image, RandomView(16), views=2, seed=4).png == seen.png


def test_the_views_are_those_of_the_tested_transform(image, monkeypatch):
    kept = []
    monkeypatch.setattr(explorers, "LiveFigure", lambda picture: kept.append(picture) or LiveFigure(picture))
    views_explorer(image, RandomView(16), views=1, seed=5)
    view = RandomView(16, jitter=1.0)(image[None], Draws(5))
    whole, panel = kept[0].figure.axes[:2]
    assert np.array_equal(panel.images[0].get_array(), to_rgb(view.pixels[0]))
    assert np.array_equal(whole.images[0].get_array(), to_rgb(image))


def test_the_description_of_the_views_is_that_of_what_is_shown(image):
    seen = views_explorer(image, RandomView(16), views=2, seed=5)
    seen.set(flip=1.0, hue=0.3, scale=(1.0, 1.0))
    assert "view 1 holds" in seen.alt and seen.alt.count("flipped") == 2 and "hue 0.3" in seen.alt
    assert "Crops of 100 to 100 % of the area" in seen.alt
    seen.set(flip=0.0)
    assert "flipped" not in seen.alt


def test_the_temperature_changes_the_loss_that_is_told(embeddings):
    seen = similarity_explorer(*embeddings, temperature=0.1)
    for temperature in (0.1, 1.0):
        seen.controls["temperature"].value = temperature
        assert f"the loss is {info_nce(*embeddings, temperature):.2f} nats" in seen.alt


def test_the_views_are_shown_beside_their_rows(embeddings, pixels):
    red, blue = torch.zeros(2, 4, 3, 8, 8, dtype=torch.uint8)
    red[:, 0], blue[:, 2] = 255, 255
    without, beside = (similarity_explorer(*embeddings, views=views) for views in (None, (red, blue)))
    for color in ([255, 0, 0], [0, 0, 255]):
        assert (pixels(beside.png) == color).all(axis=2).sum() > 500
        assert not (pixels(without.png) == color).all(axis=2).any()


def test_later_changes_of_the_embeddings_do_not_reach_the_widget(embeddings):
    z_a, z_b = (z.clone() for z in embeddings)
    seen = similarity_explorer(z_a, z_b)
    before = seen.png
    z_a.zero_()
    seen.set(temperature=0.1)
    assert seen.png == before


def test_a_move_is_answered_while_the_slider_is_held(image, embeddings):
    for seen in (views_explorer(image, RandomView(16), views=1), similarity_explorer(*embeddings)):
        sliders = [control for control in seen.controls.values() if hasattr(control, "continuous_update")]
        assert sliders and all(slider.continuous_update for slider in sliders)


def test_every_control_has_a_label_and_all_are_core_widgets(image, embeddings):
    for seen in (views_explorer(image, RandomView(16), views=1), similarity_explorer(*embeddings)):
        assert all(control.description for control in seen.controls.values())
        parts = [seen.widget, *seen.widget.children, *seen.controls.values()]
        assert all(part._model_module in ("@jupyter-widgets/controls", "@jupyter-widgets/base") for part in parts)
        assert not any(isinstance(part, (ipywidgets.Output, ipywidgets.Tab, ipywidgets.Accordion)) for part in parts)


def test_wrong_inputs_are_named(image, embeddings):
    with pytest.raises(CourseError, match=r"images\[0\]"):
        views_explorer(image[None])
    with pytest.raises(CourseError, match="uint8"):
        views_explorer(image.float())
    with pytest.raises(CourseError, match=r"\(4, 8\) with \(3, 8\)"):
        similarity_explorer(embeddings[0], embeddings[1][:3])
    with pytest.raises(CourseError, match=r"two batches of 4 pictures.*\[4, 2\]"):
        similarity_explorer(*embeddings, views=(image.expand(4, -1, -1, -1), image.expand(2, -1, -1, -1)))
    with pytest.raises(ValueError, match="There is no warmth here"):
        similarity_explorer(*embeddings).set(warmth=1)


def test_a_cell_shows_a_picture_and_the_widget_that_takes_its_place(embeddings, shown, capsys):
    seen = similarity_explorer(*embeddings)
    style, picture, widget = shown(seen)
    assert picture[0]["image/png"] == base64.b64encode(seen.png).decode()
    assert picture[1]["image/png"]["alt"] == seen.alt and seen.alt in picture[0]["text/plain"]
    assert widget[0] == {live.WIDGET: {"version_major": 2, "version_minor": 0, "model_id": seen.widget.model_id}}
    assert live.ALIVE in seen.widget._dom_classes and live.ALIVE in style[0]["text/html"]
    assert style[1] == widget[1] == live.MARK
    assert capsys.readouterr().out == ""


def test_on_colab_picture_and_widget_are_one_output(embeddings, shown, monkeypatch):
    monkeypatch.setattr(live, "in_colab", lambda: True)
    ((data, metadata),) = shown(similarity_explorer(*embeddings))
    assert {live.WIDGET, "image/png", "text/plain"} == set(data) and "alt" in metadata["image/png"]


def test_shown_again_it_is_the_present_state_that_is_shown(embeddings, shown):
    seen = similarity_explorer(*embeddings)
    seen.set(temperature=1.0)
    assert "temperature 1 " in shown(seen)[1][1]["image/png"]["alt"]


def test_without_ipywidgets_there_is_a_picture_and_one_friendly_line(monkeypatch, image, embeddings, shown, capsys):
    monkeypatch.setattr(explorer, "ipywidgets", None)
    for make in (lambda: views_explorer(image, RandomView(16), views=1), lambda: similarity_explorer(*embeddings)):
        ((data, metadata),) = shown(make())
        assert "image/png" in data and metadata["image/png"]["alt"]
        line = capsys.readouterr().out
        assert line.count("\n") == 1 and "pip install ipywidgets" in line
