"""The diagram of lesson 03: SimCLR in six steps."""

from coursekit.figures.style import FAINT, INK, MUTED
from coursekit.figures.svg import PAPER, SVG, TINTS, Drawing

LOOKS = ((9, 6, 24, 20), (13, 2, 25, 27))  # where the two views are cut from, in a scene of 40 by 30
WIDTH, HEIGHT = 280, 204  # of one panel, px


def simclr_diagram(step: int | None = None) -> SVG:
    """SimCLR's six steps (Chen et al., ICML 2020) in two rows. step: 1 to 6 marks one panel, for a lecture."""
    if step is not None and step not in range(1, 7):
        raise ValueError(f"SimCLR has steps 1 to 6, not {step!r}.")
    d = Drawing(
        f"simclr{step or ''}",
        880,
        444,
        "SimCLR in six steps",
        """
        Six panels. 1: sample a batch of N images. 2: make two augmented views of each. 3: the encoder f gives features
        h, the projector g gives z. 4: in the 2N by 2N table of similarities each row has one positive, its other view,
        and 2N - 2 negatives; itself is left out. 5: InfoNCE raises the positive's share of its row. 6: throw g away and
        keep f.""",
    )
    steps = {
        "Sample a batch": _batch,
        "Two augmented views": _views,
        "Encode and project": _encode,
        "Positives, negatives": _pairs,
        "Optimise InfoNCE": _optimize,
        "Discard g, keep f": _keep,
    }
    for k, (name, draw) in enumerate(steps.items()):
        x, y = 12 + 288 * (k % 3), 12 + 214 * (k // 3)
        tint = "orange" if step == k + 1 else "blue" if k < 3 else "green"
        d.panel(x, y, WIDTH, HEIGHT, tint, 3.5 if step == k + 1 else 1.5)
        d.add("circle", cx=x + 24, cy=y + 24, r=14, fill=TINTS[tint][1])
        d.text(x + 24, y + 29.5, str(k + 1), 15, True, "#FFFFFF")
        d.text(x + 46, y + 29.5, name, 15, True, TINTS[tint][2], "start", width=WIDTH - 52)
        draw(d, x, y)
    return d.svg()


def _batch(d: Drawing, x: float, y: float) -> None:
    for k in range(4):
        d.scene(x + 40 + 108 * (k % 2), y + 48 + 68 * (k // 2), 84, k)
    d.text(x + 140, y + 196, "N images, no labels", 13)


def _views(d: Drawing, x: float, y: float) -> None:
    d.scene(x + 14, y + 86, 88, 1)
    for look, top, name, color in zip(LOOKS, (52, 122), ("view a", "view b"), ("#0072B2", "#D55E00"), strict=True):
        u = 88 / 40
        left, up, w, h = look
        d.rect(x + 14 + left * u, y + 86 + up * u, w * u, h * u, stroke=color, line=2, radius=0)
        d.arrow((x + 104, y + 119), (x + 136, y + top + 28), line=1.8)
        d.crop(x + 142, y + top, 76, look, 1, gray=name == "view b")
        d.rect(x + 142, y + top, 76, 57, stroke=color, line=2.5, radius=0)
        d.text(x + 225, y + top + 34, name, 12.5, anchor="start", width=54)
    d.text(x + 140, y + 196, "crop, flip, colour, blur: 2N views", 12.5, width=270)


def _encode(d: Drawing, x: float, y: float) -> None:
    for top, name in ((56, "a"), (124, "b")):
        d.crop(x + 10, y + top, 58, LOOKS[name == "b"], 1, gray=name == "b")
        d.arrow((x + 69, y + top + 22), (x + 86, y + top + 22), line=1.5)
        d.arrow((x + 136, y + top + 22), (x + 178, y + top + 22), line=1.5)
        d.arrow((x + 228, y + top + 22), (x + 244, y + top + 22), line=1.5)
        d.text(x + 157, y + top + 14, f"h {name}", 12)
        d.text(x + 261, y + top + 27, f"z {name}", 13, True)
    d.card(x + 88, y + 56, 46, 112, "f", "green", 22, True)
    d.card(x + 180, y + 56, 46, 112, "g", "purple", 22, True)
    d.text(x + 140, y + 196, "one f and one g for all views", 12.5, width=270)


def _pairs(d: Drawing, x: float, y: float) -> None:
    n, cell = 3, 21
    left, top = x + 34, y + 56
    for row in range(2 * n):
        for column in range(2 * n):
            itself, positive = row == column, abs(row - column) == n
            fill = "#8C959F" if itself else TINTS["orange"][1] if positive else PAPER
            d.rect(left + cell * column, top + cell * row, cell, cell, fill, FAINT, 1, radius=0)
        d.text(left - 6, top + cell * row + 15, f"{'ab'[row // n]}{row % n}", 12, color=MUTED, anchor="end")
        d.text(left + cell * row + cell / 2, top - 4, f"{'ab'[row // n]}{row % n}", 12, color=MUTED)
    legend = ((TINTS["orange"][1], "positive"), (PAPER, "negative"), ("#8C959F", "itself, out"))
    for k, (fill, name) in enumerate(legend):
        d.rect(x + 172, y + 74 + 32 * k, 14, 14, fill, MUTED, 1, radius=2)
        d.text(x + 192, y + 86 + 32 * k, name, 12, anchor="start", width=86)
    d.text(x + 140, y + 198, "a row: 1 positive, 2N - 2 negatives", 12, width=272)


def _optimize(d: Drawing, x: float, y: float) -> None:
    shares = ((0.15, 0.70), (0.20, 0.06), (0.22, 0.08), (0.21, 0.09), (0.22, 0.07))
    for panel, (left, name) in enumerate(((x + 22, "before"), (x + 158, "after"))):
        d.add("line", x1=left, y1=y + 120, x2=left + 100, y2=y + 120, stroke=MUTED, stroke_width=1.5)
        for k, share in enumerate(shares):
            h = 80 * share[panel]
            d.rect(left + 6 + 19 * k, y + 120 - h, 13, h, TINTS["orange"][1] if k == 0 else "#B9C0C8", radius=1)
        d.text(left + 50, y + 137, name, 12)
    d.arrow((x + 128, y + 96), (x + 152, y + 96))
    d.text(x + 134, y + 168, "Lᵢ = − log", 13, True, anchor="end")
    d.text(x + 205, y + 160, "exp(s(i, j) / τ)", 12.5)
    d.add("line", x1=x + 142, y1=y + 165, x2=x + 268, y2=y + 165, stroke=INK, stroke_width=1.2)
    d.text(x + 205, y + 181, "Σ exp(s(i, k) / τ)", 12.5)
    d.text(x + 205, y + 196, "k ≠ i", 12)


def _keep(d: Drawing, x: float, y: float) -> None:
    d.scene(x + 10, y + 84, 60, 1)
    d.arrow((x + 72, y + 106), (x + 88, y + 106), line=1.5)
    d.card(x + 90, y + 66, 52, 80, "f", "green", 24, True, line=3.5)
    d.arrow((x + 142, y + 106), (x + 190, y + 106), line=1.5, dash="4 3")
    d.text(x + 165, y + 98, "h", 14, True)
    d.card(x + 192, y + 66, 52, 80, "g", "grey", 24, line=1.5, dash="4 3")
    for x0, x1 in ((188, 248), (248, 188)):
        d.add("line", x1=x + x0, y1=y + 62, x2=x + x1, y2=y + 150, stroke=TINTS["red"][1], stroke_width=3.5)
    d.block(x + 8, y + 162, WIDTH - 16, 36, "h goes to k-NN, a linear probe,\nor a detector's backbone", 12.5)
