"""Name the mistake behind a wrong result: a known one, two known ones, or at least what the result does.

A mistake is named only if its results are those of the answer on every case, and no other mistake's are. In doubt, the
behaviour is described instead: a wrong name costs a student more than no name.
"""

import math
import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from coursekit.exercises.model import Case, Exercise, Mistake

Results = list[tuple[Tensor, ...]]  # one tuple of outputs for each case

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


def relation(got: list[Tensor], want: list[Tensor], sizes: list[Mapping[str, float]]) -> str:
    """How all values of one output differ from those wanted, "{} is N times too large."; "" if in no regular way.

    got, want: one number for each case. sizes: for each case, the numbers that results are often off by.
    """
    if any(g.shape != w.shape or g.numel() != 1 for g, w in zip(got, want, strict=True)):
        return ""
    mine, right = (torch.stack(part).detach().double().flatten() for part in (got, want))
    if not mine.isfinite().all() or (mine - right).abs().max() < 1e-4:
        return ""

    def is_(value: Tensor) -> bool:
        return torch.allclose(mine, value, rtol=1e-4, atol=1e-5)

    for name in sizes[0]:
        size = torch.tensor([float(of[name]) for of in sizes], dtype=torch.float64)
        for says, value in (
            (f"{{}} is {name} times too large: a sum that should be a mean?", right * size),
            (f"{{}} is {name} times too small: a mean over more than it should be?", right / size),
            (f"{{}} is log({name}) too large: a sum and a mean inside the log are confused.", right + size.log()),
            (f"{{}} is log({name}) too small: a sum and a mean inside the log are confused.", right - size.log()),
        ):
            if size.unique().numel() > 1 and is_(value):
                return says
            if size.unique().numel() > 1 and is_(-value) and "log" not in says:
                return says.replace("{} is", "{} has the wrong sign, and is")
    for factor, says in FACTORS.items():
        if is_(factor * right):
            return says
    if (right > 0).any() and is_(right.abs().sqrt()):
        return "{} is the square root of the right value."
    factor = (mine / right)[right.abs().argmax()]
    if is_(factor * right) and 1e-4 < factor.abs() < 1e4:
        return f"{{}} is {factor:.3f} times the right value on every input."
    gap = (mine - right)[0]
    if is_(right + gap) and gap.abs() < 1e4:
        twice = " That is log(2): are pairs counted twice?" if abs(gap.abs() - math.log(2)) < 1e-4 else ""
        return f"{{}} differs from the right value by {gap:+.3f} on every input.{twice}"
    slope = ((mine - mine.mean()) * (right - right.mean())).sum() / (right - right.mean()).square().sum().clamp(
        min=1e-12
    )
    start = mine.mean() - slope * right.mean()
    if len(mine) > 3 and slope.abs() > 1e-3 and is_(slope * right + start):
        return f"{{}} is {start:.3f} {'plus' if slope > 0 else 'minus'} {abs(slope):.3f} times the right value on every input."
    return ""


def recognize(exercise: Exercise, cases: list[Case], results: Results, expected: Results) -> tuple[list, list[str]]:
    """(the known mistakes behind the results, one or two; sentences on how else the results differ). ([], []) if unknown.

    Of several outputs, each wrong one is looked at by itself, too: two mistakes in different places.
    """
    everything = range(len(exercise.outputs))
    if len(exercise.outputs) == 1:
        return _recognize(exercise, cases, results, expected, everything)
    found = _one(exercise.single, cases, results, everything)
    if found:
        return list(found), []
    known, said = [], []
    wrong = [k for k in everything if not all(equal(g[k : k + 1], e[k : k + 1]) for g, e in zip(results, expected))]
    for k in wrong:
        mistakes, words = _recognize(exercise, cases, results, expected, [k])
        known += [mistake for mistake in mistakes if mistake not in known]
        said += words
        if not mistakes and not words and len(wrong) == 1:
            return [], []
    return known, said


def _recognize(exercise, cases, results, expected, outputs) -> tuple[list[Mistake], list[str]]:
    finite = [all(r[k].isfinite().all() for k in outputs) for r in results]
    if not any(finite):
        return [], []
    alone = exercise.single
    if len(outputs) < len(exercise.outputs):  # mistakes that leave the other outputs as they are
        others = [k for k in range(len(exercise.outputs)) if k not in outputs]
        alone = [known for known in alone if _fits(known[1], cases[:1], expected, others)]
    found = _one(alone, cases, results, outputs)
    if found:
        return list(found), []
    sizes = [exercise.sizes(*case.args) for case in cases]
    if len(outputs) == 1:
        k, name = outputs[0], f"The {exercise.outputs[outputs[0]]}"
        says = relation([r[k] for r in results], [e[k] for e in expected], sizes)
        if says:
            return [], [says.format(name)]
        for keys, wrong in alone:
            says = relation([r[k] for r in results], [pack(wrong(*case.args))[k] for case in cases], sizes)
            if says and "on every input" not in says:  # an arbitrary factor would fit by chance
                return list(keys), [f"And {says.format(name[0].lower() + name[1:])}".replace("the right value", "that")]
    if sum(finite) * 2 < len(finite):
        return [], []
    return list(_one(exercise.pairs, cases, results, outputs)), []


def _fits(wrong: Callable, cases: list[Case], results: Results, outputs) -> bool:
    for case, got in zip(cases, results):
        try:
            other = pack(wrong(*case.args))
        except (RuntimeError, IndexError):
            return False
        if not equal(tuple(got[k] for k in outputs), tuple(other[k] for k in outputs)):
            return False
    return True


def _one(known: list, cases: list[Case], results: Results, outputs) -> tuple[Mistake, ...]:
    """The mistakes whose results these are; of several that fit, what they have in common."""
    fitting = [keys for keys, wrong in known if _fits(wrong, cases, results, outputs)]
    return tuple(m for m in fitting[0] if all(m in keys for keys in fitting)) if fitting else ()


def malformed(exercise: Exercise, name: str, got: Tensor, want: Tensor) -> list[str]:
    """What is wrong with a result that is not a number, or not one of a sensible size; [] if it is one."""
    if got.shape != want.shape and got.numel() == want.numel() and equal((got.reshape(want.shape),), (want,)):
        return [
            f"the value is right, but it has the shape {tuple(got.shape)} instead of {tuple(want.shape)}.",
            f"Take the one number out of it: [{', '.join('0' * got.dim())}], or .squeeze().",
        ]
    if got.shape != want.shape:
        lines = [f"the {name} has shape {tuple(got.shape)}; needed is {tuple(want.shape)}."]
        return [*lines, f"It should return {exercise.returns}. Over what is a mean or a product still missing?"]
    if got.isnan().any():
        return [f"the {name} is NaN (not a number).", "NaN comes from 0 / 0, inf - inf, 0 * inf, the log or root of a "
                "negative number."]  # fmt: skip
    if got.isinf().any():
        return [f"the {name} is infinite.", "Infinity comes from log(0), a division by 0, or an exp that is too large."]
    if (got.double().abs() > 1000 * (1 + want.abs())).any():
        return [f"the {name} is more than 1000 times too large."]
    return []


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
            args = (*case.args[:k], 2 * arg + 1, *case.args[k + 1 :])
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
    fine = [name for k, name in enumerate(exercise.outputs) if all(
        equal(g[k : k + 1], e[k : k + 1]) for g, e in zip(results, expected))]  # fmt: skip
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
    return [says for pattern, says in exercise.words if re.search(pattern, "\n".join(lines))][:1]
