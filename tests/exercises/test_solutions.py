"""Every solution folded into a notebook is run and must pass its check; every exercise must have one."""

import json
from pathlib import Path

import pytest

from coursekit.exercises.checks import RIGHT
from coursekit.exercises.solutions import exercises_in, extract, run_solutions
from coursekit.runtime import CourseError

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
AT_LEAST = {
    "03_instance_discrimination": 2,
    "11_yolo12_road_objects": 1,
}  # lessons that must not lose their exercises unnoticed

STUB = "from coursekit.exercises import check\n\ndef my_info_nce(z_a, z_b, temperature=0.1):\n    ..."
GOOD = (
    "from coursekit.methods import simclr\n\ndef my_info_nce(z_a, z_b, temperature=0.1):\n"
    "    return simclr.info_nce(z_a, z_b, temperature)"
)


def write(path: Path, *, code: list[str], solution: str | None, name: str = "info_nce") -> Path:
    cells = [
        {"cell_type": "code", "source": text, "metadata": {}, "outputs": [], "execution_count": None} for text in code
    ]
    if solution is not None:
        text = f"<details><summary>Solution: {name}</summary>\n\n```python\n{solution}\n```\n</details>"
        cells.append({"cell_type": "markdown", "source": text.splitlines(keepends=True), "metadata": {}})
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


CODE = ["%matplotlib inline\nimport torch", STUB, 'check("info_nce", my_info_nce)']


def test_a_right_solution_passes_and_a_wrong_one_does_not(tmp_path):
    good = write(tmp_path / "good.ipynb", code=CODE, solution=GOOD)
    assert {name: verdict.state for name, verdict in run_solutions(good).items()} == {"info_nce": RIGHT}
    bad = write(tmp_path / "bad.ipynb", code=CODE, solution=GOOD + " * 2")
    assert run_solutions(bad)["info_nce"].state != RIGHT


def test_a_solution_may_use_what_the_notebook_imports(tmp_path):
    book = write(
        tmp_path / "a.ipynb",
        code=[*CODE, "import coursekit.methods.simclr as m"],
        solution="def my_info_nce(a, b, t=0.1):\n    return m.info_nce(a, b, t)",
    )
    assert run_solutions(book)["info_nce"].state == RIGHT


@pytest.mark.parametrize(
    "options, message",
    [
        ({"code": CODE, "solution": None}, "info_nce has no solution"),
        ({"code": CODE[:1], "solution": GOOD}, "is solved but never checked"),
        ({"code": CODE, "solution": GOOD.replace("my_info_nce", "other")}, "does not define my_info_nce"),
    ],
)
def test_what_is_missing_is_named(tmp_path, options, message):
    with pytest.raises(CourseError, match=message):
        run_solutions(write(tmp_path / "a.ipynb", **options))


def test_a_lesson_may_show_the_exercise_of_another_lesson_but_not_leave_out_its_own(tmp_path):
    assert run_solutions(write(tmp_path / "00_start.ipynb", code=CODE, solution=None)) == {}
    with pytest.raises(CourseError, match="info_nce has no solution"):
        run_solutions(write(tmp_path / "03_instance.ipynb", code=CODE, solution=None))


def test_a_solution_without_code_and_a_file_that_is_no_notebook(tmp_path):
    book = write(tmp_path / "a.ipynb", code=CODE, solution=GOOD)
    book.write_text(book.read_text().replace("```python", "```text"))
    with pytest.raises(CourseError, match="no ```python block"):
        extract(book)
    (tmp_path / "b.ipynb").write_text("not json")
    with pytest.raises(CourseError, match="b.ipynb"):
        extract(tmp_path / "b.ipynb")


@pytest.mark.skipif(not NOTEBOOKS, reason="no lessons yet")
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_solution_of_every_lesson_is_right(notebook):
    verdicts = run_solutions(notebook)
    assert len(verdicts) >= AT_LEAST.get(notebook.stem, 0)
    for verdict in verdicts.values():
        assert verdict.state == RIGHT, str(verdict)


@pytest.mark.skipif(not NOTEBOOKS, reason="no lessons yet")
def test_lessons_with_exercises_are_seen():
    assert set(AT_LEAST) <= {path.stem for path in NOTEBOOKS if exercises_in(path)}
