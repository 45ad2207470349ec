"""Whole scenes with one object framed: the largest, cut out as a picture of its own."""

import math

import numpy as np
import torch
from scipy.ndimage import find_objects, label
from torch import Tensor

from coursekit.data.images import ImageSet
from coursekit.runtime import CourseError
from coursekit.views import resample

CONTEXT = 0.1  # margin around an object, as a share of its longer side, as in `ImageSet.road_crops`


def largest_objects(scenes: ImageSet) -> tuple[Tensor, Tensor]:
    """The largest connected piece of one class in every scene: boxes int64 (N, 4), x0 y0 x1 y1 in px; classes int64 (N,).

    scenes: with masks. Two cars that overlap in the picture are one piece. Raises CourseError for scenes without masks, or
    one without any object.
    """
    if scenes.masks is None:
        raise CourseError("Framing an object needs scenes with masks, such as ImageSet.road_scenes(12, 160).")
    boxes, classes = [], []
    for k, mask in enumerate(scenes.masks.numpy()):
        pieces = []
        for value in np.unique(mask[mask > 0]).tolist():
            numbered, _ = label(mask == value)
            for number, place in enumerate(find_objects(numbered), start=1):
                size = int((numbered[place] == number).sum())
                pieces.append((size, (place[1].start, place[0].start, place[1].stop, place[0].stop), value - 1))
        if not pieces:
            raise CourseError(f"There is no object in scene {k}.")
        _, box, kind = max(pieces)
        boxes.append(box)
        classes.append(kind)
    return torch.tensor(boxes).view(-1, 4), torch.tensor(classes, dtype=torch.int64)


def cut_out(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """The square around each box, with a margin, moved into the frame: uint8 (N, 3, size, size).

    images: uint8 (N, 3, H, W). boxes: (N, 4) px, as from `largest_objects`. size: px.
    """
    height, width = images.shape[2:]
    thetas = []
    for x0, y0, x1, y1 in boxes.tolist():
        side = min(math.ceil(max(x1 - x0, y1 - y0) * (1 + 2 * CONTEXT)), height, width)
        left = min(max((x0 + x1 - side) / 2, 0), width - side)
        top = min(max((y0 + y1 - side) / 2, 0), height - side)
        center = (2 * left + side) / width - 1, (2 * top + side) / height - 1
        thetas.append([[side / width, 0, center[0]], [0, side / height, center[1]]])
    pixels = resample(images, torch.tensor(thetas), size)
    return pixels.round().clamp(0, 255).to(torch.uint8)
