"""Recipes by name: a decorator adds one, `make` runs it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from coursekit import runtime
from coursekit.evaluation.provenance import budget_name
from coursekit.runtime import CourseError


@dataclass(frozen=True)
class Recipe:
    """makes: the files below data/ that it writes. about: one line. run: does it, see `recipe`. lesson: its number, "03",
    by the file that it stands in.
    """

    makes: tuple[str, ...]
    about: str
    run: Callable[[Path, Path], None]

    @property
    def lesson(self) -> str:
        return self.run.__module__[-2:]


RECIPES: dict[str, Recipe] = {}


def recipe(name: str, about: str, weights: str | Iterable[str] = (), results: str | None = None) -> Callable:
    """A decorator for run(work, ship), which keeps what it needs to go on in `work` and writes what ships below `ship`.

    name: for `make`. about: one line. weights: names of the weights that it makes, each with its card; a single
    one may stand alone. results: name of the experiment that it records.
    """
    each = [weights] if isinstance(weights, str) else weights
    makes = [f"checkpoints/{one}{end}" for one in each for end in (".safetensors", ".md")]
    makes += [f"results/{results}.json"] if results else []

    def add(run: Callable[[Path, Path], None]) -> Callable[[Path, Path], None]:
        RECIPES[name] = Recipe(tuple(makes), about, run)
        return run

    return add


def work_folder(name: str) -> Path:
    """Where a recipe keeps its unfinished work: one folder for each budget, because they do not mix."""
    return runtime.home() / "recipes" / f"{name}_{budget_name()}"


def make(name: str, out: str | Path | None = None) -> tuple[Path, ...]:
    """Run one recipe, or go on with it. out: where to write, default the checkout's data/. Returns what it wrote.

    Raises CourseError for an unknown name.
    """
    if name not in RECIPES:
        raise CourseError(f"There is no recipe {name!r}. Choose one of: {', '.join(RECIPES)}.")
    ship = Path(out) if out else runtime.shipped("road_objects").parent
    RECIPES[name].run(work_folder(name), ship)
    return tuple(ship / made for made in RECIPES[name].makes)
