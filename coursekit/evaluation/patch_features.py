"""Features of patches to be looked at: as colours, and by their likeness to one of them."""

import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from torch import Tensor

from coursekit.models import ViT
from coursekit.runtime import CourseError
from coursekit.views import normalize


def patch_colors(maps: Tensor, seed: int = 0, whiten: bool = True) -> Tensor:
    """The three directions in which patches differ most, as red, green and blue: uint8 (N, 3, h, w).

    maps: float (N, D, h, w), patch features of N images, which share the directions: the same colour means the same in all.
    seed: of the solver. whiten: give all three the same spread, so that the second and the third are seen too.

    Oquab et al. (DINOv2, TMLR 2024) show features so. Colours run from the 2nd to the 98th percentile; which of them is red
    means nothing. Raises CourseError for fewer than 3 patches or channels.
    """
    n, d, h, w = maps.shape if maps.ndim == 4 else (0, 0, 0, 0)
    if min(d, n * h * w) < 3:
        raise CourseError(
            f"Three colours need maps (N, D, h, w) with 3 channels and patches or more, not {tuple(maps.shape)}."
        )
    table = maps.detach().float().cpu().permute(0, 2, 3, 1).flatten(0, 2)
    parts = torch.from_numpy(PCA(3, whiten=whiten, random_state=seed).fit_transform(table.numpy()))
    low, high = parts.quantile(torch.tensor([0.02, 0.98]), dim=0)
    spread = (high - low) if whiten else (high - low).max().expand(3)
    shades = ((parts - low) / spread.clamp_min(1e-12)).clamp(0, 1)
    return (shades * 255).round().to(torch.uint8).unflatten(0, (n, h, w)).permute(0, 3, 1, 2)


def patch_similarity(maps: Tensor, image: int, row: int, column: int) -> Tensor:
    """Cosine similarity of one patch with all patches of all images: float (N, h, w); 1 at the patch itself.

    maps: float (N, D, h, w). image, row, column: the patch. Raises CourseError if it is not there.
    """
    n, _, h, w = maps.shape
    if not (0 <= image < n and 0 <= row < h and 0 <= column < w):
        raise CourseError(f"There is no patch ({image}, {row}, {column}) in {n} maps of {h} x {w}; all count from 0.")
    directions = F.normalize(maps.detach().float(), dim=1)
    return torch.einsum("ndhw,d->nhw", directions, directions[image, :, row, column])


@torch.inference_mode()
def patch_norms(encoder: ViT, images: Tensor) -> Tensor:
    """Lengths of the patch tokens as they leave the last block, before the last norm: float (N, h, w), on the CPU.

    encoder: a ViT of the course's own. images: uint8 (N, 3, H, W), of a size that it takes. Darcet et al., Vision Transformers
    Need Registers, ICLR 2024, find outliers so. Raises CourseError for another network.
    """
    if not isinstance(encoder, ViT):
        raise CourseError(f"Only a ViT of the course's own has patch tokens to measure, not {type(encoder).__name__}.")
    kept = []
    hook = encoder.norm.register_forward_hook(lambda _, inputs, output: kept.append(inputs[0]))
    try:
        encoder.tokens(normalize(images.to(encoder.cls_token.device) / 255))
    finally:
        hook.remove()
    rows = images.shape[2] // encoder.stride
    return kept[0][:, 1 + encoder.registers :].norm(dim=2).unflatten(1, (rows, -1)).float().cpu()
