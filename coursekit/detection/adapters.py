"""Any encoder as YOLO12's backbone: its features become the three maps that the neck reads.

Li et al., Exploring Plain Vision Transformer Backbones for Object Detection (ViTDet), ECCV 2022: a ViT keeps one stride from
its first layer to its last, and the pyramid that a detector needs is made from its last map alone.

Both classes are layers of an Ultralytics model, written into its YAML by `replaced_yaml`, so that Ultralytics builds,
trains, saves, resumes and exports the network like any other. Layers 0 and 1 take the place of YOLO12's layers 0 to 8;
neck and head keep their numbers, 9 to 21, and their weights fit.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.detection.ultralytics_setup import offer_layers, session
from coursekit.detection.yolo_backbone import YOLOBackbone, check_size
from coursekit.models import Encoder, rebuild_encoder, resnet, vit
from coursekit.models.pretrained import TorchvisionViT
from coursekit.runtime import CourseError
from coursekit.views import MEAN, STD

STRIDES = (8, 16, 32)  # px, of P3, P4 and P5
ENCODER_LAYERS = (0,)  # the layer that self-supervision trained; layer 1, the adapter, is new and always learns


class OwnBatchNorm(nn.BatchNorm2d):
    """Batch norm that keeps its epsilon and momentum: those of every plain nn.BatchNorm2d are set anew by Ultralytics, which
    would change what a trained encoder answers."""


class SSLFeatures(nn.Module):
    """Layer 0: pixels in [0, 1], (B, 3, H, W) -> the encoder's maps, (B, C, h, w) each, the finest first.

    spec: which encoder, as `build_encoder` noted it. depths: after which blocks of a ViT, or stages of a ResNet, a map is
    taken; maps of one stride are put side by side in channels. Default: the last block, all stages.

    Pixels are normalised here, as in pretraining. H and W are multiples of 32. For a patch of 14 px the picture is made
    smaller by 14/16 first, so that the grid is that of stride 16: every patch then lies on a cell of the neck's maps.
    """

    def __init__(self, spec: dict, depths: Sequence[int] = ()):
        super().__init__()
        self.encoder, self.depths = rebuild_encoder(spec), tuple(depths)
        for module in self.encoder.modules():
            if type(module) is nn.BatchNorm2d:
                module.__class__ = OwnBatchNorm
        self.multiple, self.nominal = self.encoder.multiple, power_of_two(self.encoder.multiple)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        x = (pixels - self.mean) / self.std
        if self.multiple != self.nominal:
            sides = [side // self.nominal * self.multiple for side in x.shape[2:]]
            x = F.interpolate(x, size=sides, mode="bilinear", align_corners=False)
        by_size: dict[tuple, list[Tensor]] = {}
        for one in self.encoder.maps(x, self.depths):
            by_size.setdefault(tuple(one.shape[2:]), []).append(one)
        return [torch.cat(maps, dim=1) for maps in by_size.values()]


class FeaturePyramid(nn.Module):
    """Layer 1, the adapter: the encoder's maps -> P3, P4 and P5 at strides 8, 16 and 32.

    dims, strides: channels and strides of the maps that come in. channels: of the three that go out.

    Each level takes the map whose stride is nearest, through a 1 x 1 convolution to its own width, then a transposed
    convolution for every doubling or max-pooling for every halving, then a 3 x 3 convolution. ViTDet's layers, with
    Ultralytics' batch norm and SiLU, and the narrowing first, which costs less.
    """

    def __init__(self, dims: Sequence[int], strides: Sequence[int], channels: Sequence[int]):
        super().__init__()
        self.sources, levels = [], []
        for stride, width in zip(STRIDES, channels, strict=True):
            source = min(range(len(dims)), key=lambda k: abs(math.log2(strides[k] / stride)))
            self.sources.append(source)
            levels.append(self._level(dims[source], width, round(math.log2(strides[source] / stride))))
        self.levels = nn.ModuleList(levels)

    @staticmethod
    def _level(dim: int, width: int, doublings: int) -> nn.Sequential:
        from ultralytics.nn.modules import Conv

        larger = [nn.ConvTranspose2d(width, width, 2, stride=2) for _ in range(doublings)]
        smaller = [nn.MaxPool2d(2) for _ in range(-doublings)]
        return nn.Sequential(Conv(dim, width, 1), *larger, *smaller, Conv(width, width, 3))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return [level(maps[source]) for source, level in zip(self.sources, self.levels, strict=True)]


def power_of_two(side: float) -> int:
    """The power of two that is nearest in ratio: 14 -> 16."""
    return 2 ** round(math.log2(side))


def replaced_yaml(size: str, encoder: Encoder, depths: Sequence[int] = ()) -> dict:
    """Ultralytics' description of YOLO12 in this size, with `encoder` and an adapter for a backbone.

    size: n, s, m, l or x: widths of neck and head. depths: as `SSLFeatures` has them. Raises CourseError for an encoder that
    was not made by `build_encoder`, or whose maps no pyramid can be made from.
    """
    from ultralytics.nn.tasks import yaml_model_load

    if encoder.spec is None:
        raise CourseError(f"This {type(encoder).__name__} does not say how it was built: make it with build_encoder.")
    if encoder.multiple > STRIDES[-1]:
        raise CourseError(
            f"The encoder's patches of {encoder.multiple} px are too large: YOLO12 reads maps of 8 to 32 px."
        )
    side = 8 * STRIDES[-1]
    with torch.no_grad():
        maps = SSLFeatures(encoder.spec, depths).eval()(torch.zeros(1, 3, side, side))
        wanted = YOLOBackbone(check_size(size)).eval().pyramid(torch.zeros(1, 3, 32, 32))
    channels = [one.shape[1] for one in wanted]
    with session():
        described = yaml_model_load(f"yolo12{size}.yaml")
    passed_on = [-1, 1, "nn.Identity", []]
    described["backbone"] = [
        [-1, 1, "SSLFeatures", [encoder.spec, list(depths)]],
        [-1, 1, "FeaturePyramid", [[m.shape[1] for m in maps], [side // m.shape[2] for m in maps], channels]],
        passed_on,
        passed_on,
        [1, 1, "Index", [channels[0], 0]],  # 4: P3
        passed_on,
        [1, 1, "Index", [channels[1], 1]],  # 6: P4
        passed_on,
        [1, 1, "Index", [channels[2], 2]],  # 8: P5
    ]
    return described


def networks() -> list[type[nn.Module]]:
    """The classes that a checkpoint of such a detector holds besides Ultralytics' and torch's own."""
    from torchvision.models import vision_transformer
    from torchvision.ops.misc import MLP

    theirs = [
        getattr(vision_transformer, name) for name in ("VisionTransformer", "Encoder", "EncoderBlock", "MLPBlock")
    ]
    ours = [
        vit.ViT,
        vit.Block,
        vit.Attention,
        vit.LayerScale,
        resnet.ResNet,
        resnet.BasicBlock,
        TorchvisionViT,
        YOLOBackbone,
    ]
    return [SSLFeatures, FeaturePyramid, OwnBatchNorm, *ours, *theirs, MLP]


offer_layers((SSLFeatures, FeaturePyramid), networks())
