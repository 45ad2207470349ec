"""Where the lessons are, and how their files are read and written: whole or not at all, byte for byte repeatable."""

import json
import os
from pathlib import Path

from coursekit.runtime import CourseError


def checkout() -> Path:
    """The folder of the course that this coursekit runs from.

    Raises CourseError where coursekit was installed without the lessons.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "pyproject.toml").is_file() or not (root / "notebooks").is_dir():
        raise CourseError(
            "The lessons are not part of an installed coursekit. Run this in a checkout of the course "
            "that was set up with `make lab` (or `pip install -e .`)."
        )
    return root


def lessons(names: list[str] | None = None, folder: Path | None = None) -> list[Path]:
    """The lessons' files in their order; with `names`, those whose file name starts with one of them ("03" is enough).

    Raises CourseError for a name that fits no lesson.
    """
    folder = folder or checkout() / "notebooks"
    everything = sorted(folder.glob("[0-9]*.ipynb"))
    if not names:
        return everything
    chosen = []
    for name in names:
        stem = Path(name).stem if name.endswith(".ipynb") else name
        fitting = [path for path in everything if path.stem.startswith(stem)]
        if not fitting:
            raise CourseError(
                f"There is no lesson {name!r} in {folder.name}/. "
                f"There are: {', '.join(path.stem for path in everything) or 'none'}."
            )
        chosen += fitting
    return sorted(set(chosen))


def read(path: Path) -> dict:
    """A notebook's JSON as it stands. Raises CourseError, naming the file and line, where it is no notebook."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CourseError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        place = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise CourseError(
            f"{path}{place} is not a notebook: {error}. "
            "Restore the file (git checkout) or save it again from JupyterLab."
        ) from error
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise CourseError(f"{path} is not a notebook: it has no list of cells.")
    return notebook


def write_text(path: Path, text: str) -> bool:
    """Replace a file in one step, so that it is never half-written. Returns whether anything changed."""
    if path.is_file() and path.read_bytes() == text.encode("utf-8"):
        return False
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return True


def write(path: Path, notebook: dict) -> bool:
    """Write a notebook as Jupyter does: one space of indent, one line a source line, a newline at the end."""
    return write_text(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def source(cell: dict) -> str:
    """A cell's source as one string; the file holds it as a string or as a list of lines."""
    text = cell.get("source", "")
    return text if isinstance(text, str) else "".join(text)


def set_source(cell: dict, text: str) -> None:
    """Replace a cell's source and keep the way in which the file holds it."""
    cell["source"] = text if isinstance(cell.get("source"), str) else text.splitlines(keepends=True)


def tags(cell: dict) -> set[str]:
    """A cell's tags, such as "nbval-ignore-output"."""
    return set(cell.get("metadata", {}).get("tags", []))
