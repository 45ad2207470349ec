"""Lesson 03, instance discrimination: its settings, its encoder, and what each part of SimCLR is worth."""

from dataclasses import fields, replace
from pathlib import Path

import torch

from coursekit import runtime
from coursekit.data.drawn import drawing_version
from coursekit.data.images import ImageSet
from coursekit.evaluation import extract_features, knn_accuracy, knn_score, run_grid
from coursekit.methods import SimCLR
from coursekit.models import Encoder, build_encoder
from coursekit.recipes.pretraining import convolution_precision, pretrain_and_ship
from coursekit.recipes.recorded import Recorded, record, recorded
from coursekit.recipes.registry import recipe
from coursekit.runtime import budget
from coursekit.settings import plain
from coursekit.training import pretrain
from coursekit.views import RandomView, TwoViews

IMAGE_SIZE = 64  # px, side of an image
ENCODER = "resnet_micro"
TEMPERATURE = 0.2
WEIGHTS = "simclr_road_objects"
ABLATIONS = "simclr_ablations"


def view_size() -> int:
    """Side of a view, px. On a CPU half the image's: four times as many steps in the same time."""
    return budget(quick=32, full=IMAGE_SIZE, smoke=32)


def views(size: int, **changes) -> TwoViews:
    """The two random views, weaker than SimCLR's for ImageNet, because an object fills its small image.

    size: px. changes: of `RandomView`, for a comparison: views(32, **VARIANTS["augmentations"]["none"]).
    """
    view = RandomView(size, scale=(0.4, 1.0), brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1, blur=0.2)
    return TwoViews(replace(view, **changes))


def batch_size() -> int:
    """Images in a batch, if nothing else is said."""
    return budget(quick=128, full=512, smoke=32)


def learning_rate(batch: int) -> float:
    """For AdamW; grows with the root of the batch size."""
    return budget(quick=8e-3, full=4e-3) * (batch / budget(quick=128, full=512, smoke=128)) ** 0.5


def encoder() -> Encoder:
    """The small network that all of the lesson trains, with fresh random weights."""
    return build_encoder(ENCODER, image_size=view_size())


def road_objects() -> tuple[ImageSet, ImageSet]:
    """What recipes learn from and judge with, of seeds that no lesson uses: (training set, test set).

    As with ImageNet, pretraining sees the training set without its labels, and probes see it with them.
    """
    return (
        ImageSet.road_crops(budget(quick=12_000, full=12_000, smoke=160), IMAGE_SIZE, seed=1),
        ImageSet.road_crops(budget(quick=1200, full=1200, smoke=64), IMAGE_SIZE, seed=2),
    )


@recipe("lesson-encoder", "lesson 03's encoder: SimCLR on road objects", weights=WEIGHTS)
def lesson_encoder(work: Path, ship: Path) -> None:
    """The encoder that lesson 03 loads, because its own budget is too small."""
    train, test = road_objects()
    batch = budget(quick=128, full=1024, smoke=64)
    runtime.seed_everything(0)
    pretrain_and_ship(
        ship / "checkpoints" / f"{WEIGHTS}.safetensors",
        work,
        SimCLR(encoder(), views(view_size()), temperature=TEMPERATURE),
        train,
        steps=budget(quick=10_000, full=20_000, smoke=4),
        batch_size=batch,
        lr=learning_rate(batch),
        title="SimCLR on road objects",
        text=f"{ENCODER}, {len(train)} drawn road objects of {IMAGE_SIZE} px without labels, views of {view_size()} px",
        judged_on=(train, test),
    )


WHOLE_IMAGE = {"scale": (1.0, 1.0), "ratio": (1.0, 1.0)}
SAME_COLOR = {"jitter": 0.0, "grayscale": 0.0}
VARIANTS: dict[str, dict[str, dict]] = {  # group -> variant -> what is changed: of the views, SimCLR or the batch
    "augmentations": {
        "all": {},
        "no crop": WHOLE_IMAGE,
        "no colour": SAME_COLOR,
        "none": {**WHOLE_IMAGE, **SAME_COLOR, "flip": 0.0, "blur": 0.0},
    },
    "temperature": {"0.05": {"temperature": 0.05}, "0.2": {}, "1.0": {"temperature": 1.0}},
    "batch size": {"32": {"batch": 32}, "128": {}},
    "head": {"none": {"head_layers": 0}, "two layers": {}},
}


@recipe("ablations", "lesson 03: augmentations, temperature, batch size, head", results=ABLATIONS)
def ablations(work: Path, ship: Path) -> None:
    """What each augmentation, the temperature, the batch size and the head do: equal budgets, three seeds, one run."""
    train, test = road_objects()
    seen = budget(quick=102_400, full=2_000_000, smoke=64)  # images seen by each run, whatever the batch size
    seeds = range(budget(quick=3, full=3, smoke=1))
    named = [(seed, group, variant) for seed in seeds for group in VARIANTS for variant in VARIANTS[group]]
    cells = [{"seed": seed, **VARIANTS[group][variant]} for seed, group, variant in named]  # the unchanged: once a seed
    setup = {
        "encoder": ENCODER,
        "images": len(train),
        "seen": seen,
        "views": plain(views(view_size())),
        "temperature": TEMPERATURE,
        "batch": batch_size(),
        "lr": learning_rate(batch_size()),
        "drawings": drawing_version(),
    }
    rows = run_grid(work, cells, lambda cell, run: ablation(cell, run, seen, train, test), setup)
    columns = ("seed", "batch", "lr", "loss", "chance", "knn", "knn_after_head", "seconds")
    runtime.seed_everything(0)
    baselines = {"random encoder": encoder(), "raw pixels": None}
    levels = {name: knn_score(baseline, train, test) for name, baseline in baselines.items()}
    record(
        ship / "results" / f"{ABLATIONS}.json",
        f"k-NN accuracy after SimCLR on {len(train)} road objects, {seen} images seen, by what was changed; "
        f"views of {view_size()} px",
        work,
        [
            {"group": group, "variant": variant, **{name: row[name] for name in columns}}
            for (_, group, variant), row in zip(named, rows, strict=True)
        ],
        {name: round(level, 4) for name, level in levels.items()},
    )


def ablation(cell: dict, work: Path, seen: int, train: ImageSet, test: ImageSet) -> dict:
    """Train and judge one change. cell: the seed and what is changed. seen: images, each batch counted anew."""
    changes = {name: value for name, value in cell.items() if name != "seed"}
    batch = changes.pop("batch", batch_size())
    look = {name: changes.pop(name) for name in [f.name for f in fields(RandomView)] if name in changes}
    runtime.seed_everything(cell["seed"])
    method = SimCLR(encoder(), views(view_size(), **look), **{"temperature": TEMPERATURE, **changes})
    history = pretrain(
        method,
        train.images,
        steps=max(1, seen // batch),
        batch_size=batch,
        lr=learning_rate(batch),
        seed=cell["seed"],
        precision=convolution_precision(),
        out=work,
        progress=False,
    )
    h = [extract_features(method.encoder.cpu(), part) for part in (train, test)]
    with torch.inference_mode():
        z = [method.projector.cpu().eval()(features) for features in h]
    knn, after = (knn_accuracy(a, train.labels, b, test.labels) for a, b in (h, z))
    return {
        "batch": batch,
        "lr": learning_rate(batch),
        "loss": round(history[-1]["loss"], 4),
        "chance": round(history[-1]["chance"], 4),
        "knn": round(knn, 4),
        "knn_after_head": round(after, 4),
    }


def recorded_ablations() -> Recorded:
    """What `ablations` recorded; `mean_by(recorded.rows, "variant", "knn", group="temperature")` is one plot."""
    return recorded(ABLATIONS)
