"""Networks of other people behind the same door: `load` for official weights in the course's own ViT, and torchvision's
ViT-B/16 with its classifier removed."""

import torch
from torch import Tensor
from torchvision.models import ViT_B_16_Weights, vit_b_16
from torchvision.models.vision_transformer import interpolate_embeddings

from coursekit.models.encoder import Encoder
from coursekit.models.official import OFFICIAL, load, load_if_there
from coursekit.models.registry import register_encoder
from coursekit.models.vit import resized_positions
from coursekit.runtime import CourseError, offline

__all__ = ["OFFICIAL", "TorchvisionViT", "load", "load_if_there"]


class TorchvisionViT(Encoder):
    """torchvision's `vit_b_16` without its head. dim 768, stride 16.

    image_size: side of the square images that its position embeddings are for, px, a multiple of 16; to other images, square
    or not, they are interpolated. weights: None (random), or a name of torchvision's ViT_B_16_Weights such as "IMAGENET1K_V1",
    downloaded once (330 MB). Raises CourseError if they cannot be had.
    """

    dim, stride, multiple = 768, 16, 16

    def __init__(self, image_size: int = 224, weights: str | None = None):
        super().__init__()
        if image_size % 16:
            raise CourseError(f"vit_b_16 takes images whose side is a multiple of 16 px, not {image_size}.")
        self.vit = vit_b_16(image_size=image_size)
        self.vit.heads = torch.nn.Identity()
        self.vit.norm_layer = None  # a function that only building needs, and that no checkpoint may hold
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
        rows, columns = (side // 16 for side in pixels.shape[2:])
        x = self.vit.conv_proj(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.vit.class_token.expand(len(x), -1, -1), x], dim=1)
        encoder, position = self.vit.encoder, self.vit.encoder.pos_embedding
        if (rows, columns) != (self.image_size // 16,) * 2:
            position = resized_positions(position, rows, columns, antialias=False, align_corners=True)  # their rule
        x = encoder.ln(encoder.layers(encoder.dropout(x + position)))
        return x[:, 0], x[:, 1:]

    def features(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        cls, patches = self.tokens(pixels)
        return cls, patches.transpose(1, 2).unflatten(2, (pixels.shape[2] // 16, -1))


register_encoder("vit_b_16", TorchvisionViT)
