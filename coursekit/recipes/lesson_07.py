"""Lesson 07, DINOv2: a small student and its teacher, trained on whole road scenes, and what its features know of them."""

from pathlib import Path

from coursekit import runtime
from coursekit.data.images import ImageSet
from coursekit.evaluation.dense_probe import dense_probe
from coursekit.methods import DINOv2
from coursekit.models import Encoder, build_encoder
from coursekit.recipes.cards import write_card
from coursekit.recipes.pretraining import convolution_precision
from coursekit.recipes.registry import recipe
from coursekit.runtime import budget
from coursekit.training import export_encoder, pretrain
from coursekit.views import MultiCrop, RandomView

WEIGHTS = "dinov2_road_scenes"
ENCODER = "vit_micro"
SCENE_SIZE = 160  # px, side of a scene
VIEW_SIZE, SMALL_SIZE = 64, 32  # px, sides of a large and of a small view; patches of 8 px
PROBE_SIZE = 96  # px, side of the scenes that the dense probe reads
MOMENTUM = 0.98  # of the teacher at first: a run is a hundred times shorter than the paper's


def views() -> MultiCrop:
    """DINO's crops of a scene, with its mild colours: two large ones of at least a third, four small ones."""
    colors = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.2, "hue": 0.1}
    large = RandomView(VIEW_SIZE, scale=(0.32, 1.0), blur=0.3, solarize=0.1, **colors)
    small = RandomView(SMALL_SIZE, scale=(0.05, 0.32), blur=0.3, **colors)
    return MultiCrop(large=large, small=small, n_small=4)


def encoder() -> Encoder:
    """The small network that is trained, with fresh random weights."""
    return build_encoder(ENCODER, image_size=VIEW_SIZE)


def method(**changes) -> DINOv2:
    """DINOv2 as this lesson trains it. changes: of its settings."""
    return DINOv2(encoder(), views(), **{"momentum": MOMENTUM, **changes})


@recipe("dinov2", "lesson 07's encoder: a small DINOv2 on whole road scenes", weights=WEIGHTS)
def dinov2(work: Path, ship: Path) -> None:
    """Train, export the student, and judge its places beside those of a random encoder."""
    scenes = ImageSet.road_scenes(budget(quick=8000, full=50_000, smoke=40), SCENE_SIZE, seed=100)
    runtime.seed_everything(0)
    made = method()
    steps, batch = budget(quick=2000, full=20_000, smoke=4), budget(quick=128, full=1024, smoke=16)
    history = pretrain(
        made,
        scenes.images,
        steps=steps,
        batch_size=batch,
        lr=2e-3 * (batch / 128) ** 0.5,
        precision=convolution_precision(),
        out=work / "run",
    )
    weights = export_encoder(work / "run", ship / "checkpoints" / f"{WEIGHTS}.safetensors")
    n = budget(quick=400, full=2000, smoke=16)
    learn, judged = (ImageSet.road_scenes(n, PROBE_SIZE, seed) for seed in (201, 202))
    rows = {}
    for name, network in (("DINOv2", made.encoder.cpu()), ("random encoder", encoder())):
        score = dense_probe(network, learn, judged)
        rows[name] = {"objects, AP": score.objects, "classes, mean AP": score.mean_class}
    last = history[-1]
    write_card(
        weights,
        "DINOv2 on road scenes, a small student",
        f"{ENCODER} with patches of 8 px, {len(scenes)} drawn road scenes of {SCENE_SIZE} px without labels, two views of "
        f"{VIEW_SIZE} px and four of {SMALL_SIZE} px, {steps} steps of {batch} images; last loss {last['loss']:.3f}, of which "
        f"DINO {last['dino']:.3f} and iBOT {last['ibot']:.3f}; entropy of an answer {last['teacher_entropy']:.2f} nats.",
        rows,
        f"places of {n} road scenes of {PROBE_SIZE} px, learned from {n} others (dense probe)",
    )
