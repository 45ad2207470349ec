"""The diagram of lesson 04: MoCo's queue and SwAV's clusters, two ways to do without a large batch."""

from coursekit.figures.simclr import LOOKS
from coursekit.figures.style import INK, MUTED
from coursekit.figures.svg import PAPER, SVG, TINTS, Drawing

WIDTH, HEIGHT = 424, 360  # of one panel, px
AGES = ("#FDE725", "#A0DA39", "#4AC16D", "#1FA187", "#277F8E", "#365C8D", "#46327E", "#440154")  # viridis, young to old


def queue_and_clusters_diagram() -> SVG:
    """MoCo (He et al., CVPR 2020) beside SwAV (Caron et al., NeurIPS 2020)."""
    d = Drawing(
        "moco-swav",
        880,
        384,
        "A queue, or clusters",
        """
        Two panels. MoCo: view a goes through the student and gives the query q, view b through the teacher and gives the key
        k, the positive. The teacher follows the student slowly. A queue of keys of past batches holds the negatives; the new
        key goes in, the oldest goes out. SwAV: both views go through one network, and are compared with prototypes. Sinkhorn
        turns each view's scores into a code, and each view predicts the code of the other.""",
    )
    for x, tint, title in (
        (12, "blue", "MoCo: negatives from a queue"),
        (444, "green", "SwAV: clusters, no negatives"),
    ):
        d.panel(x, 12, WIDTH, HEIGHT, tint)
        d.text(x + WIDTH / 2, 42, title, 16, True, TINTS[tint][2], width=WIDTH - 20)
    _moco(d, 12, 12)
    _swav(d, 444, 12)
    return d.svg()


def _views(d: Drawing, x: float, y: float) -> None:
    d.scene(x + 12, y + 106, 64, 1)
    for look, top, name, color in zip(LOOKS, (58, 160), "ab", ("#0072B2", "#D55E00"), strict=True):
        d.arrow((x + 78, y + 130), (x + 96, y + top + 26), line=1.6)
        d.crop(x + 100, y + top, 60, look, 1, gray=name == "b")
        d.rect(x + 100, y + top, 60, 45, stroke=color, line=2.5, radius=0)
        d.text(x + 130, y + top + 60, f"view {name}", 12)


def _moco(d: Drawing, x: float, y: float) -> None:
    _views(d, x, y)
    for top, name, tint, dash in ((58, "student", "green", None), (160, "teacher", "purple", "5 3")):
        d.arrow((x + 162, y + top + 22), (x + 182, y + top + 22), line=1.6)
        d.card(x + 184, y + top, 84, 46, name, tint, 15, True, line=2.5, dash=dash)
        d.arrow((x + 269, y + top + 22), (x + 312, y + top + 22), line=1.6)
    d.arrow((x + 226, y + 106), (x + 226, y + 157), line=1.8, dash="4 3")
    d.text(x + 234, y + 130, "follows slowly", 12, color=MUTED, anchor="start")
    d.text(x + 326, y + 86, "q", 18, True)
    d.text(x + 326, y + 188, "k", 18, True)
    _both_ways(d, x + 342, y + 98, y + 162)
    d.block(x + 350, y + 112, 56, 36, "positive:\nalike", 12, color=TINTS["orange"][2], anchor="start")
    d.block(x + 336, y + 200, 74, 36, "negatives:\nunlike", 12, color=MUTED, anchor="start")
    left, top, cell = x + 62, y + 276, 30
    for k, color in enumerate(AGES):
        d.rect(left + cell * k, top, cell, 34, color, PAPER, 2, radius=3)
    d.text(left - 4, top + 23, "new", 12, color=MUTED, anchor="end")
    d.arrow((left + cell * 8 + 3, top + 17), (left + cell * 8 + 32, top + 17), line=1.8)
    d.text(left + cell * 8 + 36, top + 22, "old: out", 12, color=MUTED, anchor="start", width=62)
    d.arrow((x + 326, y + 198), (x + 326, y + 234), (left + 15, y + 234), (left + 15, top - 3), line=1.6)
    d.text(left + 110, y + 253, "k goes in after the step", 12, color=MUTED)
    d.arrow(
        (left + 225, top - 3), (left + 225, y + 252), (x + 412, y + 252), (x + 412, y + 80), (x + 342, y + 80), line=1.6
    )
    d.text(x + WIDTH / 2, y + 338, "the queue: keys of past batches, the negatives", 13, width=WIDTH - 16)


def _both_ways(d: Drawing, x: float, high: float, low: float) -> None:
    for y0, y1 in ((high, low), (low, high)):
        d.arrow((x, y0), (x, y1), color=TINTS["orange"][1], line=2.5)


def _swav(d: Drawing, x: float, y: float) -> None:
    _views(d, x, y)
    d.card(x + 184, y + 58, 58, 148, "f, g", "green", 18, True, line=2.5)
    for top in (58, 160):
        d.arrow((x + 162, y + top + 22), (x + 182, y + top + 22), line=1.6)
        d.arrow((x + 243, y + top + 22), (x + 262, y + top + 22), line=1.6)
        d.text(x + 274, y + top + 28, "z", 18, True)
        d.arrow((x + 285, y + top + 22), (x + 304, y + top + 22), line=1.6)
    for k, color in enumerate(("#E69F00", "#56B4E9", "#009E73", "#CC79A7")):
        cx, cy = x + 274, y + 100 + 17 * k
        d.add("polygon", points=f"{cx},{cy} {cx + 8},{cy + 8} {cx},{cy + 16} {cx - 8},{cy + 8}", fill=color)
    d.text(x + 290, y + 139, "prototypes", 12, color=MUTED, anchor="start")
    shares = (((0.1, 0.7, 0.1, 0.1), 58), ((0.2, 0.6, 0.1, 0.1), 160))
    for values, top in shares:
        for k, (share, color) in enumerate(zip(values, ("#E69F00", "#56B4E9", "#009E73", "#CC79A7"), strict=True)):
            d.rect(x + 310 + 15 * k, y + top + 44 - 50 * share, 12, 50 * share, color, radius=1)
        d.add("line", x1=x + 306, y1=y + top + 44, x2=x + 372, y2=y + top + 44, stroke=INK, stroke_width=1.2)
    for top in (92, 194):
        d.text(x + 376, y + top, "code", 13, True, anchor="start")
    _both_ways(d, x + 394, y + 100, y + 178)
    d.card(x + 60, y + 236, 304, 32, "Sinkhorn: all prototypes get the same share", "orange", 12.5)
    d.block(
        x + 20, y + 286, WIDTH - 40, 48, "swapped prediction: a must predict the code of b,\nand b the code of a", 13.5
    )
