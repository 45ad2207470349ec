"""What passes along every arrow of a detector: the shapes from the image to the boxes, and which cells answer a place."""

import torch
from torch import Tensor, nn

from coursekit.detection.yolo_backbone import BACKBONE_LAYERS, PYRAMID_LAYERS
from coursekit.runtime import CourseError

HEAD = 21  # number of the head's layer; 9 to 20 are the neck
CHUNK = 64  # images at once


def layer_outputs(detector: nn.Module, pixels: Tensor) -> list:
    """What each layer of a detector answers, by its number. pixels: (B, 3, H, W) in [0, 1]."""
    outputs: list = []
    for layer in detector.model:
        sources = [layer.f] if isinstance(layer.f, int) else layer.f
        found = [(outputs[s] if outputs else pixels) if s == -1 else outputs[s] for s in sources]
        outputs.append(layer(found[0] if isinstance(layer.f, int) else found))
    return outputs


def neck_inputs(detector: nn.Module, pixels: Tensor) -> list[Tensor]:
    """The three maps that the neck reads, at strides 8, 16 and 32, whatever backbone made them. pixels: as above."""
    outputs: list = []
    for layer in detector.model[:BACKBONE_LAYERS]:
        outputs.append(layer(pixels if not outputs else outputs[layer.f]))
    return [outputs[k] for k in PYRAMID_LAYERS]


@torch.no_grad()
def arrows(detector: nn.Module, pixels: Tensor) -> list[tuple[str, list[tuple[int, ...]]]]:
    """What passes along every arrow, from the image to the predictions: [(from whom, its shapes), ...].

    detector: in eval mode. pixels: (B, 3, H, W) in [0, 1].
    """
    outputs, replaced = layer_outputs(detector, pixels), hasattr(detector.model[0], "encoder")
    pyramid = [tuple(outputs[k].shape) for k in PYRAMID_LAYERS]
    made = [("adapter", pyramid)] if replaced else [("YOLO12's backbone", pyramid)]
    if replaced:
        made.insert(0, ("SSL encoder", [tuple(one.shape) for one in outputs[0]]))
    boxes, scores = outputs[HEAD][0].split([4, outputs[HEAD][0].shape[1] - 4], dim=1)
    return [
        ("image", [tuple(pixels.shape)]),
        *made,
        ("neck", [tuple(outputs[k].shape) for k in detector.model[HEAD].f]),
        ("head: boxes", [tuple(boxes.shape)]),
        ("head: scores", [tuple(scores.shape)]),
    ]


@torch.no_grad()
def cell_answers(detector: nn.Module, image: Tensor, side: int = 8) -> list[Tensor]:
    """How far every cell of the neck's three maps moves if one place of the image is painted over, for each place.

    detector: in eval mode, on the CPU. image: uint8 (3, H, W), sides multiples of 32 px. side: of a place, px; it gets the
    image's mean colour. Returns for each stride (rows * columns, h, w): the length of the change of a cell's features.
    """
    height, width = image.shape[1:]
    if height % 32 or width % 32 or 32 % side:
        raise CourseError(
            f"Sides of the image are multiples of 32 px, and a place divides 32: not {height}, {width}, {side}."
        )
    plain = image[None].float() / 255
    places = [(y, x) for y in range(0, height, side) for x in range(0, width, side)]
    painted = plain.repeat(len(places), 1, 1, 1)
    for one, (y, x) in zip(painted, places, strict=True):
        one[:, y : y + side, x : x + side] = plain[0].mean(dim=(1, 2))[:, None, None]
    before = neck_inputs(detector, plain)
    changes = [
        [(m - b).norm(dim=1) for m, b in zip(neck_inputs(detector, some), before, strict=True)]
        for some in painted.split(CHUNK)
    ]
    return [torch.cat(level) for level in zip(*changes, strict=True)]
