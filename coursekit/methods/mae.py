"""MAE: most patches are left out, and a small decoder paints them from those that are left.

He et al., Masked Autoencoders Are Scalable Vision Learners, CVPR 2022. The encoder sees the visible patches alone, which
is what makes a step cheap; hidden places meet it only in the decoder, as one learned token and their positions.
"""

import torch
from torch import Tensor, nn

from coursekit import arguments as arg
from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.masked_patches import HiddenPatches
from coursekit.methods.method_file import KeptWhole
from coursekit.methods.patches import check_patch, grid_positions, patch_statistics, patchify, unpatchify
from coursekit.methods.precision import in_float32
from coursekit.methods.registry import register
from coursekit.models import Encoder
from coursekit.models.vit import Block
from coursekit.runtime import CourseError
from coursekit.views import RandomView, View, ViewMaker


@in_float32
def masked_patch_error(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error of the hidden patches alone.

    prediction, target: (B, P, D), a patch's pixels in a row. mask: bool (B, P), True = hidden.
    """
    return (prediction - target)[mask].square().mean()


def visible_first(mask: Tensor) -> tuple[Tensor, Tensor]:
    """(keep, restore): places of the visible patches, int64 (B, K), and how to put back what was sorted, int64 (B, P).

    mask: bool (B, P), True = hidden, as many in every image. `torch.cat([visible, hidden], 1)` is put back in order by
    gathering along dimension 1 with `restore`.
    """
    order = mask.int().argsort(dim=1, stable=True)  # False before True; stable, so that places stay in their order
    return order[:, : int((~mask[0]).sum())], order.argsort(dim=1)


class PatchDecoder(nn.Module):
    """From the encoder's visible tokens to the pixels of all patches. (B, 1 + K, in_dim) -> (B, P, out_dim).

    in_dim, out_dim: of a token, and of a patch's pixels. dim, depth, heads: of its transformer blocks. grid: patches
    along a side.
    """

    def __init__(self, in_dim: int, out_dim: int, dim: int, depth: int, heads: int, grid: int):
        super().__init__()
        self.enter = nn.Linear(in_dim, dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dim))
        nn.init.trunc_normal_(self.mask_token, std=0.02)
        self.register_buffer(
            "positions", grid_positions(grid, dim), persistent=False
        )  # (P, dim): computed, not learned
        self.blocks = nn.Sequential(*(Block(dim, heads, None) for _ in range(depth)))
        self.leave = nn.Sequential(nn.LayerNorm(dim, eps=1e-6), nn.Linear(dim, out_dim))

    def forward(self, cls: Tensor, visible: Tensor, restore: Tensor) -> Tensor:
        """cls: (B, in_dim). visible: (B, K, in_dim). restore: int64 (B, P)."""
        x = self.enter(torch.cat([cls[:, None], visible], dim=1))
        missing = self.mask_token.to(x.dtype).expand(len(x), restore.shape[1] - visible.shape[1], -1)
        places = torch.cat([x[:, 1:], missing], dim=1)
        places = places.gather(1, restore[:, :, None].expand(-1, -1, x.shape[2])) + self.positions.to(x.dtype)
        return self.leave(self.blocks(torch.cat([x[:, :1], places], dim=1)))[:, 1:]


@register("mae")
class MAE(KeptWhole, SSLMethod):
    """decoder_dim, decoder_depth, decoder_heads: of the decoder. The paper's has 8 blocks of width 512 beside ViT-L; by its
    Table 1, 2 blocks fine-tune as well, and only the linear probe loses. normalize: targets are each patch's pixels with
    mean 0 and variance 1, which asks for structure, not brightness.
    """

    defaults = Defaults(lr=1.5e-4, weight_decay=0.05, betas=(0.9, 0.95))
    needs_tokens = True
    made_for = HiddenPatches
    header = "mae"

    def __init__(
        self,
        encoder: Encoder,
        views: ViewMaker,
        decoder_dim: int = 128,
        decoder_depth: int = 2,
        decoder_heads: int = 4,
        normalize: bool = True,
    ):
        super().__init__(encoder, views)
        arg.count.check(decoder_dim=decoder_dim, decoder_depth=decoder_depth, decoder_heads=decoder_heads)
        if decoder_dim % decoder_heads or decoder_dim % 4:
            raise CourseError(
                f"MAE: decoder_dim {decoder_dim} must be a multiple of 4, for its positions, and of decoder_heads "
                f"{decoder_heads}."
            )
        check_patch("MAE", encoder, views)
        self.decoder_dim, self.decoder_depth, self.decoder_heads = decoder_dim, decoder_depth, decoder_heads
        self.normalize = normalize
        pixels, grid = 3 * encoder.stride**2, views.view.size // encoder.stride
        self.decoder = PatchDecoder(encoder.dim, pixels, decoder_dim, decoder_depth, decoder_heads, grid)

    @staticmethod
    def default_views(size: int, patch: int = 8) -> ViewMaker:
        view = RandomView(size, scale=(0.2, 1.0), jitter=0.0, grayscale=0.0, blur=0.0)
        return HiddenPatches(view, patch, share=0.75)

    @classmethod
    def views_again(cls, size: int, encoder: Encoder) -> ViewMaker:
        return cls.default_views(size, encoder.stride)

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        view = views[0]
        keep, restore = visible_first(view.mask)
        cls, visible = self.encoder.tokens(view.pixels, keep=keep)  # hidden patches never enter
        target = patchify(view.target, self.encoder.stride)
        if self.normalize:
            mean, std = patch_statistics(target)
            target = (target - mean) / std
        parts = {"prediction": self.decoder(cls, visible, restore), "target": target, "mask": view.mask}
        parts = {name: self.gather(part) for name, part in parts.items()}
        return {"loss": masked_patch_error(**parts), "z": cls.detach(), **parts}

    @torch.no_grad()
    def reconstruct(self, view: View) -> Tensor:
        """What was painted, in the view's own pixels: normalised (B, 3, S, S), the visible patches as they were given.

        The decoder says a patch relative to its mean and variance (if `normalize`); those of the true patch are put back
        in, because no one else knows them.
        """
        keep, restore = visible_first(view.mask)
        painted = self.decoder(*self.encoder.tokens(view.pixels, keep=keep), restore).float()
        truth = patchify(view.target, self.encoder.stride)
        if self.normalize:
            mean, std = patch_statistics(truth)
            painted = painted * std + mean
        return unpatchify(torch.where(view.mask[:, :, None], painted, truth), self.encoder.stride)

    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        """mean_error: the error of painting every hidden patch in one grey, its own mean, or (without `normalize`) in the
        mean colour of the visible patches. An answer that is worth anything is below it."""
        if self.normalize:
            flat = torch.zeros_like(out["target"])
        else:
            color = out["target"][~out["mask"]].unflatten(1, (3, -1)).mean(dim=(0, 2))
            flat = color.repeat_interleave(out["target"].shape[2] // 3).expand_as(out["target"])
        told = masked_patch_error(flat, out["target"], out["mask"])
        return {"mean_error": told.item(), **super().diagnose(out)}
