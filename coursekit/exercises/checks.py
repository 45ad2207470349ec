"""check(name, answer): is it right, and if not, which mistake is it?

An answer is tried on several seeded inputs and compared with the tested implementation. If it differs, it is compared
with the known wrong answers, one mistake or two at once; an unknown one is described by what it does (a constant factor,
a property that it lacks). What is printed is rounded and the same on every machine, nothing is raised, and None is
returned, so that a notebook cell shows only the text.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from coursekit.exercises import limit
from coursekit.exercises.diagnose import behavior, equal, example, malformed, meaning, pack, recognize
from coursekit.exercises.explain import definition, endless, explain_error, forget, holes, is_untouched, loops, takes
from coursekit.exercises.model import Case, Exercise, Mistake, wrap

RIGHT, WRONG, UNTOUCHED = "right", "not yet", "not started"


@dataclass
class Verdict:
    """What a check found.

    state: "right", "not yet" or "not started". lines: help. mistakes: the known mistakes that were recognised.
    """

    exercise: str
    state: str
    lines: list[str] = field(default_factory=list)
    mistakes: tuple[Mistake, ...] = ()

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
    if not takes(answer, cases[0].args):
        call = f"{exercise.name}({', '.join(exercise.parameters)})"
        raise Stopped(
            f"It is called as {call}, but yours is defined as {definition(answer)}.",
            "Give it these parameters, in this order.",
        )
    possible = [case for case in cases if takes(answer, case.args)]
    strict = [case for case in possible if not case.remark]
    results = [_run(exercise, answer, case, show_prints=k == 0) for k, case in enumerate(strict)]
    expected = [pack(exercise.reference(*case.args)) for case in strict]
    if not equal(_run(exercise, answer, strict[0]), results[0]):
        raise Stopped(
            "It gives another result when it is called again with the same inputs.",
            "Is something random in it, or does it keep numbers from one call to the next?",
        )
    if not all(map(equal, results, expected)):
        return _diagnose(exercise, answer, strict, results, expected)
    for case in strict:
        _check_gradient(exercise, answer, case)
    remarks = _dtypes(exercise, strict, results, expected)
    for case in possible:
        if case.remark and not _fine(exercise, answer, case):
            remarks.append(case.remark)
    if len(possible) < len(cases):
        remarks.append(f"Yours lacks a default. In the exercise it is: {inspect.signature(exercise.solution)}")
    if exercise.text.no_loops and loops(answer):
        remarks.append(exercise.text.no_loops)
    tested = f"{exercise.reference.__module__}.{exercise.reference.__qualname__}"
    first = f"Equal to {tested} on {len(strict)} inputs, and so is the gradient."
    return Verdict(exercise.name, RIGHT, [first, *(f"Remark: {remark}" for remark in remarks)])


# --- run it -----------------------------------------------------------------------------------------------------------


def _run(exercise: Exercise, answer: Callable, case: Case, show_prints: bool = False) -> tuple[Tensor, ...]:
    """The answer on one case, as tensors. Raises Stopped if it fails, changes its input or returns none.

    Prints of the student show once, not for every case.
    """
    args = tuple(arg.clone() if isinstance(arg, Tensor) else arg for arg in case.args)
    value = _call(exercise, answer, args, f"On {case.says}:", show_prints)
    for given, now in zip(case.args, args, strict=True):
        if isinstance(given, Tensor) and not (given.shape == now.shape and torch.equal(given, now)):
            raise Stopped(
                "It changes its inputs in place, so whoever called it finds other numbers in them afterwards.",
                "Look for operators like /= or *= and methods that end in _: write z = z / length instead.",
            )
    return _tensors(exercise, answer, value, case)


def _call(exercise: Exercise, answer: Callable, args: tuple, where: str, show_prints: bool = False):
    """What the answer returns. Raises Stopped if it raises anything, or does not come to an end."""
    outcome = limit.call(answer, args)
    if show_prints:
        print(outcome.printed, end="")
    if outcome.stopped is not None:
        loop = endless(answer, outcome.line)
        runs = "" if outcome.stopped else " It could not be stopped: when you have changed it, restart the kernel."
        raise Stopped(
            f"{where} It did not come to an end within {limit.SECONDS:.0f} seconds.{runs}",
            *([f"It was in the loop of {loop}"] if loop else []),
            "A loop that never ends? A `while` needs something in it that makes its condition false one day.",
        )
    if outcome.error is None:
        return outcome.value
    waiting = holes(answer)
    if isinstance(outcome.error, NotImplementedError) or waiting:
        raise Stopped(_where(waiting), state=UNTOUCHED)
    lines = [where, *explain_error(outcome.error, answer, exercise.text.words)]
    forget(outcome.error)
    raise Stopped(*lines)


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
        raise Stopped(
            "It returns None. Is a `return` missing at its end?", f"It should return {exercise.text.returns}."
        )
    names = exercise.outputs
    values = pack(value)
    many = isinstance(value, (tuple, list))
    if len(values) != len(names) or many != (len(names) > 1):
        what = f"a {type(value).__name__} of {len(values)}" if many else f"one {_kind(value)}"
        end = f" End with: return {', '.join(names)}" if len(names) > 1 else ""
        raise Stopped(f"It returns {what}. It should return {exercise.text.returns}.{end}")
    told = []
    for name, part, want in zip(names, values, pack(exercise.reference(*case.args)), strict=True):
        called = "The result" if len(names) == 1 else name
        if part is None or part is Ellipsis:
            told.append(f"{called} is {'None' if part is None else '...'}: not written yet?")
        elif not isinstance(part, Tensor):
            right = " The value is right." if _close(part, want) else ""
            told.append(f"{called} is of type {_kind(part)}, not a tensor.{right}")
    if any("of type" in line for line in told):
        inputs = [name for name, arg in zip(exercise.parameters, case.args, strict=False) if isinstance(arg, Tensor)]
        told += [
            f"Needed is a tensor computed from {' and '.join(inputs)}: a plain number carries no gradient, so nothing "
            f"could be trained with it.",
            "Stay with torch from beginning to end: no .item(), float(...), .numpy() or np. functions.",
        ]
    if told:
        raise Stopped(*told)
    return values


def _kind(value) -> str:
    return f"{'NumPy ' if type(value).__module__ == 'numpy' else ''}{type(value).__name__}"


def _close(part, want: Tensor) -> bool:
    try:
        return abs(float(part) - float(want)) < 1e-3
    except (TypeError, ValueError):
        return False


def _fine(exercise: Exercise, answer: Callable, case: Case) -> bool:
    want = pack(exercise.reference(*case.args))
    got = _try(exercise, answer, case.args)
    return got is not None and equal(got, want) and all(map(_keeps_digits, got, want))


def _keeps_digits(got: Tensor, want: Tensor) -> bool:
    return got.dtype.itemsize >= want.dtype.itemsize


def _try(exercise: Exercise, answer: Callable, args: tuple) -> tuple[Tensor, ...] | None:
    """The answer on further arguments, None if it fails there."""
    try:
        return _run(exercise, answer, Case("changed inputs", args))
    except Stopped:
        return None


def _diagnose(exercise: Exercise, answer: Callable, cases: list[Case], results, expected) -> Verdict:
    wrong = [case for case, got, want in zip(cases, results, expected, strict=True) if not equal(got, want)]
    if all(len(case.args) < len(exercise.parameters) for case in wrong):
        signature = inspect.signature(exercise.solution)
        lines = [f"It is right, except if {exercise.parameters[-1]} is not given: the default is another one.",
                 f"In the exercise it is: {signature}"]  # fmt: skip
        return Verdict(exercise.name, WRONG, lines)
    mistakes, said = recognize(exercise, cases, results, expected)
    shown = example(exercise, cases, results, expected)
    if mistakes or said:
        lines = ["Two things at once."] if len(mistakes) + len(said) > 1 else []
        for mistake in mistakes:
            lines += [f"What happened: {mistake.what}", f"Where to look: {mistake.look}"]
        stuck = [] if mistakes else [f'Stuck? exercises.hint("{exercise.name}")']
        return Verdict(exercise.name, WRONG, [*lines, *said, *shown, *stuck], tuple(mistakes))
    lines = []
    for case, result, right in zip(cases, results, expected, strict=True):
        for name, got, want in zip(exercise.outputs, result, right, strict=True):
            if not lines and (told := malformed(exercise, name, got, want)):
                lines = [f"On {case.says}: {told[0]}", *told[1:], *meaning(exercise, told)]
                if got.shape != want.shape:
                    return Verdict(exercise.name, WRONG, lines)
    does = behavior(exercise, lambda args: _try(exercise, answer, args), cases, results, expected)
    lines += does if does or lines else ["The value is wrong, and this mistake is not one that the check knows."]
    return Verdict(exercise.name, WRONG, [*lines, *shown, f'Stuck? exercises.hint("{exercise.name}")'])


# --- gradient and dtype -----------------------------------------------------------------------------------------------


def _gradients(exercise: Exercise, function: Callable, case: Case) -> tuple[dict[str, Tensor], bool]:
    """(the gradient that reaches each tensor argument, by name; does the result carry one at all?)"""
    args = tuple(a.clone().requires_grad_() if isinstance(a, Tensor) else a for a in case.args)
    inputs = {name: a for name, a in zip(exercise.parameters, args, strict=False) if isinstance(a, Tensor)}
    value = _call(exercise, function, args, "The value is right, but with inputs that need a gradient:")
    total = sum(part.sum() for part in pack(value))
    found = [None] * len(inputs)
    if total.requires_grad:
        found = torch.autograd.grad(total, list(inputs.values()), allow_unused=True)
    grads = {name: 0 * a if g is None else g for (name, a), g in zip(inputs.items(), found, strict=True)}
    return grads, total.requires_grad


def _check_gradient(exercise: Exercise, answer: Callable, case: Case) -> None:
    """Raise Stopped if values are right but the gradient is not: such a loss trains something else, or nothing."""
    want, _ = _gradients(exercise, exercise.reference, case)
    got, carries = _gradients(exercise, answer, case)
    if not carries and any(right.any() for right in want.values()):
        raise Stopped(
            "The value is right, but it carries no gradient: nothing could be trained with it.",
            "Look for .detach(), .data, .item(), torch.no_grad() or a new torch.tensor(...).",
        )
    for name, right in want.items():
        mine = got[name]
        if not mine.isfinite().all():
            raise Stopped(
                f"The value is right, but the gradient that reaches {name} is "
                f"{'NaN' if mine.isnan().any() else 'infinite'}.",
                "A square root and a logarithm have an infinite slope at 0. To remove such an entry afterwards "
                "is too late: 0 * inf is NaN.",
                *meaning(exercise, ["NaN"]),
            )
        near = torch.allclose(mine, right, rtol=1e-3, atol=1e-5 + 1e-3 * float(right.abs().max()))
        if case.smooth and not near:
            raise Stopped(
                f"The value is right, but {'the wrong' if mine.any() else 'no'} gradient reaches {name}.",
                "Part of the computation is cut off: look for .detach(), .data or torch.no_grad().",
            )


def _dtypes(exercise: Exercise, cases: list[Case], results, expected) -> list[str]:
    """A remark if results are wider than the inputs; Stopped if digits get lost."""
    remarks = []
    for case, got, want in zip(cases, results, expected, strict=True):
        for mine, right in zip(got, want, strict=True):
            if not _keeps_digits(mine, right):
                raise Stopped(
                    f"The value is right, but on {case.says} the result is {mine.dtype} instead of {right.dtype}.",
                    f"Make new tensors with dtype={exercise.parameters[0]}.dtype, and do not convert the inputs.",
                )
            if mine.dtype != right.dtype and not remarks:
                remarks = [f"For {right.dtype} the result is {mine.dtype}: right, but slower than it need be."]
    return remarks
