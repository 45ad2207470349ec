"""Small ViTs that learn from whole road scenes, for lessons 07 and 08: same scenes, same budget, judged in the same way."""

from collections.abc import Callable
from pathlib import Path

from coursekit import runtime
from coursekit.data.images import ImageSet
from coursekit.evaluation.dense_probe import dense_probe
from coursekit.methods import SSLMethod
from coursekit.models import Encoder, build_encoder
from coursekit.recipes.cards import write_card
from coursekit.recipes.pretraining import convolution_precision
from coursekit.runtime import budget
from coursekit.training import export_encoder, pretrain

ENCODER = "vit_micro"
PATCH = 8  # px
SCENE_SIZE, VIEW_SIZE, PROBE_SIZE = 160, 64, 96  # px, sides of a scene, of a view of it, and of the probe's scenes


def encoder() -> Encoder:
    """The small network that all of them train, with fresh random weights."""
    return build_encoder(ENCODER, image_size=VIEW_SIZE)


def train_and_ship(
    weights: Path, work: Path, make: Callable[[], SSLMethod], title: str, about: str, told: Callable[[dict], str]
) -> None:
    """Train a method or go on, export its encoder, judge its places beside those of a random encoder, write the card.

    weights: the file to write, ....safetensors. work: the folder of the run. make: the method, with fresh random weights.
    title: its name. about: its views, in words. told: from the last row of the history, what else the card tells.
    """
    scenes = ImageSet.road_scenes(budget(quick=8000, full=50_000, smoke=40), SCENE_SIZE, seed=100)
    runtime.seed_everything(0)
    made = make()
    steps, batch = budget(quick=1500, full=30_000, smoke=4), budget(quick=128, full=1024, smoke=16)
    history = pretrain(
        made,
        scenes.images,
        steps=steps,
        batch_size=batch,
        lr=2e-3 * (batch / 128) ** 0.5,
        precision=convolution_precision(),
        out=work / "run",
    )
    export_encoder(work / "run", weights)
    n = budget(quick=400, full=2000, smoke=16)
    learn, judged = (ImageSet.road_scenes(n, PROBE_SIZE, seed) for seed in (201, 202))
    rows = {}
    for name, network in ((title, made.encoder.cpu()), ("random encoder", encoder())):
        score = dense_probe(network, learn, judged)
        rows[name] = {"objects, AP": score.objects, "classes, mean AP": score.mean_class}
    write_card(
        weights,
        f"{title} on road scenes, a small encoder",
        f"{ENCODER} with patches of {PATCH} px, {len(scenes)} drawn road scenes of {SCENE_SIZE} px without labels, {about}, "
        f"{steps} steps of {batch} images; last loss {history[-1]['loss']:.3f}, {told(history[-1])}.",
        rows,
        f"places of {n} road scenes of {PROBE_SIZE} px, learned from {n} others (dense probe)",
    )
