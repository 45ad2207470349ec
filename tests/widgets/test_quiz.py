"""The quiz to click: every choice is answered, in every lesson; without ipywidgets it is text."""

import pytest

from coursekit import exercises
from coursekit.exercises.quizzes import quizzes
from coursekit.widgets import live, quiz_widget
from coursekit.widgets import quiz as module


@pytest.mark.parametrize("lesson", quizzes())
def test_every_choice_of_every_lesson_can_be_clicked_and_is_answered(lesson):
    quiz = exercises.quiz(lesson)
    seen = quiz_widget(quiz)
    for number, (question, buttons, reply) in enumerate(
        zip(quiz.questions, seen.choices, seen.replies, strict=True), 1
    ):
        assert reply.value == "" and buttons.description == f"Answer {number}"
        assert list(buttons.options) == list(question.choices)
        assert list(buttons.tooltips) == [text for text, _ in question.choices.values()]
        for letter in question.choices:
            buttons.value = letter
            assert f"{'✔' if letter == question.right else '✘'} Question {number}" in reply.value


def test_code_looks_like_code_and_signs_stay_what_they_are():
    assert module._html('`a = "<b>"` & more') == '<code>a = "&lt;b&gt;"</code> &amp; more'
    asked = quiz_widget(exercises.quiz("11")).widget.children[0].value
    assert "<code>lr0</code>" in asked and "`" not in asked


def test_a_lesson_shows_its_quiz_with_buttons_and_its_text_to_those_without_a_kernel(shown):
    style, text, widget = shown(exercises.quiz("03"))
    assert text[0]["text/markdown"].count("**Question") == 3 and text[1] == {}
    assert live.WIDGET in widget[0] and style[1] == widget[1] == live.MARK


def test_without_ipywidgets_it_is_text(monkeypatch, shown, capsys):
    monkeypatch.setattr(module, "ipywidgets", None)
    ((data, _),) = shown(exercises.quiz("03"))
    assert data["text/markdown"].count("**Question") == 3
    assert 'answer("03", 1, "a")' in capsys.readouterr().out
