"""Cheap rivals of pretext tasks: rules that see nothing of what a picture shows, and how far they get.

A network that does no better than its rival may have learned no more than the rival knows. Doersch, Gupta and Efros,
Unsupervised Visual Representation Learning by Context Prediction, ICCV 2015, found such shortcuts in the first task of
this kind, and Noroozi and Favaro, ECCV 2016, closed several in theirs.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit.draws import Draws
from coursekit.evaluation.linear_probe import linear_probe
from coursekit.methods import SSLMethod
from coursekit.methods.colorization import color_regression
from coursekit.methods.jigsaw import Jigsaw, cut, orders
from coursekit.methods.masked_patches import pixel_mask
from coursekit.views import View, ViewMaker

SPREAD = 100  # rounds in which a hidden pixel becomes the mean of its four neighbours


@torch.no_grad()
def answers(method: SSLMethod, images: Tensor, seed: int = 0) -> tuple[View, dict[str, Tensor]]:
    """The first view that a method makes of images, and what it says of it, on the CPU in eval mode.

    images: uint8 (N, 3, H, W). seed: of the views. Afterwards the method is in train or eval mode as it was.
    """
    was_training = method.training
    method.cpu().eval()
    try:
        views = method.views(images, Draws(seed))
        return views[0], method(views)
    finally:
        method.train(was_training)


def task_score(method: SSLMethod, images: Tensor, seed: int = 0) -> dict[str, float]:
    """How well a pretext task is solved on images that the method was not trained with: its loss, and what that is to be
    compared with (accuracy, gray_loss or mean_error). Arguments as in `answers`."""
    out = answers(method, images, seed)[1]
    return {"loss": out["loss"].item(), **method.diagnose(out)}


# --- which way is up, and where does a tile belong? -----------------------------------------------------------------


def edge_brightness(pixels: Tensor, width: int = 4) -> Tensor:
    """Mean brightness of the strips along the top, left, bottom and right edge: (B, 3, S, S) -> (B, 4). width: px."""
    gray = pixels.mean(dim=1)
    strips = gray[:, :width], gray[:, :, :width], gray[:, -width:], gray[:, :, -width:]
    return torch.stack([strip.mean(dim=(1, 2)) for strip in strips], dim=1)


def tile_brightness(pixels: Tensor, grid: int = 3) -> Tensor:
    """Mean brightness of each tile of a jigsaw: (B, 3, S, S) -> (B, grid * grid)."""
    return cut(pixels, grid).mean(dim=(2, 3, 4))


def linear_rival(
    look: Callable[[Tensor], Tensor], maker: ViewMaker, train: Tensor, test: Tensor, times: int = 4, seed: int = 0
) -> float:
    """Accuracy of a linear model that solves a task of classes from a few numbers of each picture, 0 to 1.

    look: what it sees, a function of the pixels (B, 3, S, S) that returns (B, D).
    maker: of views with a target, such as `Rotations`.
    train, test: uint8 (N, 3, H, W), images to learn from and others to be judged by.
    times: views made of each image. seed: of the views.
    """
    seen, asked = (
        [maker(part, Draws(seed, 2 * k + j))[0] for k in range(times)] for j, part in enumerate((train, test))
    )
    x, y = (torch.cat([look(view.pixels) for view in views]) for views in (seen, asked))
    a, b = (torch.cat([view.target for view in views]) for views in (seen, asked))
    return linear_probe(x, a, y, b, seed).accuracy


def seam_order(pixels: Tensor, maker: Jigsaw) -> Tensor:
    """The order in which neighbouring tiles fit best along their common edges, int64 (B,): nothing is learned.

    pixels: (B, 3, S, S), a view of `maker`. A seam costs the mean difference of the pixels on its two sides.
    """
    g, tiles = maker.grid, cut(pixels, maker.grid)  # (B, g * g, 3, T, T), place by place
    costs = []
    for order in orders(g * g, maker.orders).to(pixels.device):
        back = tiles[:, order.argsort()].unflatten(1, (g, g))  # every tile where it came from, if this was the order
        across = (back[:, :, 1:, :, :, 0] - back[:, :, :-1, :, :, -1]).abs().flatten(1).mean(dim=1)
        down = (back[:, 1:, :, :, 0, :] - back[:, :-1, :, :, -1, :]).abs().flatten(1).mean(dim=1)
        costs.append(across + down)
    return torch.stack(costs, dim=1).argmin(dim=1)


# --- which colour, and what is hidden? --------------------------------------------------------------------------------


def color_rivals(
    maker: ViewMaker, train: Tensor, test: Tensor, places: int = 4, levels: int = 8, times: int = 4, seed: int = 0
) -> dict[str, float]:
    """Errors of answers that do not look at what a picture shows: {"gray": ..., "mean colour": ..., "place": ..., ...}.

    maker: `GrayWithColor`.
    train, test: uint8 (N, 3, H, W), images to learn from and others to be judged by.
    places: along a side, for each of which a colour is told.
    levels: steps of brightness that are told apart.
    times: views made of each image. seed: of the views.

    Each rival but gray answers with the mean colour of those places in the training images that are like the one asked
    for: all of them, those at the same place of the picture, those as bright, those that are both. The error is that
    of `color_regression`.
    """
    seen, asked = (
        [maker(part, Draws(seed, 2 * k + j))[0] for k in range(times)] for j, part in enumerate((train, test))
    )
    (color, place, level), (truth, place_asked, level_asked) = (
        _places(views, places, levels) for views in (seen, asked)
    )
    alike = {
        "mean colour": (0 * place, 0 * place_asked),
        "place": (place, place_asked),
        "brightness": (level, level_asked),
        "place and brightness": (place * levels + level, place_asked * levels + level_asked),
    }
    answers = {"gray": torch.zeros_like(truth)}
    for name, (known, wanted) in alike.items():
        total = color.new_zeros(places**2 * levels, 2).index_add_(0, known, color)
        count = known.bincount(minlength=len(total))[:, None]
        answers[name] = ((total + 5 * color.mean(dim=0)) / (count + 5))[wanted]  # of few, nearer to the mean of all
    as_map = truth[:, :, None, None]
    return {name: color_regression(answer[:, :, None, None], as_map).item() for name, answer in answers.items()}


def _places(views: list[View], places: int, levels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of every place of all views: its colour (n, 2), which place it is (n,), and how bright (n,), both counted from 0."""
    target, light = (torch.cat(part) for part in zip(*[(v.target, v.pixels[:, :1]) for v in views], strict=True))
    color = F.adaptive_avg_pool2d(target, places).flatten(2).mT.flatten(0, 1)
    brightness = F.adaptive_avg_pool2d(light, places).flatten()  # -1 to 1
    level = ((brightness + 1) / 2 * levels).long().clamp(0, levels - 1)
    return color, torch.arange(places**2, device=level.device).repeat(len(target)), level


def smooth_fill(view: View, rounds: int = SPREAD) -> Tensor:
    """The hidden patches filled in smoothly from what is seen around them, (B, 3, S, S): nothing is learned.

    view: of `HiddenPatches`. rounds: in each, every hidden pixel becomes the mean of its four neighbours; at first it is
    the mean colour of what is seen.
    """
    hidden = pixel_mask(view.mask, view.pixels.shape[-1])  # (B, 1, S, S)
    mean = (view.pixels * ~hidden).sum(dim=(2, 3), keepdim=True) / (~hidden).sum(dim=(2, 3), keepdim=True)
    filled = torch.where(hidden, mean, view.pixels)
    for _ in range(rounds):
        wide = F.pad(filled, (1, 1, 1, 1), mode="replicate")
        around = wide[:, :, :-2, 1:-1] + wide[:, :, 2:, 1:-1] + wide[:, :, 1:-1, :-2] + wide[:, :, 1:-1, 2:]
        filled = torch.where(hidden, around / 4, filled)
    return filled
