"""Small ViTs that learn from whole road scenes, for lessons 06 to 08: same scenes, same budget, judged in the same way."""

from collections.abc import Callable
from pathlib import Path

from coursekit import runtime
from coursekit.data.images import ImageSet
from coursekit.evaluation import attention_scores, dense_probe, mean_iou
from coursekit.evaluation.attention import MapScore
from coursekit.evaluation.dense_probe import DenseScore
from coursekit.methods import SSLMethod
from coursekit.models import Encoder, build_encoder
from coursekit.recipes.cards import write_card
from coursekit.recipes.pretraining import convolution_precision
from coursekit.runtime import budget
from coursekit.training import History, export_encoder, pretrain

SMALLEST = "vit_micro"
SMALL_VIEW, PATCH = 64, 8  # px, sides of a view in an experiment, and of a patch
SCENE_SIZE = 160  # px, side of a scene, and of those that judge


def view_size() -> int:
    """Side of a view of a scene for the encoders that ship, px."""
    return budget(quick=SMALL_VIEW, full=96, smoke=SMALL_VIEW)


def encoder() -> Encoder:
    """The network of those that ship, with fresh random weights."""
    return build_encoder(budget(quick=SMALLEST, full="vit_mini"), image_size=view_size())


def small_encoder() -> Encoder:
    """The network of experiments with many runs, with fresh random weights."""
    return build_encoder(SMALLEST, image_size=SMALL_VIEW)


def scenes() -> ImageSet:
    """What they learn from, without labels."""
    return ImageSet.road_scenes(budget(quick=4000, full=12_000, smoke=40), SCENE_SIZE, seed=100)


def judged_scenes() -> tuple[ImageSet, ImageSet]:
    """Scenes with masks to learn a probe from and to be judged on, of seeds that no pretraining uses."""
    n = budget(quick=150, full=300, smoke=16)
    return tuple(ImageSet.road_scenes(n, SCENE_SIZE, seed=seed) for seed in (201, 202))


def train(method: SSLMethod, work: Path, steps: int, batch: int, lr: float, seed: int = 0) -> History:
    """Train a method on the scenes, or go on in the folder `work`."""
    return pretrain(
        method,
        scenes().images,
        steps=steps,
        batch_size=batch,
        lr=lr,
        seed=seed,
        precision=convolution_precision(),
        out=work,
        progress=seed == 0,
    )


def dense_and_attention(network: Encoder) -> tuple[DenseScore, MapScore | None]:
    """What an encoder's places know of scenes, and how well a ViT's attention finds objects (class token, best head)."""
    learn, judged = judged_scenes()
    attention = attention_scores(network, learn, judged)["best head"] if hasattr(network, "attention_maps") else None
    return dense_probe(network, learn, judged), attention


def measures(network: Encoder) -> dict[str, float]:
    """`dense_and_attention` as the columns of a recorded row."""
    dense, attention = dense_and_attention(network)
    found = {"objects": dense.objects, "mean_class": dense.mean_class, "mean_iou": mean_iou(dense).mean}
    found |= {"pointing": attention.pointing, "iou": attention.iou} if attention else {}
    return {
        f"{name}{end}": round(value, 4)
        for name, interval in found.items()
        for end, value in (("", interval.mean), ("_low", interval.low), ("_high", interval.high))
    }


def train_and_ship(
    weights: Path,
    work: Path,
    make: Callable[[], SSLMethod],
    title: str,
    about: str,
    steps: int,
    batch: int,
    lr: float,
    told: Callable[[dict], str],
) -> None:
    """Train a method or go on, export its encoder, judge it beside a random encoder, write the card.

    weights: the file to write, ....safetensors. work: the folder of the run. make: the method, with fresh random weights.
    title: its name. about: its views, in words. steps, batch, lr: as in `pretrain`. told: from the last row of the history,
    what else the card tells.
    """
    runtime.seed_everything(0)
    made = make()
    history = train(made, work / "run", steps, batch, lr)
    export_encoder(work / "run", weights)
    rows = {}
    for name, network in ((title, made.encoder), ("random encoder", encoder().to(runtime.device()))):
        dense, attention = dense_and_attention(network)
        rows[name] = {
            "objects, AP": dense.objects,
            "classes, mean AP": dense.mean_class,
            "segmentation, mean IoU": mean_iou(dense).mean,
            "attention points at an object": attention.pointing,
            "attention's IoU": attention.iou,
        }
    write_card(
        weights,
        f"{title} on road scenes, a small encoder",
        f"{made.encoder.spec['name']} with patches of {PATCH} px, {len(scenes())} drawn road scenes of {SCENE_SIZE} px without "
        f"labels, {about}, {steps} steps of {batch} images; last loss {history[-1]['loss']:.3f}, {told(history[-1])}.",
        rows,
        f"{len(judged_scenes()[1])} road scenes of {SCENE_SIZE} px after learning from as many others: the dense probe's places, "
        "and the class token's attention in the last layer, by the head that was the best on those others",
    )
