"""Lesson 04, queues and clusters: its short runs, and what momentum and equal clusters are worth."""

from pathlib import Path

from coursekit import runtime
from coursekit.data.drawn import drawing_version
from coursekit.data.images import ImageSet
from coursekit.evaluation import knn_score, run_grid
from coursekit.methods import SSLMethod, build_method
from coursekit.recipes import lesson_03, lesson_09
from coursekit.recipes.pretraining import convolution_precision
from coursekit.recipes.recorded import Recorded, record, recorded
from coursekit.recipes.registry import recipe
from coursekit.runtime import budget
from coursekit.settings import plain
from coursekit.training import pretrain

DATA = "road objects"
ABLATIONS = "queue_cluster_ablations"
METHODS = {"momentum": "moco", "assignment": "swav"}  # which method each group of variants trains
VARIANTS: dict[str, dict[str, dict]] = {  # group -> variant -> what is changed of the method
    "momentum": {"momentum 0": {"momentum": 0.0}, "momentum 0.99": {}},
    "assignment": {"softmax alone": {"iterations": 0}, "Sinkhorn": {}},
}


COLUMNS = ("seed", "loss", "chance", "uniformity", "assignment_entropy", "knn", "seconds")


def batch_size() -> int:
    """Images in a batch of the lesson's own runs."""
    return budget(quick=64, full=256, smoke=16)


def learning_rate() -> float:
    """For AdamW, in the lesson's own runs."""
    return budget(quick=4e-3, full=8e-3)


def method(name: str, **changes) -> SSLMethod:
    """MoCo or SwAV as lesson 09 trains it, on road objects, from the same random weights at every call.

    name: "moco" or "swav". changes: settings of the method, such as momentum=0.
    """
    runtime.seed_everything(0)
    return _made(name, changes)


def _made(name: str, changes: dict) -> SSLMethod:
    settings = {**dict(lesson_09.ENTRIES[name].settings), **changes}
    return build_method(name, lesson_09.encoder(), lesson_09.views(name, DATA), **settings)


@recipe("lesson-04-ablations", "lesson 04: momentum of the teacher, equal clusters", results=ABLATIONS)
def ablations(work: Path, ship: Path) -> None:
    """MoCo by the teacher's momentum, SwAV with and without Sinkhorn: equal budgets, three seeds, one run.

    What is finished is recorded as it grows.
    """
    train, test = lesson_03.road_objects()
    seen = budget(quick=25_600, full=2_000_000, smoke=64)  # images seen by each run, whatever a method makes of each
    cells = [
        {"seed": seed, "method": METHODS[group], **changes}
        for seed in range(budget(quick=3, full=3, smoke=1))
        for group, variants in VARIANTS.items()
        for changes in variants.values()
    ]
    setup = {
        "encoder": lesson_09.ENCODER,
        "images": len(train),
        "seen": seen,
        "batch": lesson_09.batch(),
        "methods": {name: plain(lesson_09.ENTRIES[name]) for name in METHODS.values()},
        "views": {name: plain(lesson_09.views(name, DATA)) for name in METHODS.values()},
        "drawings": drawing_version(),
    }
    about = (
        f"{lesson_09.ENCODER} trained on {seen} images of {lesson_09.SIZE} px out of {len(train)} road objects: MoCo by "
        "the teacher's momentum, SwAV by how images are assigned to clusters"
    )
    runtime.seed_everything(0)
    levels = {name: round(knn_score(each, train, test), 4) for name, each in _baselines().items()}

    def keep(rows: list[dict]) -> None:
        record(ship / "results" / f"{ABLATIONS}.json", about, work, list(map(_named, rows)), levels)

    keep(run_grid(work, cells, lambda cell, run: ablation(cell, run, seen, train, test), setup, done=keep))


def _named(row: dict) -> dict:
    """A finished cell as it is recorded: by its group and variant."""
    changes = {key: row[key] for key in ("momentum", "iterations") if key in row}
    (group,) = (group for group, method in METHODS.items() if method == row["method"])
    (variant,) = (name for name, changed in VARIANTS[group].items() if changed == changes)
    return {"group": group, "variant": variant, **{name: row[name] for name in COLUMNS if name in row}}


def _baselines() -> dict:
    return {"random encoder": lesson_09.encoder(), "raw pixels": None}


def ablation(cell: dict, work: Path, seen: int, train: ImageSet, test: ImageSet) -> dict:
    """Train and judge one change. cell: the seed, the method and what is changed. seen: images, each batch counted anew."""
    changes = {key: value for key, value in cell.items() if key not in ("seed", "method")}
    runtime.seed_everything(cell["seed"])
    made = _made(cell["method"], changes)
    batch = lesson_09.batch()
    history = pretrain(
        made,
        train.images,
        steps=max(1, seen // batch),
        batch_size=batch,
        lr=lesson_09.ENTRIES[cell["method"]].lr,
        seed=cell["seed"],
        precision=convolution_precision(),
        out=work,
        progress=False,
    )
    told = ("loss", "chance", "uniformity", "assignment_entropy")
    numbers = {name: round(history[-1][name], 4) for name in told if name in history[-1]}
    return {**numbers, "knn": round(knn_score(made.encoder.cpu(), train, test), 4)}


def recorded_ablations() -> Recorded:
    """What `ablations` recorded; `mean_by(recorded.rows, "variant", "knn", group="momentum")` is one plot."""
    return recorded(ABLATIONS)
