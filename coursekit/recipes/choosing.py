"""Lesson 09 as it is taught: what is compared there, on which images, and numbers of papers to stand beside ours."""

import time

import torch

from coursekit.data.images import ImageSet
from coursekit.draws import Draws
from coursekit.evaluation.framed import largest_objects
from coursekit.evaluation.intervals import mean_by
from coursekit.evaluation.memory import step_memory
from coursekit.methods import SSLMethod
from coursekit.models import Encoder
from coursekit.recipes import lesson_07, lesson_08, lesson_09
from coursekit.recipes.cards import shipped_encoder
from coursekit.recipes.leaderboard import Standing
from coursekit.runtime import CourseError, budget

DATA = "road objects"
SCENE_SIZE = 160  # px
FRAMED = (24, 120)  # px, longer side of an object that is framed
WHOLE_SCENES = {  # weights -> what the widget calls them
    lesson_07.WEIGHTS: "DINOv2, whole scenes",
    lesson_08.MASKED["mae"]: "MAE, whole scenes",
    lesson_08.MASKED["beit"]: "BEiT, whole scenes",
}

# Linear probe on ImageNet, %: (LightlySSL benchmarks, ResNet-50, batch 256, 100 epochs; the method's own paper, ResNet-50;
# the paper's epochs). Benchmarks: docs.lightly.ai, Getting Started, Benchmarks. SimCLR: Chen et al., ICML 2020, table 6;
# MoCo v2: Chen et al., 2020, table 3; SwAV: Caron et al., NeurIPS 2020; BYOL: Grill et al., NeurIPS 2020, table 1.
TWO_BUDGETS = {
    "MoCo v2": (61.5, 71.1, 800),
    "BYOL": (62.5, 74.3, 1000),
    "SimCLR": (63.2, 69.3, 1000),
    "SwAV": (67.2, 75.3, 800),
}
# Linear probe on ImageNet as the papers report it: method here -> (accuracy, %, network, epochs, paper).
PUBLISHED = {
    "simclr": (69.3, "ResNet-50", "1000", "Chen et al., 2020"),
    "moco": (71.1, "ResNet-50", "800", "MoCo v2, Chen et al., 2020"),
    "simsiam": (71.3, "ResNet-50", "800", "Chen and He, 2021"),
    "byol": (74.3, "ResNet-50", "1000", "Grill et al., 2020"),
    "swav": (75.3, "ResNet-50", "800", "Caron et al., 2020"),
    "mae": (68.0, "ViT-B/16", "1600", "He et al., 2022"),
    "lejepa": (79.0, "ViT-H/14", "-", "Balestriero and LeCun, 2025"),
    "dinov2": (81.1, "ViT-S/14", "-", "Oquab et al., 2024; 142 million images, distilled"),
}


def encoders(whole_scenes: bool = False) -> dict[str, Encoder]:
    """The shipped encoders of the comparison, all of one network, seed 0, trained on road objects at one budget.

    whole_scenes: also those of lessons 07 and 08, which are other networks that saw other images, as far as they ship.
    """
    found = {name: shipped_encoder(weights) for name, weights in lesson_09.SHIPPED.items()}
    for weights, name in WHOLE_SCENES.items() if whole_scenes else ():
        try:
            found[name] = shipped_encoder(weights)
        except CourseError:  # this copy ships without it
            continue
    return found


def scenes(n: int = 12, seed: int = 9) -> ImageSet:
    """Whole road scenes with masks, whose largest object is neither tiny nor as large as the picture. n: at most."""
    drawn = ImageSet.road_scenes(budget(quick=2 * n, full=4 * n, smoke=6), SCENE_SIZE, seed)
    boxes, _ = largest_objects(drawn)
    longer = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1)
    fits = (longer >= FRAMED[0]) & (longer <= FRAMED[1])
    return drawn[fits.nonzero()[:n, 0]]


def live_budget() -> dict:
    """Settings of the short runs that the lesson makes itself: steps, batch_size."""
    return {"steps": budget(quick=12, full=1000, smoke=3), "batch_size": budget(quick=64, full=256, smoke=16)}


def learning_rate(name: str) -> float:
    """Peak, as the comparison has it, for the batch of the lesson's short runs."""
    return lesson_09.ENTRIES[name].lr * (live_budget()["batch_size"] / lesson_09.BATCH) ** 0.5


def step_cost(method: SSLMethod, images: torch.Tensor) -> dict[str, float]:
    """What one training step takes for each image: views that enter the encoder, their pixels as a share of one whole view,
    memory that the backward pass needs, kB, and milliseconds, as far as this machine tells.

    images: uint8 (N, 3, H, W), a batch: what a method holds once, such as a queue, is shared by its images. The time is the
    shortest of several steps, forward and backward, after one that is not counted.
    """
    views = method.views(images, Draws(0))
    sides = [view.pixels.shape[-1] for view in views]
    each = [len(view.pixels) / len(images) for view in views]  # a jigsaw's tiles are one view of many pictures
    memory = step_memory(method, images)
    seconds = []
    for k in range(4):
        clock = time.perf_counter()
        method(method.views(images, Draws(k)))["loss"].backward()
        seconds.append(time.perf_counter() - clock)
        method.zero_grad()
    return {
        "views": sum(each),
        "pixels": sum(n * side**2 for n, side in zip(each, sides, strict=True)) / lesson_09.SIZE**2,
        "memory": memory["activations"] / len(images) / 1000,
        "ms": 1000 * min(seconds[1:]) / len(images),  # the first allocates
    }


def small_and_large(data: str = DATA, judge: str = "linear_probe") -> dict[str, tuple[float, float]]:
    """Our own methods at both recorded budgets, %: {method: (few images seen, many)}, means over the seeds."""
    few, many = (
        {name: 100 * value.mean for name, value in mean_by(found.rows, "method", judge, data=data).items()}
        for found in (lesson_09.recorded_methods(), lesson_09.recorded_methods(large=True))
    )
    return {name: (few[name], many[name]) for name in lesson_09.ENTRIES if name in few and name in many}


def beside_published(found: list[Standing]) -> str:
    """A table: our linear probe by kind of images, and what papers report on ImageNet, in the order of the papers.

    found: as `leaderboard.standings` gives them, one budget for each kind of images. Two different questions: neither column
    can be compared with the other.
    """
    kinds = {each.data: each.seen for each in found}
    ours = {(s.method, s.data): s.scores["linear_probe"].mean for s in found if "linear_probe" in s.scores}
    budgets = (f"{seen:,} seen" if seen else "" for seen in kinds.values())
    lines = [
        f"{'':12}{'our runs, linear probe, %':>{15 * len(kinds)}}    published, linear probe on ImageNet, %",
        "".join([f"{'':12}", *(f"{budget:>15}" for budget in budgets)]).rstrip(),
        "".join([f"{'method':12}", *(f"{kind:>15}" for kind in kinds), f"{'accuracy':>12}  network    epochs  paper"]),
    ]
    for name, (accuracy, network, epochs, paper) in PUBLISHED.items():
        cells = [f"{100 * ours[name, kind]:.1f}" if (name, kind) in ours else "-" for kind in kinds]
        told = "".join(f"{cell:>15}" for cell in cells)
        mine = f"{name} (ViT)" if name in lesson_09.ON_VIT else name
        lines.append(f"{mine:12}{told}{accuracy:>12.1f}  {network:9}  {epochs:>6}  {paper}")
    return "\n".join(lines)
