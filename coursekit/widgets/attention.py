"""The widget of lesson 07: what a token of a ViT attends to, by layer and head, laid over the image."""

import torch
from torch import Tensor

from coursekit.figures.attention import AttentionPicture
from coursekit.figures.live import LiveFigure
from coursekit.models import Encoder, ViT
from coursekit.runtime import CourseError
from coursekit.widgets.explorer import Explorer, checkbox, only_made, slider


def attention_explorer(encoder: Encoder, images: Tensor, layer: int | None = None, head: int = 0) -> Explorer:
    """Attention maps with sliders for the image, the layer, the head, the overlay's strength, and the token that attends.

    encoder: a ViT of the course's own. images: uint8 (N, 3, S, S), square, of a size that it takes. layer: at first, from 1;
    default: the last one. head: at first, from 1; 0 is the mean of all. The class token attends at first; untick it to
    choose a patch by row and column. Raises CourseError for another network and for other images.
    """
    if not isinstance(encoder, ViT):
        raise CourseError(
            f"attention_explorer needs a ViT of the course's own, such as 'vit_micro', not {type(encoder).__name__}."
        )
    images = torch.as_tensor(images)
    if images.ndim != 4 or images.dtype != torch.uint8 or images.shape[1] != 3 or images.shape[2] != images.shape[3]:
        raise CourseError(
            f"attention_explorer shows uint8 images (N, 3, S, S), not {images.dtype} {tuple(images.shape)}."
        )
    encoder.check_sides(*images.shape[2:])
    depth, heads, grid = len(encoder.blocks), encoder.blocks[0].attention.heads, images.shape[3] // encoder.stride
    layer = depth if layer is None else layer
    if not (1 <= layer <= depth and 0 <= head <= heads):
        raise CourseError(
            f"Layers count from 1 to {depth}, heads from 1 to {heads}; there is no layer {layer} or no head {head}."
        )
    first = {"image": 0, "layer": layer, "head": head, "strength": 0.7}
    token = {"of_class": True, "row": grid // 2, "column": grid // 2}
    live = LiveFigure(AttentionPicture(encoder.cpu().eval(), images, **{**first, "layer": layer - 1}))

    def draw(of_class, row, column, layer, **values) -> tuple[bytes, str]:
        return live.draw(**values, layer=layer - 1, patch=None if of_class else (row, column))

    whole = {"step": 1, "kind": "IntSlider", "form": "d"}
    controls = {
        "image": slider("image", 0, 0, len(images) - 1, **whole),
        "layer": slider("layer", first["layer"], 1, depth, **whole),
        "head": slider("head (0: mean)", head, 0, heads, **whole),
        "strength": slider("overlay", first["strength"], 0.0, 1.0),
        "of_class": checkbox("query: class token", True),
        "row": slider("row", token["row"], 0, grid - 1, **whole),
        "column": slider("column", token["column"], 0, grid - 1, **whole),
    }
    seen = Explorer(draw, {**first, **token}, only_made(controls), "Attention explorer", live.size)
    if seen.controls:
        seen.controls["of_class"].observe(lambda change: _show_place(seen.controls, not change["new"]), names="value")
        _show_place(seen.controls, False)
    return seen


def _show_place(controls: dict, asked: bool) -> None:
    """Show the sliders for a patch's place, or hide them while they would change nothing."""
    for name in ("row", "column"):
        controls[name].layout.display = None if asked else "none"
