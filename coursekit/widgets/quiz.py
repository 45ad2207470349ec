"""A quiz with buttons: the same questions and answers as `coursekit.exercises.answer`, which works without widgets."""

from IPython.display import Markdown, display

from coursekit.widgets.explorer import WIDGET, ipywidgets


class QuizWidget:
    """The questions of a quiz with choices to click, shown as a cell's last line. replies: the HTML below each."""

    def __init__(self, quiz):
        self.quiz = quiz
        self.choices, self.replies = [], []
        self.widget = self._build() if ipywidgets else None

    def _build(self):
        rows = []
        for number, question in enumerate(self.quiz.questions, start=1):
            listed = "".join(f"<li><b>{key}</b>&ensp;{text}</li>" for key, (text, _) in question.choices.items())
            asked = ipywidgets.HTML(
                f'<div style="line-height:1.4"><b>Question {number}.</b> {question.text}'
                f'<ul style="list-style:none;margin:4px 0">{listed}</ul></div>'
            )
            choice = ipywidgets.ToggleButtons(
                options=list(question.choices), value=None, style={"button_width": "48px"}
            )
            reply = ipywidgets.HTML()  # radio buttons do not wrap long choices
            choice.observe(lambda change, n=number, to=reply: self._judge(n, change["new"], to), names="value")
            self.choices.append(choice)
            self.replies.append(reply)
            rows += [asked, choice, reply]
        return ipywidgets.VBox(rows)

    def _judge(self, number: int, letter: str, reply) -> None:
        reply.value = f'<div style="line-height:1.4">{" ".join(self.quiz.judge(number, letter).split())}</div>'

    def _ipython_display_(self) -> None:
        if self.widget is None:
            display(Markdown(self.quiz._repr_markdown_()))
            print(f'To click needs ipywidgets (pip install ipywidgets). Without: answer("{self.quiz.lesson}", 1, "a")')
            return
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        display({WIDGET: view, "text/markdown": self.quiz._repr_markdown_(), "text/plain": repr(self.quiz)}, raw=True)


def quiz_widget(quiz) -> QuizWidget:
    """A quiz to click: quiz_widget(exercises.quiz("03")). quiz: a `coursekit.exercises.quizzes.Quiz`, handed in because
    widgets stand below exercises."""
    return QuizWidget(quiz)
