"""A lesson's cells as the slides of a lecture: what is shown, what stands together, what only the speaker reads.

Design choices:
- a cell of type slide or subslide begins a slide; what does not fit on it goes on under the same heading;
- code is shown if its cell is tagged `slide-code`, because the code is the point there; otherwise only its outputs;
- speakers get the rest as notes: code that is not shown, folded answers, cells of type notes, and the minute;
- not shown at all: cells of type skip, the setup cell, stubs of exercises with "not answered yet", stderr. A quiz
  becomes one slide a question, with the right answer in the notes;
- what fits is computed from the file alone (words, lines, pixels), so that `lessons check` can tell an author.
"""

import base64
import io
import math
import re
import textwrap
from dataclasses import dataclass, field
from itertools import pairwise

from PIL import Image

from coursekit.exercises.catalog import quiz
from coursekit.lessons import LESSONS
from coursekit.publishing import clean, lessons, setup_cell
from coursekit.runtime import CourseError

CODE = "slide-code"  # tag of a cell whose code is the point
WIDTH, HEIGHT = 1800, 900  # px of a slide of 1920 x 1080 that are left for its body, below the heading
PROSE, MONO, SMALLEST = 34, 32, 24  # px: text, code at its usual size, and what is still read from the last row
SMALL_PRINT = 10 * 100 / 72  # px: the smallest letters of a figure, 10 pt at 100 dots an inch
REMARK = 60  # words: what a speaker rather says than shows, if it does not fit beside its picture
GAP, NARROWEST = 36, 600  # px: between two parts; a column of text
LETTER = 0.52, 0.61  # mean width of a letter in ems: of prose, of code
NOT_SHOWN = re.compile(r"\bexercises\.(check|answer|hint)\(")
SOURCE = "inspect.getsource"  # a cell with it prints code
QUIZ = re.compile(r'\bexercises\.quiz\("(\w+)"\)')
HEADING = re.compile(r"\A\s*(#{1,4}) +(?P<title>[^\n]+)\n?")
FOLDED = re.compile(r"<details>\s*<summary>(?P<what>.*?)</summary>(?P<text>.*?)</details>", re.S)
BAR = re.compile(r"\d+%\|")  # of a progress bar
COMMENT = re.compile(r"<!--.*?-->", re.S)
TAKES = re.compile(r"about (\d+) minutes")


@dataclass
class Part:
    """One block of a slide. kind: "prose", "code", "print" or "picture". text: Markdown, code, printed text, a data URL
    or SVG. size: of a picture, px. small: its smallest letters, px. later: it answers a question above it."""

    kind: str
    text: str
    size: tuple[int, int] = (0, 0)
    small: float = SMALL_PRINT
    alt: str = ""
    later: bool = False

    @property
    def grow(self) -> float:
        """How many times its own size a picture needs to be for its smallest letters to be read."""
        return SMALLEST / self.small

    def mono(self, width: float) -> int:
        """Size of code or printed text, px, at which its longest line fits into `width`, if one does."""
        longest = max(map(len, self.text.splitlines() or [""]), default=1)
        return int(max(SMALLEST, min(MONO, width / (LETTER[1] * max(longest, 1)))))

    def height(self, width: float) -> float:
        """The px of height that it needs, at the least, if it is `width` px wide; infinite if it cannot be so narrow."""
        if self.kind == "picture":
            wide, high = (side * self.grow for side in self.size)
            return high if wide <= width + 1 else math.inf
        if self.kind == "prose":
            return _prose_lines(self.text, width / (LETTER[0] * PROSE)) * PROSE * 1.4
        size = self.mono(width)
        columns = max(int(width / (LETTER[1] * size)), 1)
        rows = sum(max(math.ceil(len(line) / columns), 1) for line in self.text.splitlines())
        return rows * size * 1.35 + 32


@dataclass
class Slide:
    """title: Markdown. parts: from top to bottom. beside: px of width of a picture right of the rest; 0: below it. level: of
    the heading. notes: Markdown for the speaker. minutes: at which it begins and ends. cell: the index of its first."""

    title: str
    level: int
    cell: int
    parts: list[Part] = field(default_factory=list)
    beside: int = 0
    notes: list[str] = field(default_factory=list)
    minutes: tuple[float, float] = (0.0, 0.0)
    weight: float = 0.0


def _prose_lines(markdown: str, columns: float) -> float:
    """About how many lines a text takes that is `columns` letters wide; a table's rows and formulas take more."""
    total = 0.0
    for block in re.split(r"\n\s*\n", markdown.strip()):
        plain = re.sub(r"\$\$.*?\$\$", "", re.sub(r"\]\([^)]*\)", "", block), flags=re.S)
        rows = [row for row in plain.splitlines() if row.strip() and not re.fullmatch(r"[|\s:-]+", row)]
        if "|" in block and block.lstrip().startswith("|"):
            total += 1.5 * len(rows)
        elif any(re.match(r"\s*([-*]|\d+\.) ", row) for row in rows):
            total += sum(math.ceil((len(row) + 4) / columns) + 0.15 for row in rows)
        elif rows:
            total += math.ceil(sum(len(row) + 1 for row in rows) / columns)
        total += 2.6 * len(re.findall(r"\$\$.*?\$\$", block, flags=re.S)) + 0.5
    return total


def arranged(parts: list[Part]) -> tuple[bool, int]:
    """(whether the parts fit on one slide, the px of width of a picture that stands right of the rest; 0: all stacked).

    A picture goes to the right only if that makes it clearly larger, or if it does not fit below.
    """
    stacked = sum(part.height(WIDTH) for part in parts) + GAP * (len(parts) - 1) <= HEIGHT
    shown = [part for part in parts if part.kind == "picture"]
    rest = [part for part in parts if part.kind != "picture"]
    if len(shown) != 1 or not rest:
        return stacked, 0
    wide, high = shown[0].size
    share = min(WIDTH - GAP - NARROWEST, HEIGHT * wide / high)
    texts = sum(part.height(WIDTH - GAP - share) for part in rest) + GAP * (len(rest) - 1)
    beside = share >= wide * shown[0].grow and texts <= HEIGHT
    above = sum(part.height(WIDTH) for part in rest) + GAP * len(rest)
    larger = share / wide > 1.25 * min(WIDTH / wide, (HEIGHT - above) / high)
    return stacked or beside, int(share) if beside and (larger or not stacked) else 0


def _picture(data: dict, metadata: dict) -> Part | None:
    if "image/svg+xml" in data:
        svg = "".join(data["image/svg+xml"])
        box = re.search(r'viewBox="[\d.]+ [\d.]+ ([\d.]+) ([\d.]+)"', svg)
        sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)', svg)]
        return Part("picture", svg, tuple(round(float(side)) for side in box.groups()), min(sizes, default=SMALL_PRINT))
    if "image/png" in data:
        encoded = "".join(data["image/png"]).replace("\n", "")
        size = Image.open(io.BytesIO(base64.b64decode(encoded)), formats=["PNG"]).size
        alt = (metadata.get("image/png") or {}).get("alt") or metadata.get("alt", "")
        return Part("picture", f"data:image/png;base64,{encoded}", size, alt=alt)
    return None


def _outputs(cell: dict) -> list[Part]:
    """What a code cell leaves on a slide."""
    parts, source = [], lessons.source(cell)
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        try:
            picture = _picture(data, output.get("metadata", {}))
        except (OSError, ValueError, AttributeError) as error:  # no PNG, no base64, an SVG without a viewBox
            raise CourseError(
                f"A picture among the outputs of cell {cell.get('id')} cannot be read: {error}."
            ) from error
        if picture:
            parts.append(picture)
        elif "text/markdown" in data:
            parts.append(Part("prose", FOLDED.sub("", "".join(data["text/markdown"]))))
        elif data.get("text/plain"):
            parts.append(Part("print", "".join(data["text/plain"]).rstrip()))
        elif output.get("name") == "stdout":
            text = "\n".join(row for row in "".join(output["text"]).splitlines() if not BAR.search(row)).strip("\n")
            parts.append(Part("code", textwrap.dedent(text)) if SOURCE in source else Part("print", text))
    for part in parts:
        part.later = clean.GUESS in lessons.tags(cell)
    return [part for part in parts if part.text.strip()]


def _seconds(cell: dict) -> float:
    """About how long a lecturer spends on a cell: 130 words a minute, 3 s a line of code, 20 s a picture."""
    text = lessons.source(cell)
    if cell["cell_type"] == "code":
        return 3 * len(text.splitlines()) + 20 * sum(part.kind == "picture" for part in _outputs(cell))
    return len(text.split()) * 60 / 130 + 60 * sum(map(int, TAKES.findall(text)))


def deck(notebook: dict, number: str = "") -> list[Slide]:
    """The slides of a lesson, as `lessons.read` returned it. number: of the lesson; its minutes are shared out.

    Raises CourseError for a picture that cannot be read, with the id of its cell.
    """
    slides: list[Slide] = []
    for index, cell in enumerate(notebook["cells"]):
        kind = cell["metadata"].get("slideshow", {}).get("slide_type", "-")
        text, seconds = COMMENT.sub("", lessons.source(cell)).strip(), _seconds(cell)
        if slides:
            slides[-1].weight += seconds
        if kind == "skip" or (cell["cell_type"] == "code" and setup_cell.address_in(text) is not None):
            continue
        title = HEADING.match(text) if cell["cell_type"] == "markdown" else None
        if not slides or title or kind in ("slide", "subslide"):
            heading = (title["title"], len(title[1])) if title else ((slides[-1].title, 2) if slides else ("", 2))
            slides.append(Slide(*heading, index))
            slides[-1].weight += seconds if len(slides) == 1 else 0
        _add(slides, cell, text[title.end() :].strip() if title else text, kind)
    slides = [slide for slide in slides if slide.parts or slide.level == 1]
    _share_minutes(slides, LESSONS[number].minutes if number in LESSONS else None)
    return slides


def _add(slides: list[Slide], cell: dict, text: str, kind: str) -> None:
    """Put a cell's content on the last slide, or on one more of the same heading."""
    parts, how = [], []
    if kind == "notes":
        slides[-1].notes.append(text)
    elif cell["cell_type"] == "markdown":
        slides[-1].notes += [f"**{fold['what']}.** {fold['text'].strip()}" for fold in FOLDED.finditer(text)]
        text = FOLDED.sub("", text).strip()
        parts = [Part("prose", text)] if text else []
    elif asked := QUIZ.search(text):
        _add_quiz(slides, asked[1])
    elif cell["cell_type"] == "code" and not NOT_SHOWN.search(text):
        shown = CODE in lessons.tags(cell)
        parts = [Part("code", text)] if shown else []
        parts += _outputs(cell)
        how = [] if shown or not parts else [f"How this was made:\n\n```python\n{text}\n```"]
    else:
        return
    for part in parts:
        _put(slides, part)
    slides[-1].notes += how


def _put(slides: list[Slide], part: Part) -> None:
    """Add a part to the last slide, or to one more of the same heading."""
    last = slides[-1]
    fits, beside = arranged([*last.parts, part])
    if last.parts and not fits and last.parts[-1].kind == "picture" and _is_said([part]):
        last.notes.append(_note(part))
        return
    if last.parts and not fits and part.kind == "picture" and _is_said(last.parts):
        last.notes[:0], last.parts = map(_note, last.parts), []
    elif last.parts and not fits:
        slides.append(Slide(last.title, 2, last.cell))
    if not last.parts or not fits:
        _, beside = arranged([part])
    slides[-1].parts.append(part)
    slides[-1].beside = beside


def _note(part: Part) -> str:
    return part.text if part.kind == "prose" else f"```\n{part.text}\n```"


def _is_said(parts: list[Part]) -> bool:
    """A few sentences: for the speaker to say, rather than a slide of their own before or after a picture."""
    return {part.kind for part in parts} <= {"prose", "print"} and sum(len(p.text.split()) for p in parts) <= REMARK


def _add_quiz(slides: list[Slide], lesson: str) -> None:
    """One slide for each question; what is said about every choice goes to the notes."""
    asking = slides.pop()  # how to answer in the notebook is no slide
    title, cell = asking.title, asking.cell
    questions = quiz(lesson).questions
    for k, question in enumerate(questions, start=1):
        choices = "\n".join(f"- **{letter}** {says}" for letter, (says, _) in question.choices.items())
        slide = Slide(f"{title} · {k} of {len(questions)}", 2, cell, [Part("prose", f"{question.text}\n\n{choices}")])
        slide.notes = [f"**Right: {question.right}.**", *(f"- {a}: {why}" for a, (_, why) in question.choices.items())]
        slide.weight = 60.0 + asking.weight / len(questions)
        slides.append(slide)


def _share_minutes(slides: list[Slide], minutes: float | None) -> None:
    """Give each slide the minutes at which it begins and ends, so that all together take the lesson's."""
    for before, slide in pairwise(slides):  # a slide that goes on shares the time of both
        if slide.cell == before.cell and not slide.weight:
            slide.weight = before.weight = before.weight / 2
    total = sum(slide.weight for slide in slides) or 1.0
    scale, at = (minutes or total / 60) / total, 0.0
    for slide in slides:
        slide.minutes = (at, at + slide.weight * scale)
        at = slide.minutes[1]


def problems(notebook: dict, number: str = "") -> list[str]:
    """What does not fit on its slide, as far as the file tells: one line for each ("cell 7: ...")."""
    found = []
    for slide in deck(notebook, number):
        for part in slide.parts:
            if part.kind == "picture" and part.height(WIDTH) > HEIGHT:
                wide, high = part.size
                most = f"{WIDTH / part.grow:.0f} x {HEIGHT / part.grow:.0f}"
                found.append(
                    f"cell {slide.cell}: a picture of {wide} x {high} px; letters can be read on a slide up to {most}"
                )
            elif part.height(WIDTH) > HEIGHT:
                found.append(
                    f"cell {slide.cell}: its {part.kind} is too long for a slide: split it, or tag it skip or notes"
                )
    return found
