"""A small, readable Vision Transformer.

Dosovitskiy et al., An Image is Worth 16x16 Words, ICLR 2021. Options of later papers: register tokens (Darcet et al.,
ICLR 2024), LayerScale (Touvron et al., CaiT, ICCV 2021). Pre-norm blocks, learned position embeddings, one class token.

Design choices: `tokens` is the one way through the network, `features` sorts its output; position embeddings are stored
for the image size that the network was built for and interpolated to any other, square or not; attention maps are
computed when asked for, because the fused kernel that is used otherwise never holds them.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from coursekit.models.encoder import Encoder
from coursekit.models.registry import register_encoder
from coursekit.runtime import CourseError


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al., NeurIPS 2017). (B, N, D) -> (B, N, D)."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def split(self, x: Tensor) -> Tensor:
        """Queries, keys and values: (B, N, D) -> (3, B, heads, N, D / heads)."""
        b, n, d = x.shape
        return self.qkv(x).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.split(x)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

    def weights(self, x: Tensor) -> Tensor:
        """Attention maps: (B, N, D) -> (B, heads, N, N); each row sums to 1."""
        q, k, _ = self.split(x)
        return (q @ k.mT / q.shape[-1] ** 0.5).softmax(dim=-1)


class LayerScale(nn.Module):
    """A learned factor for each channel, small at first, so that a deep network starts near the identity."""

    def __init__(self, dim: int, start: float):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((dim,), start))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class Block(nn.Module):
    """One transformer layer: x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, dim: int, heads: int, layer_scale: float | None):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.attention = Attention(dim, heads)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.scale1, self.scale2 = (LayerScale(dim, layer_scale) if layer_scale else nn.Identity() for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.scale1(self.attention(self.norm1(x)))
        return x + self.scale2(self.mlp(self.norm2(x)))


_RESIZED = WeakTensorKeyDictionary()  # table -> (what the last result was made from, that result)


def resized_positions(
    table: Tensor, rows: int, columns: int, offset: float = 0.0, antialias: bool = True, align_corners: bool = False
) -> Tensor:
    """Position embeddings of a square grid for another grid, by bicubic interpolation.

    table: (1, 1 + G * G, D), the class token's first, which stays -> (1, 1 + rows * columns, D).
    offset, antialias: see `ViT.positions`. align_corners: keep the corners' embeddings where they are, as torchvision does.

    Where no gradient is asked for, the last result is kept for the next image of the same size. An exported network then
    holds it as a constant: ONNX has no such interpolation. In inference mode nothing is kept: tensors made there have no
    version that would tell of a change, and cannot be trained with later.
    """
    rows, columns = int(rows), int(columns)  # an export's tracing gives them as tensors
    keep = not (
        torch.is_inference_mode_enabled() or table.is_inference() or (torch.is_grad_enabled() and table.requires_grad)
    )
    if keep:
        made_from = (rows, columns, offset, antialias, align_corners, table._version, table.data_ptr(), table.dtype)
        if _RESIZED.get(table, (None,))[0] == made_from:
            return _RESIZED[table][1]
    grid = round((int(table.shape[1]) - 1) ** 0.5)
    patches = table[:, 1:].unflatten(1, (grid, grid)).permute(0, 3, 1, 2)
    to = {"scale_factor": tuple((n + offset) / grid for n in (rows, columns))} if offset else {"size": (rows, columns)}
    how = {"mode": "bicubic", "align_corners": align_corners, "antialias": antialias}
    patches = F.interpolate(patches.float(), **to, **how)
    resized = torch.cat([table[:, :1], patches.to(table.dtype).flatten(2).transpose(1, 2)], dim=1)
    if keep:
        _RESIZED[table] = made_from, resized
    return resized


class ViT(Encoder):
    """Vision Transformer for images whose sides are multiples of the patch size, square or not.

    image_size: side of the images it is built for, px.
    patch_size: side of a patch, px.
    dim, depth: width, and number of blocks.
    heads: attention heads; must divide dim.
    registers: extra tokens without a place.
    layer_scale: first value of LayerScale, None = without.
    position_offset, position_antialias: how position embeddings are interpolated to another grid, see `positions`;
    official weights come with a rule of their own.

    Raises CourseError if sizes do not fit.
    """

    def __init__(
        self,
        image_size: int = 64,
        patch_size: int = 8,
        dim: int = 128,
        depth: int = 4,
        heads: int = 4,
        registers: int = 0,
        layer_scale: float | None = None,
        position_offset: float = 0.0,
        position_antialias: bool = True,
    ):
        super().__init__()
        if image_size % patch_size or dim % heads:
            raise CourseError(
                f"ViT: image_size {image_size} must be a multiple of patch_size {patch_size}, and dim {dim} of "
                f"heads {heads}."
            )
        self.dim, self.stride, self.multiple, self.registers = dim, patch_size, patch_size, registers
        self.patch_embed = nn.Conv2d(3, dim, patch_size, stride=patch_size)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.register_tokens = nn.Parameter(torch.zeros(1, registers, dim)) if registers else None
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.grid = image_size // patch_size
        self.position_offset, self.position_antialias = position_offset, position_antialias
        self.pos_embed = nn.Parameter(
            torch.zeros(1, 1 + self.grid**2, dim)
        )  # class token first, then patches row by row
        self.blocks = nn.ModuleList(Block(dim, heads, layer_scale) for _ in range(depth))
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.apply(self._init)
        for token in (self.cls_token, self.register_tokens, self.mask_token, self.pos_embed):
            if token is not None:
                nn.init.trunc_normal_(token, std=0.02)

    @staticmethod
    def _init(module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)

    def positions(self, rows: int, columns: int) -> Tensor:
        """Position embeddings of a grid of patches: (1, 1 + rows * columns, dim), interpolated to that *size* if needed.

        Bicubic, to a target size and not by a factor: a factor is rounded and can miss by one patch. With `position_offset`
        it is the factor (rows + offset) / grid all the same, because DINOv2 was trained with it (offset 0.1: the result
        has the right size, and every position moves a little).
        """
        if (rows, columns) == (self.grid, self.grid):
            return self.pos_embed
        return resized_positions(self.pos_embed, rows, columns, self.position_offset, self.position_antialias)

    def _embed(self, pixels: Tensor, mask: Tensor | None, keep: Tensor | None) -> Tensor:
        """The tokens that enter the first block."""
        self.check_pixels(pixels)
        rows, columns = (side // self.stride for side in pixels.shape[2:])
        x = self.patch_embed(pixels).flatten(2).transpose(1, 2)  # (B, P, D)
        if mask is not None:
            if mask.shape != x.shape[:2] or mask.dtype != torch.bool:
                raise CourseError(
                    f"mask must be bool {tuple(x.shape[:2])}, one value a patch, not {mask.dtype} {tuple(mask.shape)}."
                )
            x = torch.where(mask[:, :, None], self.mask_token.to(x.dtype), x)
        position = self.positions(rows, columns)
        x = x + position[:, 1:]
        if keep is not None:  # before the first block: MAE's saving
            x = x.gather(1, keep[:, :, None].expand(-1, -1, self.dim))
        front = [(self.cls_token + position[:, :1]).expand(len(x), -1, -1)]
        if self.register_tokens is not None:  # registers have no place
            front.append(self.register_tokens.expand(len(x), -1, -1))
        return torch.cat([*front, x], dim=1)

    def tokens(self, pixels: Tensor, mask: Tensor | None = None, keep: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Class token and patch tokens after the last norm. pixels: (B, 3, H, W) -> (B, dim), (B, P, dim).

        mask: bool (B, P), those patches become the mask token (BEiT, iBOT). keep: int64 (B, K), only those patches
        enter, in that order, and P becomes K (MAE). Registers are left out of what is returned.
        """
        x = self._embed(pixels, mask, keep)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return x[:, 0], x[:, 1 + self.registers :]

    def features(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Class token as the pooled feature, patch tokens as the map: (B, dim), (B, dim, H / patch, W / patch)."""
        cls, patches = self.tokens(pixels)
        rows = pixels.shape[2] // self.stride
        return cls, patches.transpose(1, 2).unflatten(2, (rows, -1))

    def maps(self, pixels: Tensor, depths: Sequence[int] = ()) -> list[Tensor]:
        """The map after each of these blocks, through the last norm: (B, dim, H / patch, W / patch) each.

        depths: from 1, after the first block, to the number of blocks; default: the last alone. Registers and class token
        are left out. Raises CourseError for a block that is not there.
        """
        wanted = tuple(depths) or (len(self.blocks),)
        if wrong := [d for d in wanted if not 1 <= d <= len(self.blocks)]:
            raise CourseError(f"There is no block {wrong[0]}: they count from 1 to {len(self.blocks)}.")
        x, rows, found = self._embed(pixels, None, None), pixels.shape[2] // self.stride, {}
        for depth, block in enumerate(self.blocks, start=1):
            x = block(x)
            if depth in wanted:
                found[depth] = self.norm(x)[:, 1 + self.registers :].transpose(1, 2).unflatten(2, (rows, -1))
        return [found[depth] for depth in wanted]

    @torch.no_grad()
    def attention_weights(self, pixels: Tensor, layer: int = -1) -> Tensor:
        """What every token attends to in one layer, by head: (B, heads, N, N), rows sum to 1. The class token comes first,
        then registers, then patches row by row.

        layer: 0 is the first block, -1 the last. Raises CourseError for a layer that is not there.
        """
        depth = len(self.blocks)
        if not -depth <= layer < depth:
            raise CourseError(f"There is no layer {layer}: the {depth} blocks count from 0 or, backwards, from -1.")
        x = self._embed(pixels, None, None)
        for block in self.blocks[: layer % depth]:
            x = block(x)
        return self.blocks[layer].attention.weights(self.blocks[layer].norm1(x))

    def attention_maps(self, pixels: Tensor, layer: int = -1, query: int | None = None) -> Tensor:
        """What one token attends to in one layer, by head: (B, heads, H / patch, W / patch).

        layer: as in `attention_weights`. query: a patch, row by row from 0; by default the class token. The rest of its
        attention goes to the class token and the registers, so a map sums to less than 1. Raises CourseError for a layer
        or a patch that is not there.
        """
        rows, columns = (side // self.stride for side in pixels.shape[2:])
        if query is not None and not 0 <= query < rows * columns:
            raise CourseError(
                f"There is no patch {query}: {rows} x {columns} of them count from 0 to {rows * columns - 1}."
            )
        front = 1 + self.registers
        weights = self.attention_weights(pixels, layer)[:, :, 0 if query is None else front + query, front:]
        return weights.unflatten(2, (rows, columns))


register_encoder("vit_micro", ViT, patch_size=8, dim=128, depth=4, heads=4)
register_encoder("vit_mini", ViT, patch_size=8, dim=192, depth=6, heads=6)
# the sizes of DeiT (Touvron et al., ICML 2021)
register_encoder("vit_tiny", ViT, patch_size=16, dim=192, depth=12, heads=3)
register_encoder("vit_small", ViT, patch_size=16, dim=384, depth=12, heads=6)
register_encoder("vit_base", ViT, patch_size=16, dim=768, depth=12, heads=12)
