"""`coursekit publish OWNER/NAME`: say, in every lesson and in the README, where this copy of the course lives.

Two spots of a lesson name an address, and nothing else does: the Colab badge in its title cell, between the markers
`<!-- colab --><!-- /colab -->`, and the setup cell, which pip installs coursekit from. In the README the marker names
the lesson: `<!-- colab 00_start_here --><!-- /colab -->`. Stamping again, for the same owner or another, replaces what
stands there; clearing it leaves a copy that names no address.
"""

import re
from pathlib import Path
from typing import NamedTuple

from coursekit.publishing import lessons, setup_cell
from coursekit.runtime import CourseError

SPOT = re.compile(r"<!-- colab(?P<name> \w+)? -->.*?<!-- /colab -->", re.DOTALL)
OWNER_AND_NAME = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/(?!\.+$)[\w.-]{1,100}", re.ASCII)
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
    """OWNER/NAME as a Home. Raises CourseError for anything that cannot be a GitHub repository or a branch."""
    if not OWNER_AND_NAME.fullmatch(text):
        raise CourseError(
            f"{text!r} is not OWNER/NAME of a GitHub repository, as in: coursekit publish ada/seeing-without-labels"
        )
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", branch, re.ASCII):
        raise CourseError(f"{branch!r} is not the name of a branch.")
    return Home(*text.split("/"), branch)


def _badge(home: Home | None, lesson: str) -> str:
    return f"[![Open in Colab]({BADGE})]({home.colab(lesson)})" if home else ""


def _fill(text: str, home: Home | None, lesson: str = "") -> str:
    """`text` with every badge spot in it filled, or emptied where `home` is None. lesson: for spots that name none."""

    def spot(found: re.Match) -> str:
        name = found["name"] or ""
        return f"<!-- colab{name} -->{_badge(home, name.strip() or lesson)}<!-- /colab -->"

    return SPOT.sub(spot, text)


def stamp_lesson(path: Path, home: Home | None, check: bool = False) -> bool:
    """Stamp one lesson, or clear it where `home` is None. Returns whether that changes the file.

    check: look, and leave the file as it is.
    Raises CourseError where the lesson has no title cell or no setup cell to stamp.
    """
    notebook = lessons.read(path)
    cells = notebook["cells"]
    title = cells[0] if cells and cells[0].get("cell_type") == "markdown" else None
    code = [cell for cell in cells if cell.get("cell_type") == "code"]
    setup = next((cell for cell in code if setup_cell.address_in(lessons.source(cell)) is not None), None)
    if title is None or setup is None:
        lacking = "title cell (its first cell must be markdown)" if title is None else 'setup cell (ADDRESS = "")'
        raise CourseError(
            f"{path.name} has no {lacking}, so it cannot be stamped. Compare it with 00_start_here.ipynb."
        )
    text = lessons.source(title)
    if not SPOT.search(text):
        heading, _, rest = text.partition("\n")
        text = f"{heading}\n\n<!-- colab --><!-- /colab -->\n{rest}"
    wanted = (
        (title, _fill(text, home, path.stem)),
        (
            setup,
            setup_cell.ADDRESS_LINE.sub(
                lambda _: f'ADDRESS = "{home.pip() if home else ""}"', lessons.source(setup), count=1
            ),
        ),
    )
    if all(lessons.source(cell) == new for cell, new in wanted):
        return False
    for cell, new in wanted:
        lessons.set_source(cell, new)
    return True if check else lessons.write(path, notebook)


def stamp_readme(path: Path, home: Home | None, check: bool = False) -> bool:
    """Stamp the README's badge spots, or clear them. Returns whether that changes the file."""
    old = path.read_text(encoding="utf-8")
    new = _fill(old, home)
    if new == old:
        return False
    return True if check else lessons.write_text(path, new)


def publish(root: Path, home: Home | None, check: bool = False) -> list[Path]:
    """Stamp every lesson and the README below `root`, or clear them where `home` is None. Returns what changes.

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
