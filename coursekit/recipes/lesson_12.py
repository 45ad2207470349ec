"""Lesson 12, does it pay: label efficiency of an SSL backbone against random initialisation."""

from pathlib import Path

from coursekit import runtime
from coursekit.recipes.lesson_11 import backbone
from coursekit.recipes.recorded import Recorded, record, recorded
from coursekit.recipes.registry import recipe
from coursekit.runtime import budget

LABEL_EFFICIENCY = "label_efficiency"


@recipe("label-efficiency", "SSL against random initialisation at few labels", results=LABEL_EFFICIENCY)
def label_efficiency(work: Path, ship: Path) -> None:
    """YOLO12n from the SSL backbone against random weights at few labels, three seeds."""
    from coursekit.data.yolo import road_objects
    from coursekit.detection.efficiency_summary import METRICS
    from coursekit.detection.label_efficiency import Settings, run_experiment

    data = road_objects.build(
        runtime.home() / "datasets" / "recipes_road_objects",
        train=budget(quick=512, full=5000, smoke=16),
        val=budget(quick=200, full=1000, smoke=8),
        test=budget(quick=8, full=1000, smoke=8),
        size=320,
        seed=7,
    )
    summary = run_experiment(
        data,
        backbone(),
        work,
        labels=budget(quick=(32, 128), full=(50, 500, 5000), smoke=(8,)),
        seeds=budget((0, 1, 2), (0, 1, 2), smoke=(0,)),
        settings=Settings(
            imgsz=budget(quick=160, full=320, smoke=64), steps=budget(quick=400, full=3000, smoke=4), lr0=0.004
        ),
    )
    print(summary)
    columns = ("arm", "labels", "seed", *METRICS)
    record(
        ship / "results" / f"{LABEL_EFFICIENCY}.json",
        "YOLO12n on drawn road scenes: SSL backbone against random initialisation, equal optimizer steps",
        work,
        [{name: row[name] for name in columns} for row in summary.rows],
    )


def recorded_label_efficiency() -> Recorded:
    """What `label_efficiency` recorded; `efficiency_summary.summarize(recorded.rows)` compares the arms."""
    return recorded(LABEL_EFFICIENCY)
