"""Lesson 07, DINOv2: a small student and its teacher, trained on whole road scenes, and what its features know of them."""

from pathlib import Path

from coursekit.methods import DINOv2
from coursekit.recipes.registry import recipe
from coursekit.recipes.scene_vits import VIEW_SIZE, encoder, train_and_ship
from coursekit.views import MultiCrop, RandomView

WEIGHTS = "dinov2_road_scenes"
SMALL_SIZE = 32  # px, side of a small view
MOMENTUM = 0.98  # of the teacher at first: a run is a hundred times shorter than the paper's


def views() -> MultiCrop:
    """DINO's crops of a scene, with its mild colours: two large ones of at least a third, four small ones."""
    colors = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.2, "hue": 0.1}
    large = RandomView(VIEW_SIZE, scale=(0.32, 1.0), blur=0.3, solarize=0.1, **colors)
    small = RandomView(SMALL_SIZE, scale=(0.05, 0.32), blur=0.3, **colors)
    return MultiCrop(large=large, small=small, n_small=4)


def method(**changes) -> DINOv2:
    """DINOv2 as this lesson trains it. changes: of its settings."""
    return DINOv2(encoder(), views(), **{"momentum": MOMENTUM, **changes})


@recipe("dinov2", "lesson 07's encoder: a small DINOv2 on whole road scenes", weights=WEIGHTS)
def dinov2(work: Path, ship: Path) -> None:
    """Train, export the student, and judge its places beside those of a random encoder."""

    def told(last: dict) -> str:
        parts = f"of which DINO {last['dino']:.3f} and iBOT {last['ibot']:.3f}"
        return f"{parts}; entropy of an answer {last['teacher_entropy']:.2f} nats"

    crops = f"two views of {VIEW_SIZE} px and four of {SMALL_SIZE} px"
    train_and_ship(ship / "checkpoints" / f"{WEIGHTS}.safetensors", work, method, "DINOv2", crops, told)
