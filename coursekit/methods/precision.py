"""Half precision, and why no objective is computed in it."""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

HALVES = (torch.float16, torch.bfloat16)


def in_float32(objective: Callable) -> Callable:
    """A decorator for objectives: tensors in half precision come in as float32, and autocast is off inside.

    exp(1 / 0.1) is 22026, half of what float16 can hold: similarities over a temperature overflow it. Under autocast
    every matrix product would go back to half precision, so it is switched off too. float64 stays float64.
    """

    def raised(value):
        return value.float() if isinstance(value, Tensor) and value.dtype in HALVES else value

    @functools.wraps(objective)
    def computed(*args, **named):
        args, named = tuple(map(raised, args)), {name: raised(value) for name, value in named.items()}
        device = next((value.device.type for value in (*args, *named.values()) if isinstance(value, Tensor)), "cpu")
        with torch.autocast(device, enabled=False):
            return objective(*args, **named)

    return computed
