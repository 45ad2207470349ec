"""Lesson 08, masked image modelling: the visual tokenizer whose codes BEiT guesses, and a small MAE and BEiT.

Both learn from the same whole road scenes, in the same crops, at as many images seen.
"""

from collections.abc import Callable
from pathlib import Path

import torch

from coursekit import runtime
from coursekit.data.drawn import drawing_version
from coursekit.data.images import ImageSet
from coursekit.evaluation import judge
from coursekit.methods import MAE, SSLMethod, build_method
from coursekit.methods.codebook import perplexity
from coursekit.methods.masked_patches import HiddenPatches
from coursekit.methods.masking import HiddenBlocks
from coursekit.methods.one_view import OneView
from coursekit.methods.patches import patchify
from coursekit.methods.visual_tokenizer import VisualTokenizer
from coursekit.models import Encoder, build_encoder
from coursekit.recipes import lesson_03, lesson_09, scene_vits
from coursekit.recipes.cards import shipped_weights, write_card
from coursekit.recipes.pretraining import convolution_precision
from coursekit.recipes.recorded import Recorded, recorded, run_recorded
from coursekit.recipes.registry import recipe
from coursekit.runtime import budget
from coursekit.settings import plain
from coursekit.training import pretrain
from coursekit.views import RandomView, center_view

TOKENIZER = "visual_tokenizer"
ENCODER = "resnet_micro"  # two stages of it, so that its patches have 8 px
SIZE = 32  # px, side of a view; convolutions take others, too
CODES = 256
MASKED = {"mae": "mae_road_scenes", "beit": "beit_road_scenes"}  # method -> weights
WHOLE_MAE = "mae_whole_road_scenes"  # with a decoder: recipe "mae-decoder"
SHARES = {"mae": 0.75, "beit": 0.4}  # of the patches that are hidden, as in the papers
TRIED = {"mae": (0.25, 0.5, 0.75, 0.9), "beit": (0.2, 0.4, 0.6)}
RATIOS = "mask_ratios"  # the recorded results
LR = 2e-3


def tokenizer_encoder() -> Encoder:
    """The small network that tells patches of 8 px as vectors, with fresh random weights."""
    return build_encoder(ENCODER, image_size=SIZE, width=32, blocks=(1, 1))


def tokenizer_views() -> OneView:
    """Mild colours, and crops from a third of the image's side on: its patches are seen as large as in views of 64 px."""
    colors = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.0, "grayscale": 0.0}
    return OneView(RandomView(SIZE, scale=(0.1, 1.0), blur=0.0, **colors))


def tokenizer(**changes) -> VisualTokenizer:
    """The tokenizer as the recipe trains it, with fresh random weights. changes: of its settings."""
    settings = {"codes": CODES, "momentum": budget(quick=0.95, full=0.99)}  # codes that follow fast, for a short run
    return VisualTokenizer(tokenizer_encoder(), tokenizer_views(), **{**settings, **changes})


@recipe("visual-tokenizer", "lesson 08: the visual tokenizer whose codes BEiT guesses", weights=TOKENIZER)
def visual_tokenizer(work: Path, ship: Path) -> None:
    """Train on road objects, write the tokenizer, and tell on its card what it is worth at two sizes."""
    train, test = lesson_03.road_objects()
    runtime.seed_everything(0)
    made = tokenizer()
    steps, batch = budget(quick=600, full=4000, smoke=4), budget(quick=128, full=512, smoke=32)
    history = pretrain(
        made,
        train.images,
        steps=steps,
        batch_size=batch,
        lr=budget(quick=4e-3, full=2e-3),
        precision=convolution_precision(),
        out=work / "run",
    )
    made = made.cpu().eval()
    weights = made.save(ship / "checkpoints" / f"{TOKENIZER}.safetensors")
    found = {size: tokenizer_scores(made, test, size) for size in (SIZE, lesson_03.IMAGE_SIZE)}
    rows = {
        f"views of {size} px": {
            "codes in use": score["codes_used"],
            "perplexity, of all codes": score["perplexity"] / made.codes,
            "error, of that of each image's mean colour": score["error"] / score["mean_color_error"],
            "error, of that of each patch's mean colour": score["error"] / score["patch_color_error"],
        }
        for size, score in found.items()
    }
    told = [f"{score['perplexity']:.0f} at {size} px" for size, score in found.items()]
    write_card(
        weights,
        "A visual tokenizer for road objects",
        f"VQ-VAE with {made.codes} codes of {made.code_dim} numbers for patches of {made.patch} px; encoder {ENCODER} with "
        f"two stages; {len(train)} drawn road objects without labels, views of {SIZE} px, {steps} steps of {batch} images; "
        f"last loss {history[-1]['loss']:.3f}. Perplexity: {' and '.join(told)}.",
        rows,
        f"{len(test)} other objects, whole; errors are mean squared errors of the pixels",
    )


@torch.inference_mode()
def tokenizer_scores(tokenizer: VisualTokenizer, images: ImageSet, size: int) -> dict[str, float]:
    """What a tokenizer is worth on whole images, resized to `size` px.

    codes_used: share of the codes that occur. perplexity: codes in use, as if all alike. error: mean squared error of the
    painted pixels, normalised; mean_color_error, patch_color_error: of painting each image, each patch, its mean colour.
    """
    indices, errors = [], []
    for part in images.images.split(200):
        pixels = center_view(part, size).pixels
        indices.append(tokenizer.tokens(pixels))
        patches = patchify(pixels, tokenizer.patch).unflatten(2, (3, -1))  # (B, P, 3, patch * patch)
        misses = (
            tokenizer.reconstruct(pixels) - pixels,
            pixels - pixels.mean(dim=(2, 3), keepdim=True),
            patches - patches.mean(dim=3, keepdim=True),
        )
        errors.append(torch.stack([miss.square().mean() for miss in misses]) * len(part))
    codes, error = torch.cat(indices), (torch.stack(errors).sum(dim=0) / len(images)).tolist()
    return {
        "codes_used": len(codes.unique()) / tokenizer.codes,
        "perplexity": perplexity(codes, tokenizer.codes).item(),
        **dict(zip(("error", "mean_color_error", "patch_color_error"), error, strict=True)),
    }


def shipped_mae() -> MAE:
    """The whole MAE that ships, on the CPU in eval mode, if it is the one that its card describes."""
    return MAE.load(shipped_weights(WHOLE_MAE))


def shipped_tokenizer() -> VisualTokenizer:
    """The tokenizer that ships, on the CPU in eval mode, if it is the one that its card describes."""
    return VisualTokenizer.load(shipped_weights(TOKENIZER))


def masked_method(name: str, share: float | None = None, encoder: Encoder | None = None, **settings) -> SSLMethod:
    """MAE or BEiT as the recipes train it.

    share: of the patches that are hidden; by default the papers', 75 % and 40 %. encoder: default, a ViT of the smallest size.
    settings: further ones, of the method.
    """
    encoder = encoder or scene_vits.small_encoder()
    view = RandomView(encoder.spec["image_size"], scale=(0.2, 1.0), jitter=0.0, grayscale=0.0, blur=0.0)
    kind = {"mae": HiddenPatches, "beit": HiddenBlocks}[name]
    hidden = kind(view, scene_vits.PATCH, SHARES[name] if share is None else share)
    return build_method(name, encoder, hidden, **settings)


def _ship_masked(name: str, title: str, work: Path, ship: Path, told: Callable[[dict], str]) -> None:
    about = f"views of {scene_vits.view_size()} px with {SHARES[name]:.0%} of the patches hidden"
    weights = ship / "checkpoints" / f"{MASKED[name]}.safetensors"
    steps, batch = budget(quick=1500, full=6000, smoke=4), budget(quick=128, full=512, smoke=16)

    def make() -> SSLMethod:
        return masked_method(name, encoder=scene_vits.encoder())

    scene_vits.train_and_ship(weights, work, make, title, about, steps, batch, LR, told)


@recipe("mae", "lesson 08's MAE on whole road scenes", weights=MASKED["mae"])
def mae(work: Path, ship: Path) -> None:
    """Train, export the encoder, and judge it beside a random encoder."""
    _ship_masked("mae", "MAE", work, ship, lambda last: f"that of one grey a patch {last['mean_error']:.3f}")


@recipe("beit", "lesson 08's BEiT on whole road scenes", weights=MASKED["beit"])
def beit(work: Path, ship: Path) -> None:
    """As `mae`; its words are those of the tokenizer that ships."""
    _ship_masked("beit", "BEiT", work, ship, lambda last: f"{last['accuracy']:.0%} of the codes guessed")


@recipe("mask-ratios", "lesson 08: MAE and BEiT by the share of patches that is hidden", results=RATIOS)
def mask_ratios(work: Path, ship: Path) -> None:
    """Every share with three seeds at one budget, one seed after the other; what is finished is recorded as it grows."""
    steps, batch = budget(quick=600, full=1500, smoke=2), budget(quick=64, full=256, smoke=8)
    setup = {
        "encoder": scene_vits.small_encoder().spec,
        "view": plain(masked_method("mae").view_maker.view),
        "steps": steps,
        "batch": batch,
        "lr": LR,
        "scenes": len(scene_vits.scenes()),
        "finetuning": lesson_09.finetuning(),
        "drawings": drawing_version(),
    }
    cells = [
        {"method": name, "share": share, "seed": seed}
        for seed in range(budget(quick=3, full=3, smoke=1))
        for name, shares in TRIED.items()
        for share in shares
    ]
    about = (
        f"MAE and BEiT on {setup['scenes']} road scenes, {steps} steps of {batch} images, by the share that is hidden"
    )

    def one(cell: dict, run: Path) -> dict:
        runtime.seed_everything(cell["seed"])
        made = masked_method(cell["method"], cell["share"])
        last = scene_vits.train(made, run / "run", steps, batch, LR, cell["seed"])[-1]
        return {"loss": round(last["loss"], 4), **judged(made.encoder)}

    runtime.seed_everything(0)
    levels = judged(scene_vits.small_encoder().to(runtime.device()))
    run_recorded(work, ship / "results" / f"{RATIOS}.json", about, cells, one, setup, levels)


def judged(encoder: Encoder) -> dict[str, float]:
    """The dense probe and attention on scenes, and all judges on road objects, as the columns of a row."""
    train, test = lesson_03.road_objects()
    scores = judge(encoder, train, test, by=lesson_09.JUDGES, **lesson_09.finetuning())
    return {**scene_vits.measures(encoder), **{name: round(score.accuracy.mean, 4) for name, score in scores.items()}}


def recorded_ratios() -> Recorded:
    """What `mask_ratios` recorded; `levels` are those of a random encoder."""
    return recorded(RATIOS)
