"""Numbers and devices that no training can use, refused before anything is written."""

import math
import os
from numbers import Integral, Real

import torch

from coursekit import runtime
from coursekit.detection.ultralytics_setup import session
from coursekit.runtime import CourseError

LARGEST_SEED = 2**32 - 1  # NumPy's


def check_given(**texts) -> None:
    """Raises CourseError, with its name, for a text that is empty, also one in a list. Anything else passes."""
    for name, value in texts.items():
        if any(isinstance(text, str) and not text.strip() for text in (value if isinstance(value, list) else [value])):
            raise CourseError(f"{name} ({option(name)}) is empty. Give a name, or leave it out.")


def check_numbers(*, lr0: float, unfreeze_lr_factor: float, weight_decay: float, seed: int, batch: int) -> None:
    """Raises CourseError, with the setting's name, for a number that no training can use.

    lr0: learning rate, above 0.
    unfreeze_lr_factor: a part of it, and weight_decay: 0 or more.
    seed: see `check_seed`.
    batch: images in a batch, 1 or more.
    """
    for name, value in (("lr0", lr0), ("unfreeze_lr_factor", unfreeze_lr_factor), ("weight_decay", weight_decay)):
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value < 0:
            raise CourseError(f"{name} ({option(name)}) is {value!r}. Give a finite number that is not negative.")
    if lr0 == 0:
        raise CourseError("lr0 (--lr0) is 0: nothing would be learned. Give a learning rate above 0, such as 0.01.")
    check_seed(seed)
    if isinstance(batch, bool) or not isinstance(batch, Integral) or batch < 1:
        raise CourseError(f"batch (--batch) is {batch!r}. Give the number of images in a batch: 1 or more.")


def check_seed(seed: int) -> None:
    """Raises CourseError unless seed is a whole number from 0 to 2^32 - 1."""
    if isinstance(seed, bool) or not isinstance(seed, Integral) or not 0 <= seed <= LARGEST_SEED:
        raise CourseError(f"The seed is {seed!r}. Give a whole number from 0 to {LARGEST_SEED}.")


def option(name: str) -> str:
    """A setting's name at the command line: weight_decay -> --weight-decay."""
    return "--" + name.replace("_", "-")


def device_name(device: str | None) -> str:
    """A device as Ultralytics names it; by default the first that works. Raises CourseError for several at once."""
    check_given(device=device)
    device = str(device if device is not None else runtime.device())
    if "," in device:
        raise CourseError(f"device is {device!r}: this trains on one device. For several GPUs call Ultralytics itself.")
    return {"cuda": "0", "cuda:0": "0"}.get(device, device)


def check_device(device: str | None) -> str:
    """`device_name` of a device that works on this machine. Raises CourseError if it does not."""
    from ultralytics.utils.torch_utils import select_device

    name, visible = device_name(device), os.environ.get("CUDA_VISIBLE_DEVICES")
    if name == "cpu":
        return name
    try:
        with session():
            chosen = select_device(name, verbose=False)
            torch.empty(1, device=chosen)
    # Ultralytics: ValueError; torch, if it was built without the device or cannot reach it: the other three
    except (AssertionError, NotImplementedError, RuntimeError, ValueError) as error:
        # select_device leaves the name that it refused in the environment, which would hide the GPUs from everything else
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        if visible is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = visible
        raise CourseError(
            f"device is {device!r}, which does not work here. Choose cpu, cuda, mps or a GPU's number "
            "(--device), or leave it out: the first that works is taken."
        ) from error
    return name
