"""Exercises whose checks name the mistake, quizzes, and the glossary."""

from coursekit.exercises.catalog import answer, check, exercise_names, hint, quiz
from coursekit.exercises.glossary import glossary

__all__ = ["answer", "check", "exercise_names", "glossary", "hint", "quiz"]
