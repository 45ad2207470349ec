"""Pretraining for a recipe: train, export, judge, and write the card."""

from pathlib import Path

from coursekit import runtime
from coursekit.data.images import ImageSet
from coursekit.evaluation.judging import compare
from coursekit.methods import SSLMethod
from coursekit.recipes.cards import write_card
from coursekit.training import export_encoder, pretrain


def convolution_precision() -> str | None:
    """bfloat16 on a CPU that multiplies in it, because convolutions gain from it; else None: as `runtime.precision` says.

    A CPU that emulates bfloat16 needs thirty times as long.
    """
    return "bf16-mixed" if runtime.device() == "cpu" and runtime.native_bfloat16() else None


def pretrain_and_ship(
    weights: Path,
    work: Path,
    method: SSLMethod,
    images: ImageSet,
    steps: int,
    batch_size: int,
    lr: float,
    title: str,
    text: str,
    judged_on: tuple[ImageSet, ImageSet] | None = None,
) -> None:
    """Train a method, or go on, and write its encoder and the card.

    weights: the file to write, ....safetensors.
    work: the folder of the run.
    method: what is trained.
    images: to learn from; labels are not looked at.
    steps, batch_size, lr: as in `pretrain`.
    title, text: of the card: a name; the network, the images and the views.
    judged_on: labelled images to learn from and to be judged by, None = not judged.
    """
    history = pretrain(
        method,
        images.images,
        steps=steps,
        batch_size=batch_size,
        lr=lr,
        precision=convolution_precision(),
        out=work / "run",
    )
    export_encoder(work / "run", weights)
    rows, judged = {}, ""
    if judged_on:
        train, test = judged_on
        scores = compare(method.encoder.cpu(), train, test)
        rows = {name: {judge: score.accuracy for judge, score in row.items()} for name, row in scores.items()}
        judged = f"{len(train)} training and {len(test)} test objects of {len(train.class_names)} subtypes"
    last = history[-1]
    text += f", {steps} steps of {batch_size} images; last loss {last['loss']:.3f}, chance {last['chance']:.3f}."
    write_card(weights, title, text, rows, judged)
