"""The widgets of lesson 03: augmented views of one image, and the similarity matrix with its temperature."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from coursekit.draws import Draws
from coursekit.figures.contrast import SimilarityPicture
from coursekit.figures.images import ViewsPicture
from coursekit.figures.live import LiveFigure
from coursekit.runtime import CourseError
from coursekit.scenes.road_scenes import draw_scene
from coursekit.views import RandomView, View
from coursekit.widgets.explorer import Explorer, button, only_made, slider

STRENGTHS = (  # name in RandomView, label, largest value
    ("flip", "flip (prob.)", 1.0),
    ("brightness", "brightness", 1.0),
    ("contrast", "contrast", 1.0),
    ("saturation", "saturation", 1.0),
    ("hue", "hue (turn)", 0.5),
    ("grayscale", "gray (prob.)", 1.0),
    ("blur", "blur (prob.)", 1.0),
    ("solarize", "solarize (prob.)", 1.0),
)
FIRST_DRAW = 33  # a draw in which each slider changes a good part of the yellow van's four views


def yellow_van() -> Tensor:
    """A yellow van by day, uint8 (3, 241, 241), drawn: a bright and colourful image, on which every transform shows."""
    scene = draw_scene(40_000_029, 448).image
    return torch.from_numpy(scene[124:365, 17:258].copy()).permute(2, 0, 1)


def views_explorer(
    image: Tensor | None = None, view: RandomView | None = None, views: int = 4, seed: int = FIRST_DRAW
) -> Explorer:
    """Random views of one image, with a slider for each transform and the crops' boxes on the original.

    image: uint8 (3, H, W); default: a yellow van.
    view: where the sliders stand at first; default: SimCLR's, 64 px.
    views: how many.
    seed: of the first draw; the button draws again.

    Moving a slider keeps the draw: only the effect of that transform changes. Colour jitter is applied to every view
    here, so that its sliders always show; in training it is applied to 80 % of them. Raises CourseError for anything
    but one uint8 image.
    """
    image, view = yellow_van() if image is None else torch.as_tensor(image), view or RandomView(64)
    if image.ndim != 3 or image.shape[0] != 3 or image.dtype != torch.uint8:
        raise CourseError(
            f"views_explorer shows one image, uint8 (3, H, W), not {image.dtype} {tuple(image.shape)}. "
            "One of many: images[0]."
        )
    copies = image.clone().expand(views, -1, -1, -1)
    labels = {name: label.partition(" ")[0] for name, label, _ in STRENGTHS}

    def made(scale, seed, **strengths) -> View:
        return replace(view, scale=tuple(scale), jitter=1.0, **strengths)(copies, Draws(seed))

    def draw(scale, seed, **strengths) -> tuple[bytes, str]:
        told = ", ".join(f"{labels[name]} {value:.2g}" for name, value in strengths.items())
        note = f"Crops of {100 * scale[0]:.0f} to {100 * scale[1]:.0f} % of the area; {told}."
        return live.draw(made(scale, seed, **strengths), note)

    first = {"scale": view.scale, **{name: getattr(view, name) for name in labels}, "seed": seed}
    live = LiveFigure(ViewsPicture(image, made(**first)))
    controls = {
        "scale": slider("crop (area)", first["scale"], 0.05, 1.0, 0.01, "FloatRangeSlider"),
        **{name: slider(label, first[name], 0.0, high) for name, label, high in STRENGTHS},
        "seed": button("new draw"),
    }
    return Explorer(draw, first, only_made(controls), "Views explorer", live.size)


def similarity_explorer(
    z_a: Tensor, z_b: Tensor, temperature: float = 0.1, views: Sequence[Tensor] | None = None
) -> Explorer:
    """The similarity matrix of a small batch and each row's softmax, with a slider for the temperature (logarithmic)
    and the loss.

    z_a, z_b: (N, D), row i of both from image i, N up to about 16. views: the pixels of the first and of the second
    views, (N, 3, S, S) each, to be shown beside their rows. Raises CourseError for other shapes.
    """
    if z_a.ndim != 2 or z_a.shape != z_b.shape or not len(z_a):
        raise CourseError(
            f"similarity_explorer compares (N, D) with (N, D), not {tuple(z_a.shape)} with {tuple(z_b.shape)}."
        )
    if views is not None and [len(part) for part in views] != [len(z_a)] * 2:
        raise CourseError(
            f"views are two batches of {len(z_a)} pictures, as many as z_a has rows, not {[len(part) for part in views]}."
        )
    live = LiveFigure(SimilarityPicture(z_a, z_b, temperature, views))
    controls = {"temperature": slider("temperature", temperature, -2.0, 0.5, 0.05, "FloatLogSlider", ".3f")}
    return Explorer(live.draw, {"temperature": temperature}, only_made(controls), "Similarity explorer", live.size)
