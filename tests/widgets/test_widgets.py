"""Widgets: a moved slider changes the picture and nothing else; without ipywidgets there is still a picture."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from coursekit import exercises
from coursekit.draws import Draws
from coursekit.figures.images import to_rgb
from coursekit.methods.simclr import info_nce
from coursekit.runtime import CourseError
from coursekit.views import RandomView
from coursekit.widgets import explorer, quiz_widget, similarity_explorer, views_explorer
from coursekit.widgets.explorers import STRENGTHS


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    ramp = torch.linspace(0, 255, 48)
    return torch.stack([ramp.expand(48, 48), ramp.flip(0).expand(48, 48), ramp[:, None].expand(48, 48)]).to(torch.uint8)


@pytest.fixture(scope="module")
def embeddings() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(4, 8, generator=generator)
    return z, z + 0.5 * torch.randn(4, 8, generator=generator)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.fixture
def unrasterised(monkeypatch):
    """The pixels and boxes of a figure instead of a PNG of it: the same news, ten times as fast."""

    def content(fig, close=False):
        parts = [np.asarray(shown.get_array()).tobytes() for ax in fig.axes for shown in ax.images]
        parts += [str(patch.get_bbox()).encode() for ax in fig.axes for patch in ax.patches]
        plt.close(fig)
        return b"".join(parts)

    monkeypatch.setattr(explorer, "png", content)


def test_the_picture_is_a_png_and_no_figure_stays_open(image):
    seen = views_explorer(image, RandomView(16), views=1)
    start = seen.png
    seen.controls["scale"].value = (0.05, 0.1)
    assert seen.png != start and seen.picture.value == seen.png
    assert pixels(start).std() > 10 and set(seen.values) == set(seen.controls)
    assert plt.get_fignums() == []


def test_sliders_start_where_the_lesson_says(image):
    seen = views_explorer(image, RandomView(16, scale=(0.4, 1.0), hue=0.1), views=1)
    assert tuple(seen.controls["scale"].value) == (0.4, 1.0) and seen.controls["hue"].value == pytest.approx(0.1)


def test_every_slider_of_the_views_has_its_effect_and_no_other(image, unrasterised):
    seen = views_explorer(image, RandomView(16), views=2)
    for name, _, high in STRENGTHS:
        first = seen.values[name]
        before = seen.png
        seen.controls[name].value = high if first < high else 0.0
        assert seen.values[name] == seen.controls[name].value
        assert seen.png != before, name
        seen.controls[name].value = first
        assert seen.png == before, "the draw must stay the same when a slider goes back"


def test_new_draw_draws_again_and_the_first_state_can_be_made_again(image, unrasterised):
    seen = views_explorer(image, RandomView(16), views=2, seed=3)
    before = seen.png
    seen.controls["seed"].click()
    assert seen.values["seed"] == 4 and seen.png != before
    assert views_explorer(image, RandomView(16), views=2, seed=4).png == seen.png


def test_the_views_are_those_of_the_tested_transform(image, unrasterised):
    seen = views_explorer(image, RandomView(16), views=1, seed=5)
    view = RandomView(16, jitter=1.0)(image[None], Draws(5))
    assert to_rgb(view.pixels[0]).tobytes() in seen.png and to_rgb(image).tobytes() in seen.png


def test_the_temperature_changes_the_loss_that_is_told(embeddings):
    seen = similarity_explorer(*embeddings, temperature=0.1)
    for temperature in (0.1, 1.0):
        seen.controls["temperature"].value = temperature
        loss = info_nce(*embeddings, temperature)
        assert f"the loss is {loss:.2f} nats" in seen.alt
    assert seen.caption.value == f"<small>{seen.alt}</small>"
    assert plt.get_fignums() == []


def test_later_changes_of_the_embeddings_do_not_reach_the_widget(embeddings, unrasterised):
    z_a, z_b = (z.clone() for z in embeddings)
    seen = similarity_explorer(z_a, z_b)
    before = seen.png
    z_a.zero_()
    seen.set(temperature=0.1)
    assert seen.png == before


def test_the_live_picture_appears_only_when_something_was_moved(embeddings, unrasterised):
    seen = similarity_explorer(*embeddings)
    assert seen.picture.layout.display == "none"
    seen.controls["temperature"].value = 0.5
    assert seen.picture.layout.display is None


def test_sliders_wait_until_they_are_let_go_of(image, embeddings, unrasterised):
    for seen in (views_explorer(image, RandomView(16), views=1), similarity_explorer(*embeddings)):
        sliders = [control for control in seen.controls.values() if hasattr(control, "continuous_update")]
        assert sliders and not any(control.continuous_update for control in sliders)


def test_wrong_inputs_are_named(image, embeddings, unrasterised):
    with pytest.raises(CourseError, match=r"images\[0\]"):
        views_explorer(image[None])
    with pytest.raises(CourseError, match="uint8"):
        views_explorer(image.float())
    with pytest.raises(CourseError, match=r"\(4, 8\) with \(3, 8\)"):
        similarity_explorer(embeddings[0], embeddings[1][:3])
    with pytest.raises(ValueError, match="There is no warmth here"):
        similarity_explorer(*embeddings).set(warmth=1)


def shown(monkeypatch, widget) -> list:
    """What a cell shows, as (bundle, metadata)."""
    outputs = []

    def display(thing, raw=False):
        outputs.append((thing, {}) if raw else thing._repr_mimebundle_())

    monkeypatch.setattr(explorer, "display", display)
    widget._ipython_display_()
    return outputs


def test_a_cell_shows_a_picture_first_and_then_the_widget(monkeypatch, embeddings, capsys):
    seen = similarity_explorer(*embeddings)
    first, second = shown(monkeypatch, seen)
    assert "image/png" in first[0] and first[1]["image/png"]["alt"] == seen.alt
    assert second[0][explorer.WIDGET]["model_id"] == seen.widget.model_id
    assert "run this cell" in second[0]["text/plain"]
    assert capsys.readouterr().out == ""


def test_without_ipywidgets_there_is_a_picture_and_one_friendly_line(monkeypatch, image, embeddings, capsys):
    monkeypatch.setattr(explorer, "ipywidgets", None)
    for make in (lambda: views_explorer(image, RandomView(16), views=1), lambda: similarity_explorer(*embeddings)):
        (only,) = shown(monkeypatch, make())
        assert "image/png" in only[0]
        line = capsys.readouterr().out
        assert line.count("\n") == 1 and "pip install ipywidgets" in line


def test_a_quiz_answers_every_click():
    quiz = quiz_widget(exercises.quiz("03"))
    quiz.choices[0].value = "c"
    assert quiz.replies[0].value.count("✘ Question 1")
    quiz.choices[0].value = "b"
    assert quiz.replies[0].value.count("✔ Question 1")
    assert quiz.replies[1].value == ""


def test_a_quiz_without_ipywidgets_is_text(monkeypatch, capsys):
    from coursekit.widgets import quiz as module

    outputs = []
    monkeypatch.setattr(module, "ipywidgets", None)
    monkeypatch.setattr(module, "display", outputs.append)
    quiz_widget(exercises.quiz("03"))._ipython_display_()
    assert outputs[0].data.count("**Question") == 3
    assert 'answer("03", 1, "a")' in capsys.readouterr().out


def test_in_a_kernel_many_moves_draw_once(embeddings, unrasterised):
    import asyncio

    seen = similarity_explorer(*embeddings)
    before, drawn, draw = seen.png, [], seen.draw
    seen.draw = lambda temperature: drawn.append(temperature) or draw(temperature)

    async def moves():
        for value in (0.2, 0.3, 0.4):
            seen.controls["temperature"].value = value
        assert drawn == []
        await asyncio.wait_for(wait(), 60)

    async def wait():
        while not drawn:
            await asyncio.sleep(0)

    asyncio.run(moves())
    assert drawn == [0.4] and seen.png != before
