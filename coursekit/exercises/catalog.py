"""Which exercises and quizzes there are, and the calls that a lesson makes: check, hint, quiz, answer.

An exercise is a file in tasks/, found by itself; the quiz of a lesson is quizzes/NN.yaml.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

from coursekit.exercises import tasks
from coursekit.exercises.checks import examine
from coursekit.exercises.model import Exercise, wrap
from coursekit.exercises.quizzes import Quiz, quizzes, read_quiz
from coursekit.runtime import CourseError


@cache
def _all() -> dict[str, Exercise]:
    names = sorted(module.name for module in pkgutil.iter_modules(tasks.__path__))
    found = [importlib.import_module(f"{tasks.__name__}.{name}").EXERCISE for name in names]
    return {exercise.name: exercise for exercise in sorted(found, key=lambda exercise: exercise.lesson)}


def _pick(what: str, name: str, known: dict):
    if name in known:
        return known[name]
    near = difflib.get_close_matches(str(name), list(known), n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise CourseError(f"There is no {what} {name!r}.{meant} There is: {', '.join(known)}.")


def exercise_names(lesson: str | None = None) -> tuple[str, ...]:
    """The names that `check` and `hint` know: all of them, or those of one lesson, "03"."""
    return tuple(name for name, exercise in _all().items() if lesson in (None, exercise.lesson))


def find_exercise(name: str) -> Exercise:
    """The exercise of this name. Raises CourseError if there is none, with the nearest name."""
    return _pick("exercise", name, _all())


def check(name: str, answer: Callable) -> None:
    """Print whether an answer is right and, if not, which mistake it makes and where to look.

    name: of the exercise; answer: the function that was written, without parentheses. Raises nothing for a wrong
    answer, only CourseError for an exercise that does not exist.
    """
    print(examine(find_exercise(name), answer))


_shown: dict[str, int] = {}  # exercise -> the last hint that this session has seen


def hint(name: str, n: int | None = None) -> None:
    """Print the n-th hint of an exercise; the first says least. Without a number: the one after the last shown."""
    hints = find_exercise(name).text.hints
    k = min(max(_shown.get(name, 0) + 1 if n is None else int(n), 1), len(hints))
    _shown[name] = k
    print(wrap(f"Hint {k} of {len(hints)}: {hints[k - 1]}", indent=""))
    if k < len(hints):
        print(f'Next: exercises.hint("{name}") again, or exercises.hint("{name}", {k + 1})')
    else:
        print("That was the last hint. The solution is folded in below.")


def quiz(lesson: str) -> Quiz:
    """The quiz of a lesson, "03": shown as the last line of a cell. Raises CourseError if the lesson has none."""
    return read_quiz(_pick("quiz for lesson", str(lesson).zfill(2), quizzes()))


def answer(lesson: str, question: int, choice) -> None:
    """Print whether a choice is right, and why. answer("03", 1, "b"); "?" or ... means not answered yet."""
    print(quiz(lesson).judge(question, choice))
