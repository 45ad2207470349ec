"""`coursekit publish OWNER/NAME`: say, in every lesson and in the README, where this copy of the course lives.

Two places of a lesson name an address, and nothing else does: the Colab badge in its title cell, between the markers
`<!-- colab --><!-- /colab -->`, and the setup cell, which pip installs coursekit from. The README names them in its table
of lessons, which is written from `coursekit.lessons` between `<!-- lessons -->` and `<!-- /lessons -->`. Publishing again,
for the same owner or another, replaces all this; clearing it leaves a copy that names no address.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

from coursekit.lessons import LESSONS
from coursekit.publishing import lessons, setup_cell
from coursekit.runtime import CourseError

SPOT = re.compile(r"<!-- colab -->.*?<!-- /colab -->", re.DOTALL)
TABLE = re.compile(r"(?<=<!-- lessons -->\n).*?(?=<!-- /lessons -->)", re.DOTALL)
OWNER_AND_NAME = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/(?!\.+$)[\w.-]{1,100}", re.ASCII)
PART = r"(?![.-])[\w.-]+(?<!\.)(?<!\.lock)"  # of the name of a branch, between slashes
BRANCH = re.compile(rf"(?!.*\.\.){PART}(?:/{PART})*", re.ASCII)
BADGE = "https://colab.research.google.com/assets/colab-badge.svg"


class Home(NamedTuple):
    """Where a copy of the course is published: a GitHub repository and the branch that readers get."""

    owner: str
    name: str
    branch: str = "main"

    def colab(self, lesson: str) -> str:
        """The address that opens a lesson in Colab."""
        return (
            f"https://colab.research.google.com/github/{self.owner}/{self.name}/blob/{self.branch}"
            f"/notebooks/{lesson}.ipynb"
        )

    def pip(self) -> str:
        """What pip installs coursekit from."""
        return f"git+https://github.com/{self.owner}/{self.name}@{self.branch}"


def parse(text: str, branch: str = "main") -> Home:
    """OWNER/NAME as a Home. Raises CourseError for anything that cannot be a GitHub repository or a branch of one."""
    if not OWNER_AND_NAME.fullmatch(text):
        raise CourseError(
            f"{text!r} is not OWNER/NAME of a GitHub repository, as in: coursekit publish ada/seeing-without-labels"
        )
    if not BRANCH.fullmatch(branch):
        raise CourseError(f"--branch {branch!r} is not the name of a branch.")
    return Home(*text.split("/"), branch)


def badge(home: Home | None, lesson: str) -> str:
    """The badge that opens a lesson in Colab, in Markdown; "" if the course is not published."""
    return f"[![Open in Colab]({BADGE})]({home.colab(lesson)})" if home else ""


def readme_table(home: Home | None = None) -> str:
    """The README's table of lessons. Those that are still to be written have no link."""
    rows = ["| | lesson | teaches | minutes |", "|---|---|---|---|"]
    for lesson in LESSONS.values():
        link = f"[{lesson.name}](notebooks/{lesson.name}.ipynb)" if lesson.there else lesson.name
        mark = badge(home, lesson.name) if lesson.there else ""
        rows.append(f"|{mark and f' {mark}'} | {link} | {lesson.teaches} | {lesson.minutes} |")
    return "\n".join(rows) + "\n"


def stamp_lesson(path: Path, home: Home | None, check: bool = False) -> bool:
    """Write the badge and the standard setup cell into one lesson. Returns whether that changes the file.

    home: None for a copy that is not published. check: look, and leave the file as it is.
    Raises CourseError if the lesson has no title cell or no setup cell.
    """
    notebook = lessons.read(path)
    before = json.dumps(notebook)
    cells = notebook["cells"]
    title = cells[0] if cells and cells[0]["cell_type"] == "markdown" else None
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    setup = code[0] if code and setup_cell.address_in(lessons.source(code[0])) is not None else None
    if title is None or setup is None:
        lacking = (
            "title cell: its first is not markdown"
            if title is None
            else 'setup cell: its first code has no ADDRESS = ""'
        )
        raise CourseError(f"{path.name} has no {lacking}. Compare it with 00_start_here.ipynb.")
    text = lessons.source(title)
    if not SPOT.search(text):
        heading, _, rest = text.partition("\n")
        text = f"{heading}\n\n<!-- colab --><!-- /colab -->\n{rest}"
    lessons.set_source(title, SPOT.sub(lambda _: f"<!-- colab -->{badge(home, path.stem)}<!-- /colab -->", text))
    lessons.set_source(setup, setup_cell.setup_cell(home.pip() if home else ""))
    setup["metadata"].update(setup_cell.FOLDED)
    return json.dumps(notebook) != before and (check or lessons.write(path, notebook))


def stamp_readme(path: Path, home: Home | None, check: bool = False) -> bool:
    """Write the README's table of lessons. Returns whether that changes the file."""
    old = lessons.read_text(path)
    new = TABLE.sub(lambda _: readme_table(home), old)
    return new != old and (check or lessons.write_text(path, new))


def publish(root: Path, home: Home | None, check: bool = False) -> list[Path]:
    """Stamp every lesson and the README below `root`, or clear them if `home` is None. Returns what changes.

    All files are looked at before the first is written, so that a lesson that cannot be stamped leaves all as they are.
    """

    def each(dry: bool) -> list[Path]:
        changed = [path for path in lessons.lessons(folder=root / "notebooks") if stamp_lesson(path, home, dry)]
        readme = root / "README.md"
        return changed + ([readme] if readme.is_file() and stamp_readme(readme, home, dry) else [])

    changed = each(dry=True)
    if not check:
        each(dry=False)
    return changed
