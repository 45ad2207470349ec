"""The diagram of lesson 07: a student that sees parts, a teacher that sees the whole, and the losses between them."""

from coursekit.figures.style import INK, MUTED
from coursekit.figures.svg import PAPER, SVG, TINTS, Drawing

LARGE = ((4, 4, 30, 24), (9, 6, 29, 23))  # where the two large views are cut from, in a scene of 40 by 30
SMALL = ((18, 11, 14, 11), (22, 15, 12, 9), (10, 13, 15, 11), (14, 14, 13, 10))
HIDDEN = ((0, 1), (1, 1), (2, 2), (1, 2))  # cells of a large view, 4 by 3, that the student does not see
TOP, BELOW = 58, 262  # of the student's row and of the teacher's, px
SHARES = ((0.08, 0.62, 0.2, 0.1), (0.03, 0.88, 0.06, 0.03))  # an answer of the student, and a sharpened one


def teacher_student_diagram() -> SVG:
    """DINOv2 (Oquab et al., 2023): DINO (Caron et al., 2021), iBOT (Zhou et al., 2022) and KoLeo together."""
    d = Drawing(
        "teacher-student",
        880,
        396,
        "DINOv2: a student, a teacher, three losses",
        """
        Above: the student gets two large views with hidden patches and four small views. Its encoder gives a class token and
        patch tokens, and a head for each kind turns them into scores, a softmax those into shares of prototypes. Below: the
        teacher, an average of the student that no gradient reaches, gets the two large views whole; its scores are centred,
        and a softmax of low temperature sharpens them. Between them: the DINO loss compares
        answers of class tokens, the iBOT loss those of hidden patches. KoLeo keeps the student's class tokens apart.""",
    )
    d.panel(10, 10, 860, 160, "green")
    d.panel(10, 226, 860, 160, "purple")
    d.text(24, 34, "student: learns by gradient", 15, True, TINTS["green"][2], "start")
    d.text(24, 376, "teacher: a slow average of the student, no gradient", 15, True, TINTS["purple"][2], "start")
    _views(d)
    for top, name, tint, dash in ((TOP, "encoder", "green", None), (BELOW, "encoder", "purple", "5 3")):
        d.arrow((272, top + 35), (292, top + 35), line=1.8)
        d.card(294, top, 84, 70, name, tint, 15, True, line=2.5, dash=dash)
        d.arrow((380, top + 35), (398, top + 35), line=1.8)
        _tokens(d, top, "orange", hidden=top == TOP)
        d.arrow((466, top + 35), (484, top + 35), line=1.8)
        d.card(486, top + 8, 60, 54, "heads", tint, 14, True, line=2.5, dash=dash)
    d.arrow((548, TOP + 35), (724, TOP + 35), line=1.8)
    d.text(634, TOP + 28, "softmax", 12, color=MUTED)
    _answer(d, 730, TOP, SHARES[0])
    for x, width, text in ((564, 62, "centre"), (642, 74, "sharpen")):
        d.arrow((x - 14, BELOW + 35), (x - 2, BELOW + 35), line=1.8)
        d.card(x, BELOW + 14, width, 42, text, "orange", 13, True, line=2)
    d.text(679, BELOW + 74, "softmax, low temperature", 12, color=MUTED)
    d.arrow((717, BELOW + 35), (727, BELOW + 35), line=1.8)
    _answer(d, 730, BELOW, SHARES[1])
    for x, inset in ((336, 0), (534, 8)):
        d.arrow((x, TOP + 74 - inset), (x, BELOW - 4 + inset), color=TINTS["purple"][1], line=2.2, dash="5 3")
    d.text(326, 204, "follows slowly", 12.5, color=TINTS["purple"][2], anchor="end")
    d.card(404, 178, 118, 40, "KoLeo:\nspread out", "blue", 12, True)
    d.arrow((412, 177), (395, 164), (395, TOP + 7), (402, TOP + 7), color=TINTS["blue"][1], line=1.8)
    for left, at, text in ((604, 738, "DINO:\nclass tokens"), (744, 782, "iBOT:\nhidden patches")):
        d.card(left, 178, 136 if left == 604 else 124, 40, text, "blue", 12, True)
        d.arrow((at, 177), (at, TOP + 64), color=TINTS["blue"][1], line=2)
        d.arrow((at, 219), (at, BELOW - 3), color=TINTS["blue"][1], line=2)
    return d.svg()


def _views(d: Drawing) -> None:
    """What the student sees, above, and what the teacher sees."""
    for k, look in enumerate(LARGE):
        x = 24 + 70 * k
        d.crop(x, TOP - 6, 62, look, 1)
        for column, row in HIDDEN if k == 0 else [(3 - c, 2 - r) for c, r in HIDDEN]:
            d.rect(x + 15.5 * column, TOP - 6 + 15.5 * row, 15.5, 15.5, "#BFC5CC", PAPER, 0.8, radius=0)
        d.crop(x, BELOW + 2, 62, look, 1)
    for k, look in enumerate(SMALL):
        d.crop(168 + 50 * (k % 2), TOP - 4 + 42 * (k // 2), 40, look, 1)
    d.text(90, TOP + 60, "large, patches hidden", 12, color=MUTED)
    d.text(213, TOP + 88, "small", 12, color=MUTED)
    d.text(90, BELOW + 66, "large, whole", 12, color=MUTED)
    d.arrow((160, BELOW + 35), (290, BELOW + 35), line=1.8)


def _tokens(d: Drawing, top: float, tint: str, hidden: bool) -> None:
    """A class token above a grid of patch tokens."""
    d.rect(402, top - 2, 20, 18, TINTS[tint][1], INK, 1.2, radius=3)
    d.text(428, top + 12, "class", 12, color=MUTED, anchor="start")
    for k in range(12):
        column, row = k % 4, k // 4
        fill = "#BFC5CC" if hidden and (column, row) in HIDDEN else TINTS["blue"][1]
        d.rect(402 + 15 * column, top + 24 + 15 * row, 13, 13, fill, PAPER, 1, radius=2)
    d.text(431, top + 82, "patches", 12, color=MUTED)


def _answer(d: Drawing, x: float, top: float, shares: tuple[float, ...]) -> None:
    """A distribution over prototypes, as bars on a line."""
    for k, share in enumerate(shares):
        d.rect(
            x + 17 * k, top + 58 - 52 * share, 13, 52 * share, ("#E69F00", "#56B4E9", "#009E73", "#CC79A7")[k], radius=1
        )
    d.add("line", x1=x - 4, y1=top + 58, x2=x + 68, y2=top + 58, stroke=INK, stroke_width=1.2)
    d.text(x + 74, top + 40, "answer", 13, True, anchor="start")
