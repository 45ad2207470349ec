"""Lesson 06, patch-level contrast: the encoder that it loads, and what dense features know beside image-level ones.

YOLO12n's backbone learns from whole road scenes by SimCLR and by region contrast, a small ViT by SimCLR and by patch
contrast: from the same scenes and views, at as many images seen. All are judged at the places of other scenes.
"""

from pathlib import Path

from coursekit import runtime
from coursekit.data.drawn import drawing_version
from coursekit.methods import SSLMethod, build_method
from coursekit.models import Encoder, build_encoder
from coursekit.recipes import scene_vits
from coursekit.recipes.cards import write_card
from coursekit.recipes.recorded import Recorded, recorded, run_recorded
from coursekit.recipes.registry import recipe
from coursekit.runtime import budget
from coursekit.settings import plain
from coursekit.training import export_encoder
from coursekit.views import RandomView, TwoViews

RESULTS = "dense_methods"
VIEW_SIZE = 96  # px: P5 has 3 x 3 places
CONVOLUTIONAL = "yolo12n"
TITLES = {"simclr": "SimCLR", "region_contrast": "region contrast", "patch_contrast": "patch contrast"}
COMPARED = {CONVOLUTIONAL: ("simclr", "region_contrast"), "vit": ("simclr", "patch_contrast")}  # network -> methods
SHIPPED = {(CONVOLUTIONAL, "region_contrast"): "region_contrast_yolo12n_road_scenes"}  # weights of seed 0
WEIGHTS = SHIPPED[CONVOLUTIONAL, "region_contrast"]
TEMPERATURE, LR = 0.2, 1e-3


def views() -> TwoViews:
    """Two views of a whole scene, for all methods: large enough to share objects, colours changed mildly."""
    mild = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.2, "hue": 0.05, "blur": 0.2}
    return TwoViews(RandomView(VIEW_SIZE, scale=(0.2, 1.0), **mild))


def encoder(network: str = CONVOLUTIONAL) -> Encoder:
    """A network that two methods train, with fresh random weights: "yolo12n" or "vit"."""
    return build_encoder("vit_mini" if network == "vit" else network, image_size=VIEW_SIZE)


def method(name: str, network: str = CONVOLUTIONAL) -> SSLMethod:
    """A method of COMPARED, with fresh random weights and one temperature."""
    return build_method(name, encoder(network), views(), temperature=TEMPERATURE)


@recipe("patch-contrast", "lesson 06: dense contrast beside SimCLR, for a CNN and a ViT", SHIPPED.values(), RESULTS)
def patch_contrast(work: Path, ship: Path) -> None:
    """Train by every method with three seeds, one seed after the other, and judge; the dense encoders of seed 0 ship."""
    steps, batch = budget(quick=400, full=4000, smoke=3), budget(quick=64, full=128, smoke=8)
    setup = {
        "views": plain(views()),
        "temperature": TEMPERATURE,
        "steps": steps,
        "batch": batch,
        "lr": LR,
        "scenes": len(scene_vits.scenes()),
        "drawings": drawing_version(),
    }
    cells = [
        {"network": network, "method": name, "seed": seed}
        for seed in range(budget(quick=3, full=3, smoke=1))
        for network, methods in COMPARED.items()
        for name in ("random encoder", *methods)
    ]
    about = f"Trained on {setup['scenes']} road scenes, {steps} steps of {batch} images; judged at the places of other scenes"
    results = ship / "results" / f"{RESULTS}.json"
    run_recorded(work, results, about, cells, lambda cell, run: one(cell, run, steps, batch, ship), setup)


def one(cell: dict, work: Path, steps: int, batch: int, ship: Path) -> dict:
    """Train and judge one method -> its row; the first dense encoders ship with a card."""
    network, name, seed = cell["network"], cell["method"], cell["seed"]
    runtime.seed_everything(seed)  # the same first weights for all
    if name == "random encoder":
        return scene_vits.measures(encoder(network).to(runtime.device()))
    made = method(name, network)
    last = scene_vits.train(made, work / "run", steps, batch, LR, seed)[-1]
    row = {"loss": round(last["loss"], 4), "chance": last["chance"], **scene_vits.measures(made.encoder)}
    if seed == 0 and (network, name) in SHIPPED:
        weights = export_encoder(work / "run", ship / "checkpoints" / f"{SHIPPED[network, name]}.safetensors")
        title = TITLES[name]
        write_card(
            weights,
            f"{title[0].upper() + title[1:]} on road scenes, {made.encoder.spec['name']}",
            f"{made.encoder.spec['name']}, {len(scene_vits.scenes())} drawn road scenes of {scene_vits.SCENE_SIZE} px without "
            f"labels, views of {VIEW_SIZE} px, {steps} steps of {batch} images; last loss {last['loss']:.3f}, chance "
            f"{last['chance']:.3f}. What SimCLR and random weights reach stands in data/results/{RESULTS}.json.",
            {title: {"object at a place, AP": row["objects"], "its class, mean AP": row["mean_class"]}},
            "places of drawn road scenes after learning from as many others",
        )
    return row


def recorded_dense() -> Recorded:
    """What `patch_contrast` recorded; `mean_by(recorded.rows, "method", "objects", network="yolo12n")` is one column."""
    return recorded(RESULTS)
