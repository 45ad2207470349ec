"""Does a lesson keep the anatomy and the manners of the course? `check_notebook(path)` lists what it breaks.

The rules are about the reader: short cells, one idea each, sections in the same order in every lesson, outputs that are
there on GitHub, slides that need no second set of material.
"""

import re
from pathlib import Path

from coursekit.publishing import clean, lessons, setup_cell, stamp

CODE_LINES = 15
WORDS = 75  # "about 60": a cell that is a little over is no worse for it
CELLS = (30, 60)
FILE_SIZE = 1_000_000  # bytes
SLIDE_TYPES = {"slide", "subslide", "fragment", "skip", "notes", "-"}
IGNORED = "nbval-ignore-output"
SECTIONS = {  # what every lesson has -> how its text says so
    "objectives": r"objectives|you will (learn|be able to)",
    "prerequisites": r"prerequisites?|you need to know|before you start",
    "minutes": r"\d+\s*min",
    "a quiz": r"^#+ .*quiz",
    "what to remember": r"^#+ .*remember",
    "references": r"^#+ .*references",
}
MACHINE_PATH = re.compile(r"(?<![\w.~/])/(?:root|home|Users|tmp|work|mnt|private|var)/[\w.-]+")
MEMORY_ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")
ELSEWHERE = r"(?!https?:|data:|attachment:)"
RELATIVE_IMAGE = re.compile(rf"!\[[^\]]*\]\({ELSEWHERE}|<img[^>]*\ssrc=[\"']{ELSEWHERE}", re.IGNORECASE)
NOT_PROSE = re.compile(
    r"```.*?```|<details>.*?</details>|<!--.*?-->"  # code, folded solutions, markers
    r"|\$\$.*?\$\$|\$[^$]*\$|^\s*\|[^\n]*$"  # formulas, tables
    r"|<[^>]+>|\]\([^)]*\)",  # tags, link targets
    re.DOTALL | re.MULTILINE,
)


def words(markdown: str) -> int:
    """Words of prose: formulas, tables, code, link targets and folded solutions are not counted."""
    return len(re.findall(r"\w[\w'’-]*", NOT_PROSE.sub(" ", markdown)))


def check_notebook(path: Path) -> list[str]:
    """Everything that a lesson breaks, one line each ("cell 7: ..."); empty where all is well.

    Raises CourseError where the file is no notebook.
    """
    notebook = lessons.read(path)
    cells = notebook["cells"]
    found = _whole(path, notebook)
    for index, cell in enumerate(cells):
        check = _markdown if cell["cell_type"] == "markdown" else _code
        found += [f"cell {index}: {problem}" for problem in [*_any(cell), *check(cell)]]
    counts = [cell.get("execution_count") for cell in cells if cell["cell_type"] == "code"]
    if counts != list(range(1, len(counts) + 1)):
        found.append("it was not run from top to bottom in a fresh kernel: make outputs")
    return found


def _whole(path: Path, notebook: dict) -> list[str]:
    cells = notebook["cells"]
    found = []
    if not CELLS[0] <= len(cells) <= CELLS[1]:
        found.append(f"{len(cells)} cells; a lesson has {CELLS[0]} to {CELLS[1]}")
    if path.stat().st_size >= FILE_SIZE:
        found.append(f"{path.stat().st_size / 1e6:.2f} MB; a lesson stays under {FILE_SIZE / 1e6:.0f} MB")
    if "widgets" in notebook.get("metadata", {}):
        found.append("metadata.widgets makes GitHub answer 'Invalid Notebook': make outputs")
    if notebook.get("nbformat_minor", 0) < 5 or not all(cell.get("id") for cell in cells):
        found.append("cells without ids: make outputs")
    title = lessons.source(cells[0]) if cells and cells[0]["cell_type"] == "markdown" else ""
    if not title.startswith("# "):
        found.append("the first cell is not a title (# ...)")
    if not stamp.SPOT.search(title):
        found.append("the title cell has no spot for the Colab badge: <!-- colab --><!-- /colab -->")
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    if not code or not setup_cell.is_standard(lessons.source(code[0])):
        found.append("the first code cell is not the standard setup cell (coursekit.publishing.setup_cell.SOURCE)")
    text = "\n".join(lessons.source(cell) for cell in cells if cell["cell_type"] == "markdown")
    found += [
        f"{section} missing"
        for section, pattern in SECTIONS.items()
        if not re.search(pattern, text, re.IGNORECASE | re.MULTILINE)
    ]
    if not cells or not re.search(r"\bnext\b", lessons.source(cells[-1]), re.IGNORECASE):
        found.append("the last cell does not lead to the next lesson")
    return found


def _any(cell: dict) -> list[str]:
    slide = cell.get("metadata", {}).get("slideshow", {}).get("slide_type")
    return [] if slide in SLIDE_TYPES else [f"its slide type (metadata.slideshow.slide_type) is {slide}"]


def _markdown(cell: dict) -> list[str]:
    text = lessons.source(cell)
    found = []
    if words(text) > WORDS:
        found.append(f"{words(text)} words; about 60 or fewer: split it")
    if RELATIVE_IMAGE.search(text):
        found.append("a picture by relative path shows nothing in Colab: draw it with coursekit.figures in a code cell")
    if cell.get("attachments"):
        found.append("an attached picture: draw it with coursekit.figures in a code cell")
    return found


def _code(cell: dict) -> list[str]:
    text = lessons.source(cell).rstrip()
    found = []
    lines = len(text.splitlines())
    if lines > CODE_LINES:
        found.append(f"{lines} lines of code; {CODE_LINES} or fewer: split it")
    if not text:
        found.append("an empty code cell")
    if text.endswith(";"):
        found.append("ends with ';': end a plot with plt.show()")
    ignored = IGNORED in lessons.tags(cell)
    if clean.NOT_COMMITTED in lessons.tags(cell):
        if cell.get("outputs"):
            found.append(f"its output must not be in the file (tag {clean.NOT_COMMITTED}): make outputs")
        if not ignored:
            found.append(f"tagged {clean.NOT_COMMITTED} but not {IGNORED}: nbval would miss the output")
    for output in cell.get("outputs", []):
        found += _output(output, ignored)
        if output["output_type"] == "error" and "raises-exception" not in lessons.tags(cell):
            found.append(f"its output is an error: {output.get('ename')}: {output.get('evalue')}")
    return found


def _output(output: dict, ignored: bool) -> list[str]:
    found = []
    data = output.get("data", {})
    if any("widget-view" in kind for kind in data):
        found.append("a live widget among its outputs: make outputs keeps only its static figure")
    for kind in ("image/png", "image/jpeg"):
        if kind in data and not _alt(output, kind):
            found.append("a picture without alt text: coursekit.figures.style.describe(fig, ...)")
    text = "\n".join(
        "".join(value)
        for value in (
            output.get("text", ""),
            data.get("text/plain", ""),
            data.get("text/html", ""),
            data.get("text/markdown", ""),
        )
    )
    path = MACHINE_PATH.search(text)
    if path:
        found.append(f"its output names a path of the machine that ran it: {path[0]}")
    if not ignored and output.get("name") == "stderr":
        found.append(f"writes to stderr, which nbval compares: {text.strip()[:80]!r}")
    if not ignored and MEMORY_ADDRESS.search(text):
        found.append("its output holds a memory address, which differs in every run")
    return found


def _alt(output: dict, kind: str) -> bool:
    metadata = output.get("metadata", {})
    return bool((metadata.get(kind) or {}).get("alt") or metadata.get("alt"))
