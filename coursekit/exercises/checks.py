"""check(name, answer): is it right, and where not, which mistake is it?

An answer is tried on several seeded inputs and compared with the tested implementation. Where it differs, it is
compared with the known wrong answers, one mistake or two at once; an unknown one is described by what it does (a
constant factor, a property that it lacks). What is printed is rounded and the same on every machine, nothing is raised,
and None is returned, so that a notebook cell shows only the text.
"""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from coursekit.exercises.diagnose import behavior, equal, example, malformed, pack, recognize
from coursekit.exercises.explain import explain_error, forget, holes, is_untouched, loops, wrong_call
from coursekit.exercises.model import Case, Exercise, wrap

RIGHT, WRONG, UNTOUCHED = "right", "not yet", "not started"


@dataclass
class Verdict:
    """What a check found.

    state: "right", "not yet" or "not started". lines: help. mistakes: keys of the known mistakes that were recognised.
    """

    exercise: str
    state: str
    lines: list[str] = field(default_factory=list)
    mistakes: tuple[str, ...] = ()

    def __str__(self) -> str:
        sign = {RIGHT: "✔", WRONG: "✘", UNTOUCHED: "○"}[self.state]
        return "\n".join([f"{sign} {self.exercise}: {self.state}", *map(wrap, self.lines)])


class Stopped(Exception):
    """Ends an examination early, with what to tell the student."""

    def __init__(self, *lines: str, state: str = WRONG):
        super().__init__(*lines)
        self.lines, self.state = list(lines), state


def examine(exercise: Exercise, answer: Callable) -> Verdict:
    """Try an answer on every case of an exercise. Never raises for a wrong answer."""
    try:
        return _examine(exercise, answer)
    except Stopped as stop:
        return Verdict(exercise.name, stop.state, stop.lines)


def _examine(exercise: Exercise, answer: Callable) -> Verdict:
    if not callable(answer):
        raise Stopped(
            f"The second argument is of type {_kind(answer)}, not a function. Give the function itself, "
            f'without parentheses: exercises.check("{exercise.name}", my_function)'
        )
    if is_untouched(answer):
        raise Stopped(
            f'Replace the ... by your code and run the cell again. A first hint: exercises.hint("{exercise.name}")',
            state=UNTOUCHED,
        )
    cases = exercise.cases()
    strict = [case for case in cases if case.strict]
    told = wrong_call(answer, exercise.call, cases[0].args)
    if told:
        raise Stopped(*told)
    results = [_run(exercise, answer, case, show_prints=k == 0) for k, case in enumerate(strict)]
    expected = [pack(exercise.reference(*case.args)) for case in strict]
    _same_twice(exercise, answer, strict[0], results[0])
    if not all(map(equal, results, expected)):
        return _diagnose(exercise, answer, strict, results, expected)
    for case, got, want in zip(strict, results, expected, strict=True):
        if got[0].dtype != want[0].dtype:
            raise Stopped(
                f"The value is right, but on {case.says} the result is {got[0].dtype} instead of {want[0].dtype}.",
                f"Make new tensors with dtype={_parameters(exercise)[0]}.dtype, and do not convert the inputs.",
            )
    _gradient(exercise, answer, strict[0])
    lines = [f"Equal to {exercise.tested} on {len(strict)} inputs, and so is the gradient."]
    for case in cases:
        if not case.strict and not _fine(exercise, answer, case):
            lines.append(f"Remark: {exercise.remark}")
    if exercise.no_loops and loops(answer):
        lines.append(f"Remark: {exercise.no_loops}")
    return Verdict(exercise.name, RIGHT, lines)


# --- run it -----------------------------------------------------------------------------------------------------------


def _call(answer: Callable, args: tuple, show_prints: bool = False):
    """The answer's result. Prints of the student show once, not for every case."""
    silence = contextlib.nullcontext() if show_prints else contextlib.redirect_stdout(io.StringIO())
    with torch.enable_grad(), silence:
        return answer(*args)


def _run(exercise: Exercise, answer: Callable, case: Case, show_prints: bool = False) -> tuple[Tensor, ...]:
    """The answer on one case, as tensors. Raises Stopped where it fails, changes its input or returns none."""
    args = tuple(arg.clone() if isinstance(arg, Tensor) else arg for arg in case.args)
    try:
        value = _call(answer, args, show_prints)
    except Exception as error:
        waiting = holes(answer)
        if isinstance(error, NotImplementedError) or waiting:
            raise Stopped(_where(waiting), state=UNTOUCHED) from None
        lines = [f"On {case.says}:", *explain_error(error, answer, exercise.errors)]
        forget(error)
        raise Stopped(*lines) from None
    for given, now in zip(case.args, args, strict=True):
        if isinstance(given, Tensor) and not (given.shape == now.shape and torch.equal(given, now)):
            raise Stopped(
                "It changes its inputs in place, so whoever called it finds other numbers in them afterwards.",
                "Look for operators like /= or *= and methods that end in _: write z = z / length instead.",
            )
    return _tensors(exercise, answer, value, case)


def _where(waiting: list[int]) -> str:
    if not waiting:
        return "Write your code and run the cell again."
    return f"A ... still waits for code in line {' and '.join(map(str, waiting))} of your function."


def _tensors(exercise: Exercise, answer: Callable, value, case: Case) -> tuple[Tensor, ...]:
    """The result as a tuple of tensors, or Stopped with what is wrong with its kind."""
    if value is None or value is Ellipsis:
        waiting = holes(answer)
        if waiting:
            raise Stopped(_where(waiting), state=UNTOUCHED)
        raise Stopped("It returns None. Is a `return` missing at its end?", f"It should return {exercise.returns}.")
    names = exercise.outputs
    values = pack(value)
    if len(values) != len(names) or isinstance(value, (tuple, list)) != (len(names) > 1):
        many = isinstance(value, (tuple, list))
        what = f"a {type(value).__name__} of {len(values)}" if many else f"one {_kind(value)}"
        end = f" End with: return {', '.join(names)}" if len(names) > 1 else ""
        raise Stopped(f"It returns {what}. It should return {exercise.returns}.{end}")
    told = []
    for name, part, want in zip(names, values, pack(exercise.reference(*case.args)), strict=True):
        called = "The result" if len(names) == 1 else name
        if part is None or part is Ellipsis:
            told.append(f"{called} is {'None' if part is None else '...'}: not written yet?")
        elif not isinstance(part, Tensor):
            right = " The value is right." if _close(part, want) else ""
            told.append(f"{called} is of type {_kind(part)}, not a tensor.{right}")
    if any("of type" in line for line in told):
        inputs = [name for name, arg in zip(_parameters(exercise), case.args, strict=True) if isinstance(arg, Tensor)]
        told += [
            f"Needed is a tensor computed from {' and '.join(inputs)}: a plain number carries no gradient, so nothing "
            f"could be trained with it.",
            "Stay with torch from beginning to end: no .item(), float(...), .numpy() or np. functions.",
        ]
    if told:
        raise Stopped(*told)
    return values


def _parameters(exercise: Exercise) -> list[str]:
    """The names of an answer's parameters, from how it is called."""
    return [name.strip() for name in exercise.call.partition("(")[2].rstrip(")").split(",")]


def _kind(value) -> str:
    module = type(value).__module__
    return f"{'NumPy ' if module == 'numpy' else ''}{type(value).__name__}"


def _close(part, want: Tensor) -> bool:
    try:
        return abs(float(part) - float(want)) < 1e-3
    except (TypeError, ValueError):
        return False


def _same_twice(exercise: Exercise, answer: Callable, case: Case, before: tuple[Tensor, ...]) -> None:
    if not equal(_run(exercise, answer, case), before):
        raise Stopped(
            "It gives another result when it is called again with the same inputs.",
            "Is something random in it, or does it keep numbers from one call to the next?",
        )


def _fine(exercise: Exercise, answer: Callable, case: Case) -> bool:
    got = _try(exercise, answer, case)
    return got is not None and equal(got, pack(exercise.reference(*case.args)))


def _try(exercise: Exercise, answer: Callable, case: Case) -> tuple[Tensor, ...] | None:
    """The answer on one case, None where it fails there."""
    try:
        return _run(exercise, answer, case)
    except Stopped:
        return None


def _diagnose(exercise: Exercise, answer: Callable, cases: list[Case], results, expected) -> Verdict:
    keys = recognize(exercise, cases, results)
    if keys:
        lines = ["Two things at once." for _ in keys[1:]]
        for mistake in (exercise.mistakes[key] for key in keys):
            lines += [f"What happened: {mistake.what}", f"Where to look: {mistake.look}"]
        return Verdict(exercise.name, WRONG, [*lines, *example(exercise, cases, results, expected)], keys)
    for case, result, right in zip(cases, results, expected, strict=True):
        for name, got, want in zip(exercise.outputs, result, right, strict=True):
            lines = malformed(exercise, name, got, want)
            if lines:
                return Verdict(exercise.name, WRONG, [f"On {case.says}: {lines[0]}", *lines[1:]])
    lines = behavior(exercise, lambda case: _try(exercise, answer, case), cases, results, expected)
    lines += example(exercise, cases, results, expected)
    return Verdict(exercise.name, WRONG, [*lines, f'Stuck? exercises.hint("{exercise.name}")'])


# --- the gradient -----------------------------------------------------------------------------------------------------


def _gradient(exercise: Exercise, answer: Callable, case: Case) -> None:
    """Raise Stopped where values are right but the gradient is not: such a loss trains something else, or nothing."""
    grads = []
    for function in (exercise.reference, answer):
        args = tuple(a.clone().requires_grad_() if isinstance(a, Tensor) else a for a in case.args)
        inputs = [a for a in args if isinstance(a, Tensor)]
        try:
            total = sum(part.sum() for part in pack(_call(function, args)))
            if not total.requires_grad:
                raise Stopped(
                    "The value is right, but it carries no gradient: nothing could be trained with it.",
                    "Look for .detach(), .data, .item(), torch.no_grad() or a new torch.tensor(...).",
                )
            grads.append(torch.autograd.grad(total, inputs, allow_unused=True))
        except Stopped:
            raise
        except Exception as error:
            lines = [
                "The value is right, but with inputs that need a gradient:",
                *explain_error(error, answer, exercise.errors),
            ]
            forget(error)
            raise Stopped(*lines) from None
    want, got = grads
    for name, right, mine in zip(_parameters(exercise), want, got, strict=False):
        if mine is not None and not mine.isfinite().all():
            found = "NaN" if mine.isnan().any() else "infinite"
            raise Stopped(
                f"The value is right, but the gradient that reaches {name} is {found}.",
                "A square root and a logarithm have an infinite slope at 0. To remove such an entry afterwards "
                "is too late: 0 * inf is NaN.",
                *filter(None, [exercise.nan]),
            )
        if mine is None or not torch.allclose(mine, right, rtol=1e-3, atol=1e-5):
            missing = mine is None or not mine.any()
            raise Stopped(
                f"The value is right, but {'no' if missing else 'the wrong'} gradient reaches {name}.",
                "Part of the computation is cut off: look for .detach(), .data or torch.no_grad().",
            )
