"""Lesson 08, masked image modelling: the visual tokenizer whose codes BEiT guesses, and a small MAE and BEiT.

Both learn from the same whole road scenes, in the same crops, at as many images seen.
"""

from collections.abc import Callable
from pathlib import Path

import torch

from coursekit import runtime
from coursekit.data.images import ImageSet
from coursekit.methods import SSLMethod, build_method
from coursekit.methods.codebook import perplexity
from coursekit.methods.masked_patches import HiddenPatches
from coursekit.methods.masking import HiddenBlocks
from coursekit.methods.one_view import OneView
from coursekit.methods.patches import patchify
from coursekit.methods.visual_tokenizer import VisualTokenizer
from coursekit.models import Encoder, build_encoder
from coursekit.recipes import lesson_03, scene_vits
from coursekit.recipes.cards import shipped_weights, write_card
from coursekit.recipes.pretraining import convolution_precision
from coursekit.recipes.registry import recipe
from coursekit.runtime import budget
from coursekit.training import pretrain
from coursekit.views import RandomView, center_view

TOKENIZER = "visual_tokenizer"
ENCODER = "resnet_micro"  # two stages of it, so that its patches have 8 px
SIZE = 32  # px, side of a view; convolutions take others, too
CODES = 256
MASKED = {"mae": "mae_road_scenes", "beit": "beit_road_scenes"}  # method -> weights


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
    steps, batch = budget(quick=600, full=20_000, smoke=4), budget(quick=128, full=512, smoke=32)
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


def shipped_tokenizer() -> VisualTokenizer:
    """The tokenizer that ships, on the CPU in eval mode, if it is the one that its card describes."""
    return VisualTokenizer.load(shipped_weights(TOKENIZER))


def masked_method(name: str, share: float | None = None) -> SSLMethod:
    """MAE or BEiT as the recipes train it. share: of the patches that are hidden; by default the papers', 75 % and 40 %."""
    view = RandomView(scene_vits.VIEW_SIZE, scale=(0.2, 1.0), jitter=0.0, grayscale=0.0, blur=0.0)
    kind, own = {"mae": (HiddenPatches, 0.75), "beit": (HiddenBlocks, 0.4)}[name]
    return build_method(name, scene_vits.encoder(), kind(view, scene_vits.PATCH, own if share is None else share))


def _ship_masked(name: str, title: str, work: Path, ship: Path, told: Callable[[dict], str]) -> None:
    share = masked_method(name).view_maker.share
    views = f"views of {scene_vits.VIEW_SIZE} px with {share:.0%} of the patches hidden"
    weights = ship / "checkpoints" / f"{MASKED[name]}.safetensors"
    scene_vits.train_and_ship(weights, work, lambda: masked_method(name), title, views, told)


@recipe("mae", "lesson 08's MAE on whole road scenes", weights=MASKED["mae"])
def mae(work: Path, ship: Path) -> None:
    """Train, export the encoder, and judge its places beside those of a random encoder."""
    _ship_masked("mae", "MAE", work, ship, lambda last: f"that of one colour a patch {last['mean_error']:.3f}")


@recipe("beit", "lesson 08's BEiT on whole road scenes", weights=MASKED["beit"])
def beit(work: Path, ship: Path) -> None:
    """As `mae`; its words are those of the tokenizer that ships."""
    _ship_masked("beit", "BEiT", work, ship, lambda last: f"{last['accuracy']:.0%} of the codes guessed")
