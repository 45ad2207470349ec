"""A quiz with buttons: the same questions and answers as `coursekit.exercises.answer`, which works without widgets."""

from IPython.display import Markdown, display

from coursekit.exercises.catalog import quiz
from coursekit.widgets.explorer import WIDGET, ipywidgets


class QuizWidget:
    """The questions of a lesson with choices to click, shown as a cell's last line. replies: the HTML below each."""

    def __init__(self, lesson: str):
        self.quiz = quiz(lesson)
        self.choices, self.replies = [], []
        self.widget = self._build() if ipywidgets else None

    def _build(self):
        rows = []
        for number, question in enumerate(self.quiz.questions, start=1):
            options = [(f"{letter}  {text}", letter) for letter, (text, _) in question.choices.items()]
            choice = ipywidgets.RadioButtons(options=options, value=None, layout={"width": "100%"})
            reply = ipywidgets.HTML()
            choice.observe(lambda change, n=number, to=reply: self._judge(n, change["new"], to), names="value")
            self.choices.append(choice)
            self.replies.append(reply)
            rows += [ipywidgets.HTML(f"<b>Question {number}.</b> {question.text}"), choice, reply]
        return ipywidgets.VBox(rows)

    def _judge(self, number: int, letter: str, reply) -> None:
        reply.value = " ".join(self.quiz.judge(number, letter).split())

    def _ipython_display_(self) -> None:
        if self.widget is None:
            display(Markdown(self.quiz._repr_markdown_()))
            print(f'To click needs ipywidgets (pip install ipywidgets). Without: answer("{self.quiz.lesson}", 1, "a")')
            return
        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        display({WIDGET: view, "text/markdown": self.quiz._repr_markdown_(), "text/plain": repr(self.quiz)}, raw=True)


def quiz_widget(lesson: str) -> QuizWidget:
    """The quiz of a lesson, "03", to click. Raises CourseError where the lesson has none."""
    return QuizWidget(lesson)
