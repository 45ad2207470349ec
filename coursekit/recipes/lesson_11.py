"""Lesson 11, YOLO12 on road objects: the backbone that it fine-tunes and the detector that it looks through at the end."""

from pathlib import Path

from coursekit import runtime
from coursekit.data.images import ImageSet
from coursekit.methods import SimCLR
from coursekit.models import Encoder, build_encoder
from coursekit.recipes.cards import shipped_encoder, write_card
from coursekit.recipes.pretraining import convolution_precision, pretrain_and_ship
from coursekit.recipes.registry import recipe, work_folder
from coursekit.runtime import budget
from coursekit.training import load_encoder
from coursekit.views import RandomView, TwoViews

BACKBONE = "simclr_yolo12n_road_scenes"
DETECTOR = "yolo12n_road_scenes"
SCENE_SIZE = 160  # px, side of a scene that the backbone learns from
VIEW_SIZE = 64  # px


def views(size: int) -> TwoViews:
    """SimCLR's views, which show at least a fifth of the scene. size: px."""
    return TwoViews(RandomView(size, scale=(0.2, 1.0)))


@recipe("detector-backbone", "lesson 11's backbone: SimCLR with YOLO12n's layers", weights=BACKBONE)
def detector_backbone(work: Path, ship: Path) -> None:
    """SimCLR on whole road scenes with YOLO12n's backbone: what lesson 11 fine-tunes."""
    scenes = ImageSet.road_scenes(budget(quick=8000, full=50_000), SCENE_SIZE, seed=100)
    runtime.seed_everything(0)
    pretrain_and_ship(
        ship / "checkpoints" / f"{BACKBONE}.safetensors",
        work,
        SimCLR(build_encoder("yolo12n", image_size=VIEW_SIZE), views(VIEW_SIZE)),
        scenes,
        steps=budget(quick=3000, full=20_000, smoke=4),
        batch_size=budget(quick=128, full=1024, smoke=32),
        lr=1e-3,
        title="SimCLR on road scenes, backbone of YOLO12n",
        text=f"layers 0 to 8 of yolo12n, {len(scenes)} drawn road scenes of {SCENE_SIZE} px without labels, views of "
        f"{VIEW_SIZE} px",
    )


def backbone() -> Encoder:
    """What `detector-backbone` made here, else what ships."""
    run = work_folder("detector-backbone") / "run"
    return load_encoder(run) if run.is_dir() else shipped_encoder(BACKBONE)


@recipe("scene-detector", "lesson 11's detector: YOLO12n on drawn scenes alone", weights=DETECTOR)
def scene_detector(work: Path, ship: Path) -> None:
    """YOLO12n from the SSL backbone on drawn scenes alone.

    The one recipe that starts again when it was stopped: Ultralytics trains it in one piece.
    """
    from coursekit.data.yolo import road_objects
    from coursekit.detection.portable import export_detector
    from coursekit.detection.weights import load_detector
    from coursekit.detection.yolo12 import train

    images, judged = budget(quick=3000, full=20_000, smoke=16), budget(quick=200, full=1000, smoke=8)
    imgsz, epochs = budget(quick=192, full=640, smoke=64), budget(quick=10, full=60, smoke=1)
    data = road_objects.build(
        runtime.home() / "datasets" / "recipes_scene_detector",
        train=images,
        size=budget(quick=320, full=640, smoke=64),
        val=judged,
        test=budget(quick=8, full=1000, smoke=8),
        seed=9,
    )
    run = train(
        data,
        "n",
        backbone(),
        epochs=epochs,
        freeze_epochs=budget(quick=1, full=2, smoke=0),
        backbone_lr_factor=1.0,
        imgsz=imgsz,
        batch=16,
        nbs=16,
        optimizer="AdamW",
        lr0=0.002,
        mosaic=budget(quick=0.0, full=1.0),
        warmup_epochs=1,
        weights="yaml",
        project=work,
        name="run",
        bfloat16=convolution_precision() is not None,
        val=False,
        plots=False,
        verbose=False,
    )
    weights = ship / "checkpoints" / f"{DETECTOR}.safetensors"
    export_detector(load_detector(run.last), weights, "n", imgsz)
    rows = {name: {"AP50": run.metrics.ap50[name], "AP50-95": run.metrics.ap50_95[name]} for name in run.metrics.ap50}
    rows["mean"] = {"AP50": run.metrics.map50, "AP50-95": run.metrics.map50_95}
    write_card(
        weights,
        "YOLO12n on drawn road scenes",
        f"yolo12n from the backbone {BACKBONE}, {images} drawn and labelled road scenes, images of {imgsz} px, {epochs} "
        "epochs (the backbone frozen in the first), AdamW. It has never seen a photograph.",
        rows,
        f"{judged} other drawn scenes",
        terms="Trained with Ultralytics' code, which is AGPL-3.0; Ultralytics holds that such weights are, too.",
    )
