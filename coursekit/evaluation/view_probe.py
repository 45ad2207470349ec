"""What features still say about a view: can a linear map read from them what the objective asks to forget?

Chen et al., SimCLR, ICML 2020 (Table 3) ask h and z which transform an image went through; here a ridge regression reads a
number, the colour of the view.
"""

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from coursekit.draws import Draws
from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.views import View, ViewMaker, denormalize

STRENGTHS = np.logspace(0, 5, 11)  # of the ridge; one is chosen on the training features


def ridge_r2(train_x: Tensor, train_y: Tensor, test_x: Tensor, test_y: Tensor) -> float:
    """How much of the spread of test_y a linear map of the features explains: R^2, the mean over y's columns.

    train_x, train_y: features (N, D) and numbers (N, K) to learn from.
    test_x, test_y: (M, D) and (M, K), to be judged by.

    1: all of it; 0: no better than the mean of test_y; below 0: worse. Features are standardised with the training set's
    mean and deviation, and the ridge's strength is chosen on the training set. Raises CourseError for other shapes.
    """
    parts = (train_x, train_y, test_x, test_y)
    fits = all(part.ndim == 2 for part in parts) and train_x.shape[1] == test_x.shape[1]
    if not fits or len(train_x) != len(train_y) or len(test_x) != len(test_y) or len(train_x) < 3:
        shapes = ", ".join(str(tuple(part.shape)) for part in parts)
        raise CourseError(f"ridge_r2 needs (N, D), (N, K), (M, D) and (M, K), N at least 3, not {shapes}.")
    a, y, b, truth = (part.detach().double().numpy(force=True) for part in parts)
    found = make_pipeline(StandardScaler(), RidgeCV(STRENGTHS)).fit(a, y).predict(b).reshape(truth.shape)
    return float((1 - ((truth - found) ** 2).mean(0) / truth.var(0)).mean())


def view_color(view: View) -> Tensor:
    """The mean red, green and blue of each view, which colour jitter changes: (N, 3), 0 to 1."""
    return denormalize(view.pixels.float()).mean(dim=(2, 3))


@torch.inference_mode()
def color_kept(
    encoder: Encoder, projector: nn.Module | None, views: ViewMaker, train: Tensor, test: Tensor, seed: int = 0
) -> dict[str, float]:
    """How much of a view's colour a linear map reads from h and from z: {"h": R^2, "z": R^2}.

    encoder, projector: on the CPU; they work in eval mode and stay in it. Without a projector z is NaN: not known.
    views: makes the views; the first of each image is taken.
    train, test: uint8 (N, 3, H, W); the map is learned on views of the first and judged on views of the second.
    seed: of the views.
    """
    encoder.eval()
    projector = projector and projector.eval()
    h, z, color = [], [], []
    for step, images in enumerate((train, test)):
        view = views(images, Draws(seed, step))[0]
        h.append(torch.cat([encoder(pixels) for pixels in view.pixels.split(256)]))
        z.append(h[-1] if projector is None else projector(h[-1]))
        color.append(view_color(view))
    read = {name: ridge_r2(x[0], color[0], x[1], color[1]) for name, x in (("h", h), ("z", z))}
    return read if projector else {**read, "z": float("nan")}
