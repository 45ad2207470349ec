"""The teacher: a copy of the student whose weights follow slowly, as an exponential moving average."""

import copy
from typing import TypeVar

import torch
from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def teacher_of(student: Module) -> Module:
    """A copy with weights of its own that no gradient reaches."""
    return copy.deepcopy(student).requires_grad_(False)


@torch.no_grad()
def follow(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """teacher <- momentum * teacher + (1 - momentum) * student, for every weight; once a step, after the optimizer's.

    momentum: m, from 0 (the teacher is the student of a moment ago) to 1 (it never moves).

    Buffers are left alone: in training the teacher's batch-norms see its own features, and keep statistics of those.
    An average of the student's would belong to other features. Tarvainen and Valpola, Mean Teachers, NeurIPS 2017.
    """
    for mine, theirs in zip(teacher.parameters(), student.parameters(), strict=True):
        mine.lerp_(theirs.to(mine.dtype), 1 - momentum)


@torch.no_grad()
def lag(teacher: nn.Module, student: nn.Module) -> float:
    """How far the teacher is behind: the distance of the weights, as a share of the student's length."""
    pairs = list(zip(teacher.parameters(), student.parameters(), strict=True))
    apart = sum((mine - theirs).float().square().sum() for mine, theirs in pairs)
    length = sum(theirs.float().square().sum() for _, theirs in pairs)
    return (apart / length.clamp(min=1e-12)).sqrt().item()
