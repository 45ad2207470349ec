"""How every figure of the course looks, and how it is described to those who cannot see it.

Design choices:
- one palette for all, Okabe and Ito's (Color Universal Design, 2008), which colour-blind readers can tell apart;
- a white ground under every figure, so that it reads on a dark page as on a light one;
- figures are made with pyplot, so that a lesson ends them with `plt.show()`, and each carries its description: in a
  notebook the description becomes the picture's alt text, in the file as in the HTML page made from it.
"""

import base64
import functools
import io
import sys
from collections.abc import Callable

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from coursekit.runtime import in_notebook

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, BLACK = "#CC79A7", "#56B4E9", "#F0E442", "#000000"
PALETTE = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY, BLACK, "#7A7A7A")  # yellow left out: too pale for a line on white
CLASS_COLORS = (ORANGE, SKY, GREEN, RED, YELLOW, BLUE, PURPLE)  # of boxes, as the detector draws them
PALE = {ORANGE, SKY, YELLOW}  # grounds on which black letters read better
MARKERS, DASHES = "osD^vP*X", ("-", "--", "-.", ":")
INK, MUTED, FAINT = "#1B1F24", "#57606A", "#D0D7DE"

SETTINGS = {
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "figure.figsize": (7.0, 3.6),
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.size": 11,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.labelsize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "legend.frameon": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.prop_cycle": matplotlib.cycler(color=PALETTE),
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 2.0,
    "image.cmap": "viridis",
    "image.interpolation": "nearest",
}


def setup() -> None:
    """Make plots look like the course's, and give them alt text in a notebook. Calling it again is harmless."""
    matplotlib.rcParams.update(SETTINGS)
    if in_notebook():
        # The inline back end sets its own PNG formatter when it is first loaded: load it now, then set ours.
        plt.switch_backend("module://matplotlib_inline.backend_inline")
        shell = sys.modules["IPython"].get_ipython()
        shell.display_formatter.formatters["image/png"].for_type(Figure, _png_with_alt)


def describe(fig: Figure, text: str) -> Figure:
    """Give a figure its description: one or two sentences that say what can be seen in it. Returns the figure."""
    if not text.strip():
        raise ValueError("A description says what can be seen in the figure; this one is empty.")
    fig.alt_text = " ".join(text.split())
    return fig


def alt_text(fig: Figure) -> str:
    """The figure's description; if none was given, the titles and axis labels that it shows."""
    given = getattr(fig, "alt_text", "")
    if given:
        return given
    parts = [fig.get_suptitle()]
    for ax in fig.axes:
        parts += [ax.get_title(), " against ".join(filter(None, (ax.get_ylabel(), ax.get_xlabel())))]
    return "Plot. " + ". ".join(part.replace("\n", " ") for part in parts if part)


def png(fig: Figure, close: bool = False) -> bytes:
    """The figure as the bytes of a PNG file, the same bytes for the same figure. close: close it afterwards."""
    buffer = io.BytesIO()
    if fig.get_layout_engine() is None:  # labels may stand outside: let it look
        fig.savefig(buffer, format="png", bbox_inches="tight", metadata={"Software": None})
    else:  # all is inside: drawn once, not twice
        raw = io.BytesIO()
        fig.savefig(raw, format="png", dpi=fig.dpi, pil_kwargs={"compress_level": 0})
        pixels = np.asarray(Image.open(raw).convert("RGB"))
        Image.fromarray(np.ascontiguousarray(pixels[drawn_part(pixels)])).save(buffer, format="PNG", compress_level=9)
    if close:
        plt.close(fig)
    return buffer.getvalue()


def drawn_part(pixels: np.ndarray, margin: int = 8) -> tuple[slice, slice]:
    """Where something is drawn in a picture, uint8 (H, W, 3): rows and columns, with a margin of some px around it."""
    drawn = (pixels != pixels[0, 0]).any(axis=2)
    if not drawn.any():
        return slice(0, len(drawn)), slice(0, drawn.shape[1])
    spans = []
    for axis in (1, 0):
        first, last = np.flatnonzero(drawn.any(axis=axis))[[0, -1]].tolist()
        spans.append(slice(max(first - margin, 0), min(last + 1 + margin, drawn.shape[1 - axis])))
    return tuple(spans)


def _png_with_alt(fig: Figure) -> tuple[str, dict]:
    """What IPython sends for a figure: base64 text of the PNG, and metadata with the alt text."""
    return base64.b64encode(png(fig)).decode(), {"alt": alt_text(fig)}


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Decorator of a figure function: it draws in the course's style, whether or not `setup` was called."""

    @functools.wraps(draw)
    def wrapper(*args, **options):
        with matplotlib.rc_context(SETTINGS):
            return draw(*args, **options)

    return wrapper


def bare(ax: Axes) -> Axes:
    """Remove ticks, grid and frame from axes that show a picture."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax
