"""A detector taken apart: how large its parts are, and what its head puts out before anything is thrown away."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from coursekit import arguments as arg
from coursekit.detection.ultralytics_setup import session
from coursekit.detection.yolo_backbone import BACKBONE_LAYERS, SIZES, new_detector


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


def size_table(imgsz: int = 640, sizes: Iterable[str] = SIZES) -> list[dict]:
    """The sizes, measured on the models that Ultralytics builds: one dict per size.

    Keys: size, parameters, gflops (at imgsz x imgsz px, one image), layers, backbone_parameters, dim (channels of P5).
    """
    from ultralytics.utils.torch_utils import get_flops, get_num_params

    arg.side.check(imgsz=imgsz)
    rows = []
    with session():
        for size in sizes:
            model = new_detector(size)
            backbone = model.model[:BACKBONE_LAYERS]
            row = {"size": size, "parameters": get_num_params(model), "gflops": round(get_flops(model, imgsz), 1)}
            row |= {"layers": sum(not list(m.children()) for m in model.modules())}
            dim = backbone.eval()(torch.zeros(1, 3, 32, 32)).shape[1]
            rows.append(row | {"backbone_parameters": get_num_params(backbone), "dim": dim})
    return rows
