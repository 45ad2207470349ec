"""What is looked at before hours of training begin."""

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from coursekit import arguments as arg
from coursekit.files import check_writable
from coursekit.methods.base import Defaults
from coursekit.runtime import CourseError
from coursekit.training.checkpoints import CHECKPOINT


def check_batch(pixels: Tensor, steps: int, batch_size: int, world: int) -> None:
    """Raise CourseError for images and sizes that cannot be trained with. world: number of processes."""
    if pixels.ndim != 4 or pixels.shape[1] != 3 or pixels.dtype != torch.uint8:
        raise CourseError(f"pretrain wants uint8 images (N, 3, H, W), not {pixels.dtype} {tuple(pixels.shape)}.")
    arg.count.check(steps=steps)
    if batch_size < 2:
        why = "two images or more, because a method compares images with one another"
        raise CourseError(
            f"A batch needs {why}; it has {batch_size} of the set's {len(pixels)}. Take a larger batch size."
        )
    if batch_size > len(pixels):
        larger = f"The batch size, {batch_size}, is larger than the set: {len(pixels)} images"
        raise CourseError(f"{larger}. Take a batch size of {len(pixels)} or less, or more images.")
    if batch_size % world:
        over = f"The batch size, {batch_size}, does not divide over {world} processes"
        raise CourseError(f"{over}. Take a multiple of {world}.")
    if batch_size < 2 * world:
        alone = f"A batch of {batch_size} leaves each of {world} processes one image, which batch-norm cannot use"
        raise CourseError(f"{alone}. Take {2 * world} or more.")


def check_rates(rates: Defaults, warmup: int) -> None:
    """Raise CourseError for numbers that no optimizer can use."""
    arg.rate.check(lr=rates.lr)
    arg.decay.check(weight_decay=rates.weight_decay)
    arg.whole.check(warmup=warmup)
    if rates.clip is not None:
        arg.rate.check(clip=rates.clip)
    if not all(0 <= beta < 1 for beta in rates.betas):
        raise CourseError(f"betas is {rates.betas}: each must be at least 0 and below 1, such as (0.9, 0.999).")


def check_folder(out: str | Path) -> None:
    """Raise CourseError if a run cannot be kept in `out`, or if it would overwrite something that is not a run."""
    check_writable(out)
    if (Path(out) / "history.csv").exists() and not (Path(out) / CHECKPOINT).exists():
        why = "so it is not a run, and its file would be overwritten. Choose another folder"
        raise CourseError(f"{out} holds a history.csv but no checkpoint, {why}.")


def fingerprint(pixels: Tensor) -> str:
    """A short name for a set of images, so that a run is not resumed on others: its shape and a hash of 16 images."""
    some = pixels[torch.linspace(0, len(pixels) - 1, min(16, len(pixels))).long()].contiguous()
    shape = "x".join(map(str, pixels.shape))
    return f"{shape}:{hashlib.blake2b(some.numpy(force=True).tobytes(), digest_size=8).hexdigest()}"
