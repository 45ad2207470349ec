"""Batch-norm over parts of a batch, so that one device behaves like several.

With one batch-norm over all, the features of a view tell which other images were in its batch: a network can find the
partner by that and learn nothing. MoCo computes keys in another split of the batch than queries (He et al., CVPR 2020).
"""

import torch
from torch import Tensor, nn

from coursekit.runtime import CourseError


class _SplitNorm:
    """Mixed in before a BatchNorm: in training every part is normalized by its own mean and variance."""

    splits = 1

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.splits == 1 or len(x) % self.splits or len(x) == self.splits:
            return super().forward(x)
        return torch.cat([super(_SplitNorm, self).forward(part) for part in x.chunk(self.splits)])


class SplitBatchNorm1d(_SplitNorm, nn.BatchNorm1d):
    """As torch.nn.BatchNorm1d; `splits` parts of a batch are normalized apart."""


class SplitBatchNorm2d(_SplitNorm, nn.BatchNorm2d):
    """As torch.nn.BatchNorm2d; `splits` parts of a batch are normalized apart."""


SPLIT = {nn.BatchNorm1d: SplitBatchNorm1d, nn.BatchNorm2d: SplitBatchNorm2d}


def split_norms(module: nn.Module, splits: int) -> None:
    """Let every batch-norm inside normalize `splits` parts of a batch apart. Weights and their names stay."""
    for part in module.modules():
        if splits > 1 and type(part) in SPLIT:
            part.__class__ = SPLIT[type(part)]  # the same parameters and buffers under the same names
            part.splits = splits


def check_splits(n: int, splits: int) -> None:
    """Raise CourseError unless a batch of n images has so many equal parts of two images or more."""
    fit = [parts for parts in range(1, n // 2 + 1) if n % parts == 0]
    if splits not in fit:
        some = ", ".join(map(str, fit[:8]))
        raise CourseError(f"{n} images have no {splits} equal parts of 2 or more: take splits of {some}, not {splits}.")


def interleaved(n: int, splits: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(an order of n images in which each part holds some of every part before, the order that undoes it).

    Fixed, not random: the loop has shuffled the images already.
    """
    if n % splits:
        splits = 1
    there = torch.arange(n, device=device).view(splits, -1).T.reshape(-1)
    return there, there.argsort()
