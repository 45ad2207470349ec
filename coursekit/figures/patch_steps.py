"""The diagram of lesson 06: patch-level contrast in five steps."""

import torch

from coursekit.figures.style import INK, MUTED
from coursekit.figures.svg import PAPER, SVG, TINTS, Drawing
from coursekit.methods.patch_matching import shared

LOOKS = ((6, 6, 22, 20), (14, 5, 25, 24))  # where the two views are cut from, in a scene of 40 by 30
WIDTH, HEIGHT = 280, 204  # of one panel, px
GRID = 4
ANCHOR = 7  # a patch of view a, row by row
A, B = "#0072B2", "#D55E00"  # of the two views
BLUES, ROLE = (
    ("#DCE9F2", "#9CC7E3", "#5BA3CF", "#0072B2"),
    {"a": TINTS["blue"][1], "+": TINTS["green"][1], "0": "#CC79A7"},
)


def patch_steps_diagram() -> SVG:
    """Local features, encode, positives and negatives, loss, transfer, as in DenseCL (Wang et al., CVPR 2021) and PixPro."""
    d = Drawing(
        "patch-steps",
        880,
        444,
        "Patch-level contrast in five steps",
        """
        Six panels; the first shows the input, two views of each image. 1: a view is a grid of patches, or of places of a
        feature map, or some boxes. 2: the encoder f gives features for each of them, the projector g gives z. 3: patches at
        the same place of the image are positives; others are negatives, and what overlaps is left out. 4: InfoNCE raises
        the positive's share. 5: throw g away; f goes to the detector with its maps.""",
    )
    steps = {
        "": ("Two views of an image", _views),
        "1": ("Local features", _local),
        "2": ("Encode and project", _encode),
        "3": ("Positives, negatives", _pairs),
        "4": ("Optimise InfoNCE", _loss),
        "5": ("Transfer the maps", _transfer),
    }
    for k, (number, (name, draw)) in enumerate(steps.items()):
        x, y = 12 + 288 * (k % 3), 12 + 214 * (k // 3)
        tint = "grey" if not number else "blue" if k < 3 else "green"
        d.panel(x, y, WIDTH, HEIGHT, tint)
        left = x + 16
        if number:
            d.add("circle", cx=x + 24, cy=y + 24, r=14, fill=TINTS[tint][1])
            d.text(x + 24, y + 29.5, number, 15, True, "#FFFFFF")
            left = x + 46
        d.text(left, y + 29.5, name, 15, True, TINTS[tint][2], "start", width=WIDTH - 52)
        draw(d, x, y)
    return d.svg()


def _views(d: Drawing, x: float, y: float) -> None:
    d.scene(x + 14, y + 86, 88, 1)
    for look, top, name, color in zip(LOOKS, (52, 122), ("view a", "view b"), (A, B), strict=True):
        u = 88 / 40
        left, up, w, h = look
        d.rect(x + 14 + left * u, y + 86 + up * u, w * u, h * u, stroke=color, line=2, radius=0)
        d.arrow((x + 104, y + 119), (x + 136, y + top + 28), line=1.8)
        d.crop(x + 142, y + top, 76, look, 1)
        d.rect(x + 142, y + top, 76, 57, stroke=color, line=2.5, radius=0)
        d.text(x + 225, y + top + 34, name, 12.5, anchor="start", width=54)
    d.text(x + 140, y + 196, "each knows where it was cut: theta", 12.5, width=270)


def _grid(d: Drawing, x: float, y: float, w: float, h: float, color: str = PAPER) -> None:
    for k in range(1, GRID):
        d.add("line", x1=x + w * k / GRID, y1=y, x2=x + w * k / GRID, y2=y + h, stroke=color, stroke_width=1)
        d.add("line", x1=x, y1=y + h * k / GRID, x2=x + w, y2=y + h * k / GRID, stroke=color, stroke_width=1)


def _local(d: Drawing, x: float, y: float) -> None:
    for at, name in ((14, "patches"), (104, "places of a map"), (194, "regions")):
        d.crop(x + at, y + 66, 74, LOOKS[0], 1)
        d.rect(x + at, y + 66, 74, 55.5, stroke=A, line=2, radius=0)
        d.block(x + at - 6, y + 124, 86, 36, name, 12.5)
    _grid(d, x + 14, y + 66, 74, 55.5)
    for row in range(GRID):
        for column in range(GRID):
            d.add(
                "circle",
                cx=x + 104 + 18.5 * (column + 0.5),
                cy=y + 66 + 13.9 * (row + 0.5),
                r=3.6,
                fill=PAPER,
                stroke=INK,
                stroke_width=1,
            )
    for left, up, w, h, color in ((6, 8, 34, 26, "#E69F00"), (30, 22, 36, 28, "#009E73")):
        d.rect(x + 194 + left, y + 66 + up, w, h, stroke=PAPER, line=4, radius=0)
        d.rect(x + 194 + left, y + 66 + up, w, h, stroke=color, line=2.2, radius=0)
    d.text(x + 140, y + 196, "ViT, CNN, or boxes in either", 13, width=270)


def _encode(d: Drawing, x: float, y: float) -> None:
    for top, color in ((56, A), (122, B)):
        d.crop(x + 12, y + top, 62, LOOKS[top == 122], 1)
        d.rect(x + 12, y + top, 62, 46.5, stroke=color, line=2, radius=0)
        _grid(d, x + 12, y + top, 62, 46.5)
        for a, b in ((76, 94), (136, 154), (196, 214)):
            d.arrow((x + a, y + top + 23), (x + b, y + top + 23), line=1.5)
        for k in range(GRID * GRID):
            row, column = divmod(k, GRID)
            d.rect(x + 218 + 12 * column, y + top + 12 * row, 11, 11, BLUES[(k * 7 + (top == 122) * 3) % 4], radius=1)
    for at, letter in ((96, "f"), (156, "g")):
        d.card(x + at, y + 56, 40, 112, letter, "green", 19, True, line=2)
    d.text(x + 242, y + 186, "a z each", 13)
    d.text(x + 100, y + 196, "one g for all places of a map", 13, width=190)


def _roles() -> tuple[list[str], list[str]]:
    """What each patch of either view is to the anchor: "a", "+", "0" left out, or "-", by the rule of `match_patches`."""
    boxes = torch.tensor(
        [
            (left + w * column / GRID, up + h * row / GRID, left + w * (column + 1) / GRID, up + h * (row + 1) / GRID)
            for left, up, w, h in LOOKS
            for row in range(GRID)
            for column in range(GRID)
        ]
    )
    center = (boxes[ANCHOR, :2] + boxes[ANCHOR, 2:]) / 2
    partner = ((boxes[:, :2] <= center) & (center < boxes[:, 2:])).all(dim=1).nonzero()[-1].item()  # the one in view b
    same = shared(boxes[None])[0] > 0.1
    roles = ["0" if out else "-" for out in (same[ANCHOR] | same[partner]).tolist()]
    roles[ANCHOR], roles[partner] = "a", "+"
    return roles[: GRID * GRID], roles[GRID * GRID :]


def _pairs(d: Drawing, x: float, y: float) -> None:
    for k, (cells, color) in enumerate(zip(_roles(), (A, B), strict=True)):
        left = x + 34 + 118 * k
        d.crop(left, y + 56, 94, LOOKS[k], 1)
        for index, role in enumerate(cells):
            row, column = divmod(index, GRID)
            fill = ROLE.get(role)
            if fill:
                d.rect(left + 23.5 * column, y + 56 + 17.6 * row, 23.5, 17.6, fill, radius=0)
        _grid(d, left, y + 56, 94, 70.5)
        d.rect(left, y + 56, 94, 70.5, stroke=color, line=2.5, radius=0)
    for k, (name, fill) in enumerate((("anchor", ROLE["a"]), ("positive", ROLE["+"]), ("left out", ROLE["0"]))):
        d.rect(x + 14 + 88 * k, y + 142, 13, 13, fill, radius=2)
        d.text(x + 32 + 88 * k, y + 153, name, 12.5, anchor="start", width=70)
    d.block(x + 10, y + 162, 260, 38, "all others are negatives, those of other images too", 12.5)


def _loss(d: Drawing, x: float, y: float) -> None:
    d.text(x + 140, y + 66, "share of the positive:", 13)
    bars = (0.62, 0.12, 0.08, 0.06, 0.05, 0.04, 0.03)
    for k, share in enumerate(bars):
        d.rect(x + 46 + 28 * k, y + 160 - 120 * share, 22, 120 * share, ROLE["+"] if k == 0 else "#E69F00", radius=1)
    d.add("line", x1=x + 40, y1=y + 160, x2=x + 244, y2=y + 160, stroke=INK, stroke_width=1.2)
    d.text(x + 57, y + 176, "+", 15, True)
    d.text(x + 154, y + 176, "negatives", 12.5, color=MUTED)
    d.text(x + 140, y + 196, "L = λ_img L_img + λ_patch L_patch", 13, True, width=270)


def _transfer(d: Drawing, x: float, y: float) -> None:
    d.card(x + 14, y + 78, 48, 74, "f", "green", 24, True, line=2.5)
    for k, cells in enumerate((4, 3, 2)):  # of P3, P4, P5
        d.arrow((x + 64, y + 115), (x + 84, y + 72 + 44 * k), line=1.4)
        top = y + 72 + 44 * k - 17
        d.rect(x + 88, top, 34, 34, BLUES[k], INK, 1, radius=0)
        for cut in range(1, cells):
            step = 34 * cut / cells
            d.add("line", x1=x + 88 + step, y1=top, x2=x + 88 + step, y2=top + 34, stroke=PAPER, stroke_width=1)
            d.add("line", x1=x + 88, y1=top + step, x2=x + 122, y2=top + step, stroke=PAPER, stroke_width=1)
        d.arrow((x + 124, y + 72 + 44 * k), (x + 146, y + 115), line=1.4)
    d.card(x + 148, y + 86, 54, 58, "neck", "purple", 12.5, True)
    d.arrow((x + 204, y + 115), (x + 216, y + 115), line=1.5)
    d.scene(x + 218, y + 95, 54, 1, boxed=True)
    d.text(x + 140, y + 196, "g is thrown away; boxes need places", 12.5, width=270)
