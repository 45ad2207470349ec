"""Lessons in JupyterLab, as a student takes them: open, run all, move the sliders, click the quiz, type an answer."""

import json
import re

import pytest
from playwright.sync_api import expect

from coursekit.exercises.catalog import find_exercise
from coursekit.exercises.quizzes import quizzes, read_quiz
from coursekit.lessons import LESSONS
from coursekit.publishing import lessons
from tests.notebooks.conftest import FOLDER, TOKEN, Lab

THERE = [lesson for lesson in LESSONS.values() if lesson.there]
EXPLORER = "_explorer("
SAID = {  # label of a slider -> how the picture's description says its number, if not "LABEL NUMBER"
    "gap, px": "gaps of {} px",
    "k, voters": "of {} neighbours",
    "batch (keys)": "{} keys a step",
    "queue (keys)": "a ring of {} places",
    "student's τ": "student temperature {}",
    "teacher's τ": "teacher temperature {}",
    "half steps": "iteration {}: columns",  # the first of its two halves
}
PICTURE = ".jp-Cell-outputArea .coursekit-alive img[alt]"
KEPT = {"metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}}, "nbformat": 4, "nbformat_minor": 5}


def put(lab: Lab, name: str, *sources: str) -> None:
    """Write a small notebook into the server's folder."""
    cells = [
        {"cell_type": "code", "id": f"c{k}", "source": text, "metadata": {}, "outputs": [], "execution_count": None}
        for k, text in enumerate(sources)
    ]
    content = json.dumps({"type": "notebook", "format": "json", "content": {"cells": cells, **KEPT}})
    lab.page.request.put(f"{lab.address}/api/contents/{name}?token={TOKEN}", data=content)


@pytest.fixture(scope="module")
def usual(browser, server) -> set[str]:
    """What the console of a notebook without any lesson complains of."""
    context = browser.new_context()
    lab = Lab(context.new_page(), server)
    put(lab, "plain.ipynb", "1")
    lab.open("plain.ipynb")
    lab.run()
    context.close()
    return set(lab.said)


@pytest.fixture(scope="module", params=THERE, ids=lambda lesson: lesson.number)
def taken(request, browser, server):
    """(a lesson, the page on which all its cells were run)."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    lab = Lab(context.new_page(), server)
    lab.open(f"{request.param.name}.ipynb")
    lab.run()
    yield request.param, lab
    context.close()


def test_run_all_leaves_no_error_and_shows_every_picture(taken, usual):
    lesson, lab = taken
    count = len(lessons.read(FOLDER / f"{lesson.name}.ipynb")["cells"])
    outputs = [(k, output) for k in range(count) for output in lab.outputs(k)]
    assert [(k, output["evalue"]) for k, output in outputs if output["output_type"] == "error"] == []
    assert [text for text in lab.said if text not in usual] == []
    pictures = lab.page.locator(".jp-Notebook img")
    assert pictures.evaluate_all("all => all.filter((one) => !one.naturalWidth).map((one) => one.alt)") == []


def moved(lab: Lab, cell, control: int) -> tuple[str, str, str]:
    """Move one slider of a cell by a key: (its label, what it reads then, the picture's description then)."""
    slider = cell.locator(".widget-slider").nth(control)
    label, picture = slider.locator(".widget-label").inner_text(), cell.locator(PICTURE)
    before = picture.get_attribute("alt")
    handle = slider.locator(".noUi-handle").first
    handle.focus()
    at_its_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
    lab.page.keyboard.press("ArrowLeft" if at_its_end else "ArrowRight")
    expect(picture).not_to_have_attribute("alt", before, timeout=20_000)
    return label, slider.locator(".widget-readout").inner_text(), picture.get_attribute("alt")


def test_every_slider_redraws_the_picture_for_its_new_value(taken):
    lesson, lab = taken
    sources = [lessons.source(cell) for cell in lessons.read(FOLDER / f"{lesson.name}.ipynb")["cells"]]
    for index in [k for k, text in enumerate(sources) if EXPLORER in text and "widgets." in text]:
        cell = lab.cell(index)
        assert cell.locator(PICTURE).count() == 1, "one picture, live in the place of the plain one"
        sliders = cell.locator(".widget-slider")
        for control in range(sliders.count()):
            if not sliders.nth(control).is_visible():
                continue  # one that belongs to another of the explorer's tasks
            label, reads, alt = moved(lab, cell, control)
            numbers = [float(number) for number in re.findall(r"[\d.]+", reads)]
            if label.startswith("crop"):
                wanted = "Crops of {:.0f} to {:.0f} %".format(*(100 * number for number in numbers))
            else:
                wanted = SAID.get(label, f"{label.split()[0]} {{}}").format(f"{numbers[0]:.2g}")
            assert wanted.lower() in alt.lower(), (label, reads, alt)


def test_a_click_answers_the_quiz(taken):
    lesson, lab = taken
    quiz = read_quiz(quizzes()[lesson.number])
    cell = lab.cell(lab.find(f'exercises.quiz("{lesson.number}")'))
    questions = cell.locator(".widget-toggle-buttons")
    assert questions.count() == len(quiz)
    for number, question in enumerate(quiz.questions, start=1):
        for letter in question.choices:
            questions.nth(number - 1).get_by_role("button", name=letter, exact=True).click()
            said = " ".join(quiz.judge(number, letter).split()).replace("`", "")
            cell.locator('[role="status"]', has_text=said).first.wait_for(timeout=20_000)


def test_a_wrong_answer_is_named_and_a_right_one_accepted(taken):
    lesson, lab = taken
    for name in lesson.exercises:
        exercise = find_exercise(name)
        index = lab.find(f'exercises.check("{name}"')
        mistake = exercise.text.mistakes[0]
        wrong = mistake.in_source(exercise.source)[0]
        for source, told in ((wrong, mistake.what), (exercise.source, "✔")):
            lab.cell(index).locator(".cm-content").click()
            lab.page.keyboard.press("Control+a")
            lab.page.keyboard.insert_text(f'{source}\n\nexercises.check("{name}", {exercise.solution.__name__})')
            lab.run(index)
            said = " ".join(lab.text(index).split())
            assert told in said, said


def test_the_similarity_explorer_tells_the_loss_of_the_temperature_it_stands_at(lab):
    put(
        lab,
        "similarity.ipynb",
        "import torch\nfrom coursekit import widgets\nfrom coursekit.methods.simclr import info_nce\n"
        "torch.manual_seed(0)\na, b = torch.randn(2, 4, 8)\nwidgets.similarity_explorer(a, b, 0.5)",
        "for step in range(-40, 11):\n    t = 10 ** (step / 20)\n    print(f'{t:.3g} {info_nce(a, b, t):.2f}')",
    )
    lab.open("similarity.ipynb")
    lab.run()
    losses = dict(line.split() for line in lab.text(1).splitlines())
    for _ in range(3):
        _, reads, alt = moved(lab, lab.cell(0), 0)
        assert losses[f"{float(reads):.3g}"] in alt, (reads, alt)


def test_a_saved_notebook_that_is_opened_again_shows_the_picture(lab):
    put(lab, "again.ipynb", "from coursekit import widgets\nwidgets.views_explorer()")
    lab.open("again.ipynb")
    lab.run()
    assert lab.cell(0).locator(PICTURE).count() == 1
    lab.page.evaluate(
        "async () => { await jupyterapp.commands.execute('docmanager:save');"
        " await jupyterapp.shell.currentWidget.context.sessionContext.shutdown(); }"
    )
    lab.open("again.ipynb")
    cell = lab.cell(0)
    cell.locator("img").first.wait_for(timeout=20_000)
    shown = cell.locator("img").evaluate_all("all => all.filter((one) => one.offsetHeight > 50).length")
    assert shown == 1 and "model not found" not in cell.inner_text().lower()
