"""Stamping: the two spots of a lesson and nothing else, as often as one likes, for whichever owner."""

import json
import re
from pathlib import Path

import pytest

from coursekit.lessons import LESSONS
from coursekit.publishing import setup_cell, stamp
from coursekit.runtime import CourseError

README = f"# Course\n\n<!-- lessons -->\n{stamp.readme_table()}<!-- /lessons -->\n\nAnd more.\n"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(lesson, cells, tmp_path):
    """A checkout with two lessons and a README."""
    lesson(cells, name="03_instance_discrimination")
    lesson(cells, name="04_another")
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    return tmp_path


def texts(root):
    """The content of every file, by name."""
    return {path.name: path.read_text(encoding="utf-8") for path in [*root.glob("notebooks/*"), root / "README.md"]}


def test_stamped_lessons_name_the_address_in_two_cells_only(root, monkeypatch):
    monkeypatch.setitem(LESSONS, "12", LESSONS["12"]._replace(there=False))  # one that is still to be written
    before = json.loads(texts(root)["03_instance_discrimination.ipynb"])
    changed = stamp.publish(root, stamp.parse("ada/seeing"))
    assert [path.name for path in changed] == ["03_instance_discrimination.ipynb", "04_another.ipynb", "README.md"]
    after = json.loads(texts(root)["03_instance_discrimination.ipynb"])
    title, setup = after["cells"][0]["source"], after["cells"][2]["source"]
    address = "https://colab.research.google.com/github/ada/seeing/blob/main/notebooks/03_instance_discrimination.ipynb"
    assert f"<!-- colab -->[![Open in Colab]({stamp.BADGE})]({address})<!-- /colab -->" in title
    assert 'ADDRESS = "git+https://github.com/ada/seeing@main"' in setup and setup_cell.is_standard(after["cells"][2])
    after["cells"][0], after["cells"][2] = before["cells"][0], before["cells"][2]
    assert after == before
    readme = texts(root)["README.md"]
    assert f"| [![Open in Colab]({stamp.BADGE})]({address}) | [03_instance_discrimination](notebooks/" in readme
    assert readme.startswith("# Course\n") and readme.endswith("And more.\n") and "/12_does" not in readme


def test_stamping_again_changes_nothing_and_another_owner_replaces_the_first(root):
    unpublished = texts(root)
    stamp.publish(root, stamp.parse("ada/seeing"))
    first = texts(root)
    assert stamp.publish(root, stamp.parse("ada/seeing")) == []
    assert texts(root) == first
    stamp.publish(root, stamp.parse("grace/labels.v2", branch="spring/2027"))
    assert all("ada/" not in text and "grace/labels.v2" in text for text in texts(root).values())
    stamp.publish(root, stamp.parse("ada/seeing"))
    assert texts(root) == first
    stamp.publish(root, None)
    assert texts(root) == unpublished and all("github" not in text for text in unpublished.values())


def test_an_older_setup_cell_becomes_the_standard_one(lesson, cells):
    cells[2].update(
        source='ADDRESS = ""  # an older release\nprint("ready")', metadata={"slideshow": {"slide_type": "-"}}
    )
    path = lesson(cells)
    assert stamp.stamp_lesson(path, None) and not stamp.stamp_lesson(path, None)
    cell = json.loads(path.read_text(encoding="utf-8"))["cells"][2]
    assert setup_cell.is_standard(cell) and "slideshow" in cell["metadata"]


def test_the_table_of_the_readme_is_the_table_of_lessons():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (table,) = stamp.TABLE.findall(readme)
    assert re.sub(r" \[!\[Open in Colab\].*?\)\]\(.*?\)", "", table) == stamp.readme_table()


def test_check_changes_nothing(root):
    before = texts(root)
    assert len(stamp.publish(root, stamp.parse("ada/seeing"), check=True)) == 3
    assert texts(root) == before


def test_a_title_without_a_spot_gets_one(lesson, cells):
    cells[0]["source"] = "# Lesson\n\nYou will learn a thing."
    path = lesson(cells)
    assert stamp.stamp_lesson(path, stamp.parse("ada/seeing"))
    title = json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]
    assert title.startswith("# Lesson\n\n<!-- colab -->[![") and title.endswith("You will learn a thing.")


def test_sources_held_as_lines_stay_lines(lesson, cells):
    cells[0]["source"] = cells[0]["source"].splitlines(keepends=True)
    path = lesson(cells)
    stamp.stamp_lesson(path, stamp.parse("ada/seeing"))
    source = json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]
    assert isinstance(source, list) and "ada/seeing" in source[2]


@pytest.mark.parametrize("drop", [0, 2])
def test_a_lesson_that_cannot_be_stamped_leaves_all_as_they_are(root, lesson, cells, drop):
    del cells[drop]
    lesson(cells[drop:] if drop == 0 else cells, name="05_broken")
    before = texts(root)
    if drop == 0:
        broken = json.loads(before["05_broken.ipynb"])
        broken["cells"] = broken["cells"][1:]  # begins with code
        (root / "notebooks" / "05_broken.ipynb").write_text(json.dumps(broken), encoding="utf-8")
        before = texts(root)
    with pytest.raises(CourseError, match=r"05_broken.ipynb has no (title|setup) cell"):
        stamp.publish(root, stamp.parse("ada/seeing"))
    assert texts(root) == before


@pytest.mark.parametrize(
    "text",
    [
        "ada",
        "ada/",
        "/seeing",
        "ada/seeing/more",
        "ada/..",
        "https://github.com/ada/seeing",
        "ada/see ing",
        'ada/x"',
        "-ada/seeing",
        "ada/sée",
    ],
)
def test_what_is_no_repository_is_refused(text):
    with pytest.raises(CourseError, match="OWNER/NAME"):
        stamp.parse(text)


@pytest.mark.parametrize("branch", ["main", "spring/2027", "v1.2-rc_3", "feature/a-b"])
def test_what_is_a_branch_is_taken(branch):
    assert f"/blob/{branch}/notebooks/" in stamp.parse("ada/seeing", branch).colab("03")


@pytest.mark.parametrize(
    "branch", ["", "a b", 'x"', "/main", "a//b", "../x", "a/../b", "a..b", ".x", "-x", "x.lock", "x.", "a/"]
)
def test_what_is_no_branch_is_refused(branch):
    with pytest.raises(CourseError, match="branch"):
        stamp.parse("ada/seeing", branch)
