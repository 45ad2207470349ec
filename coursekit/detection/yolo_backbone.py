"""The backbone of YOLO12 as an encoder: what self-supervision trains here is what the detector starts from.

Tian et al., YOLOv12: Attention-Centric Real-Time Object Detectors, NeurIPS 2025. The network is Ultralytics' own, built
from its yolo12.yaml: layers 0 to 8 are the backbone, 9 to 20 the neck, 21 the head. The neck reads layers 4, 6 and 8.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from coursekit.detection.ultralytics_setup import session
from coursekit.models.encoder import Encoder
from coursekit.models.registry import register_encoder
from coursekit.runtime import CourseError
from coursekit.views import MEAN, STD

SIZES = ("n", "s", "m", "l", "x")
BACKBONE_LAYERS, NECK_LAYERS = 9, 21  # how many there are up to the end of either
PYRAMID_LAYERS = (4, 6, 8)  # P3 at stride 8, P4 at 16, P5 at 32: what the neck reads
HEAD_READS = (14, 17, 20)  # the same strides, out of the neck


def check_size(size: str) -> str:
    """`size` itself when it is one of n, s, m, l, x. Raises CourseError otherwise."""
    if size not in SIZES:
        raise CourseError(f"YOLO12 has no size {size!r}. Choose one of: {', '.join(SIZES)}.")
    return size


def new_detector(size: str) -> nn.Module:
    """Ultralytics' DetectionModel of yolo12{size}.yaml, random weights, 80 classes. Raises CourseError."""
    from ultralytics.nn.tasks import DetectionModel

    with session():
        return DetectionModel(f"yolo12{check_size(size)}.yaml", verbose=False)


class YOLOBackbone(Encoder):
    """Layers 0 to 8 of YOLO12, stride 32, with random weights; with the neck, layers 0 to 20.

    size: "n", "s", "m", "l" or "x"; `dim` is 256, 512, 512, 512 or 768. Sides of the input: multiples of 32 px;
    image_size is only checked, because convolutions take any of them.
    neck: pretrain the neck too, as SoCo (Wei et al., NeurIPS 2021) does with an FPN: only what learns from all three maps,
    such as region contrast, gives every layer of it a gradient.

    Views are normalised with ImageNet's mean and standard deviation, while Ultralytics feeds its detectors RGB in
    [0, 1]. The encoder undoes the normalisation first, so that the first convolution sees the same numbers before and
    after the transfer.
    Its parameters are called `model.0.*` to `model.8.*` or `model.20.*`, exactly as in the detector.
    """

    stride = multiple = 32

    def __init__(self, size: str = "n", image_size: int = 64, neck: bool = False):
        super().__init__()
        if image_size % self.stride:
            raise CourseError(f"yolo12{size} takes image sizes that are multiples of 32 px, not {image_size}.")
        self.size, self.levels = size, HEAD_READS if neck else PYRAMID_LAYERS
        self.model: nn.Sequential = new_detector(size).model[: NECK_LAYERS if neck else BACKBONE_LAYERS]
        # Not persistent: constants of the views, not weights, and the detector has nothing to put them in
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)
        self.model.eval()
        with torch.no_grad():
            self.dim = self.pyramid(torch.zeros(1, 3, 32, 32))[-1].shape[1]
        self.model.train()

    def pyramid(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The three maps that YOLO12's neck reads; with the neck, those that its head reads. Strides 8, 16 and 32.

        pixels: (B, 3, H, W), normalised. For size n: (B, 128, H/8, W/8), (B, 128, H/16, W/16), (B, 256, H/32, W/32); with
        the neck 64, 128 and 256 channels. Raises CourseError for other sides.
        """
        self.check_pixels(pixels)
        x, made = pixels * self.std + self.mean, []
        for layer in self.model:
            if isinstance(layer.f, list):  # a layer of the neck puts earlier outputs side by side; -1 is the last one
                x = [made[k] for k in layer.f]
            x = layer(x)
            made.append(x)
        return tuple(made[k] for k in self.levels)

    def maps(self, pixels: Tensor, depths: Sequence[int] = ()) -> list[Tensor]:
        """The maps of `pyramid`. depths: must be empty."""
        return list(self.pyramid(pixels)) if not depths else super().maps(pixels, depths)

    def features(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """pixels: (B, 3, H, W), normalised -> mean-pooled P5 (B, dim), P5 itself (B, dim, H/32, W/32)."""
        p5 = self.pyramid(pixels)[-1]
        return p5.mean(dim=(2, 3)), p5


for _size in SIZES:
    register_encoder(f"yolo12{_size}", partial(YOLOBackbone, _size))
    register_encoder(f"yolo12{_size}_neck", partial(YOLOBackbone, _size, neck=True))
