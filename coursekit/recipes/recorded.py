"""Recorded experiments: what a lesson shows if making it takes longer than a lesson has."""

from dataclasses import dataclass, field
from pathlib import Path

from coursekit import runtime
from coursekit.evaluation.grid import read_json, write_json
from coursekit.evaluation.provenance import in_words


@dataclass(frozen=True)
class Recorded:
    """An experiment as it ships, in data/results.

    about: a sentence. setup: what all runs shared. provenance: where and when, said once. levels: what the numbers are
    to be compared with, by name. rows: one dict for each run.
    """

    about: str
    setup: dict
    provenance: dict
    rows: list[dict]
    levels: dict[str, float] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """The provenance as one line."""
        return in_words(self.provenance)


def record(path: Path, about: str, work: Path, rows: list[dict], levels: dict[str, float] | None = None) -> None:
    """Write what ships of the experiment that `run_grid` made in the folder `work`; see `Recorded` for the rest."""
    experiment = read_json(work / "experiment.json", ("setup", "provenance"))
    write_json(path, {"about": about, **experiment, **({"levels": levels} if levels else {}), "rows": rows})


def recorded(name: str) -> Recorded:
    """The recorded experiment data/results/NAME.json."""
    return Recorded(**read_json(runtime.shipped("results", f"{name}.json"), ("about", "setup", "provenance", "rows")))
