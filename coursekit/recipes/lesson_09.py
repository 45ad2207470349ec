"""Lesson 09, choosing a method: a small encoder, trained by every method at one budget, on two kinds of images.

Most methods train a ResNet; those that hide tokens train a ViT, and SimCLR trains both, so that networks can be told from methods.

The encoders that lessons 01, 02, 04 and 05 load are made here too: those of seed 0, trained on road objects.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from coursekit import runtime
from coursekit.data.drawn import drawing_version
from coursekit.data.images import ImageSet
from coursekit.data.lesson_sets import cifar10_photographs
from coursekit.evaluation import judge
from coursekit.methods import SSLMethod, build_method
from coursekit.methods.colorization import GrayWithColor
from coursekit.methods.jigsaw import Jigsaw
from coursekit.methods.masked_patches import HiddenPatches
from coursekit.methods.masking import HiddenBlocks
from coursekit.methods.rotation import Rotations
from coursekit.models import Encoder, build_encoder
from coursekit.recipes import lesson_03
from coursekit.recipes.cards import write_card
from coursekit.recipes.pretraining import convolution_precision
from coursekit.recipes.recorded import Recorded, recorded, run_recorded
from coursekit.recipes.registry import recipe
from coursekit.runtime import budget
from coursekit.settings import plain
from coursekit.training import export_encoder, pretrain
from coursekit.views import MultiCrop, RandomView, TwoViews, ViewMaker

METHODS, METHODS_LARGE = "methods", "methods_large"  # the recorded results
ENCODER = "resnet_nano"
SIZE = 32  # px, side of a view
VIT = "vit_micro"
VIT_SIZE, PATCH = 64, 8  # px, sides of a view for the ViT and of its patches
SMALL = 16  # px, side of a small view of multi-crop, and of a jigsaw's tile
BATCH = 128
JUDGES = ("knn", "linear_probe", "finetune")


@dataclass(frozen=True)
class Entry:
    """How a method takes part. settings: those that differ from its defaults. lr: peak learning rate."""

    lr: float
    settings: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True)
class Spent:
    """A budget. seen: images that each run sees, whatever a method makes of each. batch: images in a step."""

    seen: int
    batch: int


FEW, MANY = Spent(102_400, BATCH), Spent(512_000, 512)
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
    "patch_contrast": Entry(8e-3),
    "simclr_vit": Entry(1e-3, (("temperature", lesson_03.TEMPERATURE),)),
    "dinov2": Entry(1e-3, (("momentum", 0.98),)),
    "mae": Entry(2e-3),
    "beit": Entry(2e-3),
}
ON_VIT = {"simclr_vit": "simclr", "dinov2": "dinov2", "mae": "mae", "beit": "beit"}  # name here -> registered name
SHIPPED = {name: f"{name}_nano" for name in ENTRIES if name not in ("patch_contrast", *ON_VIT)}
BASELINES = {"raw pixels": None, "random encoder": ENCODER, "random ViT": VIT}


def look(data: str) -> RandomView:
    """The random view that methods with two views or more use, weaker than SimCLR's for ImageNet: images are small."""
    view = lesson_03.views(SIZE).view
    return view if data == "road objects" else replace(view, scale=(0.2, 1.0), blur=0.0)  # a photograph shows more


def views(method: str, data: str) -> ViewMaker:
    """The views of a method: what is random is the same for all, as far as the task allows it."""
    view, small, patch = look(data), SMALL, SIZE // 4
    if method in ON_VIT:  # as many pixels of the image, drawn larger
        view, small, patch = replace(view, size=VIT_SIZE), VIT_SIZE // 2, PATCH
    plain_view = replace(view, jitter=0.0, grayscale=0.0, blur=0.0)
    crops = MultiCrop(large=view, small=replace(view, size=small, scale=(0.1, 0.4), blur=0.0), n_small=4)
    several = dict.fromkeys(("swav", "lejepa", "dinov2"), crops)
    tasks = {
        "rotation": Rotations(plain_view),
        "jigsaw": Jigsaw(SMALL, gap=4, view=replace(plain_view, grayscale=0.3)),
        "colorization": GrayWithColor(plain_view),
        "masked_patches": HiddenPatches(plain_view, patch),
        "mae": HiddenPatches(plain_view, patch, share=0.75),
        "beit": HiddenBlocks(plain_view, patch, share=0.4),
    }
    return {**several, **tasks}.get(method) or TwoViews(view)


def encoder(name: str = ENCODER) -> Encoder:
    """The network that methods train, with fresh random weights. name: ENCODER or VIT."""
    return build_encoder(name, image_size=VIT_SIZE if name == VIT else SIZE)


def method(name: str, data: str) -> SSLMethod:
    """A method as it takes part, with fresh random weights."""
    network = encoder(VIT if name in ON_VIT else ENCODER)
    return build_method(ON_VIT.get(name, name), network, views(name, data), **dict(ENTRIES[name].settings))


def images_of(data: str) -> tuple[ImageSet, ImageSet]:
    """(training set, test set) of "road objects" or "CIFAR-10": pretraining sees the first without its labels."""
    if data == "road objects":
        return lesson_03.road_objects()
    n, m = budget(quick=20_000, full=20_000, smoke=160), budget(quick=4000, full=4000, smoke=64)
    return cifar10_photographs("train", n), cifar10_photographs("test", m)


DATA = ("road objects", "CIFAR-10")


@recipe("methods", "lessons 01 to 05: ten methods at a small budget, on two kinds of images", SHIPPED.values(), METHODS)
def methods(work: Path, ship: Path) -> None:
    """A budget that two cores can afford; the encoders of seed 0 that learned from road objects ship."""
    _all_runs(work, ship, METHODS, ("raw pixels", "random encoder", *SHIPPED), FEW)


@recipe(
    "methods-large", "lesson 09: all methods, ViTs too, at five times that budget; for a GPU", results=METHODS_LARGE
)
def methods_large(work: Path, ship: Path) -> None:
    """As `methods`, with larger batches and every method."""
    _all_runs(work, ship, METHODS_LARGE, (*BASELINES, *ENTRIES), MANY)


def _all_runs(work: Path, ship: Path, results: str, names: Sequence[str], spent: Spent) -> None:
    """Methods and baselines on both kinds of images, one seed after the other.

    What is finished is recorded as it grows, and rows that ship already are not made again.
    """
    seen = budget(quick=spent.seen, full=spent.seen, smoke=64)
    batch_size = budget(quick=spent.batch, full=spent.batch, smoke=32)
    setup = {
        "encoder": ENCODER,
        "seen": seen,
        "batch": batch_size,
        "look": {data: plain(look(data)) for data in DATA},
        "images": {
            "road objects": budget(quick=12_000, full=12_000, smoke=160),
            "CIFAR-10, JPEG or original": budget(quick=20_000, full=20_000, smoke=160),
        },
        "finetuning": finetuning(),
        "drawings": drawing_version(),
    }
    cells = [
        cell(data, name, seed) for seed in range(budget(quick=3, full=3, smoke=1)) for data in DATA for name in names
    ]
    about = f"{ENCODER} trained by each method on {seen} images of {SIZE} px; a run for each seed"
    if VIT in (BASELINES.get(name) for name in names):
        about = f"{ENCODER} with views of {SIZE} px, {VIT} with views of {VIT_SIZE} px, {seen} images seen in each run"
    weights, file = ship / "checkpoints" if results == METHODS else None, ship / "results" / f"{results}.json"
    run_recorded(work, file, about, cells, lambda each, run: one(each, run, seen, batch_size, weights), setup)


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
    return {"steps": budget(quick=200, full=200, smoke=2), "batch_size": BATCH, "lr": 2e-3}


def one(each: dict, work: Path, seen: int, batch_size: int, weights: Path | None) -> dict:
    """Train and judge one method -> its row. weights: the folder for the encoder of seed 0 on road objects, with its card."""
    name, seed = each["method"], each["seed"]
    train, test = images_of(each["data"])
    runtime.seed_everything(seed)
    trained, row = None, {}
    if network := BASELINES.get(name):
        trained = encoder(network).to(runtime.device())
    elif name in ENTRIES:
        made = method(name, each["data"])
        history = pretrain(
            made,
            train.images,
            steps=max(1, seen // batch_size),
            batch_size=batch_size,
            lr=each["lr"],  # a larger batch would ask for more, a longer run for less
            seed=seed,
            precision=convolution_precision(),
            out=work / "run",
            progress=False,
        )
        trained = made.encoder
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
    if weights and name in SHIPPED and each["data"] == "road objects" and seed == 0:
        write_card(
            export_encoder(work / "run", weights / f"{SHIPPED[name]}.safetensors"),
            f"{name} on road objects, a short run",
            f"{ENCODER}, {len(train)} drawn road objects without labels, views of {SIZE} px, {seen // batch_size} steps of "
            f"{batch_size} images in {row['training_seconds'] / 60:.0f} minutes, seed {seed}; last loss {row['loss']:.3f}.",
            {name: {judged: score.accuracy for judged, score in scores.items()}},
            f"{len(train)} training and {len(test)} test objects of {len(train.class_names)} subtypes",
        )
    return row


def recorded_methods(large: bool = False) -> Recorded:
    """What `methods`, or `methods-large`, recorded; `mean_by(found.rows, "method", "knn", data="CIFAR-10")` is one column."""
    return recorded(METHODS_LARGE if large else METHODS)
