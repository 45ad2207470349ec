"""Networks of other people behind the same door: `load` for official weights in the course's own ViT, and torchvision's
ViT-B/16 with its classifier removed."""

import torch
from torch import Tensor
from torchvision.models import ViT_B_16_Weights, vit_b_16
from torchvision.models.vision_transformer import interpolate_embeddings

from coursekit.models.encoder import Encoder
from coursekit.models.official import OFFICIAL, load
from coursekit.models.registry import register_encoder
from coursekit.runtime import CourseError, offline

__all__ = ["OFFICIAL", "TorchvisionViT", "load"]


class TorchvisionViT(Encoder):
    """torchvision's `vit_b_16` without its head. dim 768, stride 16.

    image_size: side of the square images it takes, px, a multiple of 16; position embeddings are
    interpolated to it from 224. weights: None (random), or a name of torchvision's ViT_B_16_Weights such as "IMAGENET1K_V1",
    downloaded once (330 MB). Raises CourseError if they cannot be had.
    """

    dim, stride = 768, 16

    def __init__(self, image_size: int = 224, weights: str | None = None):
        super().__init__()
        if image_size % 16:
            raise CourseError(f"vit_b_16 takes images whose side is a multiple of 16 px, not {image_size}.")
        self.vit = vit_b_16(image_size=image_size)
        self.vit.heads = torch.nn.Identity()
        self.image_size = image_size
        if weights:
            state = {k: v for k, v in self._download(weights).items() if not k.startswith("heads.")}
            self.vit.load_state_dict(interpolate_embeddings(image_size, 16, state))

    @staticmethod
    def _download(name: str) -> dict[str, Tensor]:
        if name not in ViT_B_16_Weights.__members__:
            raise CourseError(
                f"torchvision has no ViT-B/16 weights {name!r}. It has: {', '.join(ViT_B_16_Weights.__members__)}."
            )
        entry = ViT_B_16_Weights[name]
        cached = torch.hub.get_dir() + "/checkpoints/" + entry.url.rsplit("/", 1)[-1]
        try:
            with open(cached, "rb"):
                pass
        except OSError:
            if offline():
                raise CourseError(
                    f"The weights {name} of vit_b_16 are not at {cached} and COURSEKIT_OFFLINE forbids the download. "
                    "Unset it once, or use weights=None."
                ) from None
        try:
            return entry.get_state_dict(progress=True, check_hash=True)
        except OSError as error:
            raise CourseError(
                f"Could not download {entry.url} ({error}). Try again with a network, or use weights=None."
            ) from error

    def tokens(self, pixels: Tensor, mask: Tensor | None = None, keep: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Class token and patch tokens: (B, 768), (B, P, 768). Masked tokens are not offered: torchvision's network has none."""
        if mask is not None or keep is not None:
            raise CourseError("vit_b_16 of torchvision has no mask token. For MAE, BEiT or iBOT build 'vit_base'.")
        self.check_pixels(pixels)
        x = self.vit.conv_proj(pixels).flatten(2).mT
        x = torch.cat([self.vit.class_token.expand(len(x), -1, -1), x], dim=1)
        x = self.vit.encoder(x)
        return x[:, 0], x[:, 1:]

    def check_sides(self, height: int, width: int) -> None:
        """Raise CourseError for any size, px, but the one that it was built for."""
        if (height, width) != (self.image_size, self.image_size):
            raise CourseError(
                f"This vit_b_16 was built for {self.image_size} x {self.image_size} px, not {(height, width)}. "
                "Build it with image_size= that."
            )

    def features(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        cls, patches = self.tokens(pixels)
        return cls, patches.mT.unflatten(2, (self.image_size // 16, -1))


register_encoder("vit_b_16", TorchvisionViT)
