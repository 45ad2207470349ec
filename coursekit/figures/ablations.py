"""What one part of a method is worth: recorded runs with it, without it, and with something else in its place."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from coursekit.evaluation.intervals import mean_by
from coursekit.figures.curves import bars_with_intervals, grouped_bars
from coursekit.recipes.recorded import Recorded


def ablation(recorded: Recorded, group: str, value: str = "knn", title: str | None = None) -> Figure:
    """Bars of one group of variants: the mean over the seeds and its 95 % interval, in %; of one seed, the value alone.

    recorded: rows with group, variant, seed and the value as a share; its levels become dashed lines. group: which
    variants. value: which column. title: default: the group.
    """
    found = mean_by(recorded.rows, "variant", value, group=group)
    alone = any(each.low is None for each in found.values())
    return bars_with_intervals(
        list(found),
        [100 * each.mean for each in found.values()],
        None if alone else [(100 * each.low, 100 * each.high) for each in found.values()],
        label="k-NN accuracy, %" + (" (one seed)" if alone else ""),
        title=title or group,
        levels={name: 100 * level for name, level in recorded.levels.items()},
    )


def ablation_by(recorded: Recorded, group: str, columns: Mapping[str, str], title: str | None = None) -> Figure:
    """As `ablation`, with several bars for each variant. columns: {name of a bar: which column it shows}."""
    means = {name: mean_by(recorded.rows, "variant", value, group=group) for name, value in columns.items()}
    variants = next(iter(means.values()))
    values = {
        variant: {
            name: tuple(100 * number for number in (found[variant].mean, found[variant].low, found[variant].high))
            for name, found in means.items()
        }
        for variant in variants
    }
    return grouped_bars(values, "k-NN accuracy, %", title or group)
