"""The widget of lesson 12: a start against random weights, with so many labels and so many seeds."""

from collections.abc import Mapping, Sequence

from coursekit.figures.live import LiveFigure
from coursekit.figures.payoff import BASELINE, METRICS, PayoffPicture
from coursekit.runtime import CourseError
from coursekit.widgets.explorer import Explorer, choice, only_made, slider


def payoff_explorer(
    rows: Sequence[Mapping],
    names: Mapping[str, str],
    start: str | None = None,
    labels: int | None = None,
    seeds: int = 1,
    metric: str = "map50_95",
) -> Explorer:
    """A start's curve over the labels beside that of random weights, and the gain seed by seed.

    rows: runs of a label-efficiency experiment, one dict each: arm, labels, seed and the metric as a share.
    names: {arm: what it is called}; arms without a run are left out. metric: "map50_95" or "map50".
    start, labels, seeds: at first. Of the seeds that a start shares with random weights, the first `seeds` count.

    Raises CourseError if nothing can be compared, and for a start or a label count that was not run.
    """
    run = {row["arm"] for row in rows}
    names = {arm: name for arm, name in names.items() if arm in run}
    others = [arm for arm in names if arm != BASELINE]
    counts = sorted({row["labels"] for row in rows})
    if BASELINE not in run or not others:
        raise CourseError(
            f"payoff_explorer compares starts with {BASELINE}; the runs that were given are of: {', '.join(sorted(run))}."
        )
    first = {"start": start or others[0], "labels": labels or counts[len(counts) // 2], "seeds": seeds}
    if first["start"] not in others or first["labels"] not in counts or metric not in METRICS:
        raise CourseError(
            f"There is no run of {first['start']} with {first['labels']} labels and {metric}. Starts: {', '.join(others)}; "
            f"labels: {', '.join(map(str, counts))}; metrics: {', '.join(METRICS)}."
        )
    picture = PayoffPicture(rows, names, **first, metric=metric)
    live = LiveFigure(picture)
    controls = {
        "start": choice("start", [(names[arm], arm) for arm in others], first["start"]),
        "labels": choice("labels", counts, first["labels"]),
        "seeds": slider("seeds", seeds, 1, picture.last, step=1, kind="IntSlider", form="d"),
    }
    return Explorer(live.draw, first, only_made(controls), "Payoff explorer", live.size)
