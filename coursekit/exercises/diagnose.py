"""Name the mistake behind a wrong result: a known one, two known ones, or at least what the result does."""

from collections.abc import Callable
from itertools import combinations

import torch
from torch import Tensor

from coursekit.exercises.model import Case, Exercise

Results = list[tuple[Tensor, ...]]  # one tuple of outputs for each case


def pack(value) -> tuple[Tensor, ...]:
    """The outputs of a call as a tuple, also where there is only one."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def equal(got: tuple[Tensor, ...], want: tuple[Tensor, ...], tolerance: float = 1e-4) -> bool:
    """Do two results agree in shape and value, up to a relative and absolute tolerance? NaN equals NaN."""
    near = {"rtol": tolerance, "atol": tolerance, "equal_nan": True}
    return all(
        g.shape == w.shape and torch.allclose(g.detach().double(), w.detach().double(), **near)
        for g, w in zip(got, want, strict=True)
    )


def recognize(exercise: Exercise, cases: list[Case], results: Results) -> tuple[str, ...]:
    """The known mistakes whose results these are, one or else two of them; () where none fits.

    Where three cases or more have a finite result, only those are compared: a wrong answer may overflow where the known
    one does not. Otherwise where it is not a number must agree as well.
    """
    finite = [all(part.isfinite().all() for part in result) for result in results]
    if not any(finite):
        return ()
    compared = [
        (case, got) for case, got, usable in zip(cases, results, finite, strict=True) if usable or sum(finite) < 3
    ]
    for size in (1, 2):
        for keys in combinations(exercise.mistakes, size):
            wrong = exercise.flawed(frozenset(keys))
            if all(equal(got, pack(wrong(*case.args))) for case, got in compared):
                return keys
    return ()


def malformed(exercise: Exercise, name: str, got: Tensor, want: Tensor) -> list[str]:
    """What is wrong with a result that is no number, or none of a sensible size; [] where it is one."""
    if got.shape != want.shape:
        return [
            f"the {name} has shape {tuple(got.shape)}; needed is {tuple(want.shape)}.",
            f"It should return {exercise.returns}. {exercise.shape}",
        ]
    if got.isnan().any():
        lines = [
            f"the {name} is NaN (not a number).",
            "NaN comes from 0 / 0, inf - inf, the log or root of a negative number, or 0 * inf: a mask multiplied "
            "by infinity; use masked_fill.",
            exercise.nan,
        ]
    elif got.isinf().any():
        lines = [
            f"the {name} is infinite.",
            "Infinity comes from log(0), a division by 0, or an exp that is too large.",
            exercise.infinite,
        ]
    elif (got.double().abs() > 1000 * (1 + want.abs())).any():  # -1e9 stands for -inf in many masks
        lines = [
            f"the {name} is more than 1000 times too large.",
            "So large are an exp, and the number that a mask puts in place of -inf.",
            exercise.infinite,
        ]
    else:
        return []
    return [line for line in lines if line]


def behavior(exercise: Exercise, run: Callable, cases: list[Case], results: Results, expected: Results) -> list[str]:
    """What an unknown wrong answer does: a constant factor or offset, a property it lacks, where it is right.

    run(case): the answer's outputs on a further case, None where it fails there.
    """
    lines = []
    for k, name in enumerate(exercise.outputs):
        got, want = (torch.stack([r[k].detach().double() for r in column]) for column in (results, expected))
        nonzero, gap = want != 0, got - want
        ratio = got[nonzero] / want[nonzero]
        if gap.abs().max() < 1e-4:
            continue
        if (got[~nonzero].abs() < 1e-4).all() and (ratio - ratio[0]).abs().max() < 1e-4:  # a factor leaves 0 at 0
            lines.append(f"The {name} is {ratio[0].item():.3f} times the right value on every input.")
        elif (gap - gap[0]).abs().max() < 1e-4:
            lines.append(f"The {name} differs from the right value by {gap[0].item():+.3f} on every input.")
    for probe in exercise.probes:
        again = run(Case("changed inputs", probe.change(cases[0].args)))
        if again is not None and equal(again, results[0], 1e-3) != probe.same:
            lines.append(probe.says)
    right = [case.says for case, got, want in zip(cases, results, expected, strict=True) if equal(got, want)]
    if right:
        lines.append(f"It is right on: {'; '.join(right)}.")
    return lines or ["The value is wrong, and this mistake is not one that the check knows."]


def example(exercise: Exercise, cases: list[Case], results: Results, expected: Results) -> list[str]:
    """The first case that differs, in numbers."""
    first = next(k for k in range(len(cases)) if not equal(results[k], expected[k]))
    parts = []
    for name, got, want in zip(exercise.outputs, results[first], expected[first], strict=True):
        shown = f"{got.item():.3f}" if got.numel() == 1 else f"of shape {tuple(got.shape)}"
        parts.append(f"{'' if len(exercise.outputs) == 1 else name + ' '}yours {shown}, right {want.item():.3f}")
    return [f"On {cases[first].says}: {'; '.join(parts)}."]
