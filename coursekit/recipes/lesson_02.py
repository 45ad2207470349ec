"""Lesson 02, judging representations: what is judged there, on which images, and mistakes that are made on purpose."""

import math

import torch

from coursekit.data.images import ImageSet
from coursekit.data.lesson_sets import by_kind
from coursekit.draws import Draws
from coursekit.evaluation.intervals import Interval
from coursekit.evaluation.judging import TITLES, Score
from coursekit.models import Encoder
from coursekit.recipes import lesson_03, lesson_09
from coursekit.recipes.cards import shipped_encoder
from coursekit.runtime import budget
from coursekit.views import RandomView, denormalize

K = 20  # neighbours that vote
SEEDS = (10, 11)  # of the images; lesson 03 judges with the same, so that they are drawn once
SHIPPED = {"rotation": lesson_09.SHIPPED["rotation"], "SimCLR": lesson_03.WEIGHTS}
RECORDED = {  # of lesson 09's rows, those that are shown here -> as what
    "raw pixels": "raw pixels",
    "random encoder": "random encoder",
    "rotation": "rotation",
    "masked_patches": "masked patches",
    "simclr": "SimCLR, short run",
}
# Accuracy on ImageNet after 100 epochs, %: LightlySSL benchmarks, docs.lightly.ai, Getting Started, Benchmarks.
PUBLISHED = {
    "SimCLR, ResNet-50": {"k-NN": 44.8, "linear probe": 63.2, "fine-tuned": 73.9},
    "DINO, ViT-S/16": {"k-NN": 67.5, "linear probe": 73.3, "fine-tuned": 79.8},
    "MAE, ViT-B/16": {"k-NN": 11.2, "linear probe": 46.0, "fine-tuned": 81.3},
}


def labeled_sets() -> tuple[ImageSet, ImageSet]:
    """Single road objects, labelled person, bicycle, car or bus: (training set, test set). No encoder saw any of them."""
    n = budget(quick=300, full=1200, smoke=96)
    train, test = (by_kind(ImageSet.road_crops(n, lesson_03.IMAGE_SIZE, seed)) for seed in SEEDS)
    return train, test


def encoders() -> dict[str, Encoder]:
    """The shipped encoders that are judged, on the CPU in eval mode."""
    return {name: shipped_encoder(weights) for name, weights in SHIPPED.items()}


def finetuning() -> dict:
    """Settings of fine-tuning."""
    return {"steps": budget(quick=40, full=1000, smoke=2), "batch_size": budget(quick=64, full=128), "lr": 2e-3}


def second_look(images: ImageSet, seed: int = 0) -> ImageSet:
    """Each object once more, a little shifted and nearer, as in the next picture of a film; labels stay.

    images: square. seed: of the shifts.
    """
    size = images.images.shape[-1]
    nearer = RandomView(size, scale=(0.7, 0.9), ratio=(1.0, 1.0), flip=0, jitter=0, grayscale=0, blur=0)
    pixels = denormalize(nearer(images.images, Draws(seed)).pixels)
    return ImageSet((255 * pixels).round().to(torch.uint8), images.labels, images.class_names)


def splits_of_pairs(*parts: ImageSet, seed: int = 0) -> dict[str, tuple[ImageSet, ImageSet]]:
    """Two looks at every object, halved in two ways: {"by picture": (train, test), "by object": (train, test)}.

    By picture, as a shuffled list of files is halved, many objects get into both halves; by object, none does. All four
    halves have the same size. parts: sets of objects, labelled alike. seed: of the looks and of the shuffling.
    """
    first = torch.cat([part.images for part in parts])
    labels = torch.cat([part.labels for part in parts])
    names, n = parts[0].class_names, len(first)
    again = second_look(ImageSet(first, labels, names), seed)
    pool = ImageSet(torch.cat([first, again.images]), labels.repeat(2), names)  # picture n + i shows object i once more
    generator = torch.Generator().manual_seed(seed)
    pictures, objects = torch.randperm(2 * n, generator=generator), torch.randperm(n, generator=generator)
    halves = [torch.cat([half, half + n]) for half in objects[: n // 2 * 2].chunk(2)]
    size = len(halves[0])
    return {
        "by picture": (pool[pictures[:size]], pool[pictures[size : 2 * size]]),
        "by object": (pool[halves[0]], pool[halves[1]]),
    }


def percent(table: dict[str, dict[str, Score]]) -> dict[str, dict[str, tuple[float, float, float]]]:
    """What `compare` returns as bars to draw: accuracy, low and high end in %, NaN where a judge said nothing."""
    judges = dict.fromkeys(judge for row in table.values() for judge in row)
    return {
        name: {TITLES[judge]: _bar(row[judge].accuracy if judge in row else None) for judge in judges}
        for name, row in table.items()
    }


def recorded_percent(data: str = "road objects") -> dict[str, dict[str, tuple[float, float, float]]]:
    """The same of some encoders that lesson 09 recorded on this data: seed 0, the one that ships, and its baselines."""
    rows = [row for row in lesson_09.recorded_methods().rows if row["data"] == data and row["seed"] == 0]
    found = {}
    for row in (row for name in RECORDED for row in rows if row["method"] == name):
        ends = {judge: [row.get(f"{judge}{end}") for end in ("", "_low", "_high")] for judge in TITLES}
        bars = {TITLES[judge]: _bar(None if None in three else Interval(*three, 0)) for judge, three in ends.items()}
        found[RECORDED[row["method"]]] = bars
    return found


def _bar(accuracy: Interval | None) -> tuple[float, float, float]:
    three = (math.nan,) * 3 if accuracy is None else (accuracy.mean, accuracy.low, accuracy.high)
    return tuple(100 * value for value in three)
