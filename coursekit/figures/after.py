"""Diagrams of lesson 09: a fair comparison, and what came after: I-JEPA, DINOv3's Gram anchoring, LeJEPA's SIGReg."""

import math

from coursekit.figures.style import INK, MUTED
from coursekit.figures.svg import SVG, TINTS, Drawing

WIDTH = 880


def fair_comparison_diagram() -> SVG:
    """Everything is equal but the method: images, network, images seen, judges. What comes out has an interval and a price."""
    d = Drawing(
        "fair",
        WIDTH,
        300,
        "Choosing a method: what is equal, what differs, what comes out",
        """
        From left to right. Equal for all: images without labels, the network with its first weights, and the number of
        images seen. What differs: the method, with its views, its loss and its helpers. What comes out: an encoder, judged by
        the same judges on the same test images; each accuracy has an interval, from seeds and test images, and a price in
        seconds and memory.""",
    )
    d.panel(14, 14, 250, 272, "green")
    d.text(139, 42, "Equal for all", 17, True, TINTS["green"][2])
    for k in range(3):
        d.scene(34 + 72 * k, 58, 62, k)
    rows = ("the same images, no labels", "the same network", "equally many images seen")
    for k, text in enumerate(rows):
        d.card(30, 118 + 54 * k, 218, 42, text, "green", 14, line=1.2)
    d.panel(316, 14, 236, 272, "orange")
    d.text(434, 42, "What differs", 17, True, TINTS["orange"][2])
    for k, text in enumerate(("pretext task", "contrast", "clusters", "teacher and student", "masking")):
        d.card(334, 58 + 44 * k, 200, 36, text, "orange", 15, True, line=1.2)
    d.panel(604, 14, 262, 272, "blue")
    d.text(735, 42, "What comes out", 17, True, TINTS["blue"][2])
    d.card(620, 58, 230, 42, "the same judges and test images", "blue", 13, line=1.2)
    for k, (at, half) in enumerate(((778, 26), (730, 34), (690, 22))):
        y = 126 + 28 * k
        line = {"stroke": TINTS["blue"][1], "stroke_width": 3}
        d.add("line", x1=at - half, y1=y, x2=at + half, y2=y, **line)
        d.add("circle", cx=at, cy=y, r=7, fill=TINTS["blue"][1])
    d.add("line", x1=636, y1=202, x2=842, y2=202, stroke=MUTED, stroke_width=1.5)
    d.text(735, 222, "accuracy, with its interval", 14, color=INK)
    d.text(735, 258, "price: seconds and memory", 14, color=INK)
    for x in (266, 554):
        d.arrow((x, 150), (x + 48, 150), color=INK, line=2.6)
    return d.svg()


def _grid(d: Drawing, x: float, y: float, cell: float, n: int, shown, tint: str = "grey") -> None:
    """n by n patches; shown(row, column): a tint for one, or None for an empty patch."""
    for row in range(n):
        for column in range(n):
            color = shown(row, column)
            fill = TINTS[color][1] if color else "#FFFFFF"
            d.rect(x + cell * column, y + cell * row, cell, cell, fill, TINTS[tint][1], 1, radius=0)


def ijepa_diagram() -> SVG:
    """I-JEPA (Assran et al., CVPR 2023): from one block of patches, guess the features of others, in one and the same view."""
    d = Drawing(
        "ijepa",
        WIDTH,
        292,
        "I-JEPA: guess features, not pixels",
        """
        One picture, cut into patches. Above: the encoder sees the context, the patches that are left when the target blocks
        are taken away, and a predictor, told a block's place, guesses its features. Below: the target encoder, a slow average
        of the first, sees the whole picture; the features of the blocks are cut from its output. Both are compared in feature
        space; no pixel is painted, and no colours are changed.""",
    )
    blocks = {(r, c) for r in (1, 2) for c in (4, 5)} | {(r, c) for r in (4, 5) for c in (1, 2)}
    d.scene(20, 106, 104, 1)
    d.text(72, 206, "one picture", 14, color=MUTED)
    d.arrow((128, 130), (164, 76))
    d.arrow((128, 160), (164, 214))
    _grid(d, 170, 30, 16, 6, lambda r, c: None if (r, c) in blocks else "green")
    d.text(218, 146, "context", 14, color=MUTED)
    _grid(d, 170, 166, 16, 6, lambda r, c: "green")
    d.text(218, 282, "all patches", 14, color=MUTED)
    d.card(300, 52, 118, 52, "encoder", "green", 16, True, line=2)
    d.card(300, 188, 118, 52, "target encoder", "purple", 14, True, line=2, dash="4 3")
    d.card(466, 52, 118, 52, "predictor", "orange", 16, True, line=2)
    d.text(525, 36, "told the places", 13, color=MUTED)
    for y in (78, 214):
        d.arrow((270, y), (296, y))
    d.arrow((422, 78), (462, 78))
    d.arrow((359, 108), (359, 184), color=TINTS["purple"][1], dash="4 3")
    d.text(369, 150, "slow average", 13, color=TINTS["purple"][2], anchor="start")
    d.arrow((588, 78), (632, 78))
    d.arrow((422, 214), (632, 214))
    _grid(d, 640, 30, 16, 6, lambda r, c: "orange" if (r, c) in blocks else None)
    _grid(d, 640, 166, 16, 6, lambda r, c: "purple" if (r, c) in blocks else None)
    d.text(688, 146, "guessed features", 14, color=MUTED)
    d.text(688, 282, "true features", 14, color=MUTED)
    d.arrow((758, 146), (758, 82), color=INK)
    d.arrow((758, 146), (758, 210), color=INK)
    d.block(768, 120, 106, 60, "squared distance", 15, True, anchor="start")
    return d.svg()


def _matrix(d: Drawing, x: float, y: float, cell: float, value) -> None:
    """A square table of similarities, dark where they are high. value(row, column): 0 to 1."""
    for row in range(8):
        for column in range(8):
            light = 255 - round(215 * value(row, column))
            fill = f"#{light:02X}{min(light + 24, 255):02X}{min(light + 60, 255):02X}"
            d.rect(x + cell * column, y + cell * row, cell, cell, fill, "#FFFFFF", 0.6, radius=0)


def gram_diagram() -> SVG:
    """Gram anchoring (Siméoni et al., DINOv3, 2025): patches keep the similarities that they had in an earlier teacher."""
    d = Drawing(
        "gram",
        WIDTH,
        292,
        "DINOv3: Gram anchoring keeps the map sharp",
        """
        Three tables of the similarities between all patches of one picture. In an early teacher, patches of the same thing are
        similar and others are not: clear blocks. After very long training without anchoring, patches of unlike things are
        similar, too: the blocks are washed out. With anchoring, the loss asks that the student's table be that of the early
        teacher: the blocks stay, while the class token goes on improving.""",
    )
    things = (0, 0, 0, 1, 1, 2, 2, 2)

    def sharp(row: int, column: int) -> float:
        return 0.95 if things[row] == things[column] else 0.12

    def washed(row: int, column: int) -> float:
        return 0.55 + 0.15 * math.cos(1.7 * (row + column) + row * column) if row != column else 0.95

    names = ("early teacher", "long training, no anchor", "long training, anchored")
    for k, (name, value, tint) in enumerate(zip(names, (sharp, washed, sharp), ("green", "red", "blue"), strict=True)):
        x = 30 + 286 * k
        d.panel(x, 14, 250, 230, tint)
        d.text(x + 125, 38, name, 15, True, TINTS[tint][2], width=240)
        _matrix(d, x + 37, 50, 22, value)
    d.text(155, 264, "patches of one thing are alike", 14, color=MUTED, width=276)
    d.text(441, 264, "unlike things look alike", 14, color=MUTED, width=276)
    d.text(727, 264, "same table; the class token improves", 14, color=MUTED, width=276)
    d.text(440, 284, "each table: similarity of every patch with every patch of one picture", 13, color=MUTED)
    return d.svg()


def sigreg_diagram() -> SVG:
    """LeJEPA's SIGReg (Balestriero and LeCun, 2025): of all clouds, the round one serves an unknown task best."""
    d = Drawing(
        "sigreg",
        WIDTH,
        292,
        "LeJEPA: one test in place of teacher, predictor and stop-gradient",
        """
        Left: a stretched cloud of features; a task that cuts it across its short side finds the classes close together.
        Middle: the cloud is projected on many random lines, and each projection is compared with a bell curve. Right: a round
        cloud, equally wide in every direction, so that no task is at a disadvantage.""",
    )
    for x, tint, name in (
        (20, "red", "a thin cloud"),
        (310, "orange", "SIGReg: test many lines"),
        (600, "green", "a round cloud"),
    ):
        d.panel(x, 14, 260, 236, tint)
        d.text(x + 130, 40, name, 16, True, TINTS[tint][2], width=250)
    d.text(150, 272, "the two classes lie close together", 14, color=MUTED)
    d.text(440, 272, "is every shadow a bell curve?", 14, color=MUTED)
    d.text(730, 272, "any two classes have room", 14, color=MUTED)
    for k in range(90):  # a sunflower's seeds: even, and the same on every machine
        radius, angle = math.sqrt((k + 0.5) / 90), 2.39996 * k
        px, py = radius * math.cos(angle), radius * math.sin(angle)
        color = "blue" if py > 0 else "orange"
        d.add("circle", cx=150 + 105 * px, cy=150 + 16 * py, r=4, fill=TINTS[color][1])
        d.add("circle", cx=730 + 84 * px, cy=150 + 84 * py, r=4, fill=TINTS[color][1])
        d.add("circle", cx=440 + 46 * px, cy=132 + 16 * py, r=2.6, fill=TINTS["grey"][1])
    for angle in (0.0, 1.05, 2.09):
        ux, uy = math.cos(angle), math.sin(angle)
        d.add(
            "line", x1=440 - 84 * ux, y1=132 - 84 * uy, x2=440 + 84 * ux, y2=132 + 84 * uy, stroke=INK, stroke_width=1.4
        )
    for k, wide in enumerate((0.42, 1.0)):
        left = 356 + 106 * k
        points = [(left + 2.2 * t, 236 - 34 * math.exp(-(((t - 14) / (6 * wide)) ** 2) / 2)) for t in range(29)]
        place = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        d.add("polyline", points=place, fill="none", stroke=TINTS["red" if k == 0 else "green"][1], stroke_width=2.5)
    return d.svg()
