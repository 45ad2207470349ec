"""A small residual network (He et al., Deep Residual Learning for Image Recognition, CVPR 2016).

Basic blocks in four stages. Three stems: "cifar" keeps small images large (3 x 3, stride 1), "imagenet" shrinks at once
(7 x 7 and max-pooling, stride 4 together), "half" stands between them (3 x 3, stride 2). With width 64 and blocks
(2, 2, 2, 2) it is ResNet-18 without its classifier.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from coursekit.models.encoder import Encoder
from coursekit.models.registry import register_encoder
from coursekit.runtime import CourseError

STEMS = {"cifar": (3, 1, False), "half": (3, 2, False), "imagenet": (7, 2, True)}  # kernel, stride, max-pooling


def _conv(in_dim: int, out_dim: int, size: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(in_dim, out_dim, size, stride, size // 2, bias=False), nn.BatchNorm2d(out_dim))


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut. The last norm starts at zero, so that the block starts as its shortcut."""

    def __init__(self, in_dim: int, out_dim: int, stride: int):
        super().__init__()
        self.conv1, self.conv2 = _conv(in_dim, out_dim, 3, stride), _conv(out_dim, out_dim, 3, 1)
        self.shortcut = nn.Identity() if stride == 1 and in_dim == out_dim else _conv(in_dim, out_dim, 1, stride)
        self.relu = nn.ReLU(inplace=True)
        nn.init.zeros_(self.conv2[1].weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.conv2(self.relu(self.conv1(x))) + self.shortcut(x))


class ResNet(Encoder):
    """Residual encoder of any input size from 32 px.

    width: channels of the first stage, doubled in each next one. blocks: basic blocks in each stage. stem: "cifar"
    (stride 8 in all), "half" (16) or "imagenet" (32). image_size is only noted: convolutions take any size.
    """

    def __init__(
        self, image_size: int = 64, width: int = 32, blocks: tuple[int, ...] = (1, 1, 1, 1), stem: str = "cifar"
    ):
        super().__init__()
        if stem not in STEMS:
            raise CourseError(f"ResNet: stem is one of {', '.join(STEMS)}, not {stem!r}.")
        kernel, stride, pool = STEMS[stem]
        self.stages: list[int] = []  # number of the last layer of each stage
        layers = [_conv(3, width, kernel, stride), nn.ReLU(inplace=True)]
        layers += [nn.MaxPool2d(3, 2, 1)] if pool else []
        in_dim = width
        for stage, count in enumerate(blocks):
            for i in range(count):
                layers.append(BasicBlock(in_dim, width * 2**stage, stride=2 if i == 0 and stage else 1))
                in_dim = width * 2**stage
            self.stages.append(len(layers) - 1)
        self.layers = nn.Sequential(*layers)
        self.dim, self.stride = in_dim, stride * (2 if pool else 1) * 2 ** (len(blocks) - 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def features(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        self.check_pixels(pixels)
        x = self.layers(pixels)
        return x.mean(dim=(2, 3)), x

    def maps(self, pixels: Tensor, depths: Sequence[int] = ()) -> list[Tensor]:
        """The map at the end of each stage: strides 4, 8, 16 and 32 with the stem "imagenet".

        depths: which stages, from 1; default: all. Raises CourseError for one that is not there.
        """
        self.check_pixels(pixels)
        if wrong := [d for d in depths if not 1 <= d <= len(self.stages)]:
            raise CourseError(f"There is no stage {wrong[0]}: they count from 1 to {len(self.stages)}.")
        x, found = pixels, []
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number in self.stages:
                found.append(x)
        return [found[d - 1] for d in depths] if depths else found


register_encoder("resnet_micro", ResNet, width=32, blocks=(1, 1, 1, 1), stem="imagenet")
register_encoder("resnet_micro_cifar", ResNet, width=32, blocks=(1, 1, 1, 1), stem="cifar")
register_encoder("resnet_nano", ResNet, width=16, blocks=(1, 1, 1, 1), stem="half")
register_encoder("resnet18", ResNet, width=64, blocks=(2, 2, 2, 2), stem="imagenet")
register_encoder("resnet18_cifar", ResNet, width=64, blocks=(2, 2, 2, 2), stem="cifar")
