"""check(name, answer): is it right, and if not, which mistake is it?

An answer is tried on several seeded inputs and compared with the tested implementation. If it differs, it is compared
with the known wrong answers, one mistake or two at once; an unknown one is described by what it does (a constant factor,
a property that it lacks). What is printed is rounded and the same on every machine, nothing is raised, and None is
returned, so that a notebook cell shows only the text.
"""

import contextlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import torch
from torch import Tensor

from coursekit.exercises import limit
from coursekit.exercises.diagnose import Trial, behavior, equal, example, malformed, pack, recognize
from coursekit.exercises.explain import endless, explain_error, forget, holes, is_untouched, loops, meaning, takes, tell
from coursekit.exercises.model import Case, Exercise, Mistake, wrap

RIGHT, WRONG, UNTOUCHED = "right", "not yet", "not started"


@dataclass
class Verdict:
    """What a check found.

    state: "right", "not yet" or "not started". lines: help. mistakes: the known mistakes that were recognised.
    """

    exercise: str
    state: str
    lines: list[str]
    mistakes: tuple[Mistake, ...] = ()

    def __str__(self) -> str:
        sign = {RIGHT: "✔", WRONG: "✘", UNTOUCHED: "○"}[self.state]
        return "\n".join([f"{sign} {self.exercise}: {self.state}", *map(wrap, self.lines)])


class Stopped(Exception):
    """Ends an examination, with the lines to tell the student."""

    def __init__(self, *lines: str, state: str = WRONG, mistakes: tuple[Mistake, ...] = ()):
        super().__init__(*lines)
        self.state, self.mistakes = state, mistakes


def examine(exercise: Exercise, answer: Callable) -> Verdict:
    """Try an answer on every case of an exercise. Never raises for a wrong answer."""
    try:
        return Verdict(exercise.name, RIGHT, _examine(exercise, answer))
    except Stopped as stop:
        return Verdict(exercise.name, stop.state, list(stop.args), stop.mistakes)


def _examine(exercise: Exercise, answer: Callable) -> list[str]:
    """What to tell about a right answer. Raises Stopped for any other."""
    name, signature = exercise.name, inspect.signature(exercise.solution)
    if not callable(answer):
        raise Stopped(*tell("not a function", kind=_kind(answer), name=name))
    if is_untouched(answer):
        raise Stopped(*tell("untouched", name=name), state=UNTOUCHED)
    cases = exercise.cases()
    if not takes(answer, cases[0].args):
        call = f"{name}({', '.join(exercise.parameters)})"
        defined = f"{getattr(answer, '__name__', type(answer).__name__)}{inspect.signature(answer)}"
        raise Stopped(*tell("other parameters", call=call, defined=defined))
    possible = [case for case in cases if takes(answer, case.args)]
    strict = [case for case in possible if not case.remark]
    trials = [_run(exercise, answer, case, show_prints=k == 0) for k, case in enumerate(strict)]
    if not equal(_run(exercise, answer, strict[0]).got, trials[0].got):
        raise Stopped(*tell("random"))
    if not all(trial.right for trial in trials):
        _diagnose(exercise, answer, trials)
    trained = _carries_gradient(exercise, strict[0], trials[0].want)
    for case in strict if trained else ():
        _check_gradient(exercise, answer, case)
    remarks = _dtypes(exercise, trials)
    for case in (case for case in possible if case.remark):
        trial = _try(exercise, answer, case)
        if not (trial and trial.right and all(map(_keeps_digits, trial.got, trial.want))):
            remarks.append(case.remark)
    if len(possible) < len(cases):
        remarks += tell("no default", signature=signature)
    if exercise.text.no_loops and loops(answer):
        remarks.append(exercise.text.no_loops)
    tested = f"{exercise.reference.__module__}.{exercise.reference.__qualname__}"
    first = f"Equal to {tested} on {len(strict)} inputs{', and so is the gradient' if trained else ''}."
    return [first, *(f"Remark: {remark}" for remark in remarks)]


# --- run it -----------------------------------------------------------------------------------------------------------


def _run(exercise: Exercise, answer: Callable, case: Case, show_prints: bool = False) -> Trial:
    """Try the answer on one case. Raises Stopped if it fails, changes its input or returns no tensors.

    Prints of the student show once, not for every case.
    """
    args = tuple(arg.clone() if isinstance(arg, Tensor) else arg for arg in case.args)
    value = _call(exercise, answer, args, f"On {case.says}:", show_prints)
    for given, now in zip(case.args, args, strict=True):
        if isinstance(given, Tensor) and not torch.equal(given, now):
            raise Stopped(*tell("in place"))
    want = pack(exercise.reference(*case.args))
    return Trial(case, _tensors(exercise, answer, value, case, want), want)


def _call(exercise: Exercise, answer: Callable, args: tuple, where: str, show_prints: bool = False):
    """What the answer returns. Raises Stopped if it raises anything, or does not come to an end."""
    outcome = limit.call(answer, args)
    if show_prints:
        print(outcome.printed, end="")
    if outcome.stopped is not None:
        loop = endless(answer, outcome.line)
        loop = f"It was in the loop of {loop}" if loop else ""
        restart = "" if outcome.stopped else " It could not be stopped: when you have changed it, restart the kernel."
        raise Stopped(*tell("endless", where=where, seconds=limit.SECONDS, restart=restart, loop=loop))
    if outcome.error is not None:
        _check_finished(answer, started=not isinstance(outcome.error, NotImplementedError))
        lines = [where, *explain_error(outcome.error, answer, exercise.text.words)]
        forget(outcome.error)
        raise Stopped(*lines)
    return outcome.value


def _check_finished(answer: Callable, started: bool = True) -> None:
    """Raise Stopped, "not started", if a ... waits for code, or if nothing was written at all."""
    lines = " and ".join(map(str, holes(answer)))
    if lines:
        raise Stopped(*tell("hole", lines=lines), state=UNTOUCHED)
    if not started:
        raise Stopped(*tell("not written"), state=UNTOUCHED)


def _tensors(exercise: Exercise, answer: Callable, value, case: Case, want: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The result as a tuple of tensors. Raises Stopped if it is of another kind."""
    names, values, returns = exercise.outputs, pack(value), exercise.text.returns
    if value is None or value is Ellipsis:
        _check_finished(answer)
        raise Stopped(*tell("none", returns=returns))
    many = isinstance(value, (tuple, list))
    if len(values) != len(names) or many != (len(names) > 1):
        what = f"a {type(value).__name__} of {len(values)}" if many else f"one {_kind(value)}"
        end = f" End with: return {', '.join(names)}" if len(names) > 1 else ""
        raise Stopped(*tell("other outputs", what=what, returns=returns, end=end))
    told, numbers = [], False
    for name, part, right in zip(names, values, want, strict=True):
        called = "The result" if len(names) == 1 else name
        if part is None or part is Ellipsis:
            told.append(f"{called} is {'None' if part is None else '...'}: not written yet?")
        elif not isinstance(part, Tensor):
            value_is_right = " The value is right." if _close(part, right) else ""
            told.append(f"{called} is of type {_kind(part)}, not a tensor.{value_is_right}")
            numbers = True
    if numbers:
        inputs = [name for name, arg in zip(exercise.parameters, case.args, strict=False) if isinstance(arg, Tensor)]
        inputs = " and ".join(inputs)
        trained = _carries_gradient(exercise, case, want)
        told += tell("numbers", inputs=inputs) if trained else tell("no tensor", inputs=inputs)
    if told:
        raise Stopped(*told)
    return values


def _kind(value) -> str:
    return f"{'NumPy ' if type(value).__module__ == 'numpy' else ''}{type(value).__name__}"


def _close(part, want: Tensor) -> bool:
    with contextlib.suppress(RuntimeError, TypeError, ValueError):
        return abs(float(part) - float(want)) < 1e-3
    return False


def _try(exercise: Exercise, answer: Callable, case: Case) -> Trial | None:
    """The answer on a further case, None if it fails there, or if the case makes no sense to the reference."""
    try:
        return _run(exercise, answer, case)
    except (
        Exception
    ):  # Stopped, or whatever the reference raises for an input that was only changed to probe the answer
        return None


def _keeps_digits(got: Tensor, want: Tensor) -> bool:
    return got.dtype.itemsize >= want.dtype.itemsize


# --- gradient and dtype -----------------------------------------------------------------------------------------------


def _carries_gradient(exercise: Exercise, case: Case, want: tuple[Tensor, ...]) -> bool:
    """Is there a gradient to compare? Whole numbers carry none, as an input or as a result; nor does what is no loss but a
    target, such as Sinkhorn's assignment."""
    inputs = [arg for arg in case.args if isinstance(arg, Tensor)]
    numbers = want[0].is_floating_point() and all(arg.is_floating_point() for arg in inputs)
    return numbers and _gradients(exercise, exercise.reference, case) is not None


def _gradients(exercise: Exercise, function: Callable, case: Case) -> dict[str, Tensor] | None:
    """The gradient that reaches each tensor argument, by name; None if the result carries none."""
    args = tuple(a.clone().requires_grad_() if isinstance(a, Tensor) else a for a in case.args)
    inputs = {name: a for name, a in zip(exercise.parameters, args, strict=False) if isinstance(a, Tensor)}
    value = _call(exercise, function, args, "The value is right, but with inputs that need a gradient:")
    total = sum(part.sum() for part in pack(value))
    if not total.requires_grad:
        return None
    try:
        found = torch.autograd.grad(total, list(inputs.values()), materialize_grads=True)
    except RuntimeError as error:
        raise Stopped(*tell("broken gradient", error=str(error).split(":")[0])) from error
    return dict(zip(inputs, found, strict=True))


def _check_gradient(exercise: Exercise, answer: Callable, case: Case) -> None:
    """Raise Stopped if values are right but the gradient is not: such a loss trains something else, or nothing."""
    want = _gradients(exercise, exercise.reference, case)
    got = _gradients(exercise, answer, case)
    if got is None and any(right.any() for right in want.values()):
        raise Stopped(*tell("no gradient"))
    for name, mine in (got or {}).items():
        if not mine.isfinite().all():
            kind = "NaN" if mine.isnan().any() else "infinite"
            raise Stopped(*tell("infinite gradient", name=name, kind=kind), *meaning(exercise.text.words, "NaN"))
        near = {"rtol": 1e-3, "atol": 1e-5 + 1e-3 * float(want[name].abs().max())}
        if case.smooth and not torch.allclose(mine, want[name], **near):
            if not want[name].any():
                raise Stopped(*tell("gradient not stopped", name=name))
            raise Stopped(*tell("wrong gradient", name=name, kind="the wrong" if mine.any() else "no"))


def _dtypes(exercise: Exercise, trials: list[Trial]) -> list[str]:
    """A remark if results are wider than the inputs. Raises Stopped if digits get lost."""
    remarks, parameter = [], exercise.parameters[0]
    for trial in trials:
        for mine, right in zip(trial.got, trial.want, strict=True):
            types = {"mine": mine.dtype, "right": right.dtype}
            if not right.is_floating_point():
                if mine.is_floating_point():
                    raise Stopped(*tell("no index", **types))
                continue
            if not _keeps_digits(mine, right):
                raise Stopped(*tell("narrow", case=trial.case.says, parameter=parameter, **types))
            if mine.dtype != right.dtype:
                remarks += tell("wide", **types)
    return remarks[:1]


# --- say what is wrong ------------------------------------------------------------------------------------------------


def _diagnose(exercise: Exercise, answer: Callable, trials: list[Trial]) -> NoReturn:
    """Raise Stopped with the mistakes behind wrong results, or with what the answer does."""
    wrong = [trial for trial in trials if not trial.right]
    if all(len(trial.case.args) < len(exercise.parameters) for trial in wrong):
        parameter, signature = exercise.parameters[-1], inspect.signature(exercise.solution)
        raise Stopped(*tell("other default", parameter=parameter, signature=signature))
    shown, stuck = example(exercise, wrong[0]), f'Stuck? exercises.hint("{exercise.name}")'
    mistakes, said = recognize(exercise, trials)
    if mistakes or said:
        several = len(mistakes) + len(said)
        lines = [f"{'Two' if several == 2 else 'Several'} things at once."] if several > 1 else []
        for mistake in mistakes:
            lines += [f"What happened: {mistake.what}", f"Where to look: {mistake.look}"]
        raise Stopped(*lines, *said, shown, *([] if mistakes else [stuck]), mistakes=tuple(mistakes))
    lines = []
    for trial in trials:
        for name, got, want in zip(exercise.outputs, trial.got, trial.want, strict=True):
            if not lines and (told := malformed(exercise, name, got, want)):
                lines = [f"On {trial.case.says}: {told[0]}", *told[1:]]
                lines += meaning(exercise.text.words, "\n".join(told))
                if got.shape != want.shape:
                    raise Stopped(*lines)
    lines += behavior(exercise, lambda args: _try(exercise, answer, Case("changed inputs", args)), trials)
    raise Stopped(*(lines or tell("unknown")), shown, stuck)
