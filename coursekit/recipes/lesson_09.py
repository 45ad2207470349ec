"""Lesson 09, choosing a method: the same small encoder, trained by every method at one budget, on two kinds of images.

The encoders that lessons 01, 02, 04 and 05 load are made here too: those of seed 0, trained on road objects.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from coursekit import runtime
from coursekit.data.drawn import drawing_version
from coursekit.data.images import ImageSet
from coursekit.data.lesson_sets import cifar10_photographs
from coursekit.evaluation import judge, run_grid
from coursekit.methods import SSLMethod, build_method
from coursekit.methods.colorization import GrayWithColor
from coursekit.methods.jigsaw import Jigsaw
from coursekit.methods.masked_patches import HiddenPatches
from coursekit.methods.rotation import Rotations
from coursekit.models import Encoder, build_encoder
from coursekit.recipes import lesson_03
from coursekit.recipes.cards import write_card
from coursekit.recipes.pretraining import convolution_precision
from coursekit.recipes.recorded import Recorded, carry_over, record, recorded
from coursekit.recipes.registry import recipe
from coursekit.runtime import budget
from coursekit.settings import plain
from coursekit.training import export_encoder, pretrain
from coursekit.views import MultiCrop, RandomView, TwoViews, ViewMaker

METHODS = "methods"  # the recorded results
ENCODER = "resnet_nano"
SIZE = 32  # px, side of a view
SMALL = 16  # px, side of a small view of multi-crop, and of a jigsaw's tile
BATCH = 128
JUDGES = ("knn", "linear_probe", "finetune")


@dataclass(frozen=True)
class Entry:
    """How a method takes part. settings: those that differ from its defaults. lr: peak, for a batch of 128."""

    lr: float
    settings: tuple[tuple[str, object], ...] = ()


ENTRIES = {
    "rotation": Entry(4e-3),
    "jigsaw": Entry(4e-3),
    "colorization": Entry(4e-3),
    "masked_patches": Entry(4e-3),
    "simclr": Entry(8e-3, (("temperature", lesson_03.TEMPERATURE),)),
    "moco": Entry(4e-3, (("queue_size", 1024),)),  # faster, or with momentum 0.9, keys are told by their age
    "swav": Entry(8e-3),
    "byol": Entry(4e-3, (("momentum", 0.9),)),  # a teacher for a run a hundred times shorter than the paper's
    "simsiam": Entry(2e-3),
    "lejepa": Entry(8e-3),
}
SHIPPED = {name: f"{name}_nano" for name in ENTRIES}


def look(data: str) -> RandomView:
    """The random view that methods with two views or more use, weaker than SimCLR's for ImageNet: images are small."""
    view = lesson_03.views(SIZE).view
    return view if data == "road objects" else replace(view, scale=(0.2, 1.0), blur=0.0)  # a photograph shows more


def views(method: str, data: str) -> ViewMaker:
    """The views of a method: what is random is the same for all, as far as the task allows it."""
    view = look(data)
    plain_view = replace(view, jitter=0.0, grayscale=0.0, blur=0.0)
    crops = MultiCrop(large=view, small=replace(view, size=SMALL, scale=(0.1, 0.4), blur=0.0), n_small=4)
    several = dict.fromkeys(("swav", "lejepa"), crops)
    tasks = {
        "rotation": Rotations(plain_view),
        "jigsaw": Jigsaw(SMALL, gap=4, view=replace(plain_view, grayscale=0.3)),
        "colorization": GrayWithColor(plain_view),
        "masked_patches": HiddenPatches(plain_view, patch=SIZE // 4),
    }
    return {**several, **tasks}.get(method) or TwoViews(view)


def encoder() -> Encoder:
    """The network that all methods train, with fresh random weights."""
    return build_encoder(ENCODER, image_size=SIZE)


def method(name: str, data: str) -> SSLMethod:
    """A method as it takes part, with fresh random weights."""
    return build_method(name, encoder(), views(name, data), **dict(ENTRIES[name].settings))


def images_of(data: str) -> tuple[ImageSet, ImageSet]:
    """(training set, test set) of "road objects" or "CIFAR-10": pretraining sees the first without its labels."""
    if data == "road objects":
        return lesson_03.road_objects()
    n, m = budget(quick=20_000, full=50_000, smoke=160), budget(quick=4000, full=10_000, smoke=64)
    return cifar10_photographs("train", n), cifar10_photographs("test", m)


DATA = ("road objects", "CIFAR-10")


@recipe("methods", "lesson 09: every method at one budget, on road objects and CIFAR-10", SHIPPED.values(), METHODS)
def methods(work: Path, ship: Path) -> None:
    """All methods and their baselines on both kinds of images, one seed after the other.

    What is finished is recorded as it grows, and rows that ship already are not made again.
    """
    seen = budget(quick=102_400, full=10_000_000, smoke=64)  # images seen by each run, whatever a method makes of each
    setup = {
        "encoder": ENCODER,
        "seen": seen,
        "batch": batch(),
        "look": {data: plain(look(data)) for data in DATA},
        "images": {
            "road objects": budget(quick=12_000, full=60_000, smoke=160),
            "CIFAR-10, JPEG or original": budget(quick=20_000, full=50_000, smoke=160),
        },
        "finetuning": finetuning(),
        "drawings": drawing_version(),
    }
    cells = [
        cell(data, name, seed)
        for seed in range(budget(quick=3, full=3, smoke=1))
        for data in DATA
        for name in ("raw pixels", "random encoder", *ENTRIES)
    ]
    carry_over(work, METHODS, setup, cells)
    about = f"{ENCODER} trained by each method on {seen} images of {SIZE} px; a run for each seed"
    results = ship / "results" / f"{METHODS}.json"

    def keep(rows: list[dict]) -> None:
        record(results, about, work, rows)

    keep(run_grid(work, cells, lambda each, run: one(each, run, seen, ship), setup, done=keep))


def cell(data: str, name: str, seed: int) -> dict:
    """One run: what it learns from, the method with its learning rate and other settings, the seed."""
    entry = ENTRIES.get(name)
    chosen = {"lr": entry.lr, "settings": dict(entry.settings)} if entry else {}
    return {"data": data, "method": name, "seed": seed, **chosen}


def batch() -> int:
    """Images in a batch."""
    return budget(quick=BATCH, full=512, smoke=32)


def finetuning() -> dict:
    """Settings of fine-tuning, the same for all."""
    return {"steps": budget(quick=200, full=4000, smoke=2), "batch_size": BATCH, "lr": 2e-3}


def one(each: dict, work: Path, seen: int, ship: Path) -> dict:
    """Train and judge one method -> its row; the encoder of seed 0 on road objects ships with a card."""
    name, seed = each["method"], each["seed"]
    train, test = images_of(each["data"])
    runtime.seed_everything(seed)
    trained, row = None if name == "raw pixels" else encoder(), {}
    if name in ENTRIES:
        made = method(name, each["data"])
        history = pretrain(
            made,
            train.images,
            steps=max(1, seen // batch()),
            batch_size=batch(),
            lr=each["lr"] * (batch() / BATCH) ** 0.5,
            seed=seed,
            precision=convolution_precision(),
            out=work / "run",
            progress=False,
        )
        trained = made.encoder.cpu()
        speeds = sorted(history.column("images_per_second"))
        row = {
            "loss": round(history[-1]["loss"], 4),
            "chance": history[-1]["chance"],
            "images_per_second": speeds[len(speeds) // 2],
            "training_seconds": round(sum(seen / len(history) / speed for speed in speeds), 1),
        }
    scores = judge(trained, train, test, seed=seed, by=JUDGES, **finetuning())
    for judged, score in scores.items():
        a = score.accuracy
        row |= {judged: round(a.mean, 4), f"{judged}_low": round(a.low, 4), f"{judged}_high": round(a.high, 4)}
    if name in ENTRIES and each["data"] == "road objects" and seed == 0:
        weights = export_encoder(work / "run", ship / "checkpoints" / f"{SHIPPED[name]}.safetensors")
        write_card(
            weights,
            f"{name} on road objects, a short run",
            f"{ENCODER}, {len(train)} drawn road objects without labels, views of {SIZE} px, {seen // batch()} steps of "
            f"{batch()} images in {row['training_seconds'] / 60:.0f} minutes, seed {seed}; last loss {row['loss']:.3f}.",
            {name: {judged: score.accuracy for judged, score in scores.items()}},
            f"{len(train)} training and {len(test)} test objects of {len(train.class_names)} subtypes",
        )
    return row


def recorded_methods() -> Recorded:
    """What `methods` recorded; `mean_by(recorded.rows, "method", "knn", data="CIFAR-10")` is one column."""
    return recorded(METHODS)
