"""The diagram of lesson 05: two views pulled together, and what keeps three methods from giving one answer to all."""

import math

from coursekit.figures.style import INK, MUTED
from coursekit.figures.svg import SVG, TINTS, Drawing

LOOKS = ((9, 6, 24, 20), (13, 2, 25, 27))  # where the two views are cut from, in a scene of 40 by 30
WIDTH, HEIGHT = 422, 212  # of one panel, px
TOP, BELOW, TALL = 50, 124, 46  # of the two rows in a panel, and the height of their boxes, px


def siamese_diagram() -> SVG:
    """Four panels: the puzzle, BYOL (Grill et al., 2020), SimSiam (Chen and He, 2021), LeJEPA (Balestriero, LeCun, 2025)."""
    d = Drawing(
        "siamese",
        880,
        448,
        "Pulled together, with nothing that pushes apart",
        """
        Four panels, each with two views of one image. 1, the puzzle: an encoder and a projector make both alike, and one
        answer for all images would do. 2, BYOL: a predictor on the student's side guesses the answer of a teacher, a slow
        average of the student that no gradient reaches. 3, SimSiam: the same with one network, no teacher; no gradient
        flows into the answer. 4, LeJEPA: both views count alike, and a test asks that all embeddings together look like a
        Gaussian.""",
    )
    panels = {
        "The puzzle: pull together": (_puzzle, "red"),
        "BYOL: a slow teacher": (_byol, "blue"),
        "SimSiam: no teacher": (_simsiam, "blue"),
        "LeJEPA: a test": (_lejepa, "green"),
    }
    for k, (name, (draw, tint)) in enumerate(panels.items()):
        x, y = 12 + 434 * (k % 2), 8 + 220 * (k // 2)
        d.panel(x, y, WIDTH, HEIGHT, tint)
        d.add("circle", cx=x + 24, cy=y + 24, r=14, fill=TINTS[tint][1])
        d.text(x + 24, y + 29.5, str(k + 1), 15, True, "#FFFFFF")
        d.text(x + 46, y + 29.5, name, 15, True, TINTS[tint][2], "start", width=WIDTH - 52)
        draw(d, x, y)
    return d.svg()


def _views(d: Drawing, x: float, y: float) -> None:
    for top, look in zip((TOP, BELOW), LOOKS, strict=True):
        d.crop(x + 12, y + top, 61, look, 1, gray=top == BELOW)
        d.arrow((x + 76, y + top + TALL / 2), (x + 94, y + top + TALL / 2), line=1.5)


def _chain(d: Drawing, x: float, y: float, boxes: str, tint: str = "green", dash: str | None = None) -> float:
    """Boxes with arrows between them, from left to right; returns the x behind the last. boxes: one letter each."""
    at = x + 96
    for letter in boxes:
        kind = "orange" if letter == "p" else tint
        d.card(at, y, 44, TALL, letter, kind, 19, True, line=2, dash=dash)
        d.arrow((at + 44, y + TALL / 2), (at + 66, y + TALL / 2), line=1.5)
        at += 68
    return at


def _shared(d: Drawing, x: float, y: float) -> float:
    """f and g, one network for both views."""
    for at, letter in ((x + 96, "f"), (x + 164, "g")):
        d.card(at, y + TOP, 44, BELOW + TALL - TOP, letter, "green", 19, True, line=2)
        for top in (TOP, BELOW):
            d.arrow((at + 44, y + top + TALL / 2), (at + 66, y + top + TALL / 2), line=1.5)
    return x + 232


def _alike(d: Drawing, x: float, y: float, upper: str, lower: str, stop: bool) -> None:
    """Two outputs and the loss between them. stop: no gradient flows into the lower one."""
    d.text(x + 14, y + TOP + 29, upper, 16, True)
    d.text(x + 14, y + BELOW + 29, lower, 16, True)
    d.arrow((x + 14, y + 110), (x + 14, y + TOP + 38), color=INK, line=1.8)
    if stop:
        for left in (x - 24, x - 17):
            ends = {"x1": left, "y1": y + BELOW + 6, "x2": left + 14, "y2": y + BELOW + TALL - 6}
            d.add("line", **ends, stroke=TINTS["red"][1], stroke_width=3)
    else:
        d.arrow((x + 14, y + 110), (x + 14, y + BELOW + 8), color=INK, line=1.8)


def _puzzle(d: Drawing, x: float, y: float) -> None:
    _views(d, x, y)
    _alike(d, _shared(d, x, y), y, "z", "z′", stop=False)
    d.text(x + 262, y + 115, "alike", 13, color=MUTED, anchor="start")
    for k in range(3):
        d.scene(x + 318, y + 50 + 42 * k, 40, k)
        d.arrow((x + 360, y + 65 + 42 * k), (x + 388, y + 107), line=1.3)
    d.add("circle", cx=x + 396, cy=y + 107, r=6, fill=TINTS["red"][1])
    d.text(x + 211, y + 200, "one answer for all images: loss 0, nothing learned", 13, width=410)


def _byol(d: Drawing, x: float, y: float) -> None:
    _views(d, x, y)
    end = _chain(d, x, y + TOP, "fgp")
    back = _chain(d, x, y + BELOW, "fg", "purple", dash="4 3")
    d.arrow((back, y + BELOW + TALL / 2), (end - 2, y + BELOW + TALL / 2), line=1.5)
    _alike(d, end, y, "p", "z′", stop=True)
    for at in (x + 118, x + 186):
        d.arrow((at, y + TOP + TALL + 2), (at, y + BELOW - 2), color=TINTS["purple"][1], line=1.8, dash="4 3")
    d.text(x + 199, y + 115, "average", 12.5, color=TINTS["purple"][2], anchor="start")
    d.text(x + 338, y + TOP + 29, "student", 13, color=MUTED, anchor="start")
    d.text(x + 338, y + BELOW + 29, "teacher", 13, color=MUTED, anchor="start")
    d.text(x + 211, y + 200, "p guesses what a slow copy answers", 13, width=410)


def _simsiam(d: Drawing, x: float, y: float) -> None:
    _views(d, x, y)
    at = _shared(d, x, y)
    d.card(at, y + TOP, 44, TALL, "p", "orange", 19, True, line=2)
    d.arrow((at + 44, y + TOP + TALL / 2), (at + 66, y + TOP + TALL / 2), line=1.5)
    d.arrow((at, y + BELOW + TALL / 2), (at + 66, y + BELOW + TALL / 2), line=1.5)
    _alike(d, at + 68, y, "p", "z′", stop=True)
    d.text(x + 338, y + BELOW + 29, "no gradient", 13, color=TINTS["red"][2], anchor="start", width=82)
    d.text(x + 211, y + 200, "p guesses what the same network answers", 13, width=410)


def _lejepa(d: Drawing, x: float, y: float) -> None:
    _views(d, x, y)
    at = _shared(d, x, y)
    _alike(d, at, y, "z", "z′", stop=False)
    d.text(x + 262, y + 115, "alike", 13, color=MUTED, anchor="start")
    points = [(x + 318 + 3 * k, y + 160 - 80 * math.exp(-(((k - 14) / 6) ** 2) / 2)) for k in range(29)]
    d.add(
        "polyline",
        points=" ".join(f"{px:.1f},{py:.1f}" for px, py in points),
        fill="none",
        stroke=TINTS["green"][1],
        stroke_width=2.5,
    )
    d.add("line", x1=x + 314, y1=y + 161, x2=x + 406, y2=y + 161, stroke=MUTED, stroke_width=1.5)
    d.text(x + 360, y + 66, "all z", 13, color=MUTED)
    d.text(x + 211, y + 200, "all z together, seen along any line: a bell curve", 13, width=410)
