"""The diagram of lesson 08: MAE paints hidden patches, BEiT guesses their words."""

from collections.abc import Collection

from coursekit.figures.style import FAINT, INK, MUTED
from coursekit.figures.svg import SVG, TINTS, Drawing

WIDTH, HEIGHT = 856, 196  # of one panel, px
ROWS, COLUMNS, CELL = 3, 4, 30  # patches of a picture, and the side of one, px
SEEN = (1, 6, 8)  # what MAE's encoder sees, patches row by row
BLOCKS = (0, 4, 2, 6, 10)  # what BEiT hides: two rectangles
CODES = (17, 17, 203, 203, 88, 41, 41, 88, 88, 6, 130, 6)  # words of the patches: like patches have like words
COVER = "#A7AFB8"


def masked_modeling_diagram() -> SVG:
    """Two panels: MAE (He et al., 2022) and BEiT (Bao et al., 2022)."""
    d = Drawing(
        "masked-modeling",
        880,
        416,
        "Hide patches, and say what was there",
        """
        Two panels. 1, MAE: of 12 patches 3 are visible; a large encoder sees these alone. Mask tokens join them, and a
        small decoder paints all patches; the loss counts the hidden ones. 2, BEiT: two rectangles of patches become mask
        tokens, the encoder sees all places and guesses at each hidden one the number of a visual word; a tokenizer, trained
        before and frozen, says from the whole picture which numbers are right.""",
    )
    for k, (name, draw, tint) in enumerate(
        (("MAE: paint the hidden patches", _mae, "blue"), ("BEiT: guess the hidden words", _beit, "green"))
    ):
        x, y = 12, 8 + 204 * k
        d.panel(x, y, WIDTH, HEIGHT, tint)
        d.add("circle", cx=x + 24, cy=y + 22, r=14, fill=TINTS[tint][1])
        d.text(x + 24, y + 27.5, str(k + 1), 15, True, "#FFFFFF")
        d.text(x + 46, y + 27.5, name, 15, True, TINTS[tint][2], "start", width=400)
        draw(d, x, y)
    return d.svg()


def _cells(x: float, y: float, side: float = CELL) -> list[tuple[float, float]]:
    """Upper left corners of a picture's patches, row by row."""
    return [(x + side * (k % COLUMNS), y + side * (k // COLUMNS)) for k in range(ROWS * COLUMNS)]


def _picture(d: Drawing, x: float, y: float, hidden: Collection[int] = (), side: float = CELL) -> None:
    d.scene(x, y, COLUMNS * side, 1)
    for k, (left, top) in enumerate(_cells(x, y, side)):
        if k in hidden:
            d.rect(left, top, side, side, COVER, "#FFFFFF", 1, radius=0)
        else:
            d.rect(left, top, side, side, "none", "#FFFFFF", 0.7, radius=0)


def _piece(d: Drawing, x: float, y: float, patch: int, side: float = CELL) -> None:
    """One patch of the picture by itself."""
    part = f"{10 * (patch % COLUMNS)} {10 * (patch // COLUMNS)} 10 10"
    d.parts.append(f'<svg x="{x}" y="{y}" width="{side}" height="{side}" viewBox="{part}" preserveAspectRatio="none">')
    d.scene(0, 0, 40, 1)
    d.parts.append("</svg>")
    d.rect(x, y, side, side, "none", MUTED, 1, radius=0)


def _tokens(d: Drawing, x: float, y: float, hidden: Collection[int], side: float = 24) -> None:
    """A token for each place; where something is hidden, the mask token."""
    for k, (left, top) in enumerate(_cells(x, y, side)):
        tint = "grey" if k in hidden else "green"
        d.rect(left + 1, top + 1, side - 2, side - 2, COVER if k in hidden else TINTS[tint][0], TINTS[tint][1], 1.5, 3)
        if k in hidden:
            d.text(left + side / 2, top + side / 2 + 4.5, "m", 12, True, "#FFFFFF")


def _words(d: Drawing, x: float, y: float, shown: Collection[int], tint: str, told: bool = False) -> None:
    """Words in their places; those that are not `shown` are left out, or grey if they are `told` all the same."""
    for k, (left, top) in enumerate(_cells(x, y)):
        fill, line, ink = TINTS[tint] if k in shown else ("#FFFFFF", FAINT, MUTED)
        d.rect(left, top, CELL, CELL, fill, line, 1.2, radius=0)
        if k in shown:
            d.text(left + CELL / 2, top + CELL / 2 + 4.5, str(CODES[k]), 12, True, ink)
        elif told:
            d.text(left + CELL / 2, top + CELL / 2 + 4.5, str(CODES[k]), 12, color=MUTED)


def _mae(d: Drawing, x: float, y: float) -> None:
    top, middle = y + 48, y + 93
    hidden = [k for k in range(ROWS * COLUMNS) if k not in SEEN]
    _picture(d, x + 18, top, hidden)
    d.arrow((x + 142, middle), (x + 166, middle))
    for row, patch in enumerate(SEEN):
        _piece(d, x + 170, top - 4 + 34 * row, patch)
    d.arrow((x + 204, middle), (x + 228, middle))
    d.card(x + 232, y + 46, 118, 94, "encoder,\nlarge", "green", 16, True, line=2)
    d.arrow((x + 354, middle), (x + 378, middle))
    _tokens(d, x + 382, middle - 36, hidden)
    d.arrow((x + 482, middle), (x + 506, middle))
    d.card(x + 510, y + 62, 90, 62, "decoder,\nsmall", "orange", 14, True, line=2)
    d.arrow((x + 604, middle), (x + 628, middle))
    _picture(d, x + 632, top)
    for k, (left, upper) in enumerate(_cells(x + 632, top)):
        if k in hidden:
            d.rect(left + 1, upper + 1, CELL - 2, CELL - 2, "none", TINTS["orange"][1], 1.5, radius=0)
    d.text(x + 78, y + 166, "75 % hidden", 13, width=150)
    d.text(x + 241, y + 166, "it sees visible patches alone", 13, color=INK, width=214)
    d.text(x + 436, y + 166, "mask tokens join", 13, width=150)
    d.text(x + 692, y + 166, "loss: hidden patches alone", 13, width=220)


def _beit(d: Drawing, x: float, y: float) -> None:
    top, middle = y + 48, y + 93
    _picture(d, x + 18, top, BLOCKS)
    d.arrow((x + 142, middle), (x + 166, middle))
    _tokens(d, x + 170, middle - 36, BLOCKS)
    d.arrow((x + 270, middle), (x + 290, middle))
    d.card(x + 294, y + 46, 104, 94, "encoder", "green", 16, True, line=2)
    d.arrow((x + 402, middle), (x + 422, middle))
    _words(d, x + 426, top, BLOCKS, "orange")
    d.text(x + 573, middle - 6, "loss", 13, True, color=TINTS["red"][2])
    d.arrow((x + 570, middle + 6), (x + 552, middle + 6), color=TINTS["red"][1])
    d.arrow((x + 576, middle + 6), (x + 594, middle + 6), color=TINTS["red"][1])
    _words(d, x + 600, top, BLOCKS, "purple", told=True)
    d.arrow((x + 742, middle - 14), (x + 724, middle - 14))
    d.card(x + 744, y + 58, 102, 42, "tokenizer", "purple", 15, True, line=2)
    d.arrow((x + 795, y + 118), (x + 795, y + 104))
    _picture(d, x + 755, y + 122, (), 20)
    d.text(x + 78, y + 166, "blocks hidden", 13, width=150)
    d.text(x + 282, y + 166, "it sees all places, some masked", 13, width=250)
    d.text(x + 486, y + 166, "guessed words", 13, width=150)
    d.text(x + 660, y + 166, "true words", 13, width=150)
