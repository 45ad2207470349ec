"""Lessons in JupyterLab, as a student takes them: open, run all, move, click, answer."""

import json

import pytest

from coursekit.lessons import LESSONS
from tests.notebooks.conftest import FOLDER

THERE = [lesson for lesson in LESSONS.values() if lesson.there]


@pytest.fixture(scope="module")
def usual(browser, server, tmp_path_factory):
    """What the console of an empty notebook complains of."""
    from tests.notebooks.conftest import Lab

    context = browser.new_context()
    lab = Lab(context.new_page(), server)
    lab.page.request.put(
        f"{server}/api/contents/empty.ipynb?token=course",
        data=json.dumps(
            {
                "type": "notebook",
                "format": "json",
                "content": {
                    "cells": [
                        {
                            "cell_type": "code",
                            "id": "a",
                            "source": "1",
                            "metadata": {},
                            "outputs": [],
                            "execution_count": None,
                        }
                    ],
                    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
                    "nbformat": 4,
                    "nbformat_minor": 5,
                },
            }
        ),
    )
    lab.open("empty.ipynb")
    lab.run()
    context.close()
    return set(lab.said)


@pytest.mark.parametrize("lesson", THERE, ids=lambda lesson: lesson.number)
def test_run_all(lesson, lab, usual):
    lab.open(f"{lesson.name}.ipynb")
    lab.run()
    cells = len(json.loads((FOLDER / f"{lesson.name}.ipynb").read_text(encoding="utf-8"))["cells"])
    errors = [f"cell {k}: {o['evalue']}" for k in range(cells) for o in lab.outputs(k) if o["output_type"] == "error"]
    assert errors == []
    assert [text for text in lab.said if text not in usual] == []
    broken = lab.page.locator(".jp-Notebook img").evaluate_all(
        "all => all.filter(i => !i.naturalWidth).map(i => i.alt)"
    )
    assert broken == []
