"""Figures that are kept and drawn again: a slider moves, and only what depends on it is drawn.

Design choices:
- a picture is an object that owns its figure. `show(...)` sets data and texts of artists that are there, in place;
- what never changes (axes, ticks, labels, colour bars, the layout) is drawn once and kept as pixels. The moving artists
  are drawn over it, as in an animation. Drawing all of a figure takes five to ten times as long;
- pyplot knows nothing of such a figure, so none is left open, and a cell that runs meanwhile is not disturbed.
"""

import io
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist, allow_rasterization
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from coursekit.figures.style import alt_text, drawn_part


class Picture(Protocol):
    """What `LiveFigure` draws. moving: the artists that `show` may change, in the order in which they are painted."""

    figure: Figure
    moving: Sequence[Artist]

    def show(self, *what) -> None:
        """Change the artists, and the figure's description."""


class LiveFigure:
    """Draws a picture again and again, always at the same size: that of what it shows when it is handed in.

    size: width and height, px. The figure is taken from pyplot.
    """

    def __init__(self, picture: Picture):
        self.picture = picture
        fig = picture.figure
        plt.close(fig)
        self.canvas = FigureCanvasAgg(fig)
        self.canvas.draw()
        fig.set_layout_engine("none")  # from here on nothing is moved to make room
        rows, columns = drawn_part(np.asarray(self._drawn().convert("RGB")))
        self.part = (columns.start, rows.start, columns.stop, rows.stop)
        self.size = (columns.stop - columns.start, rows.stop - rows.start)
        for artist in picture.moving:
            artist.set_animated(True)  # leaves it out of the next line
        self.canvas.draw()
        self.background = self.canvas.copy_from_bbox(fig.bbox)

    def _drawn(self) -> Image.Image:
        return Image.frombuffer("RGBA", self.canvas.get_width_height(), self.canvas.buffer_rgba(), "raw", "RGBA", 0, 1)

    def draw(self, *what, **values) -> tuple[bytes, str]:
        """Let the picture show what is given. Returns a PNG file's bytes, quickly packed, and the description."""
        self.picture.show(*what, **values)
        self.canvas.restore_region(self.background)
        renderer = self.canvas.get_renderer()
        for artist in self.picture.moving:
            artist.draw(renderer)
        buffer = io.BytesIO()
        self._drawn().crop(self.part).convert("RGB").save(buffer, format="PNG", compress_level=1)
        return buffer.getvalue(), alt_text(self.picture.figure)


class Stamp(Text):
    """A short centred text that is painted from a small picture of it, kept from the last time it was needed.

    For tables of numbers: setting a text takes a millisecond, and a matrix has a hundred of them.
    """

    def __init__(self, x: float, y: float, text: str, **look):
        super().__init__(x, y, text, ha="center", va="center", **look)

    @allow_rasterization
    def draw(self, renderer):
        """Paint the text. It is not drawn on what is no raster of pixels, such as a PDF."""
        picture = _stamp(self.get_text(), self.get_color(), self.get_fontsize(), self.get_figure(root=True).dpi)
        x, y = self.get_transform().transform(self.get_position())
        gc = renderer.new_gc()
        renderer.draw_image(gc, round(x - picture.shape[1] / 2), round(y - picture.shape[0] / 2), picture)
        gc.restore()
        self.stale = False


@lru_cache(maxsize=1024)
def _stamp(text: str, color: str, size: float, dpi: float) -> np.ndarray:
    """The picture of a text on nothing: uint8 RGBA (H, W, 4), bottom row first as Agg wants it."""
    fig = Figure(figsize=(size * (len(text) + 2) / 72, 2 * size / 72), dpi=dpi, facecolor="none")
    fig.text(0.5, 0.5, text, ha="center", va="center", fontsize=size, color=color)
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[::-1].copy()
