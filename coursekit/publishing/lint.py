"""Does a lesson keep the anatomy and the manners of the course? `check_notebook(path)` lists what it breaks.

The rules are about the reader: short cells, one idea each, sections in the same order in every lesson, outputs that are
there on GitHub, slides that need no second set of material.
"""

import ast
import re
from pathlib import Path
from statistics import median

from IPython.core.inputtransformer2 import TransformerManager

from coursekit.lessons import LESSONS
from coursekit.publishing import clean, deck, lessons, setup_cell, stamp

CELLS = (40, 80)
CODE_LINES, CODE_LINES_MEDIAN = 15, 6
WORDS, WORDS_MEDIAN = 75, 40
FEW_WORDS, FEW_WORDS_SHARE = 25, 0.2  # so many cells of prose have so few words
BUILT_HERE = "built-here"  # tag of a cell that defines something because building it is the lesson
SHOWN = {"coursekit", "torch", "torchvision", "numpy", "matplotlib", "ultralytics", "math", "inspect"}  # to import
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
STAND_IN = re.compile(
    r"\b(?:TO[D]O|FIX[M]E|TBD|X[X]X|PLACEHOLDER|lorem ipsum)\b"
)  # in brackets: not found in this line
NAME_IN_CAPITALS = re.compile(r"\b[A-Z]{3,}_\w*")  # PROSE_7, ANSWER_B: an author's mark for a text that is to come
CODE = re.compile(r"```.*?```|`[^`\n]+`|\$\$.*?\$\$|\$[^$\n]*\$|\]\([^)]*\)|<[^>]+>", re.DOTALL)
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
    """Everything that a lesson breaks, one line each ("cell 7: ..."); empty if all is well.

    Raises CourseError if the file is not a notebook.
    """
    notebook = lessons.read(path)
    cells = notebook["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    found = [*_whole(path, notebook), *_rhythm(cells, code), *_table(path, cells), *deck.problems(notebook)]
    for index, cell in enumerate(cells):
        check = _markdown if cell["cell_type"] == "markdown" else _code
        found += [f"cell {index}: {problem}" for problem in [*_any(cell), *check(cell)]]
    if [cell.get("execution_count") for cell in code] != list(range(1, len(code) + 1)):
        found.append("it was not run from top to bottom in a fresh kernel: make outputs")
    return found


def _whole(path: Path, notebook: dict) -> list[str]:
    cells = notebook["cells"]
    found = []
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
    if not code or not setup_cell.is_standard(code[0]):
        found.append("the first code cell is not the standard setup cell, folded away: coursekit publish writes it")
    text = "\n".join(lessons.source(cell) for cell in cells if cell["cell_type"] == "markdown")
    found += [
        f"{section} missing"
        for section, pattern in SECTIONS.items()
        if not re.search(pattern, text, re.IGNORECASE | re.MULTILINE)
    ]
    if not cells or not re.search(r"\bnext\b", lessons.source(cells[-1]), re.IGNORECASE):
        found.append("the last cell does not lead to the next lesson")
    return found


def _rhythm(cells: list[dict], code: list[dict]) -> list[str]:
    """One idea a cell, in short breaths: how many cells, and how long they are in the median."""
    found = []
    if not CELLS[0] <= len(cells) <= CELLS[1]:
        found.append(f"{len(cells)} cells; a lesson has {CELLS[0]} to {CELLS[1]}")
    lines = [len(lessons.source(cell).rstrip().splitlines()) for cell in code[1:]]  # without the setup cell
    if lines and median(lines) > CODE_LINES_MEDIAN:
        found.append(f"code cells of {median(lines):g} lines in the median; {CODE_LINES_MEDIAN} or fewer: split some")
    prose = [words(lessons.source(cell)) for cell in cells if cell["cell_type"] == "markdown"]
    prose = [n for n in prose if n]  # a cell with nothing but a formula or a folded solution is not prose
    if prose and median(prose) > WORDS_MEDIAN:
        found.append(f"cells of {median(prose):g} words in the median; {WORDS_MEDIAN} or fewer: split or shorten some")
    few = sum(n <= FEW_WORDS for n in prose)
    if few < FEW_WORDS_SHARE * len(prose):
        found.append(f"{few} of {len(prose)} cells have {FEW_WORDS} words or fewer; at least a fifth: shorten some")
    return found


def _table(path: Path, cells: list[dict]) -> list[str]:
    """What the table of lessons (coursekit.lessons) says of this one, and its text does not."""
    lesson = LESSONS.get(path.stem[:2])
    if lesson is None or lesson.name != path.stem:
        return []
    text = "\n".join(map(lessons.source, cells))
    found = [] if re.search(rf"\b{lesson.minutes}\s*min", text) else [f"it does not say {lesson.minutes} minutes"]
    return found + [f"exercise {name} missing" for name in lesson.exercises if f'check("{name}"' not in text]


def _any(cell: dict) -> list[str]:
    slide = cell.get("metadata", {}).get("slideshow", {}).get("slide_type")
    found = [] if slide in SLIDE_TYPES else [f"its slide type (metadata.slideshow.slide_type) is {slide}"]
    text = lessons.source(cell)
    marks = STAND_IN.findall(text)
    if cell["cell_type"] == "markdown":
        marks += NAME_IN_CAPITALS.findall(CODE.sub(" ", text))
    return found + [f"{mark} stands where a text should: write it" for mark in dict.fromkeys(marks)]


def _markdown(cell: dict) -> list[str]:
    text = lessons.source(cell)
    found = []
    if words(text) > WORDS:
        found.append(f"{words(text)} words; {WORDS} or fewer: split it")
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
    if setup_cell.address_in(text) is None:
        found += _imports_and_definitions(text, lessons.tags(cell))
    ignored = IGNORED in lessons.tags(cell)
    if clean.NOT_COMMITTED in lessons.tags(cell):
        if cell.get("outputs"):
            found.append(f"its output must not be in the file (tag {clean.NOT_COMMITTED}): make outputs")
        if not ignored:
            found.append(f"tagged {clean.NOT_COMMITTED} but not {IGNORED}: nbval would miss the output")
    if clean.GUESS in lessons.tags(cell) and not cell["metadata"].get("jupyter", {}).get("outputs_hidden"):
        found.append(f"tagged {clean.GUESS}, but its output is not folded: make outputs")
    for output in cell.get("outputs", []):
        found += _output(output, ignored)
        if output["output_type"] == "error" and "raises-exception" not in lessons.tags(cell):
            found.append(f"its output is an error: {output.get('ename')}: {output.get('evalue')}")
    return found


def _imports_and_definitions(text: str, tags: set[str]) -> list[str]:
    try:
        tree = ast.parse(TransformerManager().transform_cell(text))  # %magics, !commands and help? become Python
    except (SyntaxError, ValueError, RecursionError) as error:
        return [] if "raises-exception" in tags else [f"it is not Python: {error}"]
    found = []
    for node in ast.walk(tree):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
        found += [
            f"imports {module}: what teaches nothing belongs into coursekit"
            for module in modules
            if module.split(".")[0] not in SHOWN
        ]
    exercises = {f"my_{name}" for lesson in LESSONS.values() for name in lesson.exercises}
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and BUILT_HERE not in tags and node.name not in exercises:
            found.append(f"defines {node.name}: import it from coursekit, or tag the cell {BUILT_HERE}")
    return found


def _output(output: dict, ignored: bool) -> list[str]:
    found = []
    data = output.get("data", {})
    if any("widget-view" in kind for kind in data):
        found.append("a live widget among its outputs: make outputs keeps only its static figure")
    for kind in ("image/png", "image/jpeg"):
        if kind in data and not _alt(output, kind):
            found.append("a picture without alt text: coursekit.figures.style.describe(fig, ...)")
    shown = [output.get("text", ""), *(data.get(f"text/{kind}", "") for kind in ("plain", "html", "markdown"))]
    text = "\n".join(map("".join, shown))
    if path := MACHINE_PATH.search(text):
        found.append(f"its output names a path of the machine that ran it: {path[0]}")
    if not ignored and output.get("name") == "stderr":
        found.append(f"writes to stderr, which nbval compares: {text.strip()[:80]!r}")
    if not ignored and MEMORY_ADDRESS.search(text):
        found.append("its output holds a memory address, which differs in every run")
    return found


def _alt(output: dict, kind: str) -> bool:
    metadata = output.get("metadata", {})
    return bool((metadata.get(kind) or {}).get("alt") or metadata.get("alt"))
