"""The diagram of lesson 02: three ways to judge one encoder."""

from coursekit.figures.style import INK, MUTED
from coursekit.figures.svg import PAPER, SVG, TINTS, Drawing

ROWS = (
    ("k-NN", "the nearest labelled\nimages vote", "trains nothing", "blue"),
    ("Linear probe", "one straight cut\nbetween the classes", "trains one layer", "blue"),
    ("Fine-tuning", "the encoder goes on\nlearning, with labels", "trains everything", "orange"),
)
DOTS = ((8, 58), (24, 8), (54, 64), (66, 20), (104, 6), (128, 42), (152, 10), (148, 66))  # of two classes, 4 each
HEIGHT = 112  # of a row, px


def judges_diagram() -> SVG:
    """An image becomes a vector by a frozen encoder; k-NN and a linear probe judge the vector, fine-tuning the start."""
    d = Drawing(
        "judges",
        880,
        372,
        "Three ways to judge an encoder",
        """
        On the left a labelled image goes through an encoder f, which was trained without labels, and becomes a vector h.
        On the right three judges. k-NN: the nearest labelled images vote, nothing is trained. Linear probe: one straight
        cut between the classes, one layer is trained. For both f is frozen. Fine-tuning: the encoder goes on learning
        with labels, everything is trained.""",
    )
    d.scene(18, 150, 96, 1)
    d.text(66, 240, "image x", 13)
    d.arrow((118, 186), (146, 186))
    d.card(150, 136, 96, 100, "f", "green", 30, True, line=3)
    d.block(132, 242, 132, 40, "encoder, trained\nwithout labels", 13, color=TINTS["green"][2])
    d.arrow((248, 186), (276, 186))
    for k in range(8):
        shade = ("#0072B2", "#9CC7E3", "#DCE9F2", "#5BA3CF")[(k * 3) % 4]
        d.rect(280, 122 + 16 * k, 22, 16, shade, PAPER, 1, radius=0)
    d.text(291, 112, "h", 15, True)
    d.text(291, 270, "features", 13)
    for k, (name, what, cost, tint) in enumerate(ROWS):
        y = 12 + (HEIGHT + 6) * k
        d.panel(360, y, 508, HEIGHT, tint)
        d.arrow((306, 186), (332, 186), (332, y + HEIGHT / 2), (358, y + HEIGHT / 2), line=1.8)
        d.text(376, y + 28, name, 16, True, TINTS[tint][2], "start", width=170)
        d.block(376, y + 36, 176, 44, what, 13, anchor="start")
        d.text(376, y + 98, cost, 13, True, MUTED, "start", width=176)
        (_neighbors, _cut, _moves)[k](d, 580, y + 20)
    d.text(804, 60, "f is frozen", 14, True, TINTS["blue"][2], width=120)
    d.text(804, 178, "f is frozen", 14, True, TINTS["blue"][2], width=120)
    d.text(804, 296, "f changes", 14, True, TINTS["orange"][2], width=120)
    return d.svg()


def _dots(d: Drawing, x: float, y: float) -> None:
    for k, (px, py) in enumerate(DOTS):
        if k < 4:
            d.add("circle", cx=x + px, cy=y + py, r=6, fill=TINTS["green"][1])
        else:
            d.rect(x + px - 5.5, y + py - 5.5, 11, 11, TINTS["purple"][1], radius=1)


def _neighbors(d: Drawing, x: float, y: float) -> None:
    for px, py in DOTS[1:4]:
        d.add("line", x1=x + 42, y1=y + 38, x2=x + px, y2=y + py, stroke=MUTED, stroke_width=1.5)
    _dots(d, x, y)
    d.add("circle", cx=x + 42, cy=y + 38, r=10, fill=PAPER, stroke=INK, stroke_width=1.5)
    d.text(x + 42, y + 43.5, "?", 15, True)


def _cut(d: Drawing, x: float, y: float) -> None:
    _dots(d, x, y)
    d.add("line", x1=x + 80, y1=y - 6, x2=x + 104, y2=y + 78, stroke=INK, stroke_width=2.5)


def _moves(d: Drawing, x: float, y: float) -> None:
    d.card(x + 10, y + 8, 52, 54, "f", "green", 20, True)
    d.arrow((x + 66, y + 35), (x + 92, y + 35), line=1.8)
    d.card(x + 96, y + 8, 52, 54, "f ′", "orange", 20, True, line=2.5)
