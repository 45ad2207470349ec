"""The widget of lesson 11: two thresholds of a detector, what they leave in an image, and precision and recall."""

from collections.abc import Sequence

from coursekit.arguments import share
from coursekit.data.yolo.read import Example
from coursekit.detection.predictions import Detections
from coursekit.figures.live import LiveFigure
from coursekit.figures.thresholds import ThresholdPicture
from coursekit.runtime import CourseError
from coursekit.widgets.explorer import Explorer, only_made, slider


def threshold_explorer(
    found: Sequence[Detections],
    truth: Sequence[Example],
    image: int = 0,
    confidence: float = 0.25,
    overlap: float = 0.7,
) -> Explorer:
    """Hits, false positives and missed boxes of one image, and a point on the curve of precision against recall of all.

    found: one for each image, of `predict` with a low `conf` and `iou=1`, so that nothing was left out yet.
    truth: the labels of the same images, in the same order.
    image, confidence, overlap: where the sliders stand at first. overlap: of two boxes of one class with more IoU, the less
        confident goes (non-maximum suppression).

    Raises CourseError for labels that do not belong to the images, and for an image or a threshold that is not there.
    """
    if not 0 <= image < max(len(found), 1):
        raise CourseError(f"There is no image {image}; here they count from 0 to {len(found) - 1}.")
    share.check(confidence=confidence, overlap=overlap)
    first = {"image": image, "confidence": confidence, "overlap": overlap}
    live = LiveFigure(ThresholdPicture(found, truth, **first))
    controls = {
        "image": slider("image", image, 0, len(found) - 1, 1, "IntSlider", "d"),
        "confidence": slider("confidence", confidence, 0.05, 0.95),
        "overlap": slider("overlap", overlap, 0.1, 1.0),
    }
    return Explorer(live.draw, first, only_made(controls), "Threshold explorer", live.size)
