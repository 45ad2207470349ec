"""Quizzes: a question, its choices, and for every wrong choice the misunderstanding behind it.

The quiz of a lesson is quizzes/NN.yaml beside this file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from coursekit.exercises.model import wrap
from coursekit.exercises.yaml_files import read_yaml
from coursekit.runtime import CourseError

FOLDER = Path(__file__).parent / "quizzes"


def quizzes() -> dict[str, Path]:
    """The quizzes that there are: number of the lesson -> file."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


@dataclass(frozen=True)
class Question:
    """text: Markdown. choices: letter -> (choice, what is said about it). right: the letter of the right choice."""

    text: str
    choices: Mapping[str, tuple[str, str]]
    right: str


@cache
def read_quiz(path: Path) -> "Quiz":
    """The quiz of a file. Raises CourseError if it is not one, with the file and the question."""
    shape = [{"question": str, "right": str, "choices": {str: {"says": str, "because": str}}}]
    questions = []
    for number, item in enumerate(read_yaml(path, shape, entry="question"), start=1):
        choices = {letter: (texts["says"], texts["because"]) for letter, texts in item["choices"].items()}
        if item["right"] not in choices or len(choices) < 2:
            raise CourseError(f"{path.name}, question {number}: {item['right']!r} is not among {list(choices)}.")
        questions.append(Question(item["question"], choices, item["right"]))
    return Quiz(path.stem, tuple(questions))


@dataclass(frozen=True)
class Quiz:
    """The questions of one lesson, shown in a notebook with choices to click. Questions are counted from 1."""

    lesson: str
    questions: tuple[Question, ...]

    def __getitem__(self, number: int) -> Question:
        """Question `number`, from 1. Raises CourseError if there is none."""
        if number not in range(1, len(self.questions) + 1):
            raise CourseError(
                f"The quiz of lesson {self.lesson} has questions 1 to {len(self.questions)}, not {number!r}."
            )
        return self.questions[number - 1]

    def __len__(self) -> int:
        return len(self.questions)

    def judge(self, number: int, choice) -> str:
        """One or two lines about a choice: right or not, and why. Case and spaces do not matter."""
        question = self[number]
        letter = choice.strip().lower() if isinstance(choice, str) else choice
        if letter in ("", "?", None, Ellipsis):
            return f"○ Question {number}: not answered yet. Put one of {', '.join(question.choices)} in its place."
        if letter not in question.choices:
            return f"○ Question {number}: {choice!r} is not one of {', '.join(question.choices)}."
        right = letter == question.right
        verdict = f"✔ Question {number}: right." if right else f"✘ Question {number}: not {letter}."
        return wrap(f"{verdict} {question.choices[letter][1]}", indent="")

    def _ipython_display_(self) -> None:
        """Show the questions with buttons for their choices; as text where there are no widgets."""
        from coursekit.widgets import quiz_widget  # with torch and matplotlib behind it: only when it is shown

        quiz_widget(self)._ipython_display_()

    def _repr_markdown_(self) -> str:
        parts = []
        for k, question in enumerate(self.questions, start=1):
            choices = "\n".join(f"- **{letter}** {choice}" for letter, (choice, _) in question.choices.items())
            parts.append(f"**Question {k}.** {question.text}\n\n{choices}")
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        return f"Quiz of lesson {self.lesson}: {len(self.questions)} questions"
