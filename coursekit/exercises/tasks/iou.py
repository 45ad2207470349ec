"""How much two boxes share, for any two boxes; the reference is torchvision's."""

import torch
from torchvision.ops import box_iou

from coursekit.exercises.model import Case, Exercise, Probe


def my_iou(a, b):
    shared = torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])  # width, height; negative where apart
    intersection = shared.clamp(min=0).prod()
    union = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - intersection
    return intersection / union


def iou(a, b):
    """torchvision's for one pair: a, b (4,) left, top, right, bottom."""
    return box_iou(a[None], b[None])[0, 0]


PAIRS = {  # the first differs in every reading of its four numbers, as left, right, top, bottom too
    "two boxes that overlap": ((10.0, 42.0, 60.0, 90.0), (21.0, 55.0, 73.0, 99.0)),
    "a small box inside a large one": ((10.0, 12.0, 90.0, 80.0), (30.0, 31.0, 52.0, 60.0)),
    "a large box around a small one": ((3.0, 20.0, 9.0, 31.0), (1.0, 10.0, 40.0, 55.0)),
    "two boxes side by side, apart": ((10.0, 20.0, 40.0, 62.0), (50.0, 25.0, 81.0, 70.0)),
    "two boxes one below the other, apart": ((12.0, 40.0, 30.0, 61.0), (10.0, 5.0, 33.0, 31.0)),
    "two boxes one above the other, apart": ((10.0, 5.0, 33.0, 31.0), (14.0, 38.0, 31.0, 60.0)),
    "two boxes apart both ways, by little": ((50.0, 49.0, 80.0, 90.0), (10.0, 20.0, 47.0, 44.0)),
    "two boxes apart both ways, far": ((5.0, 6.0, 20.0, 24.0), (60.0, 70.0, 91.0, 99.0)),
    "equal boxes": ((4.0, 7.0, 16.0, 25.0), (4.0, 7.0, 16.0, 25.0)),
    "boxes as shares of the image": ((0.1, 0.2, 0.5, 0.65), (0.3, 0.25, 0.8, 0.7)),
}


def cases():
    pairs = {says: tuple(map(torch.tensor, pair)) for says, pair in PAIRS.items()}
    found = [Case(says, pair, smooth=says != "equal boxes") for says, pair in pairs.items()]  # two sides at once: a kink
    double = tuple(box.double() for box in pairs["two boxes that overlap"])
    return [*found, Case("boxes in float64", double, "Boxes in float64 come back with the digits of float32.")]


# fmt: off
LOW, HIGH, SHARED = "torch.maximum(a[:2], b[:2])", "torch.minimum(a[2:], b[2:])", "shared.clamp(min=0).prod()"
AREAS, IOU, ARGS = "(a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod()", "intersection / union", "(a, b):"
EACH, STACK = ARGS + "\n    a, b = (%s for box in (a, b))", "torch.stack([%s(a[%d], b[%d]), %s(a[%d], b[%d])])"
APART = "Draw two boxes that lie apart. Which is larger there, the left end of the shared part or the right one?"
BEFORE, ENDS = "Negative sides have to go before they are multiplied.", "It begins at the LARGER left side, ends at the SMALLER right."
FORMAT, COVER = "A box is (left, top, right, bottom): b[2] - b[0] is its width.", "The denominator is what either box covers."
ONCE, SIDES = "The sum of the areas holds the shared part twice; the union holds it once.", "Right minus left is the width."
def ends(at, right, wrong):  # one of the two sides at index `at` and `at + 1` is the wrong one
    return tuple(STACK % (one, at, at, other, at + 1, at + 1) for one, other in ((right, wrong), (wrong, right)))
MISTAKES = (  # in place of what, what is put, what happened, where to look
    (SHARED, "shared.prod()", "Boxes that lie apart get an intersection that is not 0: a side of it is negative.", APART),
    (SHARED, ("shared[0].clamp(min=0) * shared[1]", "shared[0] * shared[1].clamp(min=0)"),
     "Only one of width and height is kept from being negative.", APART),
    (SHARED, "shared.prod().clamp(min=0)", "Boxes apart both ways get an intersection: two negative sides multiply.", BEFORE),
    (f"- intersection\n    return {IOU}", f"- shared.prod()\n    return (shared.prod() / union).clamp(min=0)",
     "Only the end result is clamped: boxes apart both ways get an IoU.", BEFORE),
    (SHARED, "shared.abs().prod()", "Boxes apart get an intersection as large as the gap: abs().", APART),
    (SHARED, "shared.clamp(min=1).prod()", "Sides are clamped at 1, not at 0: boxes apart share 1.", "How wide is nothing?"),
    (SHARED, "shared.clamp(max=0).prod()", "Only negative sides are left: boxes share something only if they are apart.", ENDS),
    (SHARED, ("shared.prod() * (shared > 0).any()", "shared.prod() * (shared >= 0).any()"),
     "Only boxes that are apart both ways count as apart.", "One direction suffices: boxes side by side share nothing."),
    (f"{HIGH} - {LOW}", "torch.maximum(a[2:], b[2:]) - torch.minimum(a[:2], b[:2])", "The shared box is taken to be the "
     "smallest box around both.", ENDS),
    (HIGH, ("torch.maximum(a[2:], b[2:])", *ends(2, "torch.minimum", "torch.maximum")),
     "Of right or bottom sides the larger is taken for the shared box.", ENDS),
    (LOW, ("torch.minimum(a[:2], b[:2])", *ends(0, "torch.maximum", "torch.minimum")),
     "Of left or top sides the smaller is taken for the shared box.", ENDS),
    (" - intersection", "", "The shared part is counted twice in the union.", ONCE),
    ("- intersection", "+ intersection", "The intersection is added to the areas, not subtracted.", ONCE),
    ("- intersection", "- 2 * intersection", "The intersection is subtracted twice.", ONCE),
    (f"{AREAS} - intersection", "(torch.maximum(a[2:], b[2:]) - torch.minimum(a[:2], b[:2])).prod()",
     "The union is taken to be the smallest box around both.", "Corners that belong to neither box do not count."),
    (IOU, "intersection", "This is the intersection, in px\u00b2.", "IoU is a share of what either box covers."),
    (IOU, "union / intersection", "The share is upside down: union over intersection.", "Which of the two is larger?"),
    (f"{AREAS} - intersection", "(a[2:] - a[:2]).prod()", "The intersection is divided by the area of a.", COVER),
    (f"{AREAS} - intersection", "(b[2:] - b[:2]).prod()", "The intersection is divided by the area of b.", COVER),
    (f"{AREAS} - intersection", "torch.minimum((a[2:] - a[:2]).prod(), (b[2:] - b[:2]).prod())",
     "The intersection is divided by the smaller area.", COVER),
    (f"{AREAS} - intersection", "torch.maximum((a[2:] - a[:2]).prod(), (b[2:] - b[:2]).prod())",
     "The intersection is divided by the larger area.", COVER),
    (AREAS, ("2 * (a[2:] - a[:2]).prod()", "2 * (b[2:] - b[:2]).prod()"), "One box's area is taken for both.", COVER),
    (AREAS, "a[2:].prod() + b[2:].prod()", "Areas are right times bottom.", FORMAT),
    (IOU, "2 * intersection / (union + intersection)", "This is the Dice score.", "The denominator is the union."),
    (IOU, f"intersection / (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - intersection", "Parentheses around the union "
     "are missing.", "Division comes before plus and minus."),
    (IOU, "intersection / (union + 1)", "1 is added to the union.", "Against 0 / 0, 1e-9 would do."),
    (ARGS, EACH % "box + torch.tensor([0, 0, 1, 1])", "Every side is 1 too long.", SIDES),
    ("shared.clamp", "(shared + 1).clamp", "The sides of the intersection are 1 too long.", SIDES),
    (ARGS, EACH % "torch.cat([box[:2], box[:2] + box[2:]])", "The boxes are read as left, top, width, height.", FORMAT),
    (ARGS, EACH % "torch.cat([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2])", "The boxes are read as centre and size.", FORMAT),
    (ARGS, EACH % "box[[0, 2, 1, 3]]", "The boxes are read as left, right, top, bottom.", FORMAT),
    (ARGS, (EACH % "torch.stack([box[0], 0 * box[1], box[2], 0 * box[3] + 1])", EACH % "torch.stack([0 * box[0], box[1], 0 * "
     "box[2] + 1, box[3]])"), "Only one direction is looked at.", "A box has a width and a height: areas, not lengths."),
    ("prod()", "sum()", "Sides are added where an area needs their product.", "Area is width times height."),
    (IOU, "1 - " + IOU, "This is 1 - IoU: equal boxes get 0.", "That is a loss. IoU is 1 where the boxes agree."),
)
EXERCISE = Exercise(
    lesson="11", solution=my_iou, reference=iou, cases=cases, mistakes=MISTAKES,
    returns="the intersection over union of a and b, a tensor with one number",
    hints=(
        "Two steps: the box that both share, and then areas. Sketch two boxes that overlap, and two that do not.",
        "The union is area of a + area of b - intersection, as in step 5: what is left to write is the intersection.",
        "The shared box begins at the larger of the two left sides and ends at the smaller of the two right sides; the same "
        "for top and bottom. torch.maximum and torch.minimum take both directions at once: a[:2] is left and top.",
        "Where boxes lie apart, that shared box has negative sides. Make them 0 before you multiply: .clamp(min=0).",
    ),
    probes=(
        Probe("Swapping a and b changes {result}; what they share does not change.", lambda a, b: (b, a)),
        Probe("Moving both boxes by 7 px changes {result}; it should not.", lambda a, b: (a + 7, b + 7)),
        Probe("Making both boxes three times as large changes {result}; a share stays.", lambda a, b: (3 * a, 3 * b)),
    ),
    words=(("NaN", "0 / 0 here means that both areas came out as 0."),
           ("shape", "Two boxes have one IoU: is a width and a height left where their product belongs?")),
)
