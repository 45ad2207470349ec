"""Every lesson keeps the anatomy and the manners of the course (coursekit.publishing.lint)."""

from pathlib import Path

import pytest

from coursekit.publishing import lessons, lint, setup_cell

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
LESSONS = lessons.lessons(folder=FOLDER)


def test_there_are_lessons():
    assert {"00_start_here", "03_instance_discrimination", "11_yolo12_road_objects"} <= {path.stem for path in LESSONS}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_keeps_the_rules(path):
    assert lint.check_notebook(path) == []


def test_all_lessons_name_the_same_address():
    sources = [lessons.source(cell) for path in LESSONS for cell in lessons.read(path)["cells"]]
    addresses = {setup_cell.address_in(source) for source in sources} - {None}
    assert len(addresses) == 1
