"""Which detection has found which true box, and what is left of detections at other thresholds.

Design choices:
- the rule is COCO's (Lin et al., Microsoft COCO, ECCV 2014): the most confident detection chooses first. So what a
  detection has found does not depend on any that are less confident, and a higher confidence threshold only cuts the end
  off. Suppression has the same property. One pass at the lowest threshold answers for all the others;
- arrays in, arrays out: nothing here knows of a network.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torchvision.ops import batched_nms

from coursekit.arguments import share
from coursekit.data.yolo.read import Example
from coursekit.detection.predictions import Detections
from coursekit.runtime import CourseError


def box_ious(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU of each box of a with each of b: float64 (n, m), of (n, 4) and (m, 4) left, top, right, bottom in px.

    A box without area has IoU 0 with everything.
    """
    a, b = (np.asarray(boxes, dtype=np.float64).reshape(-1, 4) for boxes in (a, b))
    sides = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    shared = sides.clip(min=0).prod(axis=2)  # (n, m) px²
    area_a, area_b = ((boxes[:, 2:] - boxes[:, :2]).clip(min=0).prod(axis=1) for boxes in (a, b))
    union = area_a[:, None] + area_b[None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0)


def match_detections(
    boxes: np.ndarray,
    classes: np.ndarray,
    scores: np.ndarray,
    true_boxes: np.ndarray,
    true_classes: np.ndarray,
    iou: float = 0.5,
) -> np.ndarray:
    """The true box that each detection of one image has found: int64 (n,), its index, or -1 for none.

    boxes: (n, 4) left, top, right, bottom in px.
    classes: (n,) integers.
    scores: (n,) confidence. The most confident chooses first; of equal ones, the first.
    true_boxes, true_classes: (m, 4) and (m,), likewise.
    iou: a true box is found by a detection of its class with so much IoU or more. A detection takes the one that it covers
        best, of those that are not taken yet.

    Raises CourseError for lists of different lengths.
    """
    if not (len(boxes) == len(classes) == len(scores) and len(true_boxes) == len(true_classes)):
        raise CourseError(
            f"match_detections: {len(boxes)} boxes with {len(classes)} classes and {len(scores)} scores, {len(true_boxes)} "
            f"true boxes with {len(true_classes)} classes. Give one class, and for detections one score, for each box."
        )
    same = np.asarray(classes)[:, None] == np.asarray(true_classes)[None]
    overlap = np.where(same, box_ious(boxes, true_boxes), -1.0)  # (n, m)
    found = np.full(len(boxes), -1, dtype=np.int64)
    if not overlap.size:
        return found
    for i in np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable"):
        best = overlap[i].argmax()
        if overlap[i, best] >= iou:
            found[i], overlap[:, best] = best, -1.0  # taken
    return found


def match_image(found: Detections, truth: Example, iou: float = 0.5) -> np.ndarray:
    """`match_detections` of what was found in one image with its labels: int64 (n,)."""
    return match_detections(found.boxes, found.classes, found.scores, truth.boxes, truth.classes, iou)


def suppress(found: Detections, conf: float = 0.25, iou: float = 0.7) -> Detections:
    """What is left at other thresholds: confident enough, and without duplicates of one class (non-maximum suppression).

    found: of `predict` with a low `conf` and `iou=1`, so that what is to be left is still there. Its boxes are cut at the
        picture's edge, so what touches it may fare otherwise than inside `predict`, which cuts last.
    conf: boxes with less confidence go.
    iou: of two boxes of one class with more IoU, the less confident goes; 1 keeps all.

    Raises CourseError for thresholds outside [0, 1].
    """
    share.check(conf=conf, iou=iou)
    enough = np.flatnonzero(found.scores >= conf)
    parts = (torch.from_numpy(part[enough]) for part in (found.boxes, found.scores, found.classes))
    kept = enough[batched_nms(*parts, iou).numpy()]  # the most confident first
    return replace(found, boxes=found.boxes[kept], classes=found.classes[kept], scores=found.scores[kept])


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision and recall of many images as the confidence threshold falls, all classes together.

    scores: (D,) of all detections, falling: detection k is kept by thresholds up to scores[k].
    precision, recall: (D,) of what is kept then, each in [0, 1].
    """

    scores: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    def at(self, conf: float) -> tuple[float, float] | None:
        """(precision, recall) of all detections with a confidence of at least conf; None if there are none."""
        kept = int((self.scores >= conf).sum())
        return (float(self.precision[kept - 1]), float(self.recall[kept - 1])) if kept else None


def precision_recall(found: Sequence[Detections], truth: Sequence[Example], iou: float = 0.5) -> PrecisionRecall:
    """The curve of images with labels. found, truth: one each for every image. iou: see `match_detections`.

    Raises CourseError for another number of labels than images, and if there is no true box at all.
    """
    check_pairs(found, truth)
    n_true = sum(len(one.boxes) for one in truth)
    if not n_true:
        raise CourseError("There is no true box in these images: recall needs at least one that can be found.")
    scores = np.concatenate([one.scores for one in found])
    hits = np.concatenate([match_image(one, true, iou) >= 0 for one, true in zip(found, truth, strict=True)])
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(hits[order])
    return PrecisionRecall(scores[order], right / np.arange(1, len(scores) + 1), right / n_true)


def check_pairs(found: Sequence[Detections], truth: Sequence[Example]) -> None:
    """Raise CourseError if there are no images, or if these are not the labels of as many."""
    if not len(found) or len(found) != len(truth):
        raise CourseError(
            f"{len(found)} images with detections and {len(truth)} with labels: give both for the same images, in the "
            "same order."
        )
