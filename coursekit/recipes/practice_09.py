"""Lesson 09's practical notes: what more images are worth, of one kind or of all, and what a step of each method costs."""

from pathlib import Path

import torch

from coursekit import runtime
from coursekit.data.drawn import drawing_version
from coursekit.data.lesson_sets import by_kind
from coursekit.evaluation import judge, run_grid
from coursekit.recipes import lesson_03
from coursekit.recipes.lesson_09 import BATCH, ENCODER, ENTRIES, SIZE, VIT, VIT_SIZE, batch, images_of, method
from coursekit.recipes.pretraining import convolution_precision
from coursekit.recipes.recorded import Recorded, record, recorded, run_recorded
from coursekit.recipes.registry import recipe
from coursekit.runtime import budget
from coursekit.training import pretrain

DATA_SIZE, STEP_COST = "data_size", "step_cost"  # the recorded results
TRIED = {"all": (200, 1000, 4000, 12_000), "cars alone": (1000, 4000)}  # kinds of objects -> images


@recipe("data-size", "lesson 09: SimCLR from fewer images, and from images of one kind", results=DATA_SIZE)
def data_size(work: Path, ship: Path) -> None:
    """One budget of views, taken from few images or many, of all kinds or of cars alone; three seeds."""
    train, test = lesson_03.road_objects()
    seen = budget(quick=51_200, full=256_000, smoke=64)
    setup = {
        "encoder": ENCODER,
        "seen": seen,
        "batch": BATCH,
        "lr": ENTRIES["simclr"].lr,
        "drawings": drawing_version(),
    }
    cells = [
        {"kinds": kinds, "images": images, "seed": seed}
        for seed in range(budget(quick=3, full=3, smoke=1))
        for kinds, sizes in TRIED.items()
        for images in sizes
    ]
    kinds = by_kind(train)
    cars = (kinds.labels == kinds.class_names.index("car")).nonzero().squeeze(1)

    def one(cell: dict, run: Path) -> dict:
        runtime.seed_everything(cell["seed"])
        there = cars if cell["kinds"] == "cars alone" else torch.arange(len(train))
        chosen = there[torch.randperm(len(there))[: cell["images"]]]
        made = method("simclr", "road objects")
        pretrain(
            made,
            train.images[chosen],
            steps=max(1, seen // BATCH),
            batch_size=min(BATCH, len(chosen)),
            lr=setup["lr"],
            seed=cell["seed"],
            precision=convolution_precision(),
            out=run / "run",
            progress=False,
        )
        scores = judge(made.encoder, train, test, seed=cell["seed"])
        return {name: round(score.accuracy.mean, 4) for name, score in scores.items()}

    about = f"SimCLR's {ENCODER}, {seen} images seen in each run, taken from so many road objects; judged on all kinds"
    run_recorded(work, ship / "results" / f"{DATA_SIZE}.json", about, cells, one, setup)


@recipe("step-cost", "lesson 09: time and memory of a training step of every method", results=STEP_COST)
def step_cost(work: Path, ship: Path) -> None:
    """Every method alone on the machine, on the same images: images per second, and on a GPU the peak of its memory."""
    images = images_of("road objects")[0].images
    setup = {"batch": batch(), "encoders": {ENCODER: SIZE, VIT: VIT_SIZE}}

    def one(cell: dict, run: Path) -> dict:
        runtime.seed_everything(0)
        made = method(cell["method"], "road objects")
        steps = budget(quick=12, full=40, smoke=3)
        if runtime.device() == "cuda":
            torch.cuda.reset_peak_memory_stats()
        history = pretrain(
            made, images, steps=steps, batch_size=batch(), log_every=steps // 3, progress=False
        )  # first a warm-up
        row = {"encoder": made.encoder.spec["name"], "views": len(made.view_maker.sides)}
        row["images_per_second"] = max(history.column("images_per_second")[1:])
        if runtime.device() == "cuda":
            peak = torch.cuda.max_memory_allocated() - images.nbytes  # which wait on the GPU
            row["memory_mb"] = round(peak / 2**20)
        return row

    def keep(rows: list[dict]) -> None:
        record(
            ship / "results" / f"{STEP_COST}.json", f"A step of {batch()} road objects, each method alone", work, rows
        )

    keep(run_grid(work, [{"method": name} for name in ENTRIES], one, setup, done=keep))


def recorded_data_size() -> Recorded:
    """What `data_size` recorded; `mean_by(recorded.rows, "images", "knn", kinds="all")` is one curve."""
    return recorded(DATA_SIZE)


def recorded_cost() -> Recorded:
    """What `step_cost` recorded, a row for each method."""
    return recorded(STEP_COST)
