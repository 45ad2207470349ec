"""Which of several methods are worth their price: those that no other beats in quality without costing more."""

import torch
from torch import Tensor

from coursekit.runtime import CourseError


def frontier(accuracy: Tensor, cost: Tensor) -> Tensor:
    """True for every method that no other dominates (Pareto, Manuale di economia politica, 1906): bool (M,).

    accuracy, cost: (M,). One method dominates another if it is at least as accurate and costs no more, and is better in
    one of the two; of two that are alike in both, neither does. NaN, which is not known, is never on the frontier, and
    dominates nobody. Raises CourseError for unequal lengths.
    """
    accuracy, cost = (torch.as_tensor(values, dtype=torch.float64) for values in (accuracy, cost))
    if accuracy.ndim != 1 or accuracy.shape != cost.shape:
        raise CourseError(
            f"frontier wants an accuracy and a cost for each method, not {tuple(accuracy.shape)} and {tuple(cost.shape)}."
        )
    kept, best, dearest = torch.zeros(len(accuracy), dtype=torch.bool), -torch.inf, -torch.inf
    known = (~(accuracy.isnan() | cost.isnan())).nonzero()[:, 0].tolist()
    for k in sorted(known, key=lambda k: (cost[k].item(), -accuracy[k].item())):  # from cheap to dear
        value, price = accuracy[k].item(), cost[k].item()
        if value > best or (value == best and price == dearest):  # better than all that are cheaper, or the same again
            kept[k], best, dearest = True, value, price
    return kept
