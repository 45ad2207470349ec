"""Lint: a lesson that keeps the rules has nothing against it, and each rule finds what breaks it."""

import copy

import pytest

from coursekit.lessons import LESSONS
from coursekit.publishing import clean, lint
from tests.publishing.conftest import markdown

ONE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="  # a single white pixel
PNG = {"output_type": "display_data", "data": {"image/png": ONE, "text/plain": "<Figure>"}, "metadata": {}}


def stream(text: str, name: str = "stdout") -> dict:
    """A printed output."""
    return {"output_type": "stream", "name": name, "text": text}


def test_a_good_lesson_has_nothing_against_it(lesson, cells):
    assert lint.check_notebook(lesson(cells)) == []


BROKEN = {
    "40 to 80": lambda cells: cells.__delitem__(slice(5, 12)),
    "not a title": lambda cells: cells[0].update(source="Lesson <!-- colab --><!-- /colab --> you will learn"),
    "no spot for the Colab badge": lambda cells: cells[0].update(source="# Lesson\n\nYou will learn a thing."),
    "standard setup cell": lambda cells: cells[2].update(source="import coursekit"),
    "folded away": lambda cells: cells[2]["metadata"].pop("cellView"),
    "imports json": lambda cells: cells[5].update(source="import json\nimport torch"),
    "imports os": lambda cells: cells[5].update(source="def f():\n    from os.path import join"),
    "defines helper": lambda cells: cells[5].update(source="%time\ndef helper(x):\n    return x"),
    "not Python": lambda cells: cells[5].update(source="for x in"),
    "objectives missing": lambda cells: cells[0].update(source="# Lesson\n<!-- colab --><!-- /colab -->"),
    "prerequisites missing": lambda cells: cells[1].update(source="20 minutes"),
    "minutes missing": lambda cells: cells[1].update(source="Prerequisites: none"),
    "a quiz missing": lambda cells: cells[-4].update(source="a quiz, but no heading"),
    "references missing": lambda cells: cells[-2].update(source="..."),
    "next lesson": lambda cells: cells[-1].update(source="the end"),
    "slide type": lambda cells: cells[4].update(cell_type="raw") or cells[4].update(cell_type="code", source=""),
    "16 lines of code": lambda cells: cells[5].update(source="\n".join(["x = 1"] * 16)),
    "80 words; 75": lambda cells: cells[1].update(source="Prerequisites: none, 20 minutes." + " word" * 76),
    "PROSE_7 stands where": lambda cells: cells[1].update(source="Prerequisites: none, 20 minutes. PROSE_7"),
    "TBD stands where": lambda cells: cells[5].update(source="x = 1  # TBD"),
    "relative path": lambda cells: cells[1].update(source="Prerequisites, 20 min ![x](figures/x.png)"),
    "attached picture": lambda cells: cells[1].update(attachments={"x.png": {}}),
    "plt.show()": lambda cells: cells[5].update(source="plt.plot(x);"),
    "top to bottom": lambda cells: cells[5].update(execution_count=40),
    "stderr": lambda cells: cells[5].update(outputs=[stream("UserWarning: old", "stderr")]),
    "path of the machine": lambda cells: cells[5].update(outputs=[stream("saved to /home/ada/outputs/x.pt")]),
    "memory address": lambda cells: cells[5].update(outputs=[stream("<object at 0x7f3a2b1c4d5e>")]),
    "is an error: ValueError: no": lambda cells: cells[5].update(
        outputs=[{"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}]
    ),
    "live widget": lambda cells: cells[5].update(
        outputs=[
            {"output_type": "display_data", "data": {"application/vnd.jupyter.widget-view+json": {}}, "metadata": {}}
        ]
    ),
    "must not be in the file": lambda cells: cells[5].update(
        metadata={"tags": [clean.NOT_COMMITTED, lint.IGNORED]}, outputs=[stream("a photograph")]
    ),
    "nbval would miss the output": lambda cells: cells[5].update(metadata={"tags": [clean.NOT_COMMITTED]}, outputs=[]),
    "without alt text": lambda cells: cells[5].update(outputs=[PNG]),
}


@pytest.mark.parametrize("message", BROKEN)
def test_each_rule_finds_what_breaks_it(lesson, cells, message):
    if message == "slide type":
        path = lesson(cells)
        path.write_text(path.read_text(encoding="utf-8").replace('"slide"', '"slides"', 1), encoding="utf-8")
    else:
        BROKEN[message](cells)
        path = lesson(cells)
    found = lint.check_notebook(path)
    assert any(message in problem for problem in found), found


@pytest.mark.parametrize(
    "change",
    [
        lambda cells: cells[5].update(outputs=[stream("UserWarning", "stderr")], metadata={"tags": [lint.IGNORED]}),
        lambda cells: cells[5].update(outputs=[], metadata={"tags": [clean.NOT_COMMITTED, lint.IGNORED]}),
        lambda cells: cells[5].update(outputs=[{**PNG, "metadata": {"image/png": {"alt": "two curves"}}}]),
        lambda cells: cells[5].update(outputs=[stream("see https://example.org/home/page and outputs/tmp/x")]),
        lambda cells: cells[5].update(source="%pip list\nimport matplotlib.pyplot as plt\nx = !ls\nplt.plot?"),
        lambda cells: cells[5].update(source="%%html\n<b>no Python</b>"),
        lambda cells: cells[5].update(source="def f(x):\n    return x", metadata={"tags": [lint.BUILT_HERE]}),
        lambda cells: cells[5].update(source="for x in", metadata={"tags": ["raises-exception"]}),
        lambda cells: cells[1].update(source="Prerequisites, 20 min\n\n<details>" + "word " * 200 + "</details>"),
        lambda cells: cells[1].update(source="Prerequisites, 20 min\n\n" + f"|{' a |' * 12}\n" * 8),
        lambda cells: cells[1].update(source="Prerequisites, 20 min $" + "a + " * 100 + "$ ![x](https://a.org/x.png)"),
    ],
)
def test_what_is_allowed_is_allowed(lesson, cells, change):
    change(cells)
    assert lint.check_notebook(lesson(cells)) == []


def test_widget_state_in_the_metadata_is_found(lesson, cells):
    assert any("metadata.widgets" in problem for problem in lint.check_notebook(lesson(cells, widgets={})))


def test_a_large_file_is_found(lesson, cells):
    cells[5]["outputs"] = [stream("x" * 1_000_000)]
    assert any("under 1 MB" in problem for problem in lint.check_notebook(lesson(cells)))


def rhythm(lesson, cells, lines: int = 1, words: int = 20, more: int = 0) -> list[str]:
    """What lint says of code cells of so many lines and of `more` cells of so many words, beside six short ones."""
    for cell in cells[3:-4]:
        cell["source"] = "\n".join(["x = 1"] * lines)
    cells[3:3] = [markdown("word " * words) for _ in range(more)]
    return lint.check_notebook(lesson(cells))


@pytest.mark.parametrize(
    ("kept", "broken", "found"),
    [
        ({"lines": 6}, {"lines": 7}, "code cells of 7 lines in the median"),
        ({"words": 40, "more": 7}, {"words": 41, "more": 7}, "41 words in the median"),
        ({"words": 26, "more": 24}, {"words": 26, "more": 25}, "6 of 31 cells"),
        ({"words": 75, "more": 1}, {"words": 76, "more": 1}, "cell 3: 76 words; 75 or fewer"),
        ({"lines": 6, "more": 38}, {"lines": 6, "more": 39}, "81 cells; a lesson has 40 to 80"),
    ],
)
def test_the_rhythm_ends_where_it_says(lesson, cells, kept, broken, found):
    assert rhythm(lesson, copy.deepcopy(cells), **kept) == []
    (problem,) = rhythm(lesson, cells, **broken)
    assert found in problem


def test_a_lesson_agrees_with_the_table_of_lessons(lesson, cells):
    mine = LESSONS["03"]
    problems = lint.check_notebook(lesson(cells, name=mine.name))
    assert problems == [f"it does not say {mine.minutes} minutes", *(f"exercise {x} missing" for x in mine.exercises)]
    cells[1]["source"] = f"**Prerequisites**: none. **Time**: {mine.minutes} minutes."
    for cell, name in zip(cells[4:], mine.exercises, strict=False):
        cell["source"] = f'def my_{name}(x):\n    ...\n\nexercises.check("{name}", my_{name})'
    assert lint.check_notebook(lesson(cells, name=mine.name)) == []
