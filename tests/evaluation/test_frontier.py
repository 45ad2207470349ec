"""The frontier against its definition, spelled out in loops."""

import pytest
import torch

from coursekit.evaluation import frontier
from coursekit.runtime import CourseError


def dominated(a, c, i) -> bool:
    rivals = (j for j in range(len(a)) if j != i)
    return any(a[j] >= a[i] and c[j] <= c[i] and (a[j] > a[i] or c[j] < c[i]) for j in rivals)


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_definition(seed):
    generator = torch.Generator().manual_seed(seed)
    a, c = (torch.randint(6, (12,), generator=generator).float() for _ in range(2))  # coarse: ties occur
    assert frontier(a, c).tolist() == [not dominated(a.tolist(), c.tolist(), i) for i in range(12)]


def test_unknown_numbers_are_never_on_it_and_beat_nobody():
    nan = torch.nan
    assert frontier(torch.tensor([0.9, nan, 0.5]), torch.tensor([nan, 1.0, 2.0])).tolist() == [False, False, True]
    assert frontier(torch.empty(0), torch.empty(0)).tolist() == []


def test_unequal_lists_are_told():
    with pytest.raises(CourseError, match=r"\(2,\) and \(3,\)"):
        frontier(torch.ones(2), torch.ones(3))
