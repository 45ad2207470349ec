"""Frozen features of a set of images: what every probe starts from."""

import torch
from torch import Tensor

from coursekit.data.images import ImageSet
from coursekit.models import Encoder
from coursekit.views import center_view


def view_side(encoder: Encoder, pixels: Tensor) -> int:
    """Side of the view that an encoder is judged with, px: what it was built for, else that of the images (N, 3, H, W)."""
    return (encoder.spec or {}).get("image_size") or pixels.shape[-1]


@torch.inference_mode()
def extract_features(
    encoder: Encoder, images: ImageSet | Tensor, size: int | None = None, batch_size: int = 256
) -> Tensor:
    """Pooled features of every image, without gradient, in eval mode: float32 (N, dim) on the CPU.

    images: uint8 (N, 3, H, W). size: side of the view that the encoder sees, px; default: what it was built for, else
    the image's own. Afterwards the encoder is in train or eval mode as it was.
    """
    pixels = images.images if isinstance(images, ImageSet) else images
    size = size or view_side(encoder, pixels)
    device = next(encoder.parameters()).device
    was_training = encoder.training
    encoder.eval()  # batch-norm must not see, or learn from, the images it judges
    try:
        parts = [encoder(center_view(part.to(device), size).pixels).float().cpu() for part in pixels.split(batch_size)]
    finally:
        encoder.train(was_training)
    return torch.cat(parts).clone() if parts else torch.empty(0, encoder.dim)


def raw_pixels(images: ImageSet | Tensor, size: int = 32) -> Tensor:
    """The baseline without a network: each image as one long vector, float32 (N, 3 * size * size)."""
    pixels = images.images if isinstance(images, ImageSet) else images
    return torch.cat([center_view(part, size).pixels.flatten(1) for part in pixels.split(1024)])
