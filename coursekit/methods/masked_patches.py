"""Masked patches: parts of the image are hidden; what is there?

Pathak et al., Context Encoders: Feature Learning by Inpainting, CVPR 2016, without the adversary. For any encoder: the
hidden patches are painted over. MAE (lesson 08) leaves them out instead, which needs tokens.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from coursekit import arguments as arg
from coursekit.draws import Draws
from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.precision import in_float32
from coursekit.methods.registry import register
from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.views import RandomView, View, ViewMaker


@dataclass(frozen=True)
class HiddenPatches:
    """One random view of every image, of which some patches are painted over with 0, the mean colour.

    patch: side of a patch, px; the view's side is a multiple of it.
    share: of the patches that are hidden, the same number in every image.
    mask: bool (B, P), True = hidden, patches row by row. target: the view before, float (B, 3, S, S).
    """

    view: RandomView
    patch: int = 16
    share: float = 0.4

    def __post_init__(self):
        arg.count.check(patch=self.patch)
        arg.share.check(share=self.share)
        size = self.view.size
        if size % self.patch or not 0 < self.hidden < (size // self.patch) ** 2:
            raise CourseError(
                f"Hidden patches of {self.patch} px in a view of {size} px, {self.share:.0%} of them: the patch has to "
                "divide the view, and some patches are hidden, not all."
            )

    @property
    def hidden(self) -> int:
        """How many patches are hidden in each image."""
        return round(self.share * (self.view.size // self.patch) ** 2)

    def __call__(self, images: Tensor, draws: Draws) -> list[View]:
        """images: uint8 (B, 3, H, W) -> one view of S x S px with mask and target."""
        view, n = self.view(images, draws), self.view.size // self.patch
        ranks = draws.uniform(len(images), n * n).argsort(dim=1).argsort(dim=1)
        mask = (ranks < self.hidden).to(images.device)
        return [View(view.pixels * ~pixel_mask(mask, view.pixels.shape[-1]), view.theta, mask, view.pixels)]

    @property
    def sides(self) -> tuple[int, ...]:
        """Side of the one view, px."""
        return (self.view.size,)


def pixel_mask(mask: Tensor, size: int) -> Tensor:
    """bool (B, P), patches row by row -> bool (B, 1, size, size)."""
    n = round(mask.shape[1] ** 0.5)
    return mask.view(-1, 1, n, n).repeat_interleave(size // n, 2).repeat_interleave(size // n, 3)


@in_float32
def masked_error(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error of the hidden pixels alone. prediction, target: (B, 3, S, S). mask: bool (B, P)."""
    hidden = pixel_mask(mask, target.shape[-1]).expand_as(target)
    return (prediction - target)[hidden].square().mean()


@register("masked_patches")
class MaskedPatches(SSLMethod):
    """hidden_dim: width of the head, which paints each place of the map as a square of pixels."""

    defaults = Defaults(lr=1e-3, weight_decay=0.05)
    made_for = HiddenPatches

    def __init__(self, encoder: Encoder, views: ViewMaker, hidden_dim: int = 256):
        super().__init__(encoder, views)
        arg.count.check(hidden_dim=hidden_dim)
        self.hidden_dim = hidden_dim
        painted = nn.Conv2d(hidden_dim, 3 * encoder.stride**2, 1)
        self.head = nn.Sequential(nn.Conv2d(encoder.dim, hidden_dim, 3, padding=1), nn.ReLU(), painted)

    @staticmethod
    def default_views(size: int) -> ViewMaker:
        view = RandomView(size, scale=(0.4, 1.0), jitter=0.0, grayscale=0.0, blur=0.0)
        return HiddenPatches(view, patch=max(size // 4, 1))

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        h, places = self.encoder.features(views[0].pixels)
        painted = F.pixel_shuffle(self.head(places), self.encoder.stride)
        painted = F.interpolate(painted, size=views[0].pixels.shape[2:])  # the same size, unless the map was cut short
        parts = {"prediction": painted, "target": views[0].target, "mask": views[0].mask}
        parts = {name: self.gather(part) for name, part in parts.items()}
        return {"loss": masked_error(**parts), "z": h.detach(), **parts}

    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        """mean_error: the error of painting every image's mean colour, which a useful answer must beat."""
        visible = ~pixel_mask(out["mask"], out["target"].shape[-1])
        mean = (out["target"] * visible).sum(dim=(2, 3), keepdim=True) / visible.sum(dim=(2, 3), keepdim=True)
        told = masked_error(mean.expand_as(out["target"]), out["target"], out["mask"])
        return {"mean_error": told.item(), **super().diagnose(out)}
