"""Quizzes: a question, its choices, and for every wrong choice the misunderstanding behind it."""

from collections.abc import Mapping
from dataclasses import dataclass

from coursekit.exercises.model import wrap
from coursekit.runtime import CourseError


@dataclass(frozen=True)
class Question:
    """text: Markdown. choices: letter -> (choice, what is said about it). right: the letter of the right choice."""

    text: str
    choices: Mapping[str, tuple[str, str]]
    right: str

    def __post_init__(self):
        if self.right not in self.choices or len(self.choices) < 2:
            raise ValueError(f"{self.right!r} is not among the choices {list(self.choices)}.")


@dataclass(frozen=True)
class Quiz:
    """The questions of one lesson, shown as Markdown in a notebook. Questions are counted from 1."""

    lesson: str
    questions: tuple[Question, ...]

    def __getitem__(self, number: int) -> Question:
        """Question `number`, from 1. Raises CourseError where there is no such question."""
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

    def _repr_markdown_(self) -> str:
        parts = []
        for k, question in enumerate(self.questions, start=1):
            choices = "\n".join(f"- **{letter}** {choice}" for letter, (choice, _) in question.choices.items())
            parts.append(f"**Question {k}.** {question.text}\n\n{choices}")
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        return f"Quiz of lesson {self.lesson}: {len(self.questions)} questions"
