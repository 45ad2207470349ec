"""Where the lessons are, and how their files are read and written: whole or not at all, byte for byte repeatable."""

import json
from pathlib import Path

import nbformat
import nbformat.v4

from coursekit.files import write_atomically
from coursekit.runtime import CourseError


def checkout() -> Path:
    """The folder of the course that this coursekit runs from.

    Raises CourseError if coursekit was installed without the lessons.
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

    folder: where they are; default: the notebooks of the checkout. Raises CourseError for a name that fits no lesson.
    """
    folder = folder or checkout() / "notebooks"
    everything = sorted(folder.glob("[0-9]*.ipynb"))
    starts = tuple(Path(name).name.removesuffix(".ipynb") for name in names or [""])
    for start in starts if names else ():
        if not any(path.stem.startswith(start) for path in everything):
            listed = ", ".join(path.stem for path in everything) or "none"
            raise CourseError(f"There is no lesson {start!r} in {folder.name}/. There are: {listed}.")
    return [path for path in everything if path.stem.startswith(starts)]


def read(path: Path) -> dict:
    """A notebook as its file holds it, checked once for all that the course does with it.

    Raises CourseError, naming the file and the place in it, if it is not a notebook of nbformat 4. Missing cell ids are
    not refused: a run adds them.
    """
    try:
        notebook = json.loads(read_text(path), parse_constant=_no_constant)
        json.dumps(notebook, ensure_ascii=False).encode()  # half of a surrogate pair could never be written back
        wrong = _wrong(notebook)
    except (ValueError, RecursionError) as error:  # RecursionError: brackets nested a thousand deep
        wrong = str(error)
    if wrong:
        raise CourseError(
            f"{path} is not a notebook: {wrong}. Restore the file (git checkout) or save it again from JupyterLab."
        )
    return notebook


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _wrong(notebook) -> str:
    """What is wrong with the shape of a notebook, and where; "" if nothing is."""
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        return "it has no list of cells"
    if notebook.get("nbformat") != 4:
        return f"its nbformat is {notebook.get('nbformat')!r}, not 4"
    for index, cell in enumerate(notebook["cells"]):
        if not isinstance(cell, dict) or not isinstance(cell.get("id", ""), str):
            return f"cells[{index}] is not an object, or its id is not a text"
    # the schema of 4.5, but for ids, which earlier releases of the format do not have
    newest = {**notebook, "cells": [{**cell, "id": str(index)} for index, cell in enumerate(notebook["cells"])]}
    if isinstance(notebook.get("nbformat_minor"), int):
        newest["nbformat_minor"] = max(5, notebook["nbformat_minor"])
    try:
        nbformat.validate(newest, version=4, version_minor=5)
    except nbformat.ValidationError as error:
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)
        return f"{place.removeprefix('.') or 'the file'}: {error.message[:200]}"
    for index, cell in enumerate(notebook["cells"]):
        slideshow = cell["metadata"].get("slideshow", {})
        shown = [value for output in cell.get("outputs", []) for value in output.get("metadata", {}).values()]
        if not isinstance(slideshow, dict) or not isinstance(slideshow.get("slide_type", ""), str):
            return f"cells[{index}].metadata.slideshow has no slide_type that is a text"
        if not all(isinstance(value, (dict, str, bool)) for value in shown):
            return f"cells[{index}].outputs: metadata of an output is neither a text nor an object"
    return ""


def as_node(notebook: dict) -> nbformat.NotebookNode:
    """What `read` returned, in the form that nbclient and nbconvert take: each source and text one string."""
    return nbformat.v4.to_notebook_json(notebook)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file. Raises CourseError if it cannot be read."""
    try:
        if not path.is_file():  # a folder, a pipe, a link to nowhere
            raise CourseError(f"{path} is not a file.")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CourseError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CourseError(f"{path} is not a text in UTF-8: {error}.") from error


def write_text(path: Path, text: str) -> bool:
    """Replace a file in one step, so that it is never half-written. Returns whether anything changed."""
    content = text.encode()
    if path.is_file() and path.read_bytes() == content:
        return False
    write_atomically(path, lambda file: file.write(content))
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
