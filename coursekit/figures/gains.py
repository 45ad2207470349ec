"""What dense features gain: recorded encoders beside each other, at the places of scenes."""

from matplotlib.figure import Figure

from coursekit.evaluation.intervals import mean_interval
from coursekit.figures.curves import grouped_bars
from coursekit.recipes.recorded import Recorded
from coursekit.runtime import CourseError

MEASURES = {
    "objects": "object at a place, AP",
    "mean_class": "its class, mean AP",
    "mean_iou": "segmentation, mean IoU",
}


def dense_gains(recorded: Recorded, network: str, titles: dict[str, str], measures: tuple[str, ...]) -> Figure:
    """Bars of what every method's encoders score, in %, the mean over seeds with its interval; of one seed, that over scenes.

    recorded: as `recipes.lesson_06` records it. network: whose rows. titles: {method: what it is called}, in the order of
    the bars. measures: keys of MEASURES. Raises CourseError if a method was not recorded for this network.
    """
    bars = {title: {} for title in titles.values()}
    for method, title in titles.items():
        rows = [row for row in recorded.rows if (row["network"], row["method"]) == (network, method)]
        if not rows:
            known = sorted({row["method"] for row in recorded.rows if row["network"] == network})
            raise CourseError(f"Of {network}, {', '.join(known) or 'nothing'} was recorded, but not {method}.")
        for measure in measures:
            over_seeds = mean_interval([row[measure] for row in rows])
            one = rows[0][measure], rows[0].get(f"{measure}_low"), rows[0].get(f"{measure}_high")
            value, *ends = one if len(rows) == 1 else (over_seeds.mean, over_seeds.low, over_seeds.high)
            bars[title][MEASURES[measure]] = tuple(100 * (value if end is None else end) for end in (value, *ends))
    return grouped_bars(bars, f"dense probe of {network}, on other scenes, %")
