"""A small lesson that keeps every rule, for tests to break."""

import json
from pathlib import Path

import pytest

from coursekit.publishing import setup_cell


def markdown(text: str) -> dict:
    """A markdown cell."""
    return {"cell_type": "markdown", "source": text}


def code(text: str, outputs: list | None = None, tags: tuple[str, ...] = ()) -> dict:
    """A code cell that has run."""
    return {"cell_type": "code", "source": text, "outputs": outputs or [], "metadata": {"tags": list(tags)}}


def setup() -> dict:
    """The setup cell of an unpublished lesson."""
    cell = code(setup_cell.SOURCE, [{"output_type": "stream", "name": "stdout", "text": "coursekit is ready\n"}])
    cell["metadata"].update(setup_cell.FOLDED)
    return cell


def notebook(cells: list[dict]) -> dict:
    """A notebook that was run from top to bottom."""
    count = 0
    for index, cell in enumerate(cells):
        cell.setdefault("id", f"cell-{index}")
        cell.setdefault("metadata", {})["slideshow"] = {"slide_type": "slide"}
        if cell["cell_type"] == "code":
            count += 1
            cell.setdefault("execution_count", count)
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def good_cells() -> list[dict]:
    """The cells of a lesson that keeps every rule."""
    head = [
        markdown("# Lesson\n\n<!-- colab --><!-- /colab -->\n\nYou will learn a thing."),
        markdown("**Prerequisites**: none. **Time**: 20 minutes."),
        setup(),
    ]
    body = [code(f"print({i})", [{"output_type": "stream", "name": "stdout", "text": f"{i}\n"}]) for i in range(35)]
    tail = [markdown("## Quiz"), markdown("## Remember"), markdown("## References"), markdown("**Next:** more")]
    return head + body + tail


@pytest.fixture
def cells() -> list[dict]:
    """Cells to change before they are written."""
    return good_cells()


@pytest.fixture
def lesson(tmp_path):
    """A function that writes cells as a lesson of a small checkout and returns its path."""
    folder = tmp_path / "notebooks"
    folder.mkdir()

    def write(cells: list[dict], name: str = "03_a_lesson", **metadata) -> Path:
        path = folder / f"{name}.ipynb"
        content = notebook(cells)
        content["metadata"].update(metadata)
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return path

    return write
