"""Reading the rows of a label-efficiency experiment: means, paired differences, a table."""

import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from coursekit.detection.paired import PairedDifference, paired_difference
from coursekit.runtime import CourseError


class Arm(NamedTuple):
    """pretrained: does it start from the backbone? frozen_first: is that frozen at the start?"""

    pretrained: bool
    frozen_first: bool


ARMS = {"random": Arm(False, False), "ssl": Arm(True, False), "ssl_frozen_first": Arm(True, True)}
BASELINE = "random"
METRICS = ("map50_95", "map50")
MEND = "Delete a damaged row and the same call trains it again; a damaged experiment.json needs another --out."


@dataclass(frozen=True)
class Cell:
    """One arm at one label count.

    values: {metric: one number per seed}. differences: {metric: this arm minus random}, over the seeds that both have.
    """

    arm: str
    labels: int
    seeds: tuple[int, ...]
    values: dict[str, tuple[float, ...]]
    differences: dict[str, PairedDifference]

    def mean(self, metric: str = "map50") -> float:
        """Mean over the seeds."""
        return statistics.fmean(self.values[metric])


@dataclass(frozen=True)
class Summary:
    """All cells, and what experiment.json says of settings and provenance. `print(summary)` is the table."""

    cells: tuple[Cell, ...]
    experiment: dict

    def __str__(self) -> str:
        lines = [
            f"{'labels':>7} {'arm':<17} {'seeds':>5} {'mAP50':>7} {'mAP50-95':>9}  mAP50 minus random, 95 % interval"
        ]
        for cell in self.cells:
            difference = cell.differences.get("map50")
            lines.append(
                f"{cell.labels:>7} {cell.arm:<17} {len(cell.seeds):>5} {cell.mean('map50'):>7.3f} "
                f"{cell.mean('map50_95'):>9.3f}  {difference if difference else ''}".rstrip()
            )
        return "\n".join(lines)

    def as_json(self) -> dict:
        """Everything as plain JSON values."""
        return {
            "cells": [
                {**asdict(cell), "mean": {metric: cell.mean(metric) for metric in METRICS}} for cell in self.cells
            ],
            "experiment": self.experiment,
        }


def read_json(file: Path, keys: Iterable[str] = ()) -> dict:
    """A JSON file's object. Raises CourseError, naming the file, where it is damaged or lacks one of the keys."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CourseError(f"{file} cannot be read as JSON: {error}. {MEND}") from error
    lacking = list(keys) if not isinstance(content, dict) else [key for key in keys if key not in content]
    if lacking or not isinstance(content, dict):
        raise CourseError(f"{file} is damaged: it lacks {', '.join(lacking) or 'every entry'}. {MEND}")
    return content


def _row(file: Path) -> dict:
    row = read_json(file, ("arm", "labels", "seed", *METRICS))
    numbers = [row[key] for key in ("labels", "seed", *METRICS)]
    if row["arm"] not in list(ARMS) or not all(isinstance(n, (int, float)) and math.isfinite(n) for n in numbers):
        raise CourseError(f"{file} is damaged: its arm is none of {', '.join(ARMS)}, or a number is none. {MEND}")
    return row


def finished_rows(out: str | Path) -> list[dict]:
    """The finished runs of an experiment's folder, one dict each; none in a new one. Raises CourseError for damage."""
    return [_row(file) for file in sorted(Path(out, "rows").glob("*.json"))]


def read_rows(out: str | Path) -> list[dict]:
    """The finished runs of an experiment's folder, one dict each. Raises CourseError where there are none."""
    rows = finished_rows(out)
    if not rows:
        raise CourseError(f"{out} holds no finished run of a label-efficiency experiment.")
    return rows


def summarise(out: str | Path) -> Summary:
    """The summary of all finished runs in an experiment's folder."""
    rows, cells = read_rows(out), []
    by_cell: dict[tuple[int, str], dict[int, dict]] = {}
    for row in rows:
        by_cell.setdefault((row["labels"], row["arm"]), {})[row["seed"]] = row
    order = list(ARMS)
    for (labels, arm), runs in sorted(by_cell.items(), key=lambda item: (item[0][0], order.index(item[0][1]))):
        baseline = by_cell.get((labels, BASELINE), {})
        shared = sorted(runs.keys() & baseline.keys())
        differences = (
            {}
            if arm == BASELINE or not shared
            else {
                metric: paired_difference([baseline[s][metric] for s in shared], [runs[s][metric] for s in shared])
                for metric in METRICS
            }
        )
        seeds = tuple(sorted(runs))
        cells.append(Cell(arm, labels, seeds, {m: tuple(runs[s][m] for s in seeds) for m in METRICS}, differences))
    file = Path(out, "experiment.json")
    return Summary(tuple(cells), read_json(file) if file.is_file() else {})
