"""Lesson 06, patch-level contrast: the encoder that it loads, and what its dense features know beside SimCLR's.

YOLO12n's backbone learns from whole road scenes twice, by SimCLR and by region contrast: from the same scenes and views, at
as many images seen. Both are judged by the dense probe, beside random weights.
"""

from pathlib import Path

from coursekit import runtime
from coursekit.data.images import ImageSet
from coursekit.evaluation import DenseScore, dense_difference, dense_probe
from coursekit.methods import SSLMethod, build_method
from coursekit.models import Encoder, build_encoder
from coursekit.recipes import lesson_11
from coursekit.recipes.cards import write_card
from coursekit.recipes.pretraining import convolution_precision
from coursekit.recipes.registry import recipe
from coursekit.runtime import budget
from coursekit.training import export_encoder, load_encoder, pretrain
from coursekit.views import RandomView, TwoViews

WEIGHTS = "region_contrast_yolo12n_road_scenes"
ENCODER = "yolo12n"
VIEW_SIZE = 96  # px: P5 has 3 x 3 places
METHODS = {"SimCLR": "simclr", "region contrast": "region_contrast"}


def views() -> TwoViews:
    """Two views of a whole scene, for both methods: large enough to share objects, colours changed mildly."""
    mild = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.2, "hue": 0.05, "blur": 0.2}
    return TwoViews(RandomView(VIEW_SIZE, scale=(0.2, 1.0), **mild))


def encoder() -> Encoder:
    """The network that both methods train, with fresh random weights."""
    return build_encoder(ENCODER, image_size=VIEW_SIZE)


def method(name: str) -> SSLMethod:
    """One of METHODS, with fresh random weights and one temperature."""
    return build_method(name, encoder(), views(), temperature=0.2)


def judged_scenes() -> tuple[ImageSet, ImageSet]:
    """Scenes with masks to learn the probe from and to be judged on, of seeds that no pretraining uses."""
    n = budget(quick=200, full=1000, smoke=8)
    return tuple(ImageSet.road_scenes(n, lesson_11.SCENE_SIZE, seed=seed) for seed in (601, 602))


def columns(score: DenseScore) -> dict:
    """A row of the card."""
    return {"object at a place, AP": score.objects, "its class, mean AP": score.mean_class}


@recipe("patch-contrast", "lesson 06's encoder: region contrast with YOLO12n's layers, beside SimCLR", weights=WEIGHTS)
def patch_contrast(work: Path, ship: Path) -> None:
    """Train by both methods, or go on; judge both and random weights; ship the encoder of region contrast."""
    scenes = ImageSet.road_scenes(budget(quick=8000, full=50_000), lesson_11.SCENE_SIZE, seed=100)
    steps, batch = budget(quick=600, full=20_000, smoke=3), budget(quick=64, full=512, smoke=8)
    train, test = judged_scenes()
    runtime.seed_everything(0)
    scores, last = {"random encoder": dense_probe(encoder(), train, test)}, {}
    for title, name in METHODS.items():
        runtime.seed_everything(0)  # the same first weights
        made = method(name)
        history = pretrain(
            made,
            scenes.images,
            steps=steps,
            batch_size=batch,
            lr=1e-3,
            precision=convolution_precision(),
            out=work / name,
        )
        scores[title], last = dense_probe(load_encoder(work / name), train, test), history[-1]
    weights = export_encoder(work / "region_contrast", ship / "checkpoints" / f"{WEIGHTS}.safetensors")
    gain = dense_difference(scores["SimCLR"], scores["region contrast"])
    write_card(
        weights,
        "Region contrast on road scenes, backbone of YOLO12n",
        f"layers 0 to 8 of {ENCODER}, {len(scenes)} drawn road scenes of {lesson_11.SCENE_SIZE} px without labels, views of "
        f"{VIEW_SIZE} px, {made.regions} regions an image, {steps} steps of {batch} images; last loss {last['loss']:.3f}, "
        f"chance {last['chance']:.3f}. SimCLR beside it saw as many images in the same views. Region contrast less SimCLR, "
        f"on the same places: object {gain['objects']}, class {gain['mean_class']}.",
        {title: columns(score) for title, score in scores.items()},
        f"the places of {len(test)} drawn scenes after learning from {len(train)} others, at all levels of the pyramid",
    )
