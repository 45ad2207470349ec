"""The table of lessons agrees with the notebooks and with the exercises that are there."""

from pathlib import Path

from coursekit.exercises.catalog import exercise_names
from coursekit.lessons import LESSONS

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


def test_the_lessons_are_numbered_through_and_those_that_are_there_have_a_notebook():
    assert list(LESSONS) == [f"{number:02d}" for number in range(13)]
    assert [lesson.name for lesson in LESSONS.values() if lesson.there] == sorted(
        p.stem for p in NOTEBOOKS.glob("*.ipynb")
    )


def test_every_exercise_belongs_to_one_lesson():
    listed = [name for lesson in LESSONS.values() for name in lesson.exercises]
    assert sorted(listed) == sorted(exercise_names())
