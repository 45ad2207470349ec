"""The widgets of lesson 03: augmented views of one image, and the similarity matrix with its temperature."""

from dataclasses import replace

import torch
from torch import Tensor

from coursekit.draws import Draws
from coursekit.figures.contrast import similarity_matrix
from coursekit.figures.images import view_pairs
from coursekit.runtime import CourseError
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


def views_explorer(image: Tensor, view: RandomView | None = None, views: int = 4, seed: int = 0) -> Explorer:
    """Random views of one image, with a slider for each transform and the crops' boxes on the original.

    image: uint8 (3, H, W). view: where the sliders stand at first; default: SimCLR's, 64 px. views: how many. seed: of
    the first draw; the button draws again.

    Moving a slider keeps the draw: only the effect of that transform changes. Colour jitter is applied to every view
    here, so that its sliders always show; in training it is applied to 80 % of them. Raises CourseError for anything
    but one uint8 image.
    """
    image, view = torch.as_tensor(image), view or RandomView(64)
    if image.ndim != 3 or image.shape[0] != 3 or image.dtype != torch.uint8:
        raise CourseError(
            f"views_explorer shows one image, uint8 (3, H, W), not {image.dtype} {tuple(image.shape)}. "
            "One of many: images[0]."
        )

    def draw(scale, seed, **strengths):
        transform = replace(view, scale=tuple(scale), jitter=1.0, **strengths)
        made = transform(image[None].expand(views, -1, -1, -1), Draws(seed))
        each = [View(made.pixels[k : k + 1], made.theta[k : k + 1]) for k in range(views)]
        return view_pairs(image[None], *each, columns=1, names=[f"view {k + 1}" for k in range(views)], cell=1.8)

    first = {"scale": view.scale, **{name: getattr(view, name) for name, *_ in STRENGTHS}, "seed": seed}
    controls = {
        "scale": slider("crop (area)", first["scale"], 0.05, 1.0, 0.01, "FloatRangeSlider"),
        **{name: slider(label, first[name], 0.0, high) for name, label, high in STRENGTHS},
        "seed": button("new draw"),
    }
    return Explorer(draw, first, only_made(controls), "Views explorer")


def similarity_explorer(z_a: Tensor, z_b: Tensor, temperature: float = 0.1) -> Explorer:
    """The similarity matrix of a small batch and each row's softmax, with a slider for the temperature (logarithmic)
    and the loss.

    z_a, z_b: (N, D), row i of both from image i, N up to about 16. Raises CourseError for other shapes.
    """
    if z_a.ndim != 2 or z_a.shape != z_b.shape or not len(z_a):
        raise CourseError(
            f"similarity_explorer compares (N, D) with (N, D), not {tuple(z_a.shape)} with {tuple(z_b.shape)}."
        )
    z_a, z_b = z_a.detach().clone(), z_b.detach().clone()
    controls = {"temperature": slider("temperature", temperature, -2.0, 0.5, 0.05, "FloatLogSlider", ".3f")}
    return Explorer(
        lambda temperature: similarity_matrix(z_a, z_b, temperature),
        {"temperature": temperature},
        only_made(controls),
        "Similarity explorer",
    )
