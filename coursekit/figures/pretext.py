"""Pictures of lesson 01: what a pretext task gives the network, what it asks for, and what was answered."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from coursekit.draws import Draws
from coursekit.figures.curves import rows_of
from coursekit.figures.images import to_rgb
from coursekit.figures.layout import look, panels
from coursekit.figures.style import INK, MUTED, bare, describe, styled
from coursekit.methods.colorization import SCALE, GrayWithColor, lab_to_rgb
from coursekit.methods.jigsaw import Jigsaw, assemble, cut, orders
from coursekit.methods.masked_patches import HiddenPatches, pixel_mask
from coursekit.views import RandomView, View, denormalize

SIDE = 72  # px of the views that are posed: three pieces of 24 px, or nine patches of 8 px, along a side
TASKS = ("rotation", "jigsaw", "colorization", "masked patches")


@styled
def picture_rows(
    rows: Mapping[str, Sequence[Tensor]], cell: float = 1.1, about: str = "Pictures in rows", note: str = ""
) -> Figure:
    """Pictures below each other, with a name before each row.

    rows: {name: pictures}, uint8 or normalised (3, H, W), the same number in every row. cell: side of a picture, inches.
    about, note: how the description begins and ends.
    """
    columns = {len(row) for row in rows.values()}
    if len(columns) != 1 or 0 in columns:
        raise ValueError(f"Every row needs the same number of pictures, not {[len(row) for row in rows.values()]}.")
    (n,) = columns
    fig, axes = panels(len(rows), 1, cell, cell + 0.04, ratios=[1.0] * n, margin=(1.5, 0.0))
    for mine, (name, row) in zip(axes, rows.items(), strict=True):
        for ax, picture in zip(mine, row, strict=True):
            bare(ax).imshow(to_rgb(picture))
        mine[0].set_ylabel(name, fontsize=11, color=INK, rotation=0, ha="right", va="center", labelpad=8)
    names = ", ".join(name.replace("\n", " ") for name in rows)
    return describe(fig, f"{about}: {n} columns; from top to bottom {names}. {note}")


@styled
def loss_and_baseline(history, baseline: str, name: str, unit: str = "error") -> Figure:
    """A loss of the training batches, and beside it what an answer without learning would have cost on the same batches.

    history: a History or its rows. baseline: the column of that answer. name: what it is called. unit: of both.
    """
    rows = rows_of(history)
    fig, ax = plt.subplots(figsize=(6.2, 2.9))
    curves = {name: [row[baseline] for row in rows], "network": [row["loss"] for row in rows]}
    for k, (called, values) in enumerate(curves.items()):
        ax.plot([row["step"] for row in rows], values, label=called, **look(1 - k))
    ax.set(xlabel="step", ylabel=unit)
    ax.set_ylim(bottom=0)
    ax.legend()
    told = "; ".join(f"{called} from {values[0]:.3g} to {values[-1]:.3g}" for called, values in curves.items())
    return describe(fig, f"Curves of the {unit} over {rows[-1]['step'] + 1} steps: {told}.")


@styled
def loss_and_levels(history, levels: Mapping[str, float], unit: str, bottom: float = 0.0) -> Figure:
    """A loss of the training batches, and what answers that learn nothing from a picture would cost, each with its number.

    history: a History or its rows. levels: {answer: its loss}. unit: of the axis. bottom: where the axis begins.
    """
    rows = rows_of(history)
    fig, ax = plt.subplots(figsize=(7.6, 3.0))
    steps, losses = [row["step"] for row in rows], [row["loss"] for row in rows]
    ax.plot(steps, losses, label="network", **look(0))
    for k, (name, level) in enumerate(levels.items(), 1):
        ax.axhline(level, label=f"{name}: {level:.3g}", **look(k))
    ax.set(xlabel="step", ylabel=unit)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_ylim(bottom=bottom)
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    told = "; ".join(f"{name} {level:.3g}" for name, level in levels.items())
    return describe(
        fig, f"Curve of the {unit} over {steps[-1] + 1} steps, from {losses[0]:.3g} to {losses[-1]:.3g}. Lines: {told}."
    )


# --- answers that are pictures ----------------------------------------------------------------------------------------


def colored(lightness: Tensor, ab: Tensor) -> Tensor:
    """Gray pictures with colours laid over them, uint8 (B, 3, S, S).

    lightness: (B, 3, S, S) pixels of `GrayWithColor`, from -1 to 1. ab: (B, 2, h, w), as the method predicts them: a and b
    of Lab divided by 50; each place becomes a square of pixels.
    """
    ab = F.interpolate(ab.detach().float().cpu(), size=lightness.shape[2:]) * SCALE
    lab = torch.cat([(lightness[:, :1].cpu() + 1) * 50, ab], dim=1)
    return (lab_to_rgb(lab) * 255).round().to(torch.uint8)


def coloring(view: View, prediction: Tensor | None = None, cell: float = 1.1) -> Figure:
    """Gray pictures, the colours that a network gives them, the best that it could have given, and the truth.

    view: of `GrayWithColor`. prediction: (B, 2, h, w), the network's answer; without it, the first row and the last.
    """
    rows = {"given": colored(view.pixels, torch.zeros_like(view.target))}
    if prediction is not None:
        high, wide = prediction.shape[2:]
        best = F.adaptive_avg_pool2d(view.target, (high, wide))
        rows |= {"network": colored(view.pixels, prediction), f"best of\n{high} x {wide}": colored(view.pixels, best)}
    rows["true"] = colored(view.pixels, view.target)
    return picture_rows(rows, cell, "Pictures without their colours, and with them")


def inpainting(view: View, answers: Mapping[str, Tensor] | None = None, cell: float = 1.1) -> Figure:
    """Pictures with hidden patches, what was painted there, and the truth.

    view: of `HiddenPatches`. answers: {name: (B, 3, S, S)}; of them only the hidden patches are shown.
    """
    truth = view.target.cpu()
    hidden = pixel_mask(view.mask, truth.shape[-1]).cpu()
    painted = {name: torch.where(hidden, answer.detach().cpu(), truth) for name, answer in (answers or {}).items()}
    return picture_rows({"given": view.pixels, **painted, "true": truth}, cell, "Pictures with hidden patches")


# --- pieces of a jigsaw -----------------------------------------------------------------------------------------------


def separated(pixels: Tensor, grid: int = 3) -> Tensor:
    """A jigsaw's view with white lines between its pieces: normalised (B, 3, S, S) -> uint8, a little larger."""
    tiles = (denormalize(cut(pixels.cpu().float(), grid)) * 255).round().to(torch.uint8)
    line = max(tiles.shape[-1] // 12, 1)
    return assemble(F.pad(tiles, (line, line, line, line), value=255), grid)


@styled
def jigsaw_pieces(view: View, maker: Jigsaw, cell: float = 1.5) -> Figure:
    """Jigsaws as they are given, and put in order below. Each piece bears the number of its place, row by row from 0.

    view: of `maker`, (B, 3, S, S) with target. cell: side of a picture, inches.
    """
    g, n = maker.grid, len(view.pixels)
    order = orders(g * g, maker.orders)[view.target.cpu()]  # place -> which piece lies there
    tiles = cut(view.pixels.cpu(), g)
    solved = assemble(torch.stack([mine[row.argsort()] for mine, row in zip(tiles, order, strict=True)]), g)
    numbers = {"given": order, "in order": torch.arange(g * g).expand(n, -1)}
    fig, axes = panels(2, 1, cell, cell + 0.04, ratios=[1.0] * n, margin=(1.2, 0.0))
    for mine, pixels, (name, told) in zip(axes, (view.pixels, solved), numbers.items(), strict=True):
        for ax, picture, row in zip(mine, separated(pixels, g), told.tolist(), strict=True):
            bare(ax).imshow(to_rgb(picture))
            step = picture.shape[-1] / g
            for place, piece in enumerate(row):
                at = (step * (place % g + 0.5) - 0.5, step * (place // g + 0.5) - 0.5)
                ground = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 1.0}
                ax.text(*at, str(piece), fontsize=11, ha="center", va="center", bbox=ground)
        mine[0].set_ylabel(name, fontsize=11, rotation=0, ha="right", va="center", labelpad=8)
    told = "; ".join(" ".join(map(str, row)) for row in order.tolist())
    return describe(fig, f"{n} jigsaws of {g} by {g} pieces, as given and in order. Given, row by row: {told}.")


# --- all tasks, of one image ------------------------------------------------------------------------------------------


class Posed(NamedTuple):
    """given: what the network sees, uint8 (3, S, S). answer: the free label, if it is a picture. words: if it is not.
    question: what is asked. told: both in a sentence."""

    given: Tensor
    answer: Tensor | None
    words: str
    question: str
    told: str


def pose(
    image: Tensor,
    task: str,
    turns: int = 1,
    gap: int = 4,
    equalize: bool = True,
    places: int = 9,
    share: float = 0.4,
    seed: int = 0,
) -> Posed:
    """Make a task of one image, uncropped.

    image: uint8 (3, H, W).
    task: one of `TASKS`.
    turns: of the rotation, quarters.
    gap, equalize: of the jigsaw; px of 72, and whether each piece gets mean 0 and variance 1.
    places: along a side, for each of which a colour is asked.
    share: of the patches that are hidden.
    seed: of the jigsaw's order and of what is hidden.
    """
    whole = RandomView(SIDE, scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0.0, jitter=0.0, grayscale=0.0, blur=0.0)
    draws, batch = Draws(seed), image[None]
    if task == "rotation":
        given = whole(batch, draws).pixels.rot90(turns, (2, 3))[0]
        return Posed(given, None, str(turns), "how many quarter turns?", f"turned by {90 * turns} degrees")
    if task == "jigsaw":
        maker = Jigsaw(SIDE // 3 - gap, gap=gap, equalize=equalize, view=whole)
        (view,) = maker(batch, draws)
        order = orders(9, maker.orders)[view.target[0]].view(3, 3).tolist()
        words = "\n".join(" ".join(map(str, row)) for row in order)
        told = f"nine pieces with gaps of {gap} px{', equalised' if equalize else ''}, in the order {words}"
        return Posed(separated(view.pixels)[0], None, words, "which piece is where?", told.replace("\n", " "))
    if task == "colorization":
        (view,) = GrayWithColor(whole)(batch, draws)
        answer = colored(view.pixels, F.adaptive_avg_pool2d(view.target, places))[0]
        given = colored(view.pixels, torch.zeros_like(view.target))[0]
        return Posed(given, answer, "", f"colours of {places} x {places} places?", f"gray, {places} x {places} colours")
    if task == "masked patches":
        (view,) = HiddenPatches(whole, SIDE // 9, share)(batch, draws)
        return Posed(view.pixels[0], view.target[0], "", "what is hidden?", f"{share:.0%} of the patches hidden")
    raise ValueError(f"There is no task {task!r}. Choose of: {', '.join(TASKS)}.")


@styled
def pretext_tasks(image: Tensor, cell: float = 1.9) -> Figure:
    """The four tasks of one image side by side: above what the network is given, below the free label that it must give.

    image: uint8 (3, H, W). cell: side of a picture, inches.
    """
    posed = [pose(image, task) for task in TASKS]
    fig, axes = panels(2, 1, cell, cell + 0.3, ratios=[1.0] * len(posed), margin=(0.9, 0.0))
    for column, (task, mine) in enumerate(zip(TASKS, posed, strict=True)):
        bare(axes[0, column]).imshow(to_rgb(mine.given))
        axes[0, column].set_title(task, fontsize=13)
        _answer(axes[1, column], mine)
        axes[1, column].set_title(mine.question, fontsize=11, fontweight="normal")
    for ax, name in zip(axes[:, 0], ("given", "free\nlabel"), strict=True):
        ax.set_ylabel(name, fontsize=12, rotation=0, ha="right", va="center", labelpad=8)
    told = "; ".join(f"{task}: {mine.told}" for task, mine in zip(TASKS, posed, strict=True))
    return describe(fig, f"One image as four tasks, above what is given, below what is asked for. {told}.")


BLANK = np.full((1, 1, 3), 244, dtype=np.uint8)


def _answer(ax, posed: Posed) -> tuple:
    """Show a free label on given axes, a picture or words. Returns (image, text)."""
    shown = bare(ax).imshow(BLANK, extent=(0, 1, 0, 1))
    text = ax.text(0.5, 0.5, "", ha="center", va="center", fontsize=20, fontfamily="monospace", linespacing=1.5)
    _set_answer(shown, text, posed)
    return shown, text


def _set_answer(shown, text, posed: Posed) -> None:
    shown.set_data(BLANK if posed.answer is None else to_rgb(posed.answer))
    text.set_text(posed.words)


class PretextPicture:
    """An image, what the network is given of it, and the free label, which can be changed: `show(image, posed)`.

    image, posed: the first ones, as `pose` returns them. figure: the Figure. moving: its artists that may change.
    """

    @styled
    def __init__(self, image: Tensor, posed: Posed, cell: float = 2.6):
        self.figure, axes = panels(3, 3, cell, cell + 0.65, titles=("image", "given to the network", "free label"))
        left, middle, right = axes[:, 0]
        for ax in (left, middle, right):
            ax.title.set_fontsize(13)
        whole = {"extent": (0, 1, 0, 1)}
        self.image, self.given = (bare(ax).imshow(BLANK, **whole) for ax in (left, middle))
        self.answer, self.words = _answer(right, posed)
        self.question = right.set_xlabel("x" * 24, fontsize=12, color=MUTED)  # room for the longest
        self.moving = [self.image, self.given, self.answer, self.words, right.xaxis]
        self.show(image, posed)

    def show(self, image: Tensor, posed: Posed) -> None:
        """Show a task of an image, and describe it."""
        self.image.set_data(to_rgb(image))
        self.given.set_data(to_rgb(posed.given))
        _set_answer(self.answer, self.words, posed)
        self.question.set_text(posed.question)
        told = "a picture" if posed.answer is not None else posed.words.replace("\n", " ")
        describe(
            self.figure, f"An image; given to the network: {posed.told}; asked: {posed.question} Free label: {told}."
        )
