"""How much of some numbers a grouping tells: the share of their variance that lies between the groups."""

import torch
from torch import Tensor

from coursekit.runtime import CourseError


def variance_explained(groups: Tensor, values: Tensor) -> float:
    """Share of the variance of `values` that is gone if each row is replaced by the mean of its group: 0 to 1 (R squared).

    groups: int64 (N,), from 0. values: float (N, D). Raises CourseError if all rows are alike: there is nothing to explain.
    """
    values = values.double()
    total = (values - values.mean(dim=0)).square().sum()
    if total == 0:
        raise CourseError("All rows are alike: they have no variance that a grouping could explain.")
    count = torch.bincount(groups)
    means = values.new_zeros(len(count), values.shape[1]).index_add_(0, groups, values) / count.clamp_min(1)[:, None]
    return 1 - ((values - means[groups]).square().sum() / total).item()
