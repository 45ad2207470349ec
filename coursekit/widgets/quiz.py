"""A quiz with buttons: the same questions and answers as `coursekit.exercises.answer`, which works without widgets."""

import html
import re

from IPython.display import display

from coursekit.widgets.live import ipywidgets, show, tooltip


class QuizWidget:
    """The questions of a quiz with choices to click, shown as a cell's last line. replies: the HTML below each."""

    def __init__(self, quiz):
        self.quiz = quiz
        self.choices, self.replies = [], []
        self.widget = self._build() if ipywidgets else None

    def _build(self):
        rows = []
        for number, question in enumerate(self.quiz.questions, start=1):
            texts = {letter: text for letter, (text, _) in question.choices.items()}
            listed = "".join(f"<li><b>{letter}</b>&ensp;{_html(text)}</li>" for letter, text in texts.items())
            asked = ipywidgets.HTML(
                f'<div style="line-height:1.4"><b>Question {number}.</b> {_html(question.text)}'
                f'<ul style="list-style:none;margin:4px 0;padding-left:1em">{listed}</ul></div>'
            )
            choice = ipywidgets.ToggleButtons(
                options=list(texts),
                value=None,
                description=f"Answer {number}",
                **tooltip(f"Answer {number}"),
                tooltips=list(texts.values()),
                style={"button_width": "48px", "description_width": "70px"},
            )
            reply = ipywidgets.HTML()  # radio buttons do not wrap long choices
            choice.observe(lambda change, n=number, to=reply: self._judge(n, change["new"], to), names="value")
            self.choices.append(choice)
            self.replies.append(reply)
            rows += [asked, choice, reply]
        return ipywidgets.VBox(rows, layout={"max_width": "760px"})

    def _judge(self, number: int, letter: str, reply) -> None:
        said = _html(" ".join(self.quiz.judge(number, letter).split()))
        reply.value = f'<div role="status" style="line-height:1.4;margin-bottom:8px">{said}</div>'

    def _ipython_display_(self) -> None:
        plain = {"text/markdown": self.quiz._repr_markdown_(), "text/plain": repr(self.quiz)}
        if self.widget is not None:
            show(self.widget, plain)
            return
        display(plain, raw=True)
        print(f'To click needs ipywidgets (pip install ipywidgets). Without: answer("{self.quiz.lesson}", 1, "a")')


def _html(text: str) -> str:
    """A line of Markdown as HTML; of its marks, quizzes use those of code."""
    return re.sub("`(.+?)`", r"<code>\1</code>", html.escape(text, quote=False))


def quiz_widget(quiz) -> QuizWidget:
    """A quiz to click, as `exercises.quiz("03")` shows itself. quiz: a `coursekit.exercises.quizzes.Quiz`, handed in
    because widgets stand below exercises."""
    return QuizWidget(quiz)
