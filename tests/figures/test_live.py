"""Figures that are kept: artists are used again, nothing of the last picture is left, and no figure piles up."""

import gc
import io
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from coursekit.data.images import ImageSet
from coursekit.draws import Draws
from coursekit.figures.contrast import SimilarityPicture, similarity_matrix
from coursekit.figures.images import ViewsPicture
from coursekit.figures.live import LiveFigure, Stamp
from coursekit.figures.style import png
from coursekit.figures.votes import VotePicture
from coursekit.views import RandomView

Z = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
IMAGE = torch.randint(0, 256, (3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def views(seed: int):
    return RandomView(16)(IMAGE.expand(3, -1, -1, -1), Draws(seed))


PHOTOS = ImageSet(IMAGE.roll(5).expand(9, -1, -1, -1).clone(), torch.arange(9) % 3, ("x", "y_z", "w"))
PHOTOS.images[:, 0] += (20 * torch.arange(9, dtype=torch.uint8))[:, None, None]
H = torch.randn(2, 9, 5, generator=torch.Generator().manual_seed(2))

MAKERS = {
    "similarity": (lambda value: SimilarityPicture(*Z, value), (0.1, 1.0, 0.03)),
    "views": (lambda value: ViewsPicture(IMAGE, value), (views(0), views(1), views(2))),
    "votes": (lambda value: VotePicture(PHOTOS, PHOTOS, {"a": (H[0], H[0]), "b": (H[1], H[1])}, value), (0, 1, 5)),
}


@pytest.fixture(params=MAKERS)
def picture(request):
    """A picture and three things that it can show."""
    make, values = MAKERS[request.param]
    return make(values[0]), values


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_artists_are_used_again(picture):
    picture, values = picture
    live = LiveFigure(picture)
    before = picture.figure.findobj()
    told = [live.draw(value)[1] for value in values]
    after = picture.figure.findobj()
    assert [id(artist) for artist in before] == [id(artist) for artist in after]
    assert len(set(told)) == len(values)


def test_a_move_draws_the_moving_artists_and_nothing_else(picture, monkeypatch):
    picture, values = picture
    live = LiveFigure(picture)

    def refuse(*_):
        raise AssertionError("the whole figure is drawn again")

    monkeypatch.setattr(FigureCanvasAgg, "draw", refuse)
    monkeypatch.setattr(Figure, "draw", refuse)
    assert live.draw(values[1])[0] != live.draw(values[2])[0]


@pytest.mark.parametrize("name", MAKERS)
def test_nothing_of_the_last_picture_is_left(name):
    make, values = MAKERS[name]
    live = LiveFigure(make(values[0]))
    moved = [live.draw(value)[0] for value in (*values, values[0])]
    assert moved[0] == moved[-1]
    if name in ("similarity", "votes"):  # with the same layout whatever it shows
        assert all(moved[k] == LiveFigure(make(value)).draw(value)[0] for k, value in enumerate(values))


def test_the_kept_picture_is_the_one_that_a_figure_shows():
    kept = pixels(LiveFigure(SimilarityPicture(*Z, 0.2)).draw(0.2)[0]).astype(int)
    plain = pixels(png(similarity_matrix(*Z, 0.2), close=True)).astype(int)
    assert kept.shape == plain.shape and (abs(kept - plain).max(axis=2) > 30).mean() < 0.005


def test_many_moves_leave_nothing_behind(picture):
    picture, values = picture
    live = LiveFigure(picture)

    def alive() -> tuple[int, int]:
        for k in range(12):
            live.draw(values[k % 3])
        gc.collect()
        return len(gc.get_objects()), sum(issubclass(type(thing), Artist) for thing in gc.get_objects())

    alive()
    first, last = alive(), alive()
    assert first[1] == last[1] and last[0] - first[0] < 50
    assert plt.get_fignums() == []


def test_the_size_is_that_of_every_picture(picture):
    picture, values = picture
    live = LiveFigure(picture)
    assert {pixels(live.draw(value)[0]).shape for value in values} == {(live.size[1], live.size[0], 3)}


def test_a_stamp_is_the_text_in_its_place():
    def drawn(kind) -> np.ndarray:
        fig = Figure(figsize=(1, 1), dpi=100)
        fig.add_artist(kind)
        canvas = FigureCanvasAgg(fig)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., 0].astype(float)

    look = {"fontsize": 12, "color": "black"}
    text = drawn(plt.Text(0.5, 0.5, "79", ha="center", va="center", **look))
    stamp = drawn(Stamp(0.5, 0.5, "79", **look))
    rows, columns = (np.flatnonzero((text < 128).any(axis=axis)) for axis in (1, 0))
    rows_stamp, columns_stamp = (np.flatnonzero((stamp < 128).any(axis=axis)) for axis in (1, 0))
    assert abs(rows[[0, -1]] - rows_stamp[[0, -1]]).max() <= 1
    assert abs(columns[[0, -1]] - columns_stamp[[0, -1]]).max() <= 1
    assert abs(text.sum() - stamp.sum()) < 0.02 * (255 - text).sum()


def test_small_negative_similarities_keep_their_sign_and_zero_has_none():
    angles = torch.tensor([0.0, math.acos(-0.04), math.acos(-0.001)])
    z = torch.stack([angles.cos(), angles.sin()], dim=1)
    shown = SimilarityPicture(z[:1], z[1:2])
    assert [text.get_text() for text in shown.figure.axes[0].texts] == ["1.00", "-0.04", "-0.04", "1.00"]
    shown = SimilarityPicture(z[:1], z[2:])
    assert [text.get_text() for text in shown.figure.axes[0].texts] == ["1.00", "0.00", "0.00", "1.00"]
    plt.close("all")
