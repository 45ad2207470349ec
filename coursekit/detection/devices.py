"""Devices that Ultralytics can train on, refused before anything is written."""

import os

import torch

from coursekit import runtime
from coursekit.arguments import text
from coursekit.detection.ultralytics_setup import session
from coursekit.runtime import CourseError


def device_name(device: str | None) -> str:
    """A device as Ultralytics names it; by default the first that works. Raises CourseError for several at once."""
    device = str(device if device is not None else runtime.device())
    text.check(device=device)
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
        way_out = "Choose cpu, cuda, mps or a GPU's number (--device), or leave it out: the first that works is taken."
        raise CourseError(f"device is {device!r}, which does not work here. {way_out}") from error
    return name
