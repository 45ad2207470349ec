"""What a detector does wrong, one failure at a time, each with the kind of mistake that it is.

The kinds are those of TIDE (Bolya, Foley, Hays and Hoffman, TIDE: A General Toolbox for Identifying Object Detection
Errors, ECCV 2020), with its thresholds. TIDE asks what average precision each kind costs; here they are looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coursekit.data.yolo.read import Example
from coursekit.detection.matching import box_ious, check_pairs, match_detections, match_image
from coursekit.detection.predictions import Detections

HIT, NEAR = 0.5, 0.1  # IoU: of a hit, and of a box that lies beside its object
KINDS = ("wrong class", "badly placed", "both", "twice", "invented", "missed")


@dataclass(frozen=True)
class Failure:
    """One thing that went wrong.

    kind: of KINDS.
    image: the number of the image.
    detection: the detection's index in it, -1 for a true box that was missed.
    true: the index of the true box that it is about, -1 for an invention.
    iou: of detection and true box, 0 without either.
    """

    kind: str
    image: int
    detection: int
    true: int
    iou: float


def failures(found: Sequence[Detections], truth: Sequence[Example]) -> list[Failure]:
    """Every detection that is not a hit, the most confident first; then the true boxes that were missed, the largest first.

    found, truth: one each for every image. A detection that is no hit is the first of these that fits:

    - twice: IoU >= 0.5 with a true box of its class, which a more confident detection has;
    - wrong class: IoU >= 0.5 with a true box of another class;
    - badly placed: IoU >= 0.1 with a true box of its class;
    - both: IoU >= 0.1 with a true box of another class;
    - invented: nothing there.

    A true box is missed if no detection has it, and none is "wrong class" or "badly placed" because of it: an object
    whose box was given, but wrongly, is not counted again.

    Raises CourseError for another number of labels than images.
    """
    check_pairs(found, truth)
    wrong, missed = [], []
    for image, (one, true) in enumerate(zip(found, truth, strict=True)):
        matched = match_image(one, true, HIT)
        overlap = box_ious(one.boxes, true.boxes)
        seen = set(matched.tolist())
        for i in np.flatnonzero(matched < 0):
            kind, j = _kind(overlap[i], true.classes == one.classes[i])
            wrong.append(
                (float(one.scores[i]), Failure(kind, image, int(i), j, float(overlap[i, j]) if j >= 0 else 0.0))
            )
            if kind in ("wrong class", "badly placed"):
                seen.add(j)
        sizes = (true.boxes[:, 2:] - true.boxes[:, :2]).prod(axis=1)
        missed += [(float(sizes[j]), Failure("missed", image, -1, j, 0.0)) for j in range(len(sizes)) if j not in seen]
    return [failure for part in (wrong, missed) for _, failure in sorted(part, key=lambda pair: -pair[0])]


def _kind(overlap: np.ndarray, same: np.ndarray) -> tuple[str, int]:
    """Kind and true box of a detection that is not a hit. overlap: (m,) IoU with each true box. same: bool (m,), of its class?"""
    for kind, allowed, least in (
        ("twice", same, HIT),  # it would be a hit if the box were not taken
        ("wrong class", ~same, HIT),
        ("badly placed", same, NEAR),
        ("both", ~same, NEAR),
    ):
        of_these = np.where(allowed, overlap, -1.0)
        if len(of_these) and of_these.max() >= least:
            return kind, int(of_these.argmax())
    return "invented", -1


def kind_counts(wrong: Sequence[Failure]) -> dict[str, int]:
    """How many failures there are of each kind, in the order of KINDS."""
    return {kind: sum(one.kind == kind for one in wrong) for kind in KINDS}


def confusion(found: Sequence[Detections], truth: Sequence[Example], n_classes: int, iou: float = HIT) -> np.ndarray:
    """How often an object of each class was said to be what: int64 (n_classes + 1, n_classes + 1), true x said.

    The last row counts boxes where nothing is, the last column true boxes for which nothing was said; so a row sums to the
    true boxes of its class and a column to the detections. Hits are paired first (`match_detections`), then what is left,
    whatever its class, so that an object that was found is not said to be something else too.

    Raises CourseError for another number of labels than images.
    """
    check_pairs(found, truth)
    counts = np.zeros((n_classes + 1, n_classes + 1), dtype=np.int64)
    for one, true in zip(found, truth, strict=True):
        matched = match_image(one, true, iou)
        rest, left = np.flatnonzero(matched < 0), np.setdiff1d(np.arange(len(true.boxes)), matched)
        any_class = np.zeros(len(rest), int), np.zeros(len(left), int)
        pairs = match_detections(one.boxes[rest], any_class[0], one.scores[rest], true.boxes[left], any_class[1], iou)
        matched[rest[pairs >= 0]] = left[pairs[pairs >= 0]]
        said = np.append(one.classes, np.full(len(true.boxes), n_classes))
        never = np.setdiff1d(np.arange(len(true.boxes)), matched)
        is_ = np.append(true.classes, n_classes)  # index -1 is the last: nothing
        np.add.at(counts, (is_[matched], said[: len(matched)]), 1)
        np.add.at(counts, (true.classes[never], n_classes), 1)
    return counts
