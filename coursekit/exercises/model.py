"""What an exercise is made of: its solution's source, cases, hints, and mistakes as substitutions in that source.

tasks/NAME.py holds what is computed, tasks/NAME.yaml what is said about it, and the mistakes.
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path
from string import Template

import torch
from torch import Tensor

from coursekit.exercises.yaml_files import read_yaml
from coursekit.runtime import CourseError


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

    put: the spellings of the mistake, each as code. what: the mistake, by name. look: where to look, never the solution.
    """

    find: str
    put: tuple[str, ...]
    what: str
    look: str

    def in_source(self, source: str) -> list[str]:
        """The source with this mistake, in every spelling; [] if it cannot be made there."""
        return [source.replace(self.find, put) for put in self.put] if self.find in source else []


@dataclass(frozen=True)
class Text:
    """What is said about an exercise.

    returns: what it returns, in words. hints: the first says least. mistakes: known wrong answers; two at once are
    recognised too. words: pattern -> meaning, for messages and errors that mean something particular here. no_loops: a
    remark on a right answer that loops in Python, if the task is to do without.
    """

    returns: str
    hints: list[str]
    mistakes: tuple[Mistake, ...]
    words: Mapping[str, str] = field(default_factory=dict)
    no_loops: str = ""


def read_text(path: Path) -> Text:
    """The text of an exercise; in its mistakes, $NAME stands for one of its `names`.

    Raises CourseError, naming the entry, if something is missing or of another kind, or if there is no such name.
    """
    shape = {"returns": str, "hints": [str], "words?": {str: str}, "no_loops?": str, "names?": {str: str}}
    row = {"find": str, "put": (str, [str]), "what": str, "look": str}
    read = read_yaml(path, {**shape, "mistakes": [row]})
    names, mistakes = {}, []
    try:
        for entry, text in read.pop("names", {}).items():
            names[entry] = Template(text).substitute(names)
        for number, row in enumerate(read.pop("mistakes"), start=1):
            entry, put = f"mistakes {number}", [row["put"]] if isinstance(row["put"], str) else row["put"]
            texts = (row["find"], row["what"], row["look"], *put)
            find, what, look, *put = (Template(text).substitute(names) for text in texts)
            mistakes.append(Mistake(find, tuple(put), what, look))
    except (KeyError, ValueError) as error:
        raise CourseError(f"{path.name}, {entry}: there is no name {error} before it.") from error
    return Text(**read, mistakes=tuple(mistakes))


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
    """One exercise; its name is its file's, and what is said about it is in the YAML file beside that.

    lesson: "03". solution: the function that is folded into the lesson. reference: the tested implementation, whose value
    and gradient are compared. cases: makes the inputs, the most ordinary first. probes: properties of every right answer.
    outputs: their names. sizes: args -> the numbers that results are often off by, by name.
    """

    lesson: str
    solution: Callable
    reference: Callable
    cases: Callable[[], list[Case]]
    probes: tuple[Probe, ...] = ()
    outputs: tuple[str, ...] = ("result",)
    sizes: Callable[..., Mapping[str, float]] = lambda *args: {}

    @cached_property
    def text(self) -> Text:
        """What is said about it, and its mistakes."""
        return read_text(Path(inspect.getfile(self.solution)).with_suffix(".yaml"))

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
        return [((m,), self.build(source)) for m in self.text.mistakes for source in m.in_source(self.source)]

    @cached_property
    def pairs(self) -> list[tuple[tuple[Mistake, ...], Callable]]:
        """Every two mistakes that can be made at once, in the first two spellings of each."""
        found = []
        for one, other in combinations(self.text.mistakes, 2):
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
