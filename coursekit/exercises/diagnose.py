"""Name the mistake behind a wrong result: a known one, two known ones, or at least what the result does.

A mistake is named only if its results are those of the answer on every case, and no other mistake's are. In doubt, the
behaviour is described instead: a wrong name costs a student more than no name.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache

import numpy as np
import torch
from torch import Tensor

from coursekit.exercises.model import Case, Exercise, Mistake

Results = list[tuple[Tensor, ...]]  # one tuple of outputs for each case

RELATIONS = {  # with SIZE a number of images or the like, which differs from case to case
    "{} is SIZE times too large: a sum that should be a mean?": lambda right, n: right * n,
    "{} is SIZE times too small: a mean over more than it should be?": lambda right, n: right / n,
    "{} is log(SIZE) too large: a sum and a mean inside the log are confused.": lambda right, n: right + math.log(n),
    "{} is log(SIZE) too small: a sum and a mean inside the log are confused.": lambda right, n: right - math.log(n),
}
FACTORS = {  # a constant factor that says what is wrong
    -1.0: "{} has the wrong sign: it is minus the right value.",
    2.0: "{} is twice the right value: a sum of two where a mean belongs, or one factor too many?",
    0.5: "{} is half the right value: a mean of two where a sum belongs, or one factor too few?",
    1 / math.log(2): "{} is in base 2, bits, instead of nats: log2 instead of log.",
    1 / math.log(10): "{} is taken with log10 instead of the natural log.",
    100.0: "{} is in percent: 100 times too large.",
}


def pack(value) -> tuple[Tensor, ...]:
    """The outputs of a call as a tuple, also if there is only one."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def equal(got: tuple[Tensor, ...], want: tuple[Tensor, ...], tolerance: float = 1e-4) -> bool:
    """Do two results agree in shape and value, up to a relative and absolute tolerance? NaN equals NaN."""
    near = {"rtol": tolerance, "atol": tolerance, "equal_nan": True}
    return all(
        g.shape == w.shape and torch.allclose(g.detach().double(), w.detach().double(), **near)
        for g, w in zip(got, want, strict=True)
    )


def _numbers(result: tuple[Tensor, ...]) -> tuple[float, ...] | None:
    """A result as plain numbers; None if a part of it is not a single one."""
    return tuple(float(part) for part in result) if all(part.shape == () for part in result) else None


def _near(a: float, b: float) -> bool:
    return a == b or abs(a - b) <= 1e-4 + 1e-4 * abs(b) or (math.isnan(a) and math.isnan(b))


class Known:
    """The solution with one mistake or two. What it gives is computed once, case by case as far as it is needed."""

    def __init__(self, mistakes: tuple[Mistake, ...], function: Callable):
        self.mistakes, self.function = mistakes, function
        self.given: dict[str, tuple[float, ...] | None] = {}

    def result(self, case: Case) -> tuple[float, ...] | None:
        """What it gives on a case; None if it fails there."""
        if case.says not in self.given:
            try:
                self.given[case.says] = _numbers(pack(self.function(*case.args)))
            except (RuntimeError, IndexError):  # two mistakes whose shapes do not fit
                self.given[case.says] = None
        return self.given[case.says]

    def fits(self, cases: list[Case], wanted: list[tuple[float, ...]], outputs: Iterable[int]) -> bool:
        """Are these outputs its own, on every case?"""
        for case, want in zip(cases, wanted, strict=True):
            mine = self.result(case)
            if mine is None or not all(_near(mine[j], want[j]) for j in outputs):
                return False
        return True


@cache
def known(exercise: Exercise) -> tuple[list[Known], list[Known]]:
    """All wrong answers that are known, with one mistake and with two."""
    return tuple([Known(*each) for each in listed] for listed in (exercise.single, exercise.pairs))


def relation(got: list[float], want: list[float], sizes: list[Mapping[str, float]]) -> str:
    """How all values of one output differ from those wanted, "{} is N times too large."; "" if in no regular way.

    got, want: one number for each case. sizes: for each case, the numbers that results are often off by.
    """
    if not all(map(math.isfinite, got + want)) or all(map(_near, got, want)):
        return ""

    def is_(values: Iterable[float]) -> bool:
        return all(abs(g - v) <= 1e-5 + 1e-4 * abs(v) for g, v in zip(got, values, strict=True))

    for name in sizes[0]:
        size = [of[name] for of in sizes]
        if len(set(size)) == 1:
            continue
        for says, change in RELATIONS.items():
            right = [change(w, n) for w, n in zip(want, size, strict=True)]
            if is_(right):
                return says.replace("SIZE", name)
            if is_(-value for value in right):
                return says.replace("SIZE", name).replace("{} is", "{} has the wrong sign, and is")
    for factor, says in FACTORS.items():
        if is_(factor * w for w in want):
            return says
    if min(want) >= 0 and is_(map(math.sqrt, want)):
        return "{} is the square root of the right value."
    largest = max(range(len(want)), key=lambda k: abs(want[k]))
    factor, gap = got[largest] / want[largest], got[0] - want[0]
    if is_(factor * w for w in want) and 1e-4 < abs(factor) < 1e4:
        return f"{{}} is {factor:.3f} times the right value on every input."
    if is_(w + gap for w in want) and abs(gap) < 1e4:
        twice = " That is log(2): are pairs counted twice?" if _near(abs(gap), math.log(2)) else ""
        return f"{{}} differs from the right value by {gap:+.3f} on every input.{twice}"
    slope, start = np.polyfit(want, got, 1)
    if len(want) > 3 and 1e-3 < abs(slope) < 1e4 > abs(start) and is_(slope * w + start for w in want):
        sign = "plus" if slope > 0 else "minus"
        return f"{{}} is {start:.3f} {sign} {abs(slope):.3f} times the right value on every input."
    return ""


def recognize(exercise: Exercise, cases: list[Case], results: Results, expected: Results) -> tuple[list, list[str]]:
    """(the known mistakes behind the results, one or two; sentences on how else the results differ). ([], []) if unknown.

    cases: the strict ones, the answer's and the right results there. Of several outputs, each wrong one is looked at by
    itself, too: two mistakes in different places.
    """
    got, want = [_numbers(result) for result in results], [_numbers(result) for result in expected]
    if None in got:
        return [], []
    everything = range(len(exercise.outputs))
    found = _common(known(exercise)[0], cases, got, everything)
    wrong = [k for k in everything if not all(_near(g[k], w[k]) for g, w in zip(got, want, strict=True))]
    parts = [_of_output(exercise, cases, got, want, k) for k in wrong] if not found else []
    if len(everything) > 1 and not found and not any(mistakes or says for mistakes, says in parts):
        found = _common(known(exercise)[1], cases, got, everything)
    mistakes = found or [mistake for mistakes, _ in parts for mistake in mistakes]
    return list(dict.fromkeys(mistakes)), [says for _, said in parts for says in said]


def _of_output(exercise: Exercise, cases: list[Case], got: list, want: list, k: int) -> tuple[list[Mistake], list[str]]:
    """As `recognize`, for output k alone."""
    others = [j for j in range(len(exercise.outputs)) if j != k]
    single, pairs = (
        [o for o in listed if not others or o.fits(cases[:1], want[:1], others)] for listed in known(exercise)
    )
    found = _common(single, cases, got, [k])
    if found:
        return found, []
    sizes = [exercise.sizes(*case.args) for case in cases]
    mine, name = [g[k] for g in got], f"The {exercise.outputs[k]}"
    says = relation(mine, [w[k] for w in want], sizes)
    if says:
        return [], [says.format(name)]
    for other in single:
        given = [other.result(case) for case in cases]
        says = "" if None in given else relation(mine, [g[k] for g in given], sizes)
        if says and "on every input" not in says:  # an arbitrary factor would fit by chance
            return list(other.mistakes), [f"And t{says.format(name)[1:]}".replace("the right value", "that")]
    if sum(map(math.isfinite, mine)) * 2 < len(mine):
        return [], []
    return _common(pairs, cases, got, [k]), []


def _common(listed: list[Known], cases: list[Case], got: list, outputs: Iterable[int]) -> list[Mistake]:
    """The mistakes of the known answers that fit; of several that do, what they have in common."""
    if not any(all(math.isfinite(g[k]) for k in outputs) for g in got):
        return []
    fitting = [other.mistakes for other in listed if other.fits(cases, got, outputs)]
    return [m for m in fitting[0] if all(m in mistakes for mistakes in fitting)] if fitting else []


def malformed(exercise: Exercise, name: str, got: Tensor, want: Tensor) -> list[str]:
    """What is wrong with a result that is not a number, or not one of a sensible size; [] if it is one."""
    if got.shape != want.shape and got.numel() == want.numel() and equal((got.reshape(want.shape),), (want,)):
        return [
            f"the value is right, but it has the shape {tuple(got.shape)} instead of {tuple(want.shape)}.",
            f"Take the one number out of it: [{', '.join('0' * got.dim())}], or .squeeze().",
        ]
    if got.shape != want.shape:
        lines = [f"the {name} has shape {tuple(got.shape)}; needed is {tuple(want.shape)}."]
        return [*lines, f"It should return {exercise.text.returns}. Over what is a mean or a product still missing?"]
    if got.isnan().any():
        return [f"the {name} is NaN (not a number).", "NaN comes from 0 / 0, inf - inf, 0 * inf, the log or root of a "
                "negative number."]  # fmt: skip
    if got.isinf().any():
        return [f"the {name} is infinite.", "Infinity comes from log(0), a division by 0, or an exp that is too large."]
    if (got.double().abs() > 1000 * (1 + want.abs())).any():
        return [f"the {name} is more than 1000 times too large."]
    return []


def _other(arg):
    """Another argument of the same kind: in no simple relation to the first, and a box stays one."""
    return arg * torch.linspace(1, 2, arg.numel()).view_as(arg) + 1 if isinstance(arg, Tensor) else 2 * arg + 1


def behavior(exercise: Exercise, run: Callable, cases: list[Case], results: Results, expected: Results) -> list[str]:
    """What an unknown wrong answer does: an argument without effect, a property it lacks, where it is right.

    run(args): the answer's outputs for further arguments, None if it fails there.
    """
    names = [f"your {name}" for name in exercise.outputs]
    mine, theirs, probed = set(), set(), []  # which argument has an effect on which output
    for case, before, want in zip(cases, results, expected, strict=True):
        if not all(part.isfinite().all() for part in before):
            continue
        for k, arg in enumerate(case.args):
            args = (*case.args[:k], _other(arg), *case.args[k + 1 :])
            after = run(args) or [part + 1 for part in before]
            for effects, old, new in ((mine, before, after), (theirs, want, pack(exercise.reference(*args)))):
                effects |= {(k, j) for j in range(len(names)) if not equal(old[j : j + 1], new[j : j + 1], 1e-6)}
        for probe in exercise.probes:
            for says, args in probe.changed(exercise.parameters, case.args):
                after = run(args) or before
                changed = [name for name, a, b in zip(names, before, after, strict=True) if not equal((a,), (b,), 1e-3)]
                probed += [says.replace("{result}", " and ".join(changed))] if changed else []
    lines = [f"{exercise.parameters[k]} has no effect on {names[j]}." for k, j in sorted(theirs - mine)]
    lines = list(dict.fromkeys([*lines, *probed]))
    right = [case.says for case, got, want in zip(cases, results, expected, strict=True) if equal(got, want)]
    wrong = [case.says for case, got, want in zip(cases, results, expected, strict=True) if not equal(got, want)]
    if right and len(right) < len(wrong):
        lines.append(f"It is right on: {'; '.join(right)}.")
    elif right:
        lines.append(f"It is wrong only on: {'; '.join(wrong)}.")
    fine = [
        name
        for k, name in enumerate(exercise.outputs)
        if all(equal(g[k : k + 1], e[k : k + 1]) for g, e in zip(results, expected, strict=True))
    ]
    lines += [f"The {name} is right." for name in fine]
    return lines


def example(exercise: Exercise, cases: list[Case], results: Results, expected: Results) -> list[str]:
    """The first case that differs, in numbers."""
    first = next(k for k in range(len(cases)) if not equal(results[k], expected[k]))
    parts = []
    for name, got, want in zip(exercise.outputs, results[first], expected[first], strict=True):
        shown = f"{got.item():.3f}" if got.numel() == 1 else f"of shape {tuple(got.shape)}"
        parts.append(f"{'' if len(exercise.outputs) == 1 else name + ' '}yours {shown}, right {want.item():.3f}")
    return [f"On {cases[first].says}: {'; '.join(parts)}."]


def meaning(exercise: Exercise, lines: list[str]) -> list[str]:
    """What a message means in this exercise: the first of its words that fits."""
    return [says for pattern, says in exercise.text.words.items() if re.search(pattern, "\n".join(lines))][:1]
