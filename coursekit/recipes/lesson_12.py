"""Lesson 12, does it pay: label efficiency of an SSL backbone against random initialisation."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from coursekit import runtime
from coursekit.data.drawn import drawing_version
from coursekit.data.images import ImageSet
from coursekit.data.yolo.yaml import label_file
from coursekit.evaluation.grid import read_json
from coursekit.evaluation.intervals import mean_interval
from coursekit.evaluation.provenance import budget_name
from coursekit.models import Encoder, build_encoder
from coursekit.recipes import lesson_06
from coursekit.recipes.cards import shipped_encoder, shipped_weights
from coursekit.recipes.lesson_11 import DETECTOR
from coursekit.recipes.pretraining import convolution_precision
from coursekit.recipes.recorded import Recorded, carry_over, record, recorded, shipped_rows
from coursekit.recipes.registry import recipe
from coursekit.recipes.scene_vits import SCENE_SIZE
from coursekit.runtime import budget

LABEL_EFFICIENCY = "label_efficiency"
LONG_SCHEDULE = "label_efficiency_long"
CONTROL = "label_efficiency_control"
RATES = "label_efficiency_rates"
FACTOR = "backbone_lr_factor"
BACKBONE = lesson_06.SHIPPED[lesson_06.CONVOLUTIONAL, "region_contrast"]
REPLACEMENT = "mae_road_scenes"  # the ViT that knows most of the dense probe's places


NAMES = {  # of the arms, for people
    "random": "random weights",
    "ssl": "region contrast in YOLO12's backbone",
    "replaced_frozen": "ViT as backbone, trained by MAE, frozen",
    "supervised": "supervised backbone, other labels",
    "replaced_random": "ViT as backbone, random weights",
}
FACTORS = (1.0, 0.3, 0.1)  # of lr0, for the backbone: the grid that each arm's is chosen from
ARMS = ("random", "ssl", "replaced_random", "replaced_frozen", "supervised")
LONG_ARMS = ("random", "ssl", "replaced_frozen", "supervised")
CONTROL_ARMS = ("random", "ssl", "replaced_random", "replaced_frozen")
COLUMNS = ("arm", "labels", "seed", FACTOR, "map50_95", "map50", "seconds")
# a frozen encoder has no rate. The comparison was recorded before the rates were: its random weights learn at the full rate
CHOSEN = {"random": 1.0, "ssl": 0.1, "supervised": 0.1, "replaced_random": 0.1}
CONTROL_RATES = {"random": 0.3, "ssl": 0.3, "replaced_random": 0.1}  # the best that `label-efficiency-rates` recorded


def dataset() -> Path:
    """The scenes of both recipes: labels are taken from "train", rates are chosen on "val", arms are compared on "test"."""
    from coursekit.data.yolo import road_objects

    return road_objects.build(
        runtime.home() / "datasets" / "recipes_label_efficiency",
        train=budget(quick=512, full=5000, smoke=16),
        val=budget(quick=200, full=1000, smoke=8),
        test=budget(quick=300, full=1000, smoke=8),
        size=320,
        seed=7,
    )


def settings(split: str, steps: int | None = None):
    """What all runs share. split: what is measured on. steps: default the budget's own."""
    from coursekit.detection.label_efficiency import Settings

    steps = steps or budget(quick=400, full=3000, smoke=4)
    imgsz = budget(quick=160, full=320, smoke=64)
    return Settings(imgsz=imgsz, steps=steps, lr0=0.004, bfloat16=convolution_precision() is not None, split=split)


def backbone() -> Encoder:
    """YOLO12n's backbone as region contrast trained it on scenes without labels."""
    return shipped_encoder(BACKBONE)


def starts() -> dict:
    """The weights of the arms, as `run_experiment` takes them, besides the backbone."""
    return {"replacement": shipped_encoder(REPLACEMENT), "supervised": shipped_weights(DETECTOR)}


@recipe("label-efficiency-rates", "the backbone's rate in each arm of lesson 12", results=RATES)
def label_efficiency_rates(work: Path, ship: Path) -> None:
    """The backbone's learning rate in each arm, on scenes and with a seed that the comparison does not use."""
    from coursekit.detection.efficiency_summary import METRICS
    from coursekit.detection.label_efficiency import run_experiment

    rows = []
    for factor in FACTORS:
        place, arms = work / f"factor_{factor}", list(CHOSEN)

        def carry(setup: dict, cells: list[dict], place=place, factor=factor) -> None:
            carry_over(place, RATES, setup, cells, {FACTOR: factor})

        given = {"lr_factors": dict.fromkeys(arms, factor), "before": carry, **starts()}
        labels, seeds = budget(quick=(128,), full=(500,), smoke=(8,)), budget((50,), (50, 51, 52), smoke=(50,))
        found = run_experiment(dataset(), backbone(), place, labels, seeds, arms, settings("val"), **given)
        rows += [{name: row[name] for name in ("arm", "labels", "seed", FACTOR, *METRICS)} for row in found.rows]
    about = "YOLO12n on drawn road scenes: the backbone's learning rate, as a part of lr0, on validation scenes"
    record(ship / "results" / f"{RATES}.json", about, place, rows)  # at the end, so that what ships never shrinks


@recipe("label-efficiency", "SSL against random initialisation at few labels", results=LABEL_EFFICIENCY)
def label_efficiency(work: Path, ship: Path) -> None:
    """YOLO12n from random weights, an SSL backbone, an SSL encoder in its place, and a supervised backbone."""
    about = "YOLO12n on drawn road scenes: what it starts from, equal optimizer steps"
    labels = budget(quick=(32, 128, 320), full=(50, 500, 5000), smoke=(8,))
    for seed in budget(quick=range(8), full=range(3), smoke=range(1)):  # one seed of everything before the next
        summary = compare_arms(work, ship, LABEL_EFFICIENCY, about, labels, range(seed + 1), ARMS)
    print(summary)


@recipe("label-efficiency-long", "the same with four times the steps", results=LONG_SCHEDULE)
def label_efficiency_long(work: Path, ship: Path) -> None:
    """A long schedule forgives a bad start (He et al., Rethinking ImageNet Pre-training, ICCV 2019): how much of it?"""
    about = "YOLO12n on drawn road scenes: what it starts from, four times the optimizer steps"
    labels = budget(quick=(128,), full=(50, 500, 5000), smoke=(8,))
    seeds, steps = budget(range(3), range(3), smoke=range(1)), 4 * settings("test").steps
    print(compare_arms(work, ship, LONG_SCHEDULE, about, labels, seeds, LONG_ARMS, steps))


@recipe(
    "label-efficiency-control", "the same at each arm's best rate; and the ViT without its pretraining", results=CONTROL
)
def label_efficiency_control(work: Path, ship: Path) -> None:
    """Every arm at the rate that suits it, and the ViT with random weights: is it the network, or what it learned?"""
    about = "YOLO12n on drawn road scenes: each start at its best rate, equal optimizer steps"
    labels = budget(quick=(128,), full=(50, 500, 5000), smoke=(8,))
    seeds = budget(range(3), range(3), smoke=range(1))
    print(compare_arms(work, ship, CONTROL, about, labels, seeds, CONTROL_ARMS, rates=CONTROL_RATES))


def compare_arms(
    work: Path,
    ship: Path,
    results: str,
    about: str,
    labels: Sequence[int],
    seeds: Sequence[int],
    arms: Sequence[str],
    steps: int | None = None,
    rates: Mapping[str, float] = CHOSEN,
):
    """Run what is missing of a comparison, recorded as it grows -> its `efficiency_summary.Summary`.

    results: its name below data/results; rows that ship already are not made again. about: a sentence. steps: see
    `settings`. rates: of the backbone, by arm, as parts of lr0. The rest as in `run_experiment`.
    """
    from coursekit.detection.label_efficiency import run_experiment

    def carry(setup: dict, cells: list[dict]) -> None:
        shipped = [{key: row[key] for key in cells[0]} for row in shipped_rows(results)]
        carry_over(work, results, setup, shipped)  # all of them, so that what ships never shrinks

    def keep(rows: list[dict]) -> None:
        there = [read_json(file) for file in sorted((work / "rows").glob("*.json"))]  # those of earlier calls too
        record(ship / "results" / f"{results}.json", about, work, [{n: row[n] for n in COLUMNS} for row in there])

    summary = run_experiment(
        dataset(),
        backbone(),
        work,
        labels,
        seeds,
        arms,
        settings("test", steps),
        lr_factors=rates,
        before=carry,
        done=keep,
        **starts(),
    )
    keep(summary.rows)
    return summary


def encoders() -> dict[str, Encoder]:
    """The starts as encoders, for a dense probe: {arm: encoder}; random weights are YOLO12n's own."""
    from coursekit.detection.weights import supervised_backbone

    runtime.seed_everything(0)
    given = starts()
    return {
        "random": build_encoder("yolo12n", image_size=SCENE_SIZE).eval(),
        "ssl": backbone(),
        "replaced_frozen": given["replacement"],
        "supervised": supervised_backbone(given["supervised"]),
    }


def probe_scenes() -> tuple[ImageSet, ImageSet]:
    """Scenes with masks to learn a dense probe from, and others to be judged on."""
    sizes = budget(quick=(24, 40), full=(200, 300), smoke=(12, 12))
    return tuple(ImageSet.road_scenes(n, SCENE_SIZE, seed=seed) for n, seed in zip(sizes, (1212, 2121), strict=True))


def live_data() -> Path:
    """Drawn scenes for the lesson's own small comparison, in every budget: the shipped starts have seen drawings only."""
    from coursekit.data.yolo import road_objects

    return road_objects.build(
        runtime.home() / "datasets" / f"does_it_pay_{budget_name()}",
        train=budget(quick=64, full=2000, smoke=16),
        val=budget(quick=8, full=200, smoke=8),
        test=budget(quick=64, full=400, smoke=8),
        size=320,
        seed=12,
    )


def live_folder() -> Path:
    """Where the lesson's own small comparison lies: one folder for each budget, device and version of the drawings."""
    return runtime.home() / "label_efficiency" / f"live_{budget_name()}_{runtime.device()}_{drawing_version()}"


def live_settings():
    """Of the lesson's own small comparison: minutes on a GPU, less than one on a CPU."""
    from coursekit.detection.label_efficiency import Settings

    imgsz, steps = budget(quick=96, full=320, smoke=64), budget(quick=80, full=1500, smoke=4)
    half = convolution_precision() is not None
    return Settings(imgsz=imgsz, steps=steps, batch=budget(quick=8, full=16), lr0=0.004, bfloat16=half, split="test")


def photographs(folder: Path) -> Path:
    """A folder as a camera and a labelling tool leave it: four walks, and labels for half of the pictures.

    Drawn scenes stand in for photographs, so that the lesson runs without a network. What is there stays.
    """
    from coursekit.data.yolo import road_objects

    if folder.exists():
        return folder
    scenes = folder.with_name(folder.name + "_drawn")
    drawn = road_objects.build(scenes, train=budget(quick=64, full=400, smoke=32), val=1, test=1, size=320, seed=1200)
    part = folder.with_name(folder.name + "_unfinished")
    shutil.rmtree(part, ignore_errors=True)
    for k, image in enumerate(sorted((drawn.parent / "images" / "train").glob("*.jpg"))):
        walk = f"walk_{1 + k % 4}"
        copied = [(image, part / "images" / walk / image.name)]
        if k // 4 % 2 == 0:  # a labelled half
            label = label_file(image)
            copied.append((label, part / "labels" / walk / label.name))
        for source, target in copied:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    part.rename(folder)  # whole, or not there
    return folder


def schedules() -> list[dict]:
    """The rows of both recorded experiments, short and long, each with its number of optimizer steps."""
    both = [recorded(name) for name in (LABEL_EFFICIENCY, LONG_SCHEDULE)]
    return [
        {**row, "steps": found.setup["epochs"] * found.setup["epoch_steps"]} for found in both for row in found.rows
    ]


def recorded_label_efficiency() -> Recorded:
    """What `label_efficiency` recorded; `efficiency_summary.summarize(recorded.rows)` compares the arms."""
    return recorded(LABEL_EFFICIENCY)


def recorded_rates() -> Recorded:
    """What `label_efficiency_rates` recorded: every arm with every rate of its backbone, on validation scenes."""
    return recorded(RATES)


def recorded_long() -> Recorded:
    """What `label_efficiency_long` recorded: the same with four times the steps."""
    return recorded(LONG_SCHEDULE)


def recorded_control() -> Recorded:
    """What `label_efficiency_control` recorded: every arm at its best rate, and the ViT without its pretraining."""
    return recorded(CONTROL)


def recorded_percent(labels: int, metric: str = "map50_95") -> dict[str, tuple[float, float, float]]:
    """Mean and 95 % interval over the seeds, in percent, by arm: what lessons draw.

    labels: number of labelled images. metric: of `efficiency_summary.METRICS`. An arm of one seed has no
    interval: its ends are the number itself.
    """
    rows = recorded_label_efficiency().rows
    found = {}
    for arm in NAMES:
        values = [100 * row[metric] for row in rows if row["arm"] == arm and row["labels"] == labels]
        if values:
            mean = mean_interval(values)
            ends = (mean.mean, mean.mean) if mean.low is None else (mean.low, mean.high)
            found[arm] = (mean.mean, *ends)
    return found
