"""What one part of a method is worth: recorded runs with it, without it, and with something else in its place."""

from matplotlib.figure import Figure

from coursekit.evaluation.intervals import mean_by
from coursekit.figures.curves import bars_with_intervals
from coursekit.recipes.recorded import Recorded


def ablation(recorded: Recorded, group: str, value: str = "knn", title: str | None = None) -> Figure:
    """Bars of one group of variants: the mean over the seeds and its 95 % interval, in %.

    recorded: rows with group, variant, seed and the value as a share; its levels become dashed lines. group: which
    variants. value: which column. title: default: the group.
    """
    found = mean_by(recorded.rows, "variant", value, group=group)
    return bars_with_intervals(
        list(found),
        [100 * each.mean for each in found.values()],
        [(100 * each.low, 100 * each.high) for each in found.values()],
        label="k-NN accuracy, %",
        title=title or group,
        levels={name: 100 * level for name, level in recorded.levels.items()},
    )
