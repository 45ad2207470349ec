"""What an exercise is made of, so that a lesson's file only holds the exercises themselves."""

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class Case:
    """One input that an answer is tried on.

    says: what is special about it, "8 images, 16 numbers each". args: as the answer is called. strict: False where
    failing only earns a remark, as for numbers that overflow a plain but correct answer.
    """

    says: str
    args: tuple
    strict: bool = True


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer. what: the mistake, by name. look: where to look, never the solution."""

    what: str
    look: str


@dataclass(frozen=True)
class Probe:
    """A property of every right answer: `change(args)` gives other args with the same result, or with another one.

    says: what an answer does that lacks the property. same: False where the result has to change with the args.
    """

    change: Callable[[tuple], tuple]
    says: str
    same: bool = True


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    name: as in check(name, ...). call: how an answer is called, "info_nce(z_a, z_b, temperature)". returns: what it
    returns, in words. reference: the tested implementation; its value is compared, and its gradient. cases: makes the
    inputs, the most ordinary first. mistakes: known wrong answers by key. flawed(keys): the reference with these
    mistakes built in; two at once are recognised too. hints: the first says least. remark: what to say where a case
    that is not strict fails. infinite, nan: what to do where a result is infinite or far too large, or where a result
    or its gradient is NaN. errors: (pattern of an error's message, what it means in this exercise), before the general
    ones. shape: what to ask where a result has the wrong shape. no_loops: a remark on
    a right answer that loops in Python, where the task is to do without.
    """

    name: str
    call: str
    returns: str
    reference: Callable
    cases: Callable[[], list[Case]]
    mistakes: Mapping[str, Mistake]
    flawed: Callable[[frozenset[str]], Callable]
    hints: tuple[str, ...]
    probes: tuple[Probe, ...] = ()
    remark: str = ""
    infinite: str = ""
    nan: str = ""
    errors: tuple[tuple[str, str], ...] = ()
    outputs: tuple[str, ...] = field(default=("result",))
    no_loops: str = ""
    shape: str = "Over what is the mean still missing?"

    @property
    def tested(self) -> str:
        """Where the reference lives, to be read after the exercise."""
        return f"{self.reference.__module__}.{self.reference.__qualname__}"


def wrap(line: str, indent: str = "  ") -> str:
    """Wrap a line at 96 characters: a notebook's output does not wrap by itself, and a slide is not wider."""
    return textwrap.fill(
        line, 96, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False, break_on_hyphens=False
    )


def draw(seed: int, n: int, d: int, noise: float = 0.5, scale: float = 0.5) -> tuple[torch.Tensor, torch.Tensor]:
    """Projections of two views of n images, (n, d) each: a shared part and noise, every row with a length of its own.

    From a generator of its own: checking an answer leaves the notebook's random numbers alone.
    """
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(n, d, generator=generator)
    views = [shared + noise * torch.randn(n, d, generator=generator) for _ in range(2)]
    lengths = [scale * (0.5 + torch.rand(n, 1, generator=generator)) for _ in range(2)]
    return views[0] * lengths[0], views[1] * lengths[1]
