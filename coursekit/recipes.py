"""Named, resumable recipes that make what ships in data/: small weights, each with a card, and recorded experiments.

`coursekit recipes` lists them, `coursekit recipes NAME` makes one. On a CPU each uses its quick budget; on a GPU, or
with COURSEKIT_BUDGET=full, the full one. A recipe that was stopped goes on where it was when the same command is given
again.
"""

import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import torch

import coursekit
from coursekit import runtime
from coursekit.data.drawn import drawing_version
from coursekit.data.images import ImageSet
from coursekit.evaluation import extract_features, knn_accuracy, linear_probe, raw_pixels
from coursekit.files import write_atomically
from coursekit.methods import build_method
from coursekit.models import Encoder, build_encoder
from coursekit.runtime import CourseError, budget
from coursekit.training import export_encoder, load_encoder, pretrain

CROP = 64  # px, side of lesson 03's images
LESSON_ENCODER = ("resnet_micro", {})
LESSON_SETTINGS = {
    "scale": (0.4, 1.0),
    "brightness": 0.4,
    "contrast": 0.4,
    "saturation": 0.4,
    "hue": 0.1,
    "blur": 0.2,
    "temperature": 0.2,
}
DETECTOR_VIEW = 64


@dataclass(frozen=True)
class Recipe:
    """makes: the files below data/ that it writes. about: one line. run: does it; work: its folder, ship: data/."""

    makes: tuple[str, ...]
    about: str
    run: Callable[[Path, Path], None]


def provenance(**more) -> dict:
    """Where numbers come from: versions, device, date, the state of the drawings, and what the recipe adds."""
    where = (
        torch.cuda.get_device_name()
        if runtime.device() == "cuda"
        else f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
    )
    return {
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "coursekit": coursekit.__version__,
        "torch": torch.__version__,
        "device": where,
        "budget": runtime.mode(),
        "drawings": drawing_version(),
        **more,
    }


def write_json(path: Path, content: dict) -> None:
    """Write JSON for people and programs, atomically."""
    write_atomically(path, lambda file: file.write((json.dumps(content, indent=1) + "\n").encode()))


def judge(encoder: Encoder | None, train: ImageSet, test: ImageSet) -> dict[str, float]:
    """k-NN and linear-probe accuracy of an encoder's features, 0 to 1; of raw pixels where it is None."""
    a, b = (raw_pixels(s) if encoder is None else extract_features(encoder, s) for s in (train, test))
    return {
        "knn": round(knn_accuracy(a, train.labels, b, test.labels), 4),
        "linear_probe": round(linear_probe(a, train.labels, b, test.labels).accuracy, 4),
    }


def lesson_view() -> int:
    """Side of lesson 03's views, px. On a CPU half the image's: four times as many steps in the same time."""
    return budget(quick=32, full=CROP, smoke=32)


def lesson_rate(batch: int) -> float:
    """Lesson 03's learning rate for AdamW, which grows with the root of the batch size."""
    return budget(quick=8e-3, full=4e-3) * (batch / budget(quick=128, full=512, smoke=128)) ** 0.5


def lesson_crops() -> tuple[ImageSet, ImageSet]:
    """The road objects that recipes learn from and judge with, of seeds that no lesson uses: (training set, test set).

    As with ImageNet, pretraining sees the training set without its labels, and probes see it with them.
    """
    return (
        ImageSet.road_crops(budget(quick=12_000, full=60_000, smoke=160), CROP, seed=1),
        ImageSet.road_crops(budget(quick=1200, full=6000, smoke=64), CROP, seed=2),
    )


def convolution_precision() -> str | None:
    """bfloat16 where convolutions gain from it on a CPU; on a GPU, what `runtime.precision` says."""
    return "bf16-mixed" if runtime.device() == "cpu" else None


def lesson_encoder(work: Path, ship: Path) -> None:
    """SimCLR on road objects: the encoder that lesson 03 loads where its own budget is too small."""
    train, test = lesson_crops()
    name, options = LESSON_ENCODER
    runtime.seed_everything(0)
    fresh = build_encoder(name, image_size=lesson_view(), **options)
    rows = {"raw pixels": judge(None, train, test), "random encoder": judge(fresh, train, test)}
    method = build_method("simclr", fresh, lesson_view(), **LESSON_SETTINGS)
    steps, batch = budget(quick=10_000, full=20_000, smoke=4), budget(quick=128, full=1024, smoke=64)
    history = pretrain(
        method,
        ImageSet(train.images),
        steps=steps,
        batch_size=batch,
        lr=lesson_rate(batch),
        precision=convolution_precision(),
        out=work / "run",
    )
    rows["trained encoder"] = judge(method.encoder.cpu(), train, test)
    export_encoder(work / "run", ship / "checkpoints" / "simclr_road_objects.safetensors")
    write_card(
        ship / "checkpoints" / "simclr_road_objects.md",
        "SimCLR on road objects",
        f"{name}, {len(train)} drawn road objects of {CROP} px without labels, views of {lesson_view()} px, {steps} steps of "
        f"{batch} images; last loss {history[-1]['loss']:.3f}, chance {history[-1]['chance']:.3f}.",
        rows,
        f"{len(train)} training and {len(test)} test objects of {len(train.class_names)} subtypes",
        provenance(),
    )


def detector_backbone(work: Path, ship: Path) -> None:
    """SimCLR on whole road scenes with YOLO12n's backbone: what lesson 11 fine-tunes."""
    n = budget(quick=8000, full=50_000)
    scenes = ImageSet.road_scenes(n, 160, seed=100)
    runtime.seed_everything(0)
    method = build_method("simclr", build_encoder("yolo12n", image_size=DETECTOR_VIEW), DETECTOR_VIEW, scale=(0.2, 1.0))
    steps, batch = budget(quick=3000, full=20_000, smoke=4), budget(quick=128, full=1024, smoke=32)
    history = pretrain(
        method,
        ImageSet(scenes.images),
        steps=steps,
        batch_size=batch,
        lr=1e-3,
        precision=convolution_precision(),
        out=work / "run",
    )
    export_encoder(work / "run", ship / "checkpoints" / "simclr_yolo12n_road_scenes.safetensors")
    write_card(
        ship / "checkpoints" / "simclr_yolo12n_road_scenes.md",
        "SimCLR on road scenes, backbone of YOLO12n",
        f"layers 0 to 8 of yolo12n, {n} drawn road scenes of 160 px without labels, views of {DETECTOR_VIEW} px, {steps} steps of "
        f"{batch} images; last loss {history[-1]['loss']:.3f}, chance {history[-1]['chance']:.3f}.",
        {},
        "",
        provenance(),
    )


def ablations(work: Path, ship: Path) -> None:
    """What each augmentation, the temperature, the batch size and the head do: equal budgets, three seeds, one run."""
    train, test = lesson_crops()
    seen = budget(quick=102_400, full=2_000_000, smoke=128)  # images seen by each run, whatever the batch size
    rows = []
    for seed in range(budget(quick=3, full=3, smoke=1)):
        for group, variants in VARIANTS.items():
            for variant, changes in variants.items():
                row = ablation_run(work, changes, seed, seen, train, test)
                rows.append({"group": group, "variant": variant, **row})
    runtime.seed_everything(0)
    name, options = LESSON_ENCODER
    levels = {
        "random encoder": judge(build_encoder(name, image_size=lesson_view(), **options), train, test)["knn"],
        "raw pixels": judge(None, train, test)["knn"],
    }
    write_json(
        ship / "results" / "simclr_ablations.json",
        {
            "about": f"k-NN accuracy after SimCLR on {len(train)} road objects, {seen} images seen, by what was changed; "
            f"views of {lesson_view()} px",
            "rows": rows,
            "levels": levels,
            "provenance": provenance(encoder=LESSON_ENCODER[0], settings=LESSON_SETTINGS),
        },
    )


VARIANTS: dict[str, dict[str, dict]] = {
    "augmentations": {
        "all": {},
        "no crop": {"scale": (1.0, 1.0), "ratio": (1.0, 1.0)},
        "no colour": {"jitter": 0.0, "grayscale": 0.0},
        "none": {"scale": (1.0, 1.0), "ratio": (1.0, 1.0), "jitter": 0.0, "grayscale": 0.0, "flip": 0.0, "blur": 0.0},
    },
    "temperature": {"0.05": {"temperature": 0.05}, "0.2": {}, "1.0": {"temperature": 1.0}},
    "batch size": {"32": {"batch": 32}, "128": {}},
    "head": {"none": {"head_layers": 0}, "two layers": {}},
}


def ablation_run(work: Path, changes: dict, seed: int, seen: int, train: ImageSet, test: ImageSet) -> dict:
    """One change and seed: trained and judged, or read from the work folder where that was done before."""
    label = "_".join(f"{k}={v}" for k, v in changes.items()) or "baseline"
    place = work / "rows" / f"{label}_{seed}.json".replace(" ", "")
    settings = {"batch": budget(quick=128, full=512, smoke=32), **LESSON_SETTINGS, **changes}
    batch = settings.pop("batch")
    setup = {
        "images": len(train),
        "seen": seen,
        "view": lesson_view(),
        "lr": lesson_rate(batch),
        "drawings": drawing_version(),
    }
    if place.exists() and (row := json.loads(place.read_text())).get("setup") == setup:
        return row
    name, options = LESSON_ENCODER
    runtime.seed_everything(seed)
    method = build_method("simclr", build_encoder(name, image_size=lesson_view(), **options), lesson_view(), **settings)
    began = time.perf_counter()
    history = pretrain(
        method,
        ImageSet(train.images),
        steps=max(1, seen // batch),
        batch_size=batch,
        lr=setup["lr"],
        seed=seed,
        precision=convolution_precision(),
        progress=False,
    )
    h = [extract_features(method.encoder.cpu(), s) for s in (train, test)]
    with torch.inference_mode():
        z = [method.projector.cpu().eval()(features) for features in h]
    knn, after = (round(knn_accuracy(a, train.labels, b, test.labels), 4) for a, b in (h, z))
    row = {
        "setup": setup,
        "seed": seed,
        "batch": batch,
        "loss": round(history[-1]["loss"], 4),
        "chance": round(history[-1]["chance"], 4),
        "knn": knn,
        "knn_after_head": after,
        "seconds": round(time.perf_counter() - began, 1),
    }
    write_json(place, row)
    print(
        f"{label}, seed {seed}: k-NN {row['knn']:.1%}, after the head {row['knn_after_head']:.1%}, {row['seconds']:.0f} s",
        flush=True,
    )
    return row


def scene_backbone() -> Encoder:
    """What `detector-backbone` made here, else what ships."""
    run = runtime.home() / "recipes" / "detector-backbone" / "run"
    return load_encoder(
        run if run.is_dir() else runtime.shipped("checkpoints", "simclr_yolo12n_road_scenes.safetensors")
    )


def scene_detector(work: Path, ship: Path) -> None:
    """YOLO12n from the SSL backbone on drawn scenes alone: the detector that lesson 11 looks through at the end.

    The one recipe that does not go on where it was stopped: Ultralytics trains it in one piece.
    """
    from coursekit.data.yolo import road_objects
    from coursekit.detection.portable import export_detector
    from coursekit.detection.weights import load_detector
    from coursekit.detection.yolo12 import train

    n, imgsz = budget(quick=3000, full=20_000, smoke=16), budget(quick=192, full=640, smoke=64)
    data = road_objects.build(
        runtime.home() / "datasets" / "recipes_scene_detector",
        train=n,
        size=budget(quick=320, full=640, smoke=64),
        val=budget(quick=200, full=1000, smoke=8),
        test=budget(quick=8, full=1000, smoke=8),
        seed=9,
    )
    epochs = budget(quick=10, full=60, smoke=1)
    settings = {
        "epochs": epochs,
        "freeze_epochs": budget(quick=1, full=2, smoke=0),
        "unfreeze_lr_factor": 1.0,
        "imgsz": imgsz,
        "batch": 16,
        "nbs": 16,
        "optimizer": "AdamW",
        "lr0": 0.002,
        "mosaic": budget(quick=0.0, full=1.0),
        "warmup_epochs": 1,
    }
    with torch.autocast("cpu", torch.bfloat16, enabled=convolution_precision() is not None):
        run = train(
            data,
            "n",
            scene_backbone(),
            weights="yaml",
            project=work,
            name="run",
            val=False,
            plots=False,
            verbose=False,
            **settings,
        )
    export_detector(load_detector(run.last), ship / "checkpoints" / "yolo12n_road_scenes.safetensors", "n", imgsz)
    rows = {name: {"AP50": run.metrics.ap50[name], "AP50-95": run.metrics.ap50_95[name]} for name in run.metrics.ap50}
    rows["mean"] = {"AP50": run.metrics.map50, "AP50-95": run.metrics.map50_95}
    write_card(
        ship / "checkpoints" / "yolo12n_road_scenes.md",
        "YOLO12n on drawn road scenes",
        f"yolo12n from the backbone simclr_yolo12n_road_scenes, {n} drawn and labelled road scenes, images of {imgsz} px, {epochs} "
        "epochs (the backbone frozen in the first), AdamW. It has never seen a photograph.",
        rows,
        f"{budget(quick=200, full=1000, smoke=8)} other drawn scenes",
        provenance(),
        terms="Trained with Ultralytics' code, which is AGPL-3.0; Ultralytics holds that such weights are, too.",
    )


def label_efficiency(work: Path, ship: Path) -> None:
    """Does it pay? YOLO12n from the SSL backbone against random weights at few labels, three seeds."""
    from coursekit.data.yolo import road_objects
    from coursekit.detection.label_efficiency import Settings, run_experiment

    data = road_objects.build(
        runtime.home() / "datasets" / "recipes_road_objects",
        train=budget(quick=512, full=5000, smoke=16),
        val=budget(quick=200, full=1000, smoke=8),
        test=budget(quick=8, full=1000, smoke=8),
        size=320,
        seed=7,
    )
    settings = Settings(
        imgsz=budget(quick=160, full=320, smoke=64), steps=budget(quick=400, full=3000, smoke=4), lr0=0.004
    )
    labels = budget(quick=(32, 128), full=(50, 500, 5000), smoke=(8,))
    summary = run_experiment(
        data,
        scene_backbone(),
        work / "experiment",
        labels=labels,
        seeds=budget((0, 1, 2), (0, 1, 2), smoke=(0,)),
        settings=settings,
    )
    print(summary)
    write_json(
        ship / "results" / "label_efficiency.json",
        {
            "about": "YOLO12n on drawn road scenes: SSL backbone against random initialisation, equal optimizer steps",
            **summary.as_json(),
            "provenance": provenance(),
        },
    )


def write_card(
    path: Path,
    title: str,
    text: str,
    rows: dict[str, dict[str, float]],
    judged: str,
    origin: dict,
    terms: str = "The weights are under the course's MIT licence.",
) -> None:
    """The card that goes with shipped weights: what it is, how it was made, what it scores, and on what terms."""
    lines = [f"# {title}", "", text, ""]
    if rows:
        columns = list(next(iter(rows.values())))
        lines += [
            f"Measured on {judged}:",
            "",
            "| | " + " | ".join(c.replace("_", " ") for c in columns) + " |",
            "|---|" + "---|" * len(columns),
        ]
        lines += [
            f"| {name} | " + " | ".join(f"{row[c]:.1%}" for c in columns) + " |" for name, row in rows.items()
        ] + [""]
    lines += [
        "Made by `coursekit recipes`: " + ", ".join(f"{k} {v}" for k, v in origin.items()) + ".",
        f"Stored as float16. {terms}",
        "",
    ]
    write_atomically(path, lambda file: file.write("\n".join(lines).encode()))


RECIPES = {
    "lesson-encoder": Recipe(
        ("checkpoints/simclr_road_objects.safetensors", "checkpoints/simclr_road_objects.md"),
        "lesson 03's encoder: SimCLR on road objects",
        lesson_encoder,
    ),
    "ablations": Recipe(
        ("results/simclr_ablations.json",), "lesson 03: augmentations, temperature, batch size, head", ablations
    ),
    "detector-backbone": Recipe(
        ("checkpoints/simclr_yolo12n_road_scenes.safetensors", "checkpoints/simclr_yolo12n_road_scenes.md"),
        "lesson 11's backbone: SimCLR with YOLO12n's layers",
        detector_backbone,
    ),
    "scene-detector": Recipe(
        ("checkpoints/yolo12n_road_scenes.safetensors", "checkpoints/yolo12n_road_scenes.md"),
        "lesson 11's detector: YOLO12n on drawn scenes alone",
        scene_detector,
    ),
    "label-efficiency": Recipe(
        ("results/label_efficiency.json",), "SSL against random initialisation at few labels", label_efficiency
    ),
}


def make(name: str, out: str | Path | None = None) -> tuple[Path, ...]:
    """Run one recipe, or go on with it. out: where to write, default the checkout's data/. Returns what it wrote.

    Raises CourseError for an unknown name.
    """
    if name not in RECIPES:
        raise CourseError(f"There is no recipe {name!r}. Choose one of: {', '.join(RECIPES)}.")
    ship = Path(out) if out else runtime.shipped("road_objects").parent
    recipe = RECIPES[name]
    recipe.run(runtime.home() / "recipes" / name, ship)
    return tuple(ship / made for made in recipe.makes)


def mean_by_variant(rows: list[dict], group: str, value: str = "knn") -> dict[str, tuple[float, float]]:
    """variant -> (mean, half a range) over seeds, of one group of `ablations`. Half a range: (largest - smallest) / 2."""
    found: dict[str, list[float]] = {}
    for row in rows:
        if row["group"] == group:
            found.setdefault(row["variant"], []).append(row[value])
    return {variant: (statistics.fmean(v), (max(v) - min(v)) / 2) for variant, v in found.items()}
