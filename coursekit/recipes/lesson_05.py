"""Lesson 05, without negatives: what keeps BYOL, SimSiam and LeJEPA from collapsing, taken away piece by piece."""

from pathlib import Path

import torch

from coursekit import runtime
from coursekit.data.drawn import drawing_version
from coursekit.data.images import ImageSet
from coursekit.evaluation import TITLES, extract_features, knn_accuracy, knn_score, run_grid
from coursekit.methods import SSLMethod, build_method
from coursekit.methods.diagnostics import effective_rank
from coursekit.recipes import lesson_03, lesson_09
from coursekit.recipes.pretraining import convolution_precision
from coursekit.recipes.recorded import Recorded, record, recorded
from coursekit.recipes.registry import recipe
from coursekit.runtime import budget
from coursekit.settings import plain
from coursekit.training import pretrain

COLLAPSE = "collapse"  # the recorded results
DATA = "road objects"
CURVE = ("loss", "alignment", "feature_std", "effective_rank", "teacher_lag")  # kept along the way, as far as logged
VARIANTS: dict[str, dict[str, dict]] = {  # method -> variant -> the settings that are changed
    "simsiam": {"complete": {}, "no stop-gradient": {"stop_gradient": False}, "no predictor": {"predictor": False}},
    "byol": {
        "complete": {},
        "no predictor": {"predictor": False},
        "teacher without delay": {"momentum": 0.0},
        "teacher never moves": {"momentum": 1.0},
    },
    "lejepa": {"complete": {}, "no SIGReg": {"weight": 0.0}},
}
COMPARED = {  # the shipped encoders that stand side by side -> what they are called
    "raw pixels": "raw pixels",
    "random encoder": "random encoder",
    "simclr": "SimCLR",
    "byol": "BYOL",
    "simsiam": "SimSiam",
    "lejepa": "LeJEPA",
}


def method(name: str, **changes) -> SSLMethod:
    """A method of this lesson as lesson 09 trains it, with fresh random weights. changes: of its settings."""
    settings = {**dict(lesson_09.ENTRIES[name].settings), **changes}
    return build_method(name, lesson_09.encoder(), lesson_09.views(name, DATA), **settings)


def learning_rate(name: str) -> float:
    """Peak learning rate."""
    return lesson_09.ENTRIES[name].lr


@recipe("collapse", "lesson 05: predictor, stop-gradient, teacher and SIGReg, taken away one by one", results=COLLAPSE)
def collapse(work: Path, ship: Path) -> None:
    """Every variant with three seeds at one budget, one seed after the other; what is finished is recorded as it grows."""
    train, test = lesson_03.road_objects()
    seen = budget(quick=25_600, full=2_000_000, smoke=64)  # images seen by each run
    setup = {
        "encoder": lesson_09.ENCODER,
        "images": len(train),
        "seen": seen,
        "batch": lesson_09.batch(),
        "methods": {
            name: {"lr": learning_rate(name), "settings": dict(lesson_09.ENTRIES[name].settings)} for name in VARIANTS
        },
        "views": {name: plain(lesson_09.views(name, DATA)) for name in VARIANTS},
        "drawings": drawing_version(),
    }
    runtime.seed_everything(0)
    baselines = {"random encoder": lesson_09.encoder(), "raw pixels": None}
    levels = {name: round(knn_score(baseline, train, test), 4) for name, baseline in baselines.items()}
    cells = [
        {"method": name, "variant": variant, "seed": seed}
        for seed in range(budget(quick=3, full=3, smoke=1))
        for name in VARIANTS
        for variant in VARIANTS[name]
    ]
    about = f"{lesson_09.ENCODER} on {len(train)} road objects, {seen} images seen in each run, by what was taken away"

    def keep(rows: list[dict]) -> None:
        record(ship / "results" / f"{COLLAPSE}.json", about, work, rows, levels)

    keep(run_grid(work, cells, lambda cell, run: one(cell, run, seen, train, test), setup, done=keep))


def one(cell: dict, work: Path, seen: int, train: ImageSet, test: ImageSet) -> dict:
    """Train one variant -> what training logged at its end and along the way, and how the features are judged.

    width: D of the embeddings z. rank_h: effective rank of the encoder's features of the test images. knn: of them.
    """
    name = cell["method"]
    runtime.seed_everything(cell["seed"])
    made = method(name, **VARIANTS[name][cell["variant"]])
    history = pretrain(
        made,
        train.images,
        steps=max(1, seen // lesson_09.batch()),
        batch_size=lesson_09.batch(),
        lr=learning_rate(name),
        seed=cell["seed"],
        precision=convolution_precision(),
        out=work / "run",
        log_every=budget(quick=10, full=500, smoke=1),
        progress=False,
    )
    a, b = (extract_features(made.encoder.cpu(), part) for part in (train, test))
    with torch.inference_mode():
        rank = effective_rank(b).item()
    curve = [{"step": r["step"], **{key: round(r[key], 5) for key in CURVE if key in r}} for r in history]
    return {
        **{key: value for key, value in curve[-1].items() if key != "step"},
        "width": made.out_dim,
        "rank_h": round(rank, 2),
        "knn": round(knn_accuracy(a, train.labels, b, test.labels), 4),
        "curve": curve,
    }


def recorded_percent(judges: tuple[str, ...] = ("knn", "linear_probe")) -> dict[str, dict[str, tuple]]:
    """What lesson 09 recorded of COMPARED on road objects, in %: {"BYOL": {"k-NN": (accuracy, low, high), ...}, ...}.

    Of seed 0, the one that ships; the ends are those of the interval over the test images.
    """
    rows = {row["method"]: row for row in lesson_09.recorded_methods().rows if (row["data"], row["seed"]) == (DATA, 0)}
    return {
        called: {
            TITLES[judge]: tuple(100 * rows[name][f"{judge}{end}"] for end in ("", "_low", "_high")) for judge in judges
        }
        for name, called in COMPARED.items()
    }


def recorded_collapse() -> Recorded:
    """What `collapse` recorded; `mean_by(recorded.rows, "variant", "knn", method="byol")` is one panel."""
    return recorded(COLLAPSE)
