"""A detector taken apart: how large its parts are, and what its head puts out before anything is thrown away."""

import numpy as np
import torch
from torch import Tensor, nn

from coursekit.detection.yolo_backbone import BACKBONE_LAYERS


def parameters_by_part(detector: nn.Module) -> dict[str, int]:
    """Numbers of parameters of {"backbone", "neck", "head"}. detector: Ultralytics' DetectionModel of YOLO12."""
    layers = detector.model
    parts = {"backbone": layers[:BACKBONE_LAYERS], "neck": layers[BACKBONE_LAYERS:-1], "head": layers[-1:]}
    return {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}


@torch.no_grad()
def raw_predictions(detector: nn.Module, picture: np.ndarray) -> tuple[Tensor, Tensor]:
    """One box and one score for each class at every place of the head's maps: float32 (P, 4), (P, classes).

    detector: as above, in eval mode. picture: uint8 (H, W, 3) RGB, sides multiples of 32 px. Boxes are centre x, centre
    y, width and height in px; scores lie in [0, 1]. Nothing is filtered: `predictions.predict` does that.
    """
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255
    return detector(pixels)[0][0].mT.split([4, len(detector.names)], dim=1)
