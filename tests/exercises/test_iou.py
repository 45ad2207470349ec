"""iou as students write it: wrong ones are told their mistake, right ones pass in every style."""

import pytest
import torch

from coursekit.exercises.boxes import IOU, iou
from coursekit.exercises.checks import RIGHT, WRONG, examine


def parts(a, b):
    """Intersection and areas, as lesson 11 writes them for boxes that overlap."""
    shared = (torch.minimum(a[2], b[2]) - torch.maximum(a[0], b[0])) * (
        torch.minimum(a[3], b[3]) - torch.maximum(a[1], b[1])
    )
    return shared, (a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1])


def the_lesson_by_hand(a, b):
    shared, area_a, area_b = parts(a, b)
    return shared / (area_a + area_b - shared)


def clamped_too_late(a, b):
    shared, area_a, area_b = parts(a, b)
    shared = shared.clamp(min=0)
    return shared / (area_a + area_b - shared)


def as_label_files(a, b):
    def corners(box):
        return torch.cat([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2])

    return iou(corners(a), corners(b))


@pytest.mark.parametrize(
    "answer, key",
    [
        (the_lesson_by_hand, "unclamped"),
        (clamped_too_late, "clamped_product"),
        (as_label_files, "centre_and_size"),
        (lambda a, b: the_lesson_by_hand(a, b).clamp(min=0), "clamped_result"),
        (lambda a, b: torch.relu(the_lesson_by_hand(a, b)), "clamped_result"),
        (
            lambda a, b: (torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0).prod(),
            "intersection_alone",
        ),
        (lambda a, b: 1 - iou(a, b), "distance"),
        (lambda a, b: 2 * iou(a, b) / (1 + iou(a, b)), "dice"),
    ],
)
def test_mistakes_as_students_write_them(answer, key):
    assert examine(IOU, answer).mistakes == (key,)


def test_the_way_out_of_the_lesson_by_hand_is_named():
    text = " ".join(str(examine(IOU, the_lesson_by_hand)).split())
    assert "boxes that lie apart" in text.lower() and "On two boxes side by side, apart: yours -" in text


@pytest.mark.parametrize(
    "answer, says",
    [
        (lambda a, b: iou(a, b)[None], "shape (1,); needed is ()"),
        (
            lambda a, b: (torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0),
            "is a width and a height left",
        ),
        (lambda a, b: iou(a, b).item(), "not a tensor"),
        (lambda a, b: iou(a, b) * 0.5, "0.500 times the right value"),
        (lambda a, b: iou(a.float(), b.float()), "dtype=a.dtype"),
        (lambda a, b: iou(a, b).detach(), "carries no gradient"),
        (lambda a, b: a.clamp_(min=5).sum(), "changes its inputs in place"),
        (lambda a, b: a @ b.undefined, "undefined"),
    ],
)
def test_everything_else_is_answered_with_help(answer, says):
    verdict = examine(IOU, answer)
    assert verdict.state == WRONG and says in " ".join(str(verdict).split())


def apart_only(a, b, *sides):
    """0 where one of the named sides tells that the boxes are apart, else the calculation by hand."""
    gaps = {"left": a[2] <= b[0], "right": b[2] <= a[0], "above": a[3] <= b[1], "below": b[3] <= a[1]}
    return 0 * a.sum() if any(gaps[side] for side in sides) else the_lesson_by_hand(a, b)


@pytest.mark.parametrize(
    "sides",
    [
        ("left", "right"),
        ("above", "below"),
        ("left", "above"),
        ("right", "below"),
        ("left", "right", "above"),
        ("left", "right", "below"),
    ],
)
def test_an_early_return_that_forgets_a_side_is_not_right(sides):
    assert examine(IOU, lambda a, b: apart_only(a, b, *sides)).state == WRONG


def with_scalars(a, b):
    wide = torch.clamp(torch.minimum(a[2], b[2]) - torch.maximum(a[0], b[0]), min=0)
    tall = torch.clamp(torch.minimum(a[3], b[3]) - torch.maximum(a[1], b[1]), min=0)
    total = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return wide * tall / (total - wide * tall)


def with_an_if(a, b):
    low, high = torch.maximum(a[:2], b[:2]), torch.minimum(a[2:], b[2:])
    if (high <= low).any():
        return 0 * a.sum()
    shared = (high - low).prod()
    return shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared)


@pytest.mark.parametrize("answer", [with_scalars, with_an_if])
def test_right_answers_in_other_styles(answer):
    assert examine(IOU, answer).state == RIGHT, str(examine(IOU, answer))


def test_the_reference_is_a_count_of_pixels():
    a, b = torch.tensor([2.0, 1, 9, 6]), torch.tensor([5.0, 3, 12, 8])
    y, x = torch.meshgrid(torch.arange(15) + 0.5, torch.arange(15) + 0.5, indexing="ij")
    in_a, in_b = ((x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3]) for box in (a, b))
    assert iou(a, b).item() == pytest.approx(((in_a & in_b).sum() / (in_a | in_b).sum()).item())
