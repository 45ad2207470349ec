"""The leaderboard: what `coursekit recipes methods-large` and `methods` recorded, a line for each method and kind of images.

Each kind of images is shown at the larger budget, if methods were trained on it there. It takes the rows and columns that
are there. What a method has not is told as "-": raw pixels have no weights to
fine-tune, and a baseline no training to time. Speed and memory are those of `coursekit recipes step-cost`, for which every
method was alone on the machine, if that was recorded; else those of the runs themselves.
"""

import csv
import io
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from coursekit.evaluation.intervals import Interval, mean_interval, seeds_and_images
from coursekit.evaluation.judging import TITLES
from coursekit.files import write_atomically
from coursekit.recipes.lesson_09 import recorded_methods
from coursekit.recipes.practice_09 import recorded_cost
from coursekit.recipes.recorded import Recorded
from coursekit.runtime import CourseError

COSTS = {
    "images_per_second": "images/s",
    "training_seconds": "training, s",
    "memory_mb": "memory, MB",
}  # for all images seen
COLUMNS = {**TITLES, **COSTS}
LESS_IS_BETTER = ("training_seconds", "memory_mb")
BASELINES = ("raw pixels", "random encoder", "random ViT")  # they learned nothing
AGAIN = "Make it again, all runs included: coursekit recipes methods, methods-large, step-cost (one after the other)"


@dataclass(frozen=True)
class Standing:
    """One method on one kind of images.

    seeds: runs behind it. seen: images that each run saw, None if that is not known. scores: by judge, the mean accuracy, 0
    to 1, with its interval; costs: by name, the median over the runs. Both have only what was recorded.
    """

    data: str
    method: str
    seeds: int
    scores: dict[str, Interval]
    costs: dict[str, float]
    seen: int | None = None

    def value(self, column: str) -> float | None:
        """The number of one column of `COLUMNS`; None if it was not recorded."""
        return self.scores[column].mean if column in self.scores else self.costs.get(column)


def shipped_cost() -> Recorded | None:
    """What a step of every method costs, as it was recorded; None if this copy ships without."""
    try:
        return recorded_cost()
    except CourseError:
        return None


def shipped() -> list[Recorded]:
    """The recorded comparisons that ship, the one with the larger budget first."""
    found = []
    for large in (True, False):
        try:
            found.append(recorded_methods(large=large))
        except CourseError:  # this copy ships without it
            continue
    return found


def standings(
    recorded: Sequence[Recorded] | None = None,
    data: str | None = None,
    by: str = "linear_probe",
    cost: Recorded | None = None,
) -> list[Standing]:
    """Every method on every kind of images, or on those of one name, the best first.

    recorded: of several, each kind of images is taken from the first in which a method was trained on it; default: what
    ships, with what ships as its cost. cost: rows with the method, images_per_second and memory_mb.
    data: "road objects" or "CIFAR-10"; capitals do not matter, and the beginning will do.
    by: a column of `COLUMNS`; those that lack it come last. Raises CourseError for names that are not there.
    """
    if by not in COLUMNS:
        raise CourseError(f"There is no column {by!r} to sort by. Choose of: {', '.join(COLUMNS)}.")
    cost = shipped_cost() if recorded is None and cost is None else cost
    alone = {row["method"]: row for row in (cost.rows if cost else ())}
    chosen = _by_kind(shipped() if recorded is None else recorded)
    kinds = list(chosen) if data is None else [_kind(data, list(chosen))]
    found = []
    for kind in kinds:
        seen = chosen[kind].setup.get("seen")
        rows = [_alone(row, alone.get(row["method"]), seen) for row in chosen[kind].rows if row["data"] == kind]
        names = dict.fromkeys(row["method"] for row in rows)
        of = [_standing([row for row in rows if row["method"] == name], seen) for name in names]
        found += sorted(of, key=lambda standing: _order(standing.value(by), by))
    return found


def _by_kind(recorded: Sequence[Recorded]) -> dict[str, Recorded]:
    """{kind of images: the first recording in which a method, not a baseline alone, was trained on it}."""
    kinds = dict.fromkeys(row["data"] for one in recorded for row in one.rows)
    found = {}
    for kind in kinds:
        trained = (
            one for one in recorded for row in one.rows if row["data"] == kind and row["method"] not in BASELINES
        )
        if (first := next(trained, None)) is not None:
            found[kind] = first
    return found


def _alone(row: dict, cost: dict | None, seen: int | None) -> dict:
    """A run with the speed and the memory that its method has if nothing else runs."""
    if cost is None:
        return row
    own = {name: cost.get(name) for name in ("images_per_second", "memory_mb")}
    speed = own["images_per_second"]
    return {**row, **own, "training_seconds": seen / speed if seen and speed else None}


def _kind(data: str, kinds: Sequence[str]) -> str:
    def plain(name: str) -> str:
        return "".join(letter for letter in name.lower() if letter.isalnum())

    near = [kind for kind in kinds if plain(kind).startswith(plain(data))] if plain(data) else []
    if len(near) != 1:
        raise CourseError(f"There are no results on {data!r}. Choose of: {', '.join(map(repr, kinds))}.")
    return near[0]


def _order(value: float | None, by: str) -> tuple[bool, float]:
    return value is None, 0.0 if value is None else value if by in LESS_IS_BETTER else -value


def _standing(rows: list[dict], seen: int | None) -> Standing:
    """Of the runs of one method on one kind of images."""
    scores, costs = {}, {}
    for judge in TITLES:
        mine = [row for row in rows if row.get(judge) is not None]
        ends = [(row.get(f"{judge}_low"), row.get(f"{judge}_high")) for row in mine]
        if not mine:
            continue
        if any(None in pair for pair in ends):  # nothing is known of the test images: the seeds alone
            scores[judge] = mean_interval(row[judge] for row in mine)
        else:
            each = [Interval(row[judge], *pair, 1) for row, pair in zip(mine, ends, strict=True)]
            scores[judge] = seeds_and_images(each)
    for cost in COSTS:
        known = [row[cost] for row in rows if row.get(cost) is not None]
        if known:
            costs[cost] = statistics.median(known)
    return Standing(rows[0]["data"], rows[0]["method"], len({row["seed"] for row in rows}), scores, costs, seen)


def table(
    recorded: Sequence[Recorded] | None = None,
    data: str | None = None,
    by: str = "linear_probe",
    cost: Recorded | None = None,
) -> str:
    """The leaderboard as text: a block for each kind of images, what its intervals cover, where it was made and how to
    make it again. Arguments as in `standings`."""
    cost = shipped_cost() if recorded is None and cost is None else cost
    recorded = shipped() if recorded is None else recorded
    found = standings(recorded, data, by, cost)
    origins = _by_kind(recorded)
    lines = []
    for kind in dict.fromkeys(each.data for each in found):
        mine = [each for each in found if each.data == kind]
        header = ["method", *(f"{TITLES[name]}, %" if name in TITLES else COLUMNS[name] for name in COLUMNS), "runs"]
        cells = [header, *([*_cells(each), str(each.seeds)] for each in mine)]
        widths = [max(len(row[k]) for row in cells) for k in range(len(header))]
        lines.append(f"{kind}, sorted by {COLUMNS[by]}")
        for row in cells:
            rest = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
            lines.append("  ".join([row[0].ljust(widths[0]), *rest]).rstrip())
        lines += [f"{origins[kind].about}. Recorded: {origins[kind].origin}.", covers(mine), ""]
    told = [f"Speed and memory: {cost.about}; {cost.provenance.get('device', 'device not known')}."] if cost else []
    return "\n".join([*lines, *told, AGAIN])


def covers(found: Iterable[Standing]) -> str:
    """What the intervals of these standings cover, as a sentence."""
    if all(each.seeds == 1 for each in found):
        return (
            "In brackets: 95 % intervals over the choice of test images; one run each, so nothing is known of the seed."
        )
    return "In brackets: 95 % intervals over the choice of seeds and of test images, together."


def _cells(standing: Standing) -> list[str]:
    cells = [standing.method]
    for column in COLUMNS:
        value, score = standing.value(column), standing.scores.get(column)
        if value is None:
            cells.append("-")
        elif score is None:
            cells.append(f"{value:,.0f}")
        else:
            ends = "" if score.low is None else f" [{100 * score.low:.1f}, {100 * score.high:.1f}]"
            cells.append(f"{100 * value:.1f}{ends}")
    return cells


def write_csv(path: str | Path, found: Iterable[Standing]) -> Path:
    """Write standings as CSV, atomically: shares 0 to 1 with the ends of their intervals, and nothing for what is not
    known. Raises CourseError for a name that does not end in .csv, so that no other file is overwritten."""
    path = Path(path).expanduser()
    if path.suffix.lower() != ".csv":
        raise CourseError(f"{path} does not end in .csv. Name the file of the table so: --csv leaderboard.csv")
    text = io.StringIO()
    ends = [f"{judge}{end}" for judge in TITLES for end in ("", "_low", "_high")]
    writer = csv.DictWriter(text, ["data", "method", "runs", *ends, *COSTS], lineterminator="\n")
    writer.writeheader()
    for each in found:
        row = {"data": each.data, "method": each.method, "runs": each.seeds, **each.costs}
        for judge, score in each.scores.items():
            row |= {judge: score.mean, f"{judge}_low": score.low, f"{judge}_high": score.high}
        writer.writerow({name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()})
    write_atomically(path, lambda file: file.write(text.getvalue().encode()))
    return path
