"""Average precision of one class, from which detections were hits: the exact area, without sampling the curve."""

import torch
from torch import Tensor

from coursekit.runtime import CourseError


def average_precision(hits: Tensor, n_true: int) -> Tensor:
    """The area under precision against recall, in [0, 1]: each of the n_true boxes is a step of 1 / n_true.

    A step counts the best precision among all thresholds at which so many boxes are found, or more (PASCAL VOC's
    definition since 2010); 0 if so many never are. hits: (D,) 1 or 0 for each detection, the most confident first.
    Raises CourseError if there is no true box: then nothing can be found.
    """
    if n_true < 1:
        raise CourseError(f"n_true is {n_true}: average precision needs at least one box that can be found.")
    found = hits.cumsum(0)
    precision = found / torch.arange(1, len(hits) + 1)
    reached = [precision[found >= step].max() for step in range(1, n_true + 1) if (found >= step).any()]
    return torch.stack([torch.zeros(()), *reached]).sum() / n_true
