"""Colorization: given how bright each place is, say what colour it has.

Zhang, Isola and Efros, Colorful Image Colorization, ECCV 2016, who classify colours; here they are regressed, as in
earlier work, which is shorter and paler.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit import arguments as arg
from coursekit.draws import Draws
from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.precision import in_float32
from coursekit.methods.registry import register
from coursekit.models import Encoder
from coursekit.views import RandomView, View, ViewMaker, denormalize

SCALE = 50.0  # a and b of Lab are divided by it: most colours of photographs are then between -1 and 1
TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
WHITE = (0.950456, 1.0, 1.088754)  # D65


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """sRGB in [0, 1], (B, 3, H, W) -> CIE Lab: L 0 to 100, a (green to red) and b (blue to yellow) about -100 to 100."""
    linear = torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = torch.einsum("ij,bjhw->bihw", rgb.new_tensor(TO_XYZ), linear) / rgb.new_tensor(WHITE).view(3, 1, 1)
    f = torch.where(xyz > 0.008856, xyz.clamp(min=1e-8) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = f.unbind(dim=1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """The inverse of `rgb_to_lab`, clamped to [0, 1], for showing."""
    lightness, a, b = lab.unbind(dim=1)
    y = (lightness + 16) / 116
    f = torch.stack([y + a / 500, y, y - b / 200], dim=1)
    xyz = torch.where(f > 0.008856 ** (1 / 3), f**3, (f - 16 / 116) / 7.787) * lab.new_tensor(WHITE).view(3, 1, 1)
    linear = torch.einsum("ij,bjhw->bihw", torch.linalg.inv(lab.new_tensor(TO_XYZ)), xyz).clamp(min=0)
    return torch.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear).clamp(0, 1)


@dataclass(frozen=True)
class GrayWithColor:
    """One random view of every image without its colours; target: a and b of Lab, divided by 50, float (B, 2, S, S)."""

    view: RandomView

    def __call__(self, images: Tensor, draws: Draws) -> list[View]:
        """images: uint8 (B, 3, H, W) -> one view of S x S px, its three channels alike: L, as if normalized."""
        view = self.view(images, draws)
        lab = rgb_to_lab(denormalize(view.pixels))
        lightness = (lab[:, :1] / 50 - 1).expand(-1, 3, -1, -1)  # -1 to 1
        return [View(lightness.contiguous(), view.theta, target=lab[:, 1:] / SCALE)]

    @property
    def sides(self) -> tuple[int, ...]:
        """Side of the one view, px."""
        return (self.view.size,)


@in_float32
def color_regression(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean Huber loss of the colours. prediction: (B, 2, h, w). target: (B, 2, S, S), averaged over each place."""
    return F.smooth_l1_loss(prediction, F.adaptive_avg_pool2d(target, prediction.shape[2:]))


@register("colorization")
class Colorization(SSLMethod):
    """hidden_dim: width of the head, which works on each place of the map."""

    defaults = Defaults(lr=1e-3, weight_decay=0.05)
    made_for = GrayWithColor

    def __init__(self, encoder: Encoder, views: ViewMaker, hidden_dim: int = 128):
        super().__init__(encoder, views)
        arg.count.check(hidden_dim=hidden_dim)
        self.hidden_dim = hidden_dim
        self.head = nn.Sequential(nn.Conv2d(encoder.dim, hidden_dim, 1), nn.ReLU(), nn.Conv2d(hidden_dim, 2, 1))

    @staticmethod
    def default_views(size: int) -> ViewMaker:
        return GrayWithColor(RandomView(size, scale=(0.4, 1.0), jitter=0.0, grayscale=0.0, blur=0.0))

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        h, places = self.encoder.features(views[0].pixels)
        prediction, target = self.gather(self.head(places)), self.gather(views[0].target)
        return {
            "loss": color_regression(prediction, target),
            "z": h.detach(),
            "prediction": prediction,
            "target": target,
        }

    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        """gray_loss: the loss of answering "gray" everywhere, which a useful answer must beat."""
        gray = color_regression(torch.zeros_like(out["prediction"]), out["target"])
        return {"gray_loss": gray.item(), **super().diagnose(out)}
