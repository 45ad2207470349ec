"""What is looked at before hours of training begin."""

import hashlib
import math
from pathlib import Path

import torch
from torch import Tensor

from coursekit.files import check_writable
from coursekit.methods.base import Defaults
from coursekit.runtime import CourseError
from coursekit.training.checkpoints import CHECKPOINT


def check_batch(pixels: Tensor, steps: int, batch_size: int, world: int) -> None:
    """Raise CourseError for images and sizes that cannot be trained with. world: number of processes."""
    if pixels.ndim != 4 or pixels.shape[1] != 3 or pixels.dtype != torch.uint8:
        raise CourseError(f"pretrain wants uint8 images (N, 3, H, W), not {pixels.dtype} {tuple(pixels.shape)}.")
    if steps < 1:
        raise CourseError(f"pretrain needs at least one step, not {steps}.")
    if batch_size < 2:
        raise CourseError(
            f"A batch needs two images or more, and it has {batch_size} of the set's {len(pixels)}: a method compares "
            "images with one another. Take a larger batch size, or more images."
        )
    if batch_size > len(pixels):
        raise CourseError(
            f"The batch size, {batch_size}, is larger than the set: {len(pixels)} images. "
            f"Take a batch size of {len(pixels)} or less, or more images."
        )
    if batch_size % world:
        raise CourseError(
            f"The batch size, {batch_size}, does not divide over {world} processes. Take a multiple of {world}."
        )


def check_rates(rates: Defaults, warmup: int) -> None:
    """Raise CourseError for numbers that no optimizer can use."""
    if not (math.isfinite(rates.lr) and rates.lr > 0):
        raise CourseError(f"The learning rate is {rates.lr}; it must be a number above 0, such as 0.001.")
    if not (math.isfinite(rates.weight_decay) and rates.weight_decay >= 0):
        raise CourseError(f"The weight decay is {rates.weight_decay}; it must be 0 or a number above it, such as 0.05.")
    if not all(0 <= beta < 1 for beta in rates.betas):
        raise CourseError(f"The betas are {rates.betas}; each must be at least 0 and below 1, such as (0.9, 0.999).")
    if rates.clip is not None and not rates.clip > 0:
        raise CourseError(f"The gradient is clipped at {rates.clip}; it must be a number above 0, or None for any.")
    if warmup < 0:
        raise CourseError(f"The warm-up is {warmup} steps; it must be 0 or more.")


def check_folder(out: str | Path) -> None:
    """Raise CourseError if a run cannot be kept in `out`, or if it would overwrite something that is not a run."""
    check_writable(out)
    if (Path(out) / "history.csv").exists() and not (Path(out) / CHECKPOINT).exists():
        raise CourseError(
            f"{out} holds a history.csv but no checkpoint, so it is not a run, and its file would be overwritten. "
            "Choose another folder."
        )


def fingerprint(pixels: Tensor) -> str:
    """A short name for a set of images, so that a run is not resumed on others: its shape and a hash of 16 images."""
    some = pixels[torch.linspace(0, len(pixels) - 1, min(16, len(pixels))).long()].contiguous()
    shape = "x".join(map(str, pixels.shape))
    return f"{shape}:{hashlib.blake2b(some.numpy(force=True).tobytes(), digest_size=8).hexdigest()}"
