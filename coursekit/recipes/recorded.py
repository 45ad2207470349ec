"""Recorded experiments: what a lesson shows if making it takes longer than a lesson has."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coursekit import runtime
from coursekit.evaluation.grid import cell_name, read_json, run_grid, write_json
from coursekit.evaluation.provenance import in_words
from coursekit.runtime import CourseError
from coursekit.training.keeping import differences


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


def carry_over(work: Path, name: str, setup: dict, cells: Sequence[dict], among: dict | None = None) -> int:
    """Give `run_grid` in the folder `work` the rows that ship already -> how many, so that only missing ones are made.

    name: of the recorded experiment. setup, cells: of the one to come; what was recorded with other settings is made anew.
    among: entries that a row must have besides its cell's, if one record holds the rows of several grids.
    """
    same = json.loads(json.dumps({"setup": setup, "cells": list(cells)}))
    try:
        shipped = recorded(name)
    except CourseError:  # nothing ships yet
        return 0
    if changed := list(differences(shipped.setup, same["setup"])):
        print(
            f"data/results/{name}.json was recorded with other settings ({'; '.join(changed)}): every row is made anew."
        )
        return 0
    if not (work / "experiment.json").exists():
        write_json(work / "experiment.json", {"setup": same["setup"], "provenance": shipped.provenance})
    count = 0
    for cell in same["cells"]:
        place = work / "rows" / f"{cell_name(cell)}.json"
        wanted = {**cell, **(among or {})}.items()
        row = next((row for row in shipped.rows if wanted <= row.items()), None)
        if row is not None and not place.exists():
            write_json(place, {"seconds": None, **row})  # not every experiment recorded its time
            count += 1
    return count


def run_recorded(
    work: Path,
    results: Path,
    about: str,
    cells: Sequence[dict],
    run: Callable[[dict, Path], dict],
    setup: dict,
    levels: dict[str, float] | None = None,
) -> None:
    """`run_grid` in the folder `work`, recorded in the file `results` as it grows; rows that ship already are not made again.

    cells, run, setup: as in `run_grid`. about, levels: see `Recorded`.
    """
    carry_over(work, results.stem, setup, cells)

    def keep(rows: list[dict]) -> None:
        record(results, about, work, rows, levels)

    keep(run_grid(work, cells, run, setup, done=keep))


def recorded(name: str) -> Recorded:
    """The recorded experiment data/results/NAME.json."""
    return Recorded(**read_json(runtime.shipped("results", f"{name}.json"), ("about", "setup", "provenance", "rows")))


def shipped_rows(name: str) -> list[dict]:
    """The rows of data/results/NAME.json, none if it does not ship (yet)."""
    try:
        return recorded(name).rows
    except CourseError:
        return []
