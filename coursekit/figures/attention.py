"""What a ViT's tokens attend to, and what its patches are like, laid over the image."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from coursekit.evaluation.patch_features import patch_colors
from coursekit.figures.images import to_rgb
from coursekit.figures.layout import panels
from coursekit.figures.style import INK, bare, describe, styled
from coursekit.models import ViT
from coursekit.views import normalize

HEAT = "inferno"  # dark to bright, for colour-blind readers too, and in print
UNIT = {"extent": (0, 1, 1, 0)}  # an image of any size fills the same square


class AttentionPicture:
    """One image, and what a token of it attends to in one layer: `show(image, layer, head, patch, strength)`.

    encoder: a ViT, on the CPU. images: uint8 (N, 3, H, W), of a size that it takes, square.
    image: which, from 0. layer: from 0, or from -1 backwards; the picture counts from 1. head: from 1; 0 is the mean of all.
    patch: (row, column) of the token that attends, None for the class token. strength: of the overlay, 0 to 1.

    figure: the Figure. moving: its artists that depend on what is shown. grid: patches along a side.
    """

    @styled
    def __init__(self, encoder: ViT, images: Tensor, cell: float = 3.3, **first):
        self.encoder, self.images, self.grid = encoder, images, images.shape[3] // encoder.stride
        self.depth, self.heads = len(encoder.blocks), encoder.blocks[0].attention.heads
        self.known = {}  # (image, layer) -> weights: a slider moves within one of them most of the time
        self.figure, axes = panels(2, 2, cell, cell + 1.05, titles=("image", "attention, laid over it"))
        left, right = axes[:, 0]
        for ax in (left, right):
            ax.title.set_fontsize(13)
            bare(ax).set(xlim=(0, 1), ylim=(1, 0))
            ax.set_xlabel("X" * 24 + "\nX", fontsize=12, color="none")  # room for two lines
        self.plain, self.below = (ax.imshow(to_rgb(images[0]), **UNIT) for ax in (left, right))
        self.heat = right.imshow(torch.zeros(self.grid, self.grid).numpy(), cmap=HEAT, vmin=0, vmax=1, **UNIT)
        side = 1 / self.grid
        self.mark = left.add_patch(Rectangle((0, 0), side, side, fill=False, lw=2.5, ec="white"))
        self.rim = left.add_patch(Rectangle((0, 0), side, side, fill=False, lw=1.2, ec=INK, ls=(0, (2, 2))))
        self.asked, self.told = (
            ax.text(0.5, 1.03, " ", fontsize=12, ha="center", va="top", linespacing=1.4) for ax in (left, right)
        )
        for text in (self.asked, self.told):
            text.set_in_layout(False)
        self.moving = [self.plain, self.mark, self.rim, self.asked, self.below, self.heat, self.told]
        self.show(**{"image": 0, **first})

    def weights(self, image: int, layer: int) -> Tensor:
        """(heads, N, N) of one image and layer."""
        if (image, layer) not in self.known:
            if len(self.known) >= 64:  # of small networks; nobody looks at more than a few
                self.known.clear()
            pixels = normalize(self.images[image : image + 1] / 255)
            self.known[image, layer] = self.encoder.attention_weights(pixels, layer)[0]
        return self.known[image, layer]

    def show(
        self, image: int, layer: int = -1, head: int = 0, patch: tuple[int, int] | None = None, strength: float = 0.7
    ) -> None:
        """Show what another token attends to, and describe it."""
        layer, front = layer % self.depth, 1 + self.encoder.registers
        rows = self.weights(image, layer)
        weights = rows.mean(dim=0) if head == 0 else rows[head - 1]  # (N, N)
        token = 0 if patch is None else front + patch[0] * self.grid + patch[1]
        attended = weights[token, front:].view(self.grid, self.grid)
        for picture in (self.plain, self.below):
            picture.set_data(to_rgb(self.images[image]))
        self.heat.set(data=(attended / attended.max().clamp_min(1e-12)).numpy(), alpha=strength)
        for frame in (self.mark, self.rim):
            frame.set_visible(patch is not None)
            frame.set_xy((0, 0) if patch is None else (patch[1] / self.grid, patch[0] / self.grid))
        who = "class token" if patch is None else f"patch in row {patch[0]}, column {patch[1]}"
        which = "mean of all heads" if head == 0 else f"head {head} of {self.heads}"
        place = divmod(attended.argmax().item(), self.grid)
        share, even = attended.max().item(), 1 / weights.shape[1]
        self.asked.set_text(f"query: {who}")
        self.told.set_text(f"layer {layer + 1} of {self.depth}, {which}\nbrightest: {share:.1%}, even: {even:.1%}")
        describe(
            self.figure,
            f"""
            Image {image}; the {who} attends, in layer {layer + 1} of {self.depth}, {which}, most to the
            patch in row {place[0]}, column {place[1]}: {share:.1%}, where even attention would be {even:.1%}. All patches
            together get {attended.sum():.1%}. Overlay {strength:.2g}, from 0 to 1.""",
        )


def attention_overlay(encoder: ViT, images: Tensor, **shown) -> Figure:
    """One image with what a token attends to. Arguments as `AttentionPicture` has them."""
    return AttentionPicture(encoder, images, **shown).figure


@styled
def attention_grid(encoder: ViT, image: Tensor, cell: float = 1.25) -> Figure:
    """The class token's attention in every layer and head of one image, each map on a scale of its own.

    encoder: a ViT, on the CPU. image: uint8 (3, H, W).
    """
    pixels, depth = normalize(image[None] / 255), len(encoder.blocks)
    maps = [encoder.attention_maps(pixels, layer)[0] for layer in range(depth)]  # (heads, h, w) each
    heads = len(maps[0])
    fig, axes = panels(depth, 1, cell, cell + 0.04, ratios=[1.0] * (heads + 1), margin=(1.0, 0.3))
    for layer, mine in enumerate(axes):
        bare(mine[0]).imshow(to_rgb(image))
        mine[0].set_ylabel(
            f"layer {layer + 1}", fontsize=11, color=INK, rotation=0, ha="right", va="center", labelpad=8
        )
        for head, ax in enumerate(mine[1:]):
            bare(ax).imshow(maps[layer][head].numpy(), cmap=HEAT)
    for k, ax in enumerate(axes[0]):
        ax.set_title("image" if k == 0 else f"head {k}", fontsize=11, fontweight="normal")
    return describe(
        fig,
        f"An image, and the class token's attention to its patches in {depth} layers, from above to below, and {heads} heads, "
        "from left to right: bright patches get most.",
    )


@styled
def patch_color_rows(maps: Mapping[str, Tensor], images: Sequence[Tensor], cell: float = 1.25) -> Figure:
    """Images, and below them their patches by each encoder, as colours: the same colour is a like feature, in all images.

    maps: {encoder: (N, D, h, w)}. images: N of them, uint8 (3, H, W).
    """
    rows = {"image": list(images), **{name: list(patch_colors(each)) for name, each in maps.items()}}
    fig, axes = panels(len(rows), 1, cell, cell + 0.04, ratios=[1.0] * len(images), margin=(1.5, 0.0))
    for mine, (name, pictures) in zip(axes, rows.items(), strict=True):
        for ax, picture in zip(mine, pictures, strict=True):
            bare(ax).imshow(to_rgb(picture), interpolation="nearest")
        mine[0].set_ylabel(name, fontsize=11, color=INK, rotation=0, ha="right", va="center", labelpad=8)
    return describe(
        fig,
        f"{len(images)} images, and their patches in colours that stand for the three directions in which features differ "
        f"most, by: {', '.join(maps)}.",
    )


@styled
def likeness(
    image: Tensor,
    maps: Mapping[str, Tensor],
    patch: tuple[int, int],
    mask: Tensor,
    cell: float = 2.3,
    above: float = 0.5,
) -> Figure:
    """One image, a patch of it framed, and how like that patch all others are to each encoder: cosine from -1 to 1.

    image: uint8 (3, H, W). maps: {encoder: (D, h, w)}. patch: (row, column). mask: bool (H, W), the object that it is a part of.
    above: for each encoder is told which share of the object's patches, those that it covers by more than half, and of all
    others have a higher cosine.
    """
    fig, axes = panels(1, 1, cell, cell + 0.7, ratios=[1.0] * (1 + len(maps)), margin=(0.9, 0.0))
    first, *others = axes[0]
    bare(first).imshow(to_rgb(image), **UNIT)
    h, w = next(iter(maps.values())).shape[1:]
    first.add_patch(Rectangle((patch[1] / w, patch[0] / h), 1 / w, 1 / h, fill=False, lw=2.5, ec="white"))
    first.set_title("image, patch framed\n", fontsize=11, fontweight="normal")
    held = F.adaptive_avg_pool2d(mask.float()[None], (h, w))[0] > 0.5
    told = []
    for ax, (name, features) in zip(others, maps.items(), strict=True):
        directions = F.normalize(features.float(), dim=0)
        cosine = torch.einsum("dhw,d->hw", directions, directions[:, patch[0], patch[1]])
        shown = bare(ax).imshow(cosine.numpy(), cmap="viridis", vmin=-1, vmax=1, **UNIT)
        mine, rest = ((cosine[part] > above).float().mean().item() for part in (held, ~held))
        ax.set_title(
            f"{name}; above {above:g}: {mine:.0%}\nof the object, {rest:.0%} of the rest",
            fontsize=11,
            fontweight="normal",
        )
        told.append(
            f"{name}: a cosine above {above:g} have {mine:.0%} of the object's patches and {rest:.0%} of the others"
        )
    fig.colorbar(shown, ax=list(others), shrink=0.75, label="cosine similarity")
    return describe(
        fig, f"An image, its patch in row {patch[0]}, column {patch[1]}, and like patches. {'; '.join(told)}."
    )
