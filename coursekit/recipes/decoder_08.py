"""Lesson 08: a decoder for an MAE encoder that was kept without its own.

What the encoder learned stays as it is, to the last bit: only the decoder is trained, on the same task.
"""

from pathlib import Path

from coursekit import runtime
from coursekit.data.images import ImageSet
from coursekit.recipes import lesson_08, scene_vits
from coursekit.recipes.cards import shipped_encoder, write_card
from coursekit.recipes.pretraining import convolution_precision
from coursekit.recipes.registry import recipe
from coursekit.runtime import budget
from coursekit.training import pretrain

DECODER_DIM = 80  # narrower than MAE's default, so that encoder and decoder stay under 6 MB


@recipe("mae-decoder", "lesson 08: a decoder fitted to the MAE encoder that ships", weights=lesson_08.WHOLE_MAE)
def mae_decoder(work: Path, ship: Path) -> None:
    """Train a decoder on what the shipped encoder says, or go on, and keep both as one MAE."""
    encoder = shipped_encoder(lesson_08.MASKED["mae"])
    runtime.seed_everything(0)
    made = lesson_08.masked_method("mae", encoder=encoder.requires_grad_(False), decoder_dim=DECODER_DIM)
    scenes = ImageSet.road_scenes(budget(quick=1000, full=12_000, smoke=40), scene_vits.SCENE_SIZE, seed=100)
    steps, batch = budget(quick=1000, full=3000, smoke=4), budget(quick=16, full=512, smoke=8)
    history = pretrain(
        made,
        scenes.images,
        steps=steps,
        batch_size=batch,
        lr=budget(quick=1.5e-3, full=lesson_08.LR),
        precision=convolution_precision(),
        out=work / "run",
    )
    weights = made.cpu().save(ship / "checkpoints" / f"{lesson_08.WHOLE_MAE}.safetensors")
    write_card(
        weights,
        "A whole MAE on road scenes, encoder and decoder",
        f"The encoder is that of {lesson_08.MASKED['mae']}, whose card tells how it was trained. The decoder ({made.decoder_depth} "
        f"blocks of width {made.decoder_dim}) was fitted to it afterwards, with the encoder frozen: {len(scenes)} drawn road "
        f"scenes, {steps} steps of {batch} images, 75 % of the patches hidden; last loss {history[-1]['loss']:.3f}, that of "
        f"one grey a patch {history[-1]['mean_error']:.3f}.",
    )
