"""Broken notebooks: every verb answers with the file and what is wrong with it, and leaves the file as it is."""

import json
import os

import pytest

from coursekit import cli
from coursekit.publishing import lessons, stamp
from coursekit.runtime import CourseError

NAME = "05_broken"


def changed(change) -> bytes:
    """A small notebook, changed by a function of it, as a file would hold it."""
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Lesson"},
        {
            "cell_type": "code",
            "id": "b",
            "metadata": {"tags": []},
            "source": ['ADDRESS = ""\n', "print(1)"],
            "outputs": [{"output_type": "stream", "name": "stdout", "text": ["1\n"]}],
            "execution_count": 1,
        },
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    change(notebook)
    return json.dumps(notebook).encode()


def cell(**given) -> bytes:
    """The notebook, its code cell changed; None takes a key away."""
    return changed(lambda notebook: _update(notebook["cells"][1], given))


def whole(**given) -> bytes:
    """The notebook, itself changed; None takes a key away."""
    return changed(lambda notebook: _update(notebook, given))


def _update(part: dict, given: dict) -> None:
    part.update(given)
    for key in [key for key, value in given.items() if value is None]:
        del part[key]


PICTURE = {"output_type": "display_data", "data": {"image/png": "x"}, "metadata": {"image/png": ["alt"]}}
BROKEN = {
    "empty": (b"", "line 1"),
    "not JSON": (b"not json", "line 1"),
    "cut off": (whole()[:150], "line 1"),
    "binary": (b"\x89PNG\r\n\x1a\n\x00\xff\xfe", "UTF-8"),
    "UTF-16": ('{"cells": []}'.encode("utf-16"), "UTF-8"),
    "a number": (b"3", "cells"),
    "a list": (b"[1]", "cells"),
    "null": (b"null", "cells"),
    "deep": (b"[" * 100_000, "recursion"),
    "NaN": (whole().replace(b'"execution_count": 1', b'"execution_count": NaN'), "NaN"),
    "lone surrogate": (whole().replace(b"print(1)", b"print('\\ud800')"), "surrogates"),
    "no cells": (whole(cells=None), "cells"),
    "cells is a number": (whole(cells=3), "cells"),
    "cells is an object": (whole(cells={"0": {}}), "cells"),
    "a cell is a number": (whole(cells=[5]), "cells[0]"),
    "a cell is null": (b'{"cells": [null], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}', "cells[0]"),
    "a cell is empty": (whole(cells=[{}]), "cells[0]"),
    "nbformat 3": (b'{"worksheets": [], "cells": [], "metadata": {}, "nbformat": 3, "nbformat_minor": 0}', "nbformat"),
    "nbformat is a text": (whole(nbformat="4"), "nbformat"),
    "no nbformat": (whole(nbformat=None), "nbformat"),
    "no minor": (whole(nbformat_minor=None), "nbformat_minor"),
    "minor is a text": (whole(nbformat_minor="5"), "nbformat_minor"),
    "no metadata": (whole(metadata=None), "metadata"),
    "metadata is null": (whole().replace(b'"metadata": {}, "nbformat"', b'"metadata": null, "nbformat"'), "metadata"),
    "kernelspec is a number": (whole(metadata={"kernelspec": 5}), "kernelspec"),
    "language is a text": (whole(metadata={"language_info": "python"}), "language_info"),
    "no type": (cell(cell_type=None), "cells[1]"),
    "unknown type": (cell(cell_type="nonsense"), "cells[1]"),
    "no source": (cell(source=None), "cells[1]"),
    "source is a number": (cell(source=5), "cells[1].source"),
    "source holds a number": (cell(source=["x", 5]), "cells[1].source"),
    "no outputs": (cell(outputs=None), "cells[1]"),
    "outputs is an object": (cell(outputs={}), "cells[1].outputs"),
    "outputs holds a number": (cell(outputs=[3]), "cells[1].outputs"),
    "an output without type": (cell(outputs=[{"name": "stdout", "text": "x"}]), "cells[1].outputs"),
    "a stream without text": (cell(outputs=[{"output_type": "stream", "name": "stdout"}]), "cells[1].outputs"),
    "a stream of numbers": (cell(outputs=[{"output_type": "stream", "name": "stdout", "text": [1]}]), "outputs[0]"),
    "an error without name": (cell(outputs=[{"output_type": "error", "traceback": []}]), "cells[1].outputs"),
    "data is a list": (cell(outputs=[{**PICTURE, "data": []}]), "cells[1].outputs"),
    "a picture is a number": (cell(outputs=[{**PICTURE, "data": {"image/png": 5}, "metadata": {}}]), "outputs[0]"),
    "a picture's metadata is a list": (cell(outputs=[PICTURE]), "cells[1].outputs"),
    "cell metadata is missing": (cell(metadata=None), "cells[1]"),
    "cell metadata is a list": (cell(metadata=[]), "cells[1].metadata"),
    "tags is a text": (cell(metadata={"tags": "skip"}), "tags"),
    "tags holds a list": (cell(metadata={"tags": [[]]}), "tags"),
    "slideshow is a text": (cell(metadata={"slideshow": "skip"}), "slideshow"),
    "slide type is a list": (cell(metadata={"slideshow": {"slide_type": []}}), "slideshow"),
    "id is a list": (cell(id=[]), "cells[1]"),
    "execution count is a text": (cell(execution_count="x"), "execution_count"),
}


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A function that puts the file of a broken lesson into a checkout of its own, which the verbs take for theirs."""
    monkeypatch.setattr(lessons, "checkout", lambda: tmp_path)
    (tmp_path / "notebooks").mkdir()

    def put(content: bytes):
        path = tmp_path / "notebooks" / f"{NAME}.ipynb"
        path.write_bytes(content)
        return path

    return put


VERBS = (
    ["lessons", "run", "05"],
    ["lessons", "check", "05"],
    ["lessons", "slides", "05"],
    ["publish", "ada/seeing"],
    ["publish", "--clear"],
    ["publish", "ada/seeing", "--check"],
)


@pytest.mark.parametrize("kind", BROKEN)
def test_every_verb_names_the_file_and_the_problem(course, kind, capsys):
    content, problem = BROKEN[kind]
    path = course(content)
    for words in VERBS:
        assert cli.main(words) == 1, words
        said = "".join(capsys.readouterr())
        assert f"{NAME}.ipynb" in said and problem in said and "Traceback" not in said, (words, said)
        assert path.read_bytes() == content and len(list(path.parent.iterdir())) == 1
    assert not (path.parent.parent / "outputs").exists()


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to nowhere"])
def test_what_is_not_a_file_is_named(tmp_path, course, kind, capsys):
    path = tmp_path / "notebooks" / f"{NAME}.ipynb"
    {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "link to nowhere": lambda: path.symlink_to("no")}[kind]()
    for words in VERBS:
        assert cli.main(words) == 1, words
        assert f"{NAME}.ipynb is not a file" in "".join(capsys.readouterr()), words


def test_the_notebook_that_all_these_were_made_of_is_taken_by_every_verb(course, capsys):
    path = course(whole())
    notebook = lessons.read(path)
    assert lessons.source(notebook["cells"][1]).endswith("print(1)")
    assert cli.main(["lessons", "check", "05"]) == 1 and "not the standard setup cell" in capsys.readouterr().out
    assert cli.main(["lessons", "slides", "05"]) == 0
    assert cli.main(["publish", "ada/seeing"]) == 0 and b"ada/seeing" in path.read_bytes()


def test_missing_ids_and_the_state_of_widgets_are_mended_not_refused(course):
    path = course(changed(lambda n: (n["metadata"].update(widgets=5), [part.pop("id") for part in n["cells"]])))
    assert len(lessons.read(path)["cells"]) == 2
    assert cli.main(["lessons", "slides", "05"]) == 0


def test_a_check_goes_on_after_a_broken_lesson(course, capsys):
    course(b"not json").with_name("06_fine.ipynb").write_bytes(whole())
    assert cli.main(["lessons", "check"]) == 1
    out = capsys.readouterr().out
    assert f"{NAME}.ipynb" in out and "06_fine.ipynb: " in out


def test_a_run_tells_a_broken_lesson_before_the_first_has_run(course, monkeypatch):
    fine = course(b"not json").with_name("04_fine.ipynb")
    fine.write_bytes(whole())
    monkeypatch.setattr("coursekit.publishing.execute.run", lambda *_: pytest.fail("it ran"))
    assert cli.main(["lessons", "run"]) == 1


def test_a_readme_that_is_not_text_is_named(course, tmp_path):
    (tmp_path / "README.md").write_bytes(b"\xff\xfe")
    with pytest.raises(CourseError, match=r"README\.md .*UTF-8"):
        stamp.publish(tmp_path, None)
