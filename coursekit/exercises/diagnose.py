"""Name the mistake behind a wrong result: a known one, two known ones, or at least what the result does.

A mistake is named only if its results are those of the answer on every case, and no other mistake's are. In doubt, the
behaviour is described instead: a wrong name costs a student more than no name.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from coursekit.exercises.explain import tell
from coursekit.exercises.model import Case, Exercise, Mistake

RELATIONS = {  # with SIZE a number of images or the like, which differs from case to case
    "{} is SIZE times too large: a sum that should be a mean?": lambda right, n: right * n,
    "{} is SIZE times too small: a mean over more than it should be?": lambda right, n: right / n,
    "{} is log(SIZE) too large: a sum and a mean inside the log are confused.": lambda right, n: right + math.log(n),
    "{} is log(SIZE) too small: a sum and a mean inside the log are confused.": lambda right, n: right - math.log(n),
}
SHOWN = 8  # numbers of a vector
LARGE = 1e4  # above it, float32 hides what an argument changes
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


def _differ(got: tuple[Tensor, ...], want: tuple[Tensor, ...], tolerance: float = 1e-4) -> list[int]:
    """Which outputs differ, by number."""
    return [k for k, (g, w) in enumerate(zip(got, want, strict=True)) if not equal((g,), (w,), tolerance)]


@dataclass
class Trial:
    """An answer on one case: what it gave and what is right, a tuple of outputs each."""

    case: Case
    got: tuple[Tensor, ...]
    want: tuple[Tensor, ...]

    @property
    def right(self) -> bool:
        return equal(self.got, self.want)


def _numbers(result: tuple[Tensor, ...]) -> tuple:
    """A result as plain values, quicker to compare: a number, or (shape, numbers) for a part that is not a single one."""
    return tuple(float(p) if p.shape == () else (tuple(p.shape), tuple(map(float, p.flatten()))) for p in result)


def _near(a, b) -> bool:
    """Are two parts of `_numbers` equal, up to a tolerance?"""
    if isinstance(a, tuple) or isinstance(b, tuple):
        same_kind = isinstance(a, tuple) and isinstance(b, tuple) and a[0] == b[0]
        return same_kind and all(map(_near, a[1], b[1]))
    if math.isinf(a) or math.isinf(b):
        return a == b  # a share of infinity would be near to everything
    return abs(a - b) <= 1e-4 + 1e-4 * abs(b) or (math.isnan(a) and math.isnan(b))


def _finite(part) -> bool:
    return all(map(math.isfinite, part[1])) if isinstance(part, tuple) else math.isfinite(part)


class Known:
    """The solution with one mistake or two. What it gives is computed once, case by case as far as it is needed."""

    def __init__(self, mistakes: tuple[Mistake, ...], function: Callable):
        self.mistakes, self.function = mistakes, function
        self.given: dict[str, tuple | None] = {}

    def result(self, case: Case) -> tuple | None:
        """What it gives on a case; None if it fails there."""
        if case.says not in self.given:
            try:
                self.given[case.says] = _numbers(pack(self.function(*case.args)))
            except Exception:  # two mistakes that do not fit together: other shapes, a name that is not there yet
                self.given[case.says] = None
        return self.given[case.says]

    def fits(self, cases: list[Case], wanted: list[tuple], outputs: Iterable[int]) -> bool:
        """Are these outputs its own, on every case?"""
        for case, want in zip(cases, wanted, strict=True):
            mine = self.result(case)
            if mine is None or not all(_near(mine[k], want[k]) for k in outputs):
                return False
        return True


@cache
def known(exercise: Exercise) -> tuple[list[Known], list[Known]]:
    """All wrong answers that are known, with one mistake and with two."""
    return tuple([Known(*each) for each in listed] for listed in (exercise.single, exercise.pairs))


def _relations(want: list[float], sizes: list[Mapping[str, float]]) -> Iterator[tuple[str, list[float]]]:
    """(how wrong values differ from the right ones, those wrong values): every relation that has a meaning."""
    for name in sizes[0]:
        size = [of[name] for of in sizes]
        if len(set(size)) == 1:
            continue
        for says, change in RELATIONS.items():
            says, wrong = says.replace("SIZE", name), [change(w, n) for w, n in zip(want, size, strict=True)]
            yield says, wrong
            yield says.replace("{} is", "{} has the wrong sign, and is"), [-value for value in wrong]
    for factor, says in FACTORS.items():
        yield says, [factor * w for w in want]
    if min(want) >= 0:
        yield "{} is the square root of the right value.", [math.sqrt(w) for w in want]


def relation(got: list, want: list, sizes: list[Mapping[str, float]]) -> str:
    """How all values of one output differ from those wanted, "{} is N times too large."; "" if in no regular way.

    got, want: one number for each case; of several numbers a case nothing is said. sizes: for each case, the numbers that
    results are often off by.
    """
    if not all(isinstance(value, float) and math.isfinite(value) for value in got + want) or all(map(_near, got, want)):
        return ""

    def is_(values: Iterable[float]) -> bool:
        return all(abs(g - v) <= 1e-5 + 1e-4 * abs(v) for g, v in zip(got, values, strict=True))

    for says, wrong in _relations(want, sizes):
        if is_(wrong):
            return says
    if not any(want):
        return ""  # a wrong answer that gives 0 on every input: nothing is a multiple of it
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


def recognize(exercise: Exercise, trials: list[Trial]) -> tuple[list[Mistake], list[str]]:
    """(the known mistakes behind the results, one or two; sentences on how else the results differ). ([], []) if unknown.

    Of several outputs, each wrong one is looked at by itself, too: two mistakes in different places.
    """
    cases = [trial.case for trial in trials]
    got, want = [_numbers(trial.got) for trial in trials], [_numbers(trial.want) for trial in trials]
    everything = range(len(exercise.outputs))
    single, pairs = known(exercise)
    if found := _common(single, cases, got, everything):
        return found, []
    wrong = [k for k in everything if not all(_near(g[k], w[k]) for g, w in zip(got, want, strict=True))]
    parts = [_of_output(exercise, cases, got, want, k) for k in wrong]
    told = sum(len(mistakes) + bool(says) for mistakes, says in parts)
    if len(everything) > 1 and (told > 2 or not all(mistakes or says for mistakes, says in parts)):
        if found := _common(pairs, cases, got, everything):
            return found, []
    mistakes = dict.fromkeys(mistake for mistakes, _ in parts for mistake in mistakes)
    return list(mistakes), [says for _, says in parts if says]


def _of_output(exercise: Exercise, cases: list[Case], got: list, want: list, k: int) -> tuple[list[Mistake], str]:
    """As `recognize`, for output k alone, with one sentence at most."""
    others = [j for j in range(len(exercise.outputs)) if j != k]
    single, pairs = (
        [o for o in listed if not others or o.fits(cases[:1], want[:1], others)] for listed in known(exercise)
    )
    if found := _common(single, cases, got, [k]):
        return found, ""
    sizes = [exercise.sizes(*case.args) for case in cases]
    mine, name = [g[k] for g in got], f"The {exercise.outputs[k]}"
    if says := relation(mine, [w[k] for w in want], sizes):
        return [], says.format(name)
    for other in single:
        given = [other.result(case) for case in cases]
        says = "" if None in given else relation(mine, [g[k] for g in given], sizes)
        if says and "on every input" not in says:  # an arbitrary factor would fit by chance
            return list(other.mistakes), f"And t{says.format(name)[1:]}".replace("the right value", "that")
    if sum(map(_finite, mine)) * 2 < len(mine):
        return [], ""
    return _common(pairs, cases, got, [k]), ""


def _common(listed: list[Known], cases: list[Case], got: list, outputs: Iterable[int]) -> list[Mistake]:
    """The mistakes of the known answers that fit; of several that do, what they have in common."""
    if not any(all(_finite(g[k]) for k in outputs) for g in got):
        return []
    fitting = [other.mistakes for other in listed if other.fits(cases, got, outputs)]
    return [m for m in fitting[0] if all(m in mistakes for mistakes in fitting)] if fitting else []


def malformed(exercise: Exercise, name: str, got: Tensor, want: Tensor) -> list[str]:
    """What is wrong with a result that is not a number, or not one of a sensible size; [] if it is one."""
    shapes = {"mine": tuple(got.shape), "right": tuple(want.shape)}
    if got.shape != want.shape and got.numel() == want.numel() and equal((got.reshape(want.shape),), (want,)):
        return tell("value in another shape", index=f"[{', '.join('0' * got.dim())}]", **shapes)
    if got.shape != want.shape:
        return tell("other shape", name=name, returns=exercise.text.returns, **shapes)
    if got.isnan().any():
        return tell("nan", name=name)
    if (got.isinf() & (got != want)).any():  # a right result may be infinite
        return tell("infinite", name=name)
    if (got.double().abs() > 1000 * (1 + want.double().abs())).any():
        return tell("too large", name=name)
    return []


def _other(arg):
    """Another argument of the same kind: in no simple relation to the first, and a box stays one, a mask too."""
    if isinstance(arg, Tensor) and arg.dtype == torch.bool:
        return ~arg
    return arg * torch.linspace(1, 2, arg.numel()).view_as(arg) + 1 if isinstance(arg, Tensor) else 2 * arg + 1


def behavior(exercise: Exercise, run: Callable[[tuple], Trial | None], trials: list[Trial]) -> list[str]:
    """What an unknown wrong answer does: an argument without effect, a property it lacks, where it is right.

    run(args): the answer on further arguments, None if it fails there.
    """
    outputs = range(len(exercise.outputs))
    mine, theirs, probed = set(), set(), []  # (argument, output): which has an effect on which
    for trial in trials:
        if not all((part.double().abs() < LARGE).all() for part in trial.got):  # NaN is not, either
            continue
        args = trial.case.args
        for k, arg in enumerate(args):
            changed = run((*args[:k], _other(arg), *args[k + 1 :]))
            mine |= {(k, j) for j in (_differ(trial.got, changed.got, 1e-6) if changed else outputs)}
            theirs |= {(k, j) for j in (_differ(trial.want, changed.want, 1e-6) if changed else [])}
        for probe in exercise.probes:
            for says, other in probe.changed(exercise.parameters, args):
                changed = run(other)
                differ = _differ(trial.got, changed.got, 1e-3) if changed else []
                result = " and ".join(f"your {exercise.outputs[j]}" for j in differ)
                probed += [says.replace("{result}", result)] if differ else []
    idle = [f"{exercise.parameters[k]} has no effect on your {exercise.outputs[j]}." for k, j in sorted(theirs - mine)]
    lines = list(dict.fromkeys([*idle, *probed]))
    right = [trial.case.says for trial in trials if trial.right]
    wrong = [trial.case.says for trial in trials if not trial.right]
    if right:
        few = len(right) < len(wrong)
        lines.append(f"It is right on: {'; '.join(right)}." if few else f"It is wrong only on: {'; '.join(wrong)}.")
    off = {j for trial in trials for j in _differ(trial.got, trial.want)}
    return lines + [f"The {name} is right." for j, name in enumerate(exercise.outputs) if j not in off]


def example(exercise: Exercise, trial: Trial) -> str:
    """A case that differs, in numbers."""
    parts = []
    for name, got, want in zip(exercise.outputs, trial.got, trial.want, strict=True):
        named = "" if len(exercise.outputs) == 1 else name + " "
        parts.append(f"{named}yours {_shown(got, want)}, right {_shown(want, want)}")
    return f"On {trial.case.says}: {'; '.join(parts)}."


def _shown(part: Tensor, want: Tensor) -> str:
    """A result in short: a number, the first numbers of a vector, or its shape if that is another one than `want` has."""
    if part.numel() == 1 and want.numel() == 1:
        return f"{part.item():.3f}" if part.is_floating_point() else str(part.item())
    if part.shape != want.shape or part.dim() != 1:
        return f"of shape {tuple(part.shape)}"
    numbers = [f"{value:.3f}" if part.is_floating_point() else str(value) for value in part[:SHOWN].tolist()]
    return f"[{', '.join(numbers + ['...'] * (len(part) > SHOWN))}]"
