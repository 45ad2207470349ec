"""The diagram of lesson 11: a self-supervised backbone moves into YOLO12, and the two stages of training it."""

from coursekit.figures.style import INK, MUTED
from coursekit.figures.svg import PAPER, SVG, TINTS, Drawing

BLOCKS = (
    ("Backbone", "layers 0 to 8", "green", 176),
    ("Neck", "layers 9 to 20", "orange", 396),
    ("Head", "layer 21", "orange", 566),
)  # name, layers of yolo12.yaml, colour, left edge
WIDTHS = (170, 120, 120)
STAGES = (
    ("Stage 1", ("frozen: nothing changes", "learns, rate lr0", "learns, rate lr0")),
    ("Stage 2", ("learns, rate lr0 × factor", "learns, rate lr0", "learns, rate lr0")),
)
NOTES = (
    "a new head is noise: it must not spoil the backbone",
    "the head is useful now: the backbone may move, in small steps",
)


def transfer_diagram() -> SVG:
    """From an SSL encoder to a trained YOLO12: copy layers 0 to 8, train the rest, then train them too, gently."""
    d = Drawing(
        "transfer",
        880,
        412,
        "A self-supervised backbone moves into YOLO12",
        """
        At the top an encoder that was trained without labels: its backbone is copied tensor by tensor into layers 0 to
        8 of YOLO12, its projector is thrown away. In the middle the detector: an image goes through backbone, neck
        (layers 9 to 20) and head (layer 21) and becomes boxes, classes and confidence; the backbone hands on three maps
        with strides 8, 16 and 32. Below two stages of training. Stage 1: the backbone is frozen, neck and head learn at
        rate lr0. Stage 2: the backbone learns too, at lr0 times a factor below 1; neck and head go on at lr0.""",
    )
    d.panel(150, 12, 716, 96, "blue")
    d.block(20, 24, 122, 72, "before:\nno labels", 14, True, TINTS["blue"][2])
    d.card(176, 34, 170, 56, "Backbone of an SSL encoder", "green", 14, True, line=2.5)
    d.card(396, 34, 150, 56, "projector g:\nthrown away", "grey", 13, dash="5 4")
    d.arrow((346, 62), (396, 62))
    above = "SimCLR trained both on road scenes; no box, no class was used"
    d.block(562, 30, 292, 64, above, 13, anchor="start", color=TINTS["blue"][2])

    d.panel(150, 150, 716, 110, "orange")
    d.scene(30, 168, 96, 1)
    d.arrow((128, 204), (174, 204))
    for (name, layers, tint, x), w in zip(BLOCKS, WIDTHS, strict=True):
        fill, stroke, ink = TINTS[tint]
        d.rect(x, 174, w, 62, PAPER if tint == "orange" else fill, stroke, 2.5)
        d.text(x + w / 2, 200, name, 15, True, ink)
        d.text(x + w / 2, 222, layers, 12, color=ink)
    for k, stride in enumerate((8, 16, 32)):
        y = 186 + 19 * k
        d.arrow((346, y), (394, y), line=1.4)
        d.text(369, y - 3, str(stride), 12, color=MUTED)
    d.arrow((516, 204), (564, 204))
    d.arrow((686, 204), (720, 204))
    d.scene(724, 160, 92, 1, boxed=True)
    d.text(770, 248, "boxes, classes, confidence", 12, True, TINTS["orange"][2], width=186)
    d.arrow((261, 90), (261, 172), color=TINTS["green"][1], line=4)
    d.rect(276, 118, 238, 24, PAPER, TINTS["green"][1], 1.5, radius=12)
    d.text(395, 135, "copied by name and shape", 12.5, True, TINTS["green"][2], width=226)

    for row, (stage, states) in enumerate(STAGES):
        y = 280 + 64 * row
        d.text(142, y + 31, stage, 15, True, anchor="end")
        for (_, _, _, x), w, state in zip(BLOCKS, WIDTHS, states, strict=True):
            frozen = state.startswith("frozen")
            tint, line, dash = ("grey", 1.5, "5 4") if frozen else ("purple" if row else "blue", 2, None)
            d.card(x, y, w, 50, state, tint, 13, line=line, dash=dash)
        d.block(700, y, 170, 50, NOTES[row], 12, anchor="start", color=INK)
    return d.svg()
