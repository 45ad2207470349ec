"""What an exercise is made of: its solution's source, cases, hints, and mistakes as substitutions in that source."""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import torch
from torch import Tensor


@dataclass(frozen=True)
class Case:
    """One input that an answer is tried on.

    says: what is special about it, "8 images, 16 numbers each". args: as the answer is called; fewer than there are
    parameters if a default is to be tried. remark: what a failure says if it does not make an answer wrong, as with
    numbers that overflow a plain but correct answer. smooth: False if the gradient is a matter of convention here.
    """

    says: str
    args: tuple
    remark: str = ""
    smooth: bool = True


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer: `put` in place of `find` in the solution's source.

    put: code, or several spellings of the same mistake. what: the mistake, by name. look: where to look, never the
    solution.
    """

    find: str
    put: str | tuple[str, ...]
    what: str
    look: str

    def in_source(self, source: str) -> list[str]:
        """The source with this mistake, in every spelling; [] if it cannot be made there."""
        puts = (self.put,) if isinstance(self.put, str) else self.put
        return [source.replace(self.find, put) for put in puts] if self.find in source else []


@dataclass(frozen=True)
class Probe:
    """A property of every right answer: a change of its arguments that leaves the result as it is.

    says: what the change does, "Swapping a and b", and why the result should stay, filled in with {arg}. change: from
    all arguments to all, or, with `each`, from one tensor to one: every tensor argument is tried alone.
    """

    says: str
    change: Callable
    each: bool = False

    def changed(self, names: list[str], args: tuple) -> Iterator[tuple[str, tuple]]:
        """(what was done, the changed arguments), once or for every tensor argument."""
        if not self.each:
            yield self.says, self.change(*args)
            return
        for k in (k for k, arg in enumerate(args) if isinstance(arg, Tensor)):
            yield self.says.replace("{arg}", names[k]), (*args[:k], self.change(args[k]), *args[k + 1 :])


LONGER = Probe(
    "Making {arg} three times as long changes {result}; its direction is all that counts.", lambda z: 3 * z, each=True
)
REVERSED = Probe(
    "Reversing the images changes {result}; their order should not count.", lambda a, b, *t: (a.flip(0), b.flip(0), *t)
)
SWAPPED = Probe("Swapping the first two arguments changes {result}; it should not.", lambda a, b, *rest: (b, a, *rest))


@dataclass(frozen=True, eq=False)
class Exercise:
    """One exercise; its name is its file's.

    lesson: "03". solution: the function that is folded into the lesson. reference: the tested implementation, whose value
    and gradient are compared. returns: what it returns, in words. cases: makes the inputs, the most ordinary first.
    mistakes: known wrong answers; two at once are recognised too. hints: the first says least. probes: properties of every
    right answer. outputs: their names. words: (pattern, meaning) for messages and errors that mean something particular
    here. sizes: args -> the numbers that results are often off by, by name. no_loops: a remark on a right answer that loops
    in Python, if the task is to do without.
    """

    lesson: str
    solution: Callable
    reference: Callable
    returns: str
    cases: Callable[[], list[Case]]
    mistakes: tuple[Mistake, ...]
    hints: tuple[str, ...]
    probes: tuple[Probe, ...] = ()
    outputs: tuple[str, ...] = ("result",)
    words: tuple[tuple[str, str], ...] = ()
    sizes: Callable[..., Mapping[str, float]] = lambda *args: {}
    no_loops: str = ""

    def __post_init__(self):
        rows = (row if isinstance(row, Mistake) else Mistake(*row) for row in self.mistakes)
        object.__setattr__(self, "mistakes", tuple(rows))

    @property
    def name(self) -> str:
        return self.solution.__module__.rpartition(".")[2]

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters that an answer has to have."""
        return list(inspect.signature(self.solution).parameters)

    @cached_property
    def source(self) -> str:
        """The solution as it is folded into the lesson: without the docstring, which the student has already."""
        return re.sub(r'\n +""".*?"""', "", inspect.getsource(self.solution), count=1, flags=re.S)

    def build(self, source: str) -> Callable:
        """The function that a source defines, with what the exercise's file imports."""
        space = dict(self.solution.__globals__)
        exec(compile(source, f"<{self.name}>", "exec"), space)
        return space[self.solution.__name__]

    @cached_property
    def single(self) -> list[tuple[tuple[Mistake, ...], Callable]]:
        """Every mistake in each of its spellings: (the mistake, the solution with it)."""
        return [((m,), self.build(source)) for m in self.mistakes for source in m.in_source(self.source)]

    @cached_property
    def pairs(self) -> list[tuple[tuple[Mistake, ...], Callable]]:
        """Every two mistakes that can be made at once, in the first two spellings of each."""
        found = []
        for one, other in combinations(self.mistakes, 2):
            for first, then in ((one, other), (other, one)):
                both = [text for once in first.in_source(self.source)[:2] for text in then.in_source(once)[:2]]
                if both and then.find in self.source:
                    found += [((one, other), self.build(source)) for source in dict.fromkeys(both)]
                    break
        return found


def wrap(line: str, indent: str = "  ") -> str:
    """Wrap a line at 96 characters: a notebook's output does not wrap by itself, and a slide is not wider."""
    return textwrap.fill(
        line, 96, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False, break_on_hyphens=False
    )


def draw(seed: int, n: int, d: int, noise: float = 0.5, scale: float = 0.5) -> tuple[Tensor, Tensor]:
    """Projections of two views of n images, (n, d) each: a shared part and noise, every row with a length of its own.

    From a generator of its own: checking an answer leaves the notebook's random numbers alone.
    """
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(n, d, generator=generator)
    views = [shared + noise * torch.randn(n, d, generator=generator) for _ in range(2)]
    lengths = [scale * (0.5 + torch.rand(n, 1, generator=generator)) for _ in range(2)]
    return views[0] * lengths[0], views[1] * lengths[1]
