"""Lesson 07, DINOv2: a small student and its teacher, trained on whole road scenes, and what each term of the loss is for."""

from pathlib import Path

from coursekit import runtime
from coursekit.data.drawn import drawing_version
from coursekit.methods import DINOv2
from coursekit.models import Encoder, build_encoder
from coursekit.recipes import scene_vits
from coursekit.recipes.recorded import Recorded, recorded, run_recorded
from coursekit.recipes.registry import recipe
from coursekit.runtime import budget
from coursekit.views import MultiCrop, RandomView

WEIGHTS = "dinov2_road_scenes"
TERMS = "dinov2_terms"  # the recorded results
LR = 1e-3
SETTINGS = {  # for a run a hundred times shorter than the paper's: a faster teacher, and fewer prototypes, told apart sharply
    "momentum": 0.98,
    "prototypes": 128,
    "teacher_temperature": 0.04,
}
VARIANTS: dict[str, dict] = {  # what is changed
    "all terms": {},
    "no class-token loss": {"dino_weight": 0.0},
    "no patch loss": {"ibot_weight": 0.0},
    "no KoLeo": {"koleo_weight": 0.0},
    "no centering": {"centering": "none"},
    "no sharpening": {"teacher_temperature": 0.1, "first_temperature": 0.1},  # the student's
}
LAST = ("loss", "dino", "ibot", "teacher_entropy", "assignment_entropy", "effective_rank")  # recorded, as far as logged


def views(size: int = scene_vits.SMALL_VIEW) -> MultiCrop:
    """DINO's crops of a scene, with its mild colours: two large ones of at least a third, four small ones of half the side.

    size: of a large one, px.
    """
    colors = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.2, "hue": 0.1}
    large = RandomView(size, scale=(0.32, 1.0), blur=0.3, solarize=0.1, **colors)
    small = RandomView(size // 2, scale=(0.05, 0.32), blur=0.3, **colors)
    return MultiCrop(large=large, small=small, n_small=4)


def method(encoder: Encoder | None = None, **changes) -> DINOv2:
    """DINOv2 as this lesson trains it. encoder: default, a ViT of the smallest size. changes: of its settings."""
    encoder = encoder or scene_vits.small_encoder()
    return DINOv2(encoder, views(encoder.spec["image_size"]), **{**SETTINGS, **changes})


def tiny_encoder() -> Encoder:
    """The network whose terms are taken away, with fresh random weights: on a CPU two layers of width 64."""
    return build_encoder("vit_micro", image_size=48, **budget(quick={"dim": 64, "depth": 2}, full={}))


def tiny_method(**changes) -> DINOv2:
    """DINOv2 for it: on a CPU with fewer prototypes, and a teacher and a centre that follow faster. changes: of its settings."""
    few = {"prototypes": 64, "hidden_dim": 128, "out_dim": 64, "momentum": 0.95, "center_momentum": 0.8}
    return method(tiny_encoder(), **{**budget(quick=few, full={}), **changes})


@recipe("dinov2", "lesson 07's encoder: a small DINOv2 on whole road scenes", weights=WEIGHTS)
def dinov2(work: Path, ship: Path) -> None:
    """Train, export the student, and judge it beside a random encoder."""

    def told(last: dict) -> str:
        parts = f"of which DINO {last['dino']:.3f} and iBOT {last['ibot']:.3f}"
        return f"{parts}; entropy of an answer {last['teacher_entropy']:.2f} nats"

    size = scene_vits.view_size()
    crops = f"two views of {size} px and four of {size // 2} px"
    weights = ship / "checkpoints" / f"{WEIGHTS}.safetensors"
    steps, batch = budget(quick=1200, full=4000, smoke=4), budget(quick=128, full=256, smoke=16)
    scene_vits.train_and_ship(
        weights, work, lambda: method(scene_vits.encoder()), "DINOv2", crops, steps, batch, LR, told
    )


@recipe("dinov2-terms", "lesson 07: DINOv2 with each term of its loss taken away", results=TERMS)
def dinov2_terms(work: Path, ship: Path) -> None:
    """Every variant with three seeds at one budget, one seed after the other; what is finished is recorded as it grows."""
    steps, batch = budget(quick=400, full=1200, smoke=2), budget(quick=48, full=256, smoke=8)
    setup = {
        "encoder": tiny_encoder().spec,
        "method": tiny_method().recipe(),
        "variants": VARIANTS,
        "steps": steps,
        "batch": batch,
        "lr": LR,
        "scenes": len(scene_vits.scenes()),
        "drawings": drawing_version(),
    }
    cells = [
        {"variant": variant, "seed": seed} for seed in range(budget(quick=3, full=3, smoke=1)) for variant in VARIANTS
    ]
    runtime.seed_everything(0)
    levels = scene_vits.measures(tiny_encoder().to(runtime.device()))
    about = f"A small DINOv2 on {setup['scenes']} road scenes, {steps} steps of {batch} images, by what was taken away"

    def one(cell: dict, run: Path) -> dict:
        runtime.seed_everything(cell["seed"])
        made = tiny_method(**VARIANTS[cell["variant"]])
        last = scene_vits.train(made, run / "run", steps, batch, LR, cell["seed"])[-1]
        return {**{name: round(last[name], 4) for name in LAST if name in last}, **scene_vits.measures(made.encoder)}

    run_recorded(work, ship / "results" / f"{TERMS}.json", about, cells, one, setup, levels)


def recorded_terms() -> Recorded:
    """What `dinov2_terms` recorded; `levels` are those of a random encoder."""
    return recorded(TERMS)
