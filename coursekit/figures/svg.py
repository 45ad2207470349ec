"""A small drawing board for diagrams: SVG text that is the same on every machine, with measured words.

Design choices:
- every word is measured (in DejaVu Sans, the widest of the fonts named in the file), and a word that does not fit its
  box raises an error: an overflowing diagram cannot be drawn;
- no fixed size: a page scales it to the width that there is (with a size, JupyterLab would cut it off);
- an opaque pale ground of its own, so that a diagram reads on a dark page as on a light one;
- a title and a description inside the picture, which screen readers announce;
- ids carry the diagram's name, because a page can hold several diagrams.
"""

from functools import lru_cache
from xml.sax.saxutils import escape, quoteattr

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from coursekit.figures.style import FAINT, INK, MUTED

FONT = "'DejaVu Sans', Verdana, 'Segoe UI', Helvetica, Arial, sans-serif"
PAPER = "#FFFFFF"
TINTS = {
    "blue": ("#E3F0F9", "#0072B2", "#004C78"),
    "orange": ("#FDF1DC", "#E69F00", "#7A4B00"),
    "green": ("#E0F4EC", "#009E73", "#00604A"),
    "red": ("#FBE9DF", "#D55E00", "#8A3C00"),
    "purple": ("#F9EBF2", "#CC79A7", "#7C2F58"),
    "grey": ("#F3F5F7", "#8C959F", "#424A53"),
}  # fill, line, dark ink


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width of a line of text, px, at a font size in px."""
    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal", size=100)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] * size / 100


def wrap(text: str, width: float, size: float, bold: bool = False) -> list[str]:
    """Break text into lines of at most `width` px; newlines stay. Raises ValueError for a word too wide."""
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if text_width(longer, size, bold) <= width:
                line = longer
                continue
            if text_width(word, size, bold) > width:
                raise ValueError(f"{word!r} is wider than {width:.0f} px at size {size}.")
            lines.append(line)
            line = word
        lines.append(line)
    return lines


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _points(points) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


class SVG:
    """A finished diagram. A notebook shows it when it is the last line of a cell; `str(...)` is the SVG text."""

    def __init__(self, text: str, title: str, description: str):
        self.text, self.title, self.description = text, title, description

    def _repr_svg_(self) -> tuple[str, dict]:
        """The SVG text and, as metadata, the description: for pages that show a diagram as an <img>."""
        return self.text, {"alt": self.description}

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Diagram: {self.title}"


class Drawing:
    """A board of width x height px.

    name: for ids, unique among the course's diagrams. title, description: for screen readers.
    """

    def __init__(self, name: str, width: int, height: int, title: str, description: str):
        self.name, self.width, self.height = name, width, height
        self.title, self.description = title, " ".join(description.split())
        self.parts: list[str] = []

    def add(self, tag: str, **attributes) -> None:
        """One SVG element; `stroke_width=2` becomes stroke-width="2", and numbers are rounded to a tenth."""
        given = {key.replace("_", "-"): value for key, value in attributes.items() if value is not None}
        texts = {key: value if isinstance(value, str) else _number(value) for key, value in given.items()}
        self.parts.append(f"<{tag} {' '.join(f'{key}={quoteattr(text)}' for key, text in texts.items())}/>")

    def rect(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        fill: str = "none",
        stroke: str = "none",
        line: float = 1.5,
        radius: float = 6,
        dash: str | None = None,
    ) -> None:
        """A rectangle with round corners; x, y: its upper left corner."""
        place = {"x": x, "y": y, "width": w, "height": h, "rx": radius}
        self.add("rect", **place, fill=fill, stroke=stroke, stroke_width=line, stroke_dasharray=dash)

    def panel(self, x: float, y: float, w: float, h: float, tint: str, line: float = 1.5, radius: float = 10) -> None:
        """A tinted ground for other things. tint: a key of TINTS."""
        self.rect(x, y, w, h, *TINTS[tint][:2], line, radius)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = 13,
        bold: bool = False,
        color: str = INK,
        anchor: str = "middle",
        width: float | None = None,
    ) -> None:
        """One line of text; y: its base line. Raises ValueError if it leaves the board or is wider than `width` px."""
        needed = text_width(text, size, bold)
        left = x - {"start": 0, "middle": needed / 2, "end": needed}[anchor]
        if (width is not None and needed > width) or left < 0 or left + needed > self.width or not 0 < y < self.height:
            raise ValueError(f"{text!r} ({needed:.0f} px) does not fit at ({x:.0f}, {y:.0f}) of {self.name}.")
        style = ' font-weight="bold"' if bold else ""
        self.parts.append(
            f'<text x="{_number(x)}" y="{_number(y)}" font-size="{_number(size)}" text-anchor="{anchor}" '
            f'fill="{color}"{style}>{escape(text)}</text>'
        )

    def block(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        text: str,
        size: float = 13,
        bold: bool = False,
        color: str = INK,
        anchor: str = "middle",
        middle: bool = True,
    ) -> None:
        """Text wrapped into a box, in its middle or from its top. Raises ValueError if it does not fit."""
        lines, step = wrap(text, w, size, bold), 1.3 * size
        if len(lines) * step > h + 0.5:
            raise ValueError(f"{text!r} needs {len(lines) * step:.0f} px of height, not {h:.0f}, in {self.name}.")
        top = y + (h - len(lines) * step) / 2 if middle else y
        at = {"start": x, "middle": x + w / 2, "end": x + w}[anchor]
        for k, line in enumerate(lines):
            self.text(at, top + step * k + size * 1.02, line, size, bold, color, anchor)

    def card(
        self,
        x: float,
        y: float,
        w: float,
        h: float,
        text: str,
        tint: str = "grey",
        size: float = 13,
        bold: bool = False,
        line: float = 1.5,
        dash: str | None = None,
    ) -> None:
        """A tinted box with centred text. tint: a key of TINTS."""
        fill, stroke, ink = TINTS[tint]
        self.rect(x, y, w, h, fill, stroke, line, dash=dash)
        self.block(x + 6, y + 3, w - 12, h - 6, text, size, bold, ink)

    def arrow(
        self, *points: tuple[float, float], color: str = MUTED, line: float = 2.0, dash: str | None = None
    ) -> None:
        """A line through the points, with a head at the last."""
        (x0, y0), (x1, y1) = points[-2:]
        length = max(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, 1e-6)
        ux, uy, head = (x1 - x0) / length, (y1 - y0) / length, 4 + 2 * line
        base = (x1 - ux * head, y1 - uy * head)
        edge = {"stroke": color, "stroke_width": line, "stroke_dasharray": dash}
        self.add("polyline", points=_points((*points[:-1], base)), fill="none", **edge)
        wing = head * 0.5
        corners = ((x1, y1), (base[0] - uy * wing, base[1] + ux * wing), (base[0] + uy * wing, base[1] - ux * wing))
        self.add("polygon", points=_points(corners), fill=color)

    def crop(
        self,
        x: float,
        y: float,
        size: float,
        look: tuple[float, float, float, float],
        kind: int = 0,
        gray: bool = False,
    ) -> None:
        """A part of a scene, enlarged. look: left, top, width and height of the part, the whole being 40 by 30."""
        frame = {"x": x, "y": y, "width": size, "height": size * 0.75}
        shown = " ".join(f'{key}="{_number(value)}"' for key, value in frame.items())
        part = " ".join(map(_number, look))
        self.parts.append(f'<svg {shown} viewBox="{part}" preserveAspectRatio="none">')
        self.scene(0, 0, 40, kind, gray=gray)
        self.parts.append("</svg>")
        self.rect(x, y, size, size * 0.75, stroke=MUTED, line=1, radius=0)

    def scene(self, x: float, y: float, size: float, kind: int = 0, boxed: bool = False, gray: bool = False) -> None:
        """A tiny road picture that stands for an image, `size` px wide, 3/4 as high. boxed: with a bounding box."""
        sky = ("#BFE0F2", "#F3D9B1", "#C9D6DF", "#D9CFEA")[kind % 4]
        body = ("#D55E00", "#0072B2", "#CC79A7", "#009E73")[kind % 4]
        ground, road = "#7FA66B", "#6B7078"
        if gray:
            sky, body, ground, road = "#D5D5D5", "#5A5A5A", "#A0A0A0", "#777777"
        u = size / 40
        self.rect(x, y, 40 * u, 30 * u, sky, radius=0)
        self.rect(x, y + 16 * u, 40 * u, 14 * u, ground, radius=0)
        corners = ((17, 16), (23, 16), (36, 30), (4, 30))
        self.add("polygon", fill=road, points=_points((x + px * u, y + py * u) for px, py in corners))
        cx = (12, 17, 20, 14)[kind % 4]
        self.rect(x + (cx + 2) * u, y + 13 * u, 8 * u, 5 * u, body, radius=1.5 * u)
        self.rect(x + cx * u, y + 16.5 * u, 13 * u, 6 * u, body, radius=1.5 * u)
        for wheel in (3, 10):
            self.add("circle", cx=x + (cx + wheel) * u, cy=y + 22.5 * u, r=1.8 * u, fill="#222222")
        if boxed:
            for color, line in (("#FFFFFF", 3.2), ("#D55E00", 1.8)):
                box = (x + (cx - 1.2) * u, y + 11.8 * u, 15.4 * u, 13.4 * u)
                self.rect(*box, stroke=color, line=line, radius=0)
        self.rect(x, y, 40 * u, 30 * u, stroke=MUTED, line=1, radius=0)

    def svg(self) -> SVG:
        """The finished diagram."""
        ids = f"{self.name}-title {self.name}-desc"
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'style="max-width:{self.width}px" role="img" aria-labelledby="{ids}" font-family="{FONT}">',
            f'<title id="{self.name}-title">{escape(self.title)}</title>',
            f'<desc id="{self.name}-desc">{escape(self.description)}</desc>',
            f'<rect width="{self.width}" height="{self.height}" rx="10" fill="{PAPER}" stroke="{FAINT}"/>',
        )
        return SVG("\n".join([*head, *self.parts, "</svg>"]), self.title, self.description)
