"""How much two boxes share, for any two boxes; the reference is torchvision's."""

import torch
from torchvision.ops import box_iou

from coursekit.exercises.model import SWAPPED, Case, Exercise, Probe


def my_iou(a, b):
    """a, b: (4,) left, top, right, bottom. Return their intersection over union, a tensor with one number."""
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


# fmt: off
LOW, HIGH, PRODUCT = "torch.maximum(a[:2], b[:2])", "torch.minimum(a[2:], b[2:])", "shared.clamp(min=0).prod()"
A, B, SHARE, ARGS = "(a[2:] - a[:2]).prod()", "(b[2:] - b[:2]).prod()", "intersection / union", "(a, b):"
UNION, OUTER = f"{A} + {B} - intersection", "torch.maximum(a[2:], b[2:]) - torch.minimum(a[:2], b[:2])"
EACH, END = ARGS + "\n    a, b = (%s for box in (a, b))", "torch.stack([torch.%s(a[%d], b[%d]), torch.%s(a[%d], b[%d])])"
APART, ENDS = "Draw two boxes that lie apart: which sides are negative?", "It begins at the LARGER left side, ends at the SMALLER right."
COVER, FORMAT = "The denominator is what either box covers, once.", "A box is (left, top, right, bottom): right - left is its width."
MISTAKES = (  # in place of what, what is put, what happened, where to look
    (PRODUCT, "shared.prod()", "Boxes that lie apart get an intersection that is not 0: a side is negative.", APART),
    (PRODUCT, tuple(f"shared[{k}].clamp(min=0) * shared[{1 - k}]{x}" for k in (0, 1) for x in ("", ".abs()")),
     "Only one of width and height is kept from being negative.", APART),
    (PRODUCT, "shared.prod().clamp(min=0)", "Boxes apart both ways get an intersection: two negative sides multiply.", APART),
    (f"- intersection\n    return {SHARE}", "- shared.prod()\n    return (shared.prod() / union).clamp(min=0)",
     "Only the end result is clamped: boxes apart both ways get an IoU.", APART),
    (PRODUCT, "shared.abs().prod()", "Boxes apart get an intersection as large as the gap: abs().", APART),
    (PRODUCT, "shared.prod() * (shared >= 0).any()", "Only boxes that are apart both ways count as apart.", APART),
    (f"{HIGH} - {LOW}", OUTER, "The shared box is taken to be the smallest box around both.", ENDS),
    (HIGH, ("torch.maximum(a[2:], b[2:])", "a[2:]", "b[2:]", END % ("max", 2, 2, "min", 3, 3), END % ("min", 2, 2, "max", 3, 3)),
     "The shared box does not end at the smaller of both right, and of both bottom sides.", ENDS),
    (LOW, ("torch.minimum(a[:2], b[:2])", "a[:2]", "b[:2]", END % ("min", 0, 0, "max", 1, 1), END % ("max", 0, 0, "min", 1, 1)),
     "The shared box does not begin at the larger of both left, and of both top sides.", ENDS),
    (" - intersection", "", "The shared part is counted twice in the union.", COVER),
    ("- intersection", "+ intersection", "The intersection is added to the areas, not subtracted.", COVER),
    ("- intersection", "- 2 * intersection", "The intersection is subtracted twice.", COVER),
    (UNION, f"({OUTER}).prod()", "The union is taken to be the smallest box around both.", COVER),
    (SHARE, "intersection", "This is the intersection, in px\u00b2.", "IoU is a share of what either box covers."),
    (UNION, (A, B, f"torch.minimum({A}, {B})", f"torch.maximum({A}, {B})", f"({A} * {B}).sqrt()", f"-({UNION}) - 2 * intersection",
     f"2 * {A} - intersection", f"2 * {B} - intersection"), "The denominator is one area, or another mixture than the union.", COVER),
    (f"{A} + {B}", "a[2:].prod() + b[2:].prod()", "Areas are right times bottom.", FORMAT),
    (SHARE, "2 * intersection / (union + intersection)", "This is the Dice score.", "The denominator is the union."),
    (ARGS, EACH % "box + torch.tensor([0, 0, 1, 1])", "Every side is 1 too long.", "Right minus left is the width."),
    (ARGS, EACH % "torch.cat([box[:2], box[:2] + box[2:]])", "The boxes are read as left, top, width, height.", FORMAT),
    (ARGS, EACH % "torch.cat([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2])", "The boxes are read as centre, size.", FORMAT),
    (ARGS, EACH % "box[[0, 2, 1, 3]]", "The boxes are read as left, right, top, bottom.", FORMAT),
    (ARGS, tuple(EACH % f"box.index_fill(0, torch.tensor([{k}, {k + 2}]), 0).index_fill(0, torch.tensor({k + 2}), 1)" for k in (0, 1)),
     "Only one direction is looked at.", FORMAT),
    ("prod()", "sum()", "Sides are added where an area needs their product.", "Area is width times height."),
    (SHARE, ("1 - " + SHARE, f"-({SHARE}).log()"), "This is a loss: equal boxes get 0.", "IoU is 1 if the boxes agree."),
)
EXERCISE = Exercise(
    lesson="11", solution=my_iou, reference=iou, cases=_cases, mistakes=MISTAKES, returns="the IoU, a tensor with one number",
    hints=("Two steps: the box that both share, and then areas. Sketch two boxes that overlap, and two that do not.",
           "The union is area of a + area of b - intersection, as in step 5: what is left to write is the intersection.",
           "It begins at the larger left and top sides, ends at the smaller right and bottom ones: torch.maximum and minimum.",
           "If boxes lie apart, that shared box has negative sides. Make them 0 before you multiply: .clamp(min=0)."),
    probes=(SWAPPED, Probe("Moving both boxes by 7 px changes {result}; it should not.", lambda a, b: (a + 7, b + 7)),
            Probe("Making both boxes three times as large changes {result}; a share stays.", lambda a, b: (3 * a, 3 * b))),
    words=(("NaN", "Is a denominator 0?"), ("has shape", "Two boxes have one IoU: is a width and a height left?")),
)
