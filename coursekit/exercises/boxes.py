"""The exercise `iou`: how much two boxes share, for any two boxes, and be told which of the usual mistakes was made."""

import torch
from torch import Tensor
from torchvision.ops import box_iou

from coursekit.exercises.model import Case, Exercise, Mistake, Probe


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of two boxes, torchvision's. a, b: (4,) left, top, right, bottom -> a number in [0, 1]."""
    return box_iou(a[None], b[None])[0, 0]


APART = (
    "Draw two boxes that lie apart. Left of the shared part is the larger left side, right of it the smaller right "
    "side: which of the two is larger there, and what should the width be?"
)
FORMAT = "A box is (left, top, right, bottom): b[2] - b[0] is its width, b[3] - b[1] its height."

IOU_MISTAKES = {
    "unclamped": Mistake("Boxes that lie apart get an intersection that is not 0: a side of it is negative.", APART),
    "clamped_product": Mistake(
        "Boxes that lie apart both ways, beside and above each other, get an intersection: two negative sides multiply to "
        "something positive.",
        "Negative sides have to go before width and height are multiplied.",
    ),
    "clamped_result": Mistake(
        "Boxes that lie apart both ways get an IoU: two negative sides multiply to something positive, and only the end "
        "result is clamped.",
        "Negative sides have to go before width and height are multiplied.",
    ),
    "absolute": Mistake(
        "Boxes that lie apart get an intersection as large as the gap between them.",
        "abs() turns a gap into an overlap. What is the width of nothing?",
    ),
    "outer_as_shared": Mistake(
        "What is taken for the intersection is the smallest box around both.",
        "The shared part begins at the LARGER of the two left sides and ends at the SMALLER of the two right sides.",
    ),
    "union_sum": Mistake(
        "The shared part is counted twice in the union.",
        "Area of a plus area of b holds it once in each. The union holds it once.",
    ),
    "outer_as_union": Mistake(
        "The union is taken to be the smallest box around both.",
        "Corners that belong to neither box do not count. The union is an area, not a box.",
    ),
    "intersection_alone": Mistake(
        "This is the intersection, in px\u00b2.", "IoU is a share: the intersection, divided by what either box covers."
    ),
    "over_a": Mistake("The intersection is divided by the area of a.", "The denominator is what either box covers."),
    "over_b": Mistake("The intersection is divided by the area of b.", "The denominator is what either box covers."),
    "over_smaller": Mistake(
        "The intersection is divided by the smaller area: a small box inside a large one would score 1.",
        "The denominator is what either box covers.",
    ),
    "over_larger": Mistake(
        "The intersection is divided by the larger area.", "The denominator is what either box covers."
    ),
    "dice": Mistake(
        "This is the Dice score, twice the intersection over the sum of the areas.",
        "The denominator is the union, and nothing is doubled.",
    ),
    "plus_one": Mistake(
        "Every side is 1 too long.",
        "Right minus left is the width. (The + 1 is from a time when boxes named their last pixel.)",
    ),
    "corner_and_size": Mistake("The boxes are read as left, top, width, height.", FORMAT),
    "centre_and_size": Mistake(
        "The boxes are read as centre x, centre y, width, height, as label files have them.", FORMAT
    ),
    "left_right_top_bottom": Mistake("The boxes are read as left, right, top, bottom.", FORMAT),
    "width_alone": Mistake(
        "Only the horizontal direction is looked at.", "A box has a height, too: areas, not lengths."
    ),
    "perimeter": Mistake("Sides are added where an area needs their product.", "Area is width times height."),
    "distance": Mistake("This is 1 - IoU: equal boxes get 0.", "That is a loss. IoU is 1 where the boxes agree."),
    "percent": Mistake("The result is in percent.", "IoU is a share, from 0 to 1."),
}


def _corners(box: Tensor, flaws: frozenset[str]) -> Tensor:
    """The box as it is, or as someone reads it who takes it for another format."""
    if "corner_and_size" in flaws:
        return torch.cat([box[:2], box[:2] + box[2:]])
    if "centre_and_size" in flaws:
        return torch.cat([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2])
    return box[[0, 2, 1, 3]] if "left_right_top_bottom" in flaws else box


def iou_with(flaws: frozenset[str]):
    """iou with some of IOU_MISTAKES built in; with none it is the formula, written out."""
    more = 1 if "plus_one" in flaws else 0
    axes = slice(0, 1) if "width_alone" in flaws else slice(0, 2)

    def area(side: Tensor) -> Tensor:
        return side[axes].sum() if "perimeter" in flaws else side[axes].prod()

    def wrong(a: Tensor, b: Tensor) -> Tensor:
        a, b = _corners(a, flaws), _corners(b, flaws)
        shared = torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])
        outer = torch.maximum(a[2:], b[2:]) - torch.minimum(a[:2], b[:2])
        side = (outer if "outer_as_shared" in flaws else shared) + more
        if "absolute" in flaws:
            side = side.abs()
        elif not flaws & {"unclamped", "clamped_product", "clamped_result"}:
            side = side.clamp(min=0)
        both = area(side)
        both = both.clamp(min=0) if "clamped_product" in flaws else both
        area_a, area_b = (area(box[2:] - box[:2] + more) for box in (a, b))
        below = {
            "union_sum": area_a + area_b,
            "outer_as_union": area(outer),
            "over_a": area_a,
            "over_b": area_b,
            "over_smaller": torch.minimum(area_a, area_b),
            "over_larger": torch.maximum(area_a, area_b),
            "dice": (area_a + area_b) / 2,
        }
        if "intersection_alone" in flaws:
            return both
        share = both / next((value for key, value in below.items() if key in flaws), area_a + area_b - both)
        share = share.clamp(min=0) if "clamped_result" in flaws else share
        share = 1 - share if "distance" in flaws else share
        return 100 * share if "percent" in flaws else share

    return wrong


def iou_cases() -> list[Case]:
    """The pairs of boxes on which a student's iou is compared with torchvision's, ordinary ones first."""

    def pair(says: str, a: tuple, b: tuple, dtype: torch.dtype = torch.float32) -> Case:
        return Case(says, (torch.tensor(a, dtype=dtype), torch.tensor(b, dtype=dtype)))

    return [
        pair("two boxes that overlap", (20.0, 30.0, 120.0, 90.0), (50.0, 45.0, 151.0, 107.0)),
        pair("a small box inside a large one", (10.0, 12.0, 90.0, 80.0), (30.0, 31.0, 52.0, 60.0)),
        pair("a large box around a small one", (3.0, 20.0, 9.0, 31.0), (1.0, 10.0, 40.0, 55.0)),
        pair("two boxes side by side, apart", (10.0, 20.0, 40.0, 62.0), (50.0, 25.0, 81.0, 70.0)),
        pair("two boxes one below the other, apart", (12.0, 40.0, 30.0, 61.0), (10.0, 5.0, 33.0, 31.0)),
        pair("two boxes one above the other, apart", (10.0, 5.0, 33.0, 31.0), (14.0, 38.0, 31.0, 60.0)),
        pair("two boxes apart both ways, by little", (50.0, 49.0, 80.0, 90.0), (10.0, 20.0, 47.0, 44.0)),
        pair("two boxes apart both ways, far", (5.0, 6.0, 20.0, 24.0), (60.0, 70.0, 91.0, 99.0)),
        pair("equal boxes", (4.0, 7.0, 16.0, 25.0), (4.0, 7.0, 16.0, 25.0)),
        pair("boxes as shares of the image, in float64", (0.1, 0.2, 0.5, 0.65), (0.3, 0.25, 0.8, 0.7), torch.float64),
    ]


IOU = Exercise(
    name="iou",
    call="iou(a, b)",
    returns="the intersection over union of a and b, a tensor with one number",
    reference=iou,
    cases=iou_cases,
    mistakes=IOU_MISTAKES,
    flawed=iou_with,
    shape="Two boxes have one IoU: is a width and a height left where their product belongs?",
    hints=(
        "Two steps: the box that both share, and then areas. Sketch two boxes that overlap, and two that do not.",
        "The union is area of a + area of b - intersection, as in step 5. So what is left to write is the intersection.",
        "The shared box begins at the larger of the two left sides and ends at the smaller of the two right sides; the "
        "same for top and bottom. torch.maximum and torch.minimum take both directions at once: a[:2] is left and top.",
        "Where boxes lie apart, that shared box has negative sides. Make them 0 before you multiply: .clamp(min=0).",
    ),
    probes=(
        Probe(
            lambda args: (args[1], args[0]), "Swapping a and b changes your result; what they share does not change."
        ),
        Probe(lambda args: (args[0] + 7, args[1] + 7), "Moving both boxes by 7 px changes your result; it should not."),
        Probe(
            lambda args: (3 * args[0], 3 * args[1]),
            "Making both boxes three times as large changes your result; a share should not notice it.",
        ),
    ),
    nan="0 / 0 here means that both areas came out as 0.",
)
