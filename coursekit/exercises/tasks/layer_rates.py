"""The learning rate of every layer of an encoder: a frozen stage, a factor, and a decay towards the pixels."""

import torch

from coursekit.exercises.model import Case, Exercise


def my_layer_rates(lr0, factor, decay, depth, epoch, frozen_epochs):
    """lr0: of neck and head. factor: the last block's rate is lr0 * factor. decay: multiplies once for each block nearer to the
    pixels. depth: number of blocks. epoch: from 0. frozen_epochs: so many epochs, from the first on, have rate 0. Return
    the rates, (depth + 1,): patch embedding, then the blocks."""
    if epoch < frozen_epochs:
        return torch.zeros(depth + 1)
    distance = depth - torch.arange(depth + 1)
    return lr0 * factor * decay**distance


def layer_rates(lr0, factor, decay, depth, epoch, frozen_epochs):
    """What `detection.staged.Stages` says, once the rise after unfreezing is over."""
    from coursekit.detection.staged import Stages

    stages = Stages((0,), frozen_epochs, factor, decay)
    names = ["pos_embed", *(f"blocks.{k}.norm1.weight" for k in range(depth))]
    moving = epoch >= stages.frozen_epochs
    return torch.tensor([lr0 * moving * stages.factor(f"model.0.encoder.{name}", depth) for name in names])


def _cases():
    return [
        Case("6 blocks, after the frozen stage", (0.01, 0.5, 0.75, 6, 5, 2)),
        Case("6 blocks, in the frozen stage", (0.01, 0.5, 0.75, 6, 1, 2)),
        Case("4 blocks, the first epoch after the frozen stage", (0.02, 0.1, 0.8, 4, 3, 3)),
        Case("3 blocks, never frozen", (0.002, 0.3, 0.6, 3, 0, 0)),
        Case("no decay", (0.001, 0.25, 1.0, 5, 9, 1)),
    ]


EXERCISE = Exercise(
    lesson="10",
    solution=my_layer_rates,
    reference=layer_rates,
    cases=_cases,
    sizes=lambda lr0, factor, decay, depth, epoch, frozen_epochs: {"depth": depth},
)
