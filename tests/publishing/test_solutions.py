"""Every lesson has its exercises, each with its solution folded in, word for word that of the exercise."""

import json
from pathlib import Path

import pytest

from coursekit.exercises import exercise_names
from coursekit.exercises.catalog import find_exercise
from coursekit.publishing.solutions import exercises_in, extract, fold_in, problems
from coursekit.runtime import CourseError

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
GOOD = find_exercise("iou").source
CODE = ["%matplotlib inline\nimport torch", "from coursekit.exercises import check", 'check("iou", my_iou)']


def write(path: Path, *, code: list[str] = CODE, solution: str | None = GOOD, name: str = "iou") -> Path:
    cells = [
        {"cell_type": "code", "source": text, "metadata": {}, "outputs": [], "execution_count": None} for text in code
    ]
    if solution is not None:
        text = f"<details><summary>Solution: {name}</summary>\n\n```python\n{solution.strip()}\n```\n</details>\n\nEnd."
        cells.append({"cell_type": "markdown", "source": text.splitlines(keepends=True), "metadata": {}})
    book = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(book, ensure_ascii=False, indent=1) + "\n")
    return path


@pytest.mark.parametrize(
    "options, says",
    [
        ({"solution": None}, "iou has no solution"),
        ({"code": CODE[:2]}, "iou is solved but never checked"),
        ({"solution": GOOD.replace("min=0", "min=1")}, "solution of iou is not that"),
        ({"code": [*CODE[:2], 'check("iou", other)']}, "checked with other"),
        ({"code": CODE[1:]}, "uses torch"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, options, says):
    assert problems(write(tmp_path / "11_good.ipynb")) == []
    found = problems(write(tmp_path / "11_bad.ipynb", **options))
    assert any(says in problem and "11_bad" in problem for problem in found), found


def test_solutions_are_folded_in_and_nothing_else_is_changed(tmp_path):
    good, bad = (
        write(tmp_path / "11_a.ipynb"),
        write(tmp_path / "11_b.ipynb", solution="def my_iou(a, b):\n    return 1"),
    )
    before = good.read_bytes()
    assert not fold_in(good) and good.read_bytes() == before
    assert fold_in(bad) and bad.read_bytes() == before and problems(bad) == []


def test_a_lesson_may_show_the_exercise_of_another_lesson(tmp_path):
    assert problems(write(tmp_path / "01_pretext.ipynb", solution=None)) == []


def test_a_solution_without_code_and_a_file_that_is_not_a_notebook(tmp_path):
    book = write(tmp_path / "a.ipynb")
    book.write_text(book.read_text().replace("```python", "```text"))
    with pytest.raises(CourseError, match="iou holds no"):
        extract(book)
    for text in ("not json", '{"cells": [{}]}', "[]"):
        (tmp_path / "b.ipynb").write_text(text)
        with pytest.raises(CourseError, match="b.ipynb"):
            extract(tmp_path / "b.ipynb")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_solutions_of_every_lesson_are_those_of_the_exercises(notebook):
    assert problems(notebook) == []


@pytest.mark.skipif(not NOTEBOOKS, reason="no lessons yet")
def test_every_exercise_is_in_its_lesson():
    there = {(name, path.stem[:2]) for path in NOTEBOOKS for name in exercises_in(path)}
    assert {(name, find_exercise(name).lesson) for name in exercise_names()} <= there
