"""Reading the rows of a label-efficiency experiment: means, paired differences, a table."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from coursekit.evaluation.grid import MEND, read_json
from coursekit.evaluation.intervals import PairedDifference, paired_difference
from coursekit.runtime import CourseError


class Arm(NamedTuple):
    """One way to start. role: which weights: "backbone" for YOLO12's own, "replacement" for an encoder in its place,
    "supervised" for the backbone of a detector that has seen other labels; "untrained" for a network like the replacement,
    with random weights; "" for YOLO12's own with random ones. frozen: for which share of the
    training the backbone does not learn; None: as `Settings.freeze` says."""

    role: str = ""
    frozen: float | None = 0.0

    @property
    def needs(self) -> str:
        """Whose weights have to be given; "" if nobody's."""
        return "replacement" if self.role == "untrained" else self.role


RANDOM = (
    "",
    "untrained",
)  # roles without trained weights: their backbone learns at the full rate unless told otherwise
ARMS = {
    "random": Arm(),
    "ssl": Arm("backbone"),
    "ssl_frozen_first": Arm("backbone", None),
    "replaced": Arm("replacement", None),
    "replaced_frozen": Arm("replacement", 1.0),
    "replaced_random": Arm("untrained"),
    "supervised": Arm("supervised"),
}
BASELINE = "random"
METRICS = ("map50_95", "map50")


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
    """All cells, the rows behind them, and the experiment's setup and provenance. `print(summary)` is the table."""

    cells: tuple[Cell, ...]
    rows: list[dict]
    experiment: dict = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [
            f"{'labels':>7} {'arm':<17} {'seeds':>5} {'mAP50':>7} {'mAP50-95':>9}  mAP50-95 minus random, 95 % interval"
        ]
        for cell in self.cells:
            lines.append(
                f"{cell.labels:>7} {cell.arm:<17} {len(cell.seeds):>5} {cell.mean('map50'):>7.3f} "
                f"{cell.mean('map50_95'):>9.3f}  {cell.differences.get('map50_95', '')}".rstrip()
            )
        return "\n".join(lines)

    def as_json(self) -> dict:
        """The cells and the experiment as plain JSON values."""
        cells = [{**asdict(cell), "mean": {metric: cell.mean(metric) for metric in METRICS}} for cell in self.cells]
        return {"experiment": self.experiment, "cells": cells}


def read_rows(out: str | Path) -> list[dict]:
    """The finished runs of an experiment's folder, one dict each. Raises CourseError for a damaged one, and for none."""
    rows = [_row(file) for file in sorted(Path(out, "rows").glob("*.json"))]
    if not rows:
        raise CourseError(f"{out} holds no finished run of a label-efficiency experiment.")
    return rows


def _row(file: Path) -> dict:
    row = read_json(file, ("arm", "labels", "seed", *METRICS))
    numbers = [row[key] for key in ("labels", "seed", *METRICS)]
    if row["arm"] not in list(ARMS) or not all(isinstance(n, (int, float)) and math.isfinite(n) for n in numbers):
        raise CourseError(
            f"{file} is damaged: its arm is not one of {', '.join(ARMS)}, or a number is not finite. {MEND}"
        )
    return row


def summarize(rows: Sequence[dict], experiment: dict | None = None) -> Summary:
    """Compare the arms. rows: dicts with arm, labels, seed and `METRICS`. experiment: setup and provenance, to pass on."""
    by_cell: dict[tuple[int, str], dict[int, dict]] = {}
    for row in rows:
        by_cell.setdefault((row["labels"], row["arm"]), {})[row["seed"]] = row
    order, cells = list(ARMS), []
    for (labels, arm), runs in sorted(by_cell.items(), key=lambda item: (item[0][0], order.index(item[0][1]))):
        baseline, differences = by_cell.get((labels, BASELINE), {}), {}
        if arm != BASELINE and (shared := sorted(runs.keys() & baseline.keys())):
            differences = {
                metric: paired_difference([baseline[s][metric] for s in shared], [runs[s][metric] for s in shared])
                for metric in METRICS
            }
        seeds = tuple(sorted(runs))
        cells.append(Cell(arm, labels, seeds, {m: tuple(runs[s][m] for s in seeds) for m in METRICS}, differences))
    return Summary(tuple(cells), list(rows), experiment or {})
