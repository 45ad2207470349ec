"""Schedules over a run. progress: 0 at the first step, 1 at the last."""

import math


def cosine(progress: float, start: float, end: float) -> float:
    """Half a cosine from start to end (Loshchilov and Hutter, SGDR, ICLR 2017)."""
    return end + (start - end) * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0))) / 2


def warmup_cosine(step: int, total: int, warmup: int) -> float:
    """Factor on the learning rate: linear from 1 / warmup to 1 over `warmup` steps, then a cosine that ends at 0 after
    `total`.

    step: 0 ... total - 1. The first step already moves: its factor is above 0.
    """
    if step < warmup:
        return (step + 1) / warmup
    return cosine((step - warmup) / max(1, total - warmup), 1.0, 0.0)


def ramp(progress: float, start: float, end: float, over: float) -> float:
    """A straight line from start to end over the first part of the run, then end. over: that part; above 1, the run stops
    on the way."""
    return start + (end - start) * min(progress / over, 1.0) if over else end
