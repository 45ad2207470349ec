"""What a training step costs: seconds and memory of several methods, measured in turn so that all see the same machine."""

import time
from collections.abc import Mapping

from torch import Tensor

from coursekit import arguments as arg
from coursekit.draws import Draws
from coursekit.evaluation.memory import step_memory
from coursekit.methods.base import SSLMethod


def step_costs(
    methods: Mapping[str, SSLMethod], images: Tensor, rounds: int = 3, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Forward and backward pass of one step with these images, without making the views and without the optimizer.

    methods: by name, in training. images: uint8 (N, 3, H, W). rounds: in each, every method takes one step; the first round
    warms up and is not counted. seed: of the views.

    -> {name: {"seconds": of the fastest round, since other work on the machine can only add, "activations": bytes that the
    forward pass leaves for the backward pass}}.
    """
    arg.count.check(rounds=rounds)
    views = {name: method.views(images, Draws(seed)) for name, method in methods.items()}
    seconds = {name: [] for name in methods}
    for _ in range(rounds + 1):
        for name, method in methods.items():
            clock = time.perf_counter()
            method(views[name])["loss"].backward()
            seconds[name].append(time.perf_counter() - clock)
            method.zero_grad()
    return {
        name: {
            "seconds": min(seconds[name][1:]),
            "activations": float(step_memory(method, images, seed)["activations"]),
        }
        for name, method in methods.items()
    }
