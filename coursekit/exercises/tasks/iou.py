"""How much two boxes share, for any two boxes; the reference is torchvision's."""

import torch
from torchvision.ops import box_iou

from coursekit.exercises.model import SWAPPED, Case, Exercise, Probe


def my_iou(a, b):
    """a, b: (4,) left, top, right, bottom. Return their intersection over union, a tensor of shape ()."""
    shared = torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])  # width, height; negative where apart
    intersection = shared.clamp(min=0).prod()
    union = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - intersection
    return intersection / union


def iou(a, b):
    """torchvision's, of one pair."""
    return box_iou(a[None], b[None])[0, 0]


def _cases():
    pairs = {  # of the first, all readings differ, as left, right, top, bottom too
        "two boxes that overlap": ((10.0, 42.0, 60.0, 90.0), (21.0, 55.0, 73.0, 99.0)),
        "a small box inside a large one": ((10.0, 12.0, 90.0, 80.0), (30.0, 31.0, 52.0, 60.0)),
        "a large box around a small one": ((3.0, 20.0, 9.0, 31.0), (1.0, 10.0, 40.0, 55.0)),
        "two boxes side by side, apart": ((10.0, 20.0, 40.0, 62.0), (50.0, 25.0, 81.0, 70.0)),
        "two boxes one below the other, apart": ((12.0, 40.0, 30.0, 61.0), (10.0, 5.0, 33.0, 31.0)),
        "two boxes one above the other, far apart": ((10.0, 5.0, 33.0, 31.0), (14.0, 68.0, 31.0, 90.0)),
        "two boxes apart both ways, by little": ((50.0, 49.0, 80.0, 90.0), (10.0, 20.0, 47.0, 44.0)),
        "two boxes apart both ways, far": ((5.0, 6.0, 20.0, 24.0), (60.0, 70.0, 91.0, 99.0)),
        "equal boxes": ((4.0, 7.0, 16.0, 25.0), (4.0, 7.0, 16.0, 25.0)),  # sides meet: either may get the gradient
        "boxes as shares of the image": ((0.1, 0.2, 0.5, 0.65), (0.3, 0.25, 0.8, 0.7)),
    }
    found = [Case(says, (torch.tensor(a), torch.tensor(b)), smooth=a != b) for says, (a, b) in pairs.items()]
    return [
        *found,
        Case("float64", tuple(box.double() for box in found[0].args), "Boxes in float64 come back as float32."),
    ]


MOVED = Probe("Moving both boxes by 7 px changes {result}; it should not.", lambda a, b: (a + 7, b + 7))
LARGER = Probe("Making both boxes three times as large changes {result}; a share stays.", lambda a, b: (3 * a, 3 * b))
EXERCISE = Exercise(lesson="11", solution=my_iou, reference=iou, cases=_cases, probes=(SWAPPED, MOVED, LARGER))
