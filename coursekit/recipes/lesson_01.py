"""Lesson 01, pretext tasks: the settings of its short runs. Its encoders and recorded results are lesson 09's."""

import math
from dataclasses import dataclass, replace

from torch import Tensor

from coursekit.draws import Draws
from coursekit.evaluation.intervals import mean_interval
from coursekit.evaluation.judging import TITLES
from coursekit.methods import SSLMethod, method_class
from coursekit.methods.jigsaw import Jigsaw
from coursekit.models import Encoder
from coursekit.recipes import lesson_09
from coursekit.recipes.cards import shipped_encoder
from coursekit.runtime import budget
from coursekit.views import RandomView, View, ViewMaker

TASKS = ("rotation", "jigsaw", "colorization", "masked_patches")
DATA = "road objects"
JIGSAWS = {  # gap, px, and whether pieces are equalised
    "no gap, as they are": (0, False),
    "no gap, equalised": (0, True),
    "gap, as they are": (4, False),
    "gap, equalised": (4, True),
}
LEARNING_RATE = 5e-3  # peak, for a batch of 64; higher than that of longer runs
BARS = {  # method of lesson 09's experiment -> what its bar is called
    "raw pixels": "raw pixels",
    "random encoder": "random encoder",
    **{task: task.replace("_", " ") for task in TASKS},
    "simclr": "SimCLR (lesson 03)",
}


def views(task: str) -> ViewMaker:
    """The views of a task, as its shipped encoder was trained with."""
    return lesson_09.views(task, DATA)


def method(task: str, maker: ViewMaker | None = None, encoder: Encoder | None = None) -> SSLMethod:
    """A task's method, whose head has fresh random weights.

    maker: of its views; default: `views(task)`. encoder: to start from; default: the small one, with random weights.
    """
    return method_class(task)(encoder or lesson_09.encoder(), maker or views(task))


def jigsaw(gap: int, equalize: bool) -> Jigsaw:
    """The views of the jigsaw with another gap, px, and with pieces equalised or as they are."""
    return replace(views("jigsaw"), gap=gap, equalize=equalize)


def batch_size() -> int:
    """Images in a batch of a short run."""
    return budget(quick=64, full=256, smoke=16)


def shipped(task: str) -> Encoder:
    """The encoder that a task trained for longer, on other images than the lesson's."""
    return shipped_encoder(lesson_09.SHIPPED[task])


def recorded_accuracies(judges: tuple[str, ...] = ("linear_probe", "finetune")) -> dict[str, dict[str, tuple]]:
    """What lesson 09's experiment recorded on road objects, in %: {"raw pixels": {"linear probe": (mean, low, high), ...}}.

    judges: of "knn", "linear_probe" and "finetune"; one that was not asked is (NaN, NaN, NaN). The interval is that over
    the seeds; of a single run, that over the test images.
    """
    rows = [row for row in lesson_09.recorded_methods().rows if row["data"] == DATA]
    told = {}
    for name, called in BARS.items():
        mine = [row for row in rows if row["method"] == name]
        if mine:
            told[called] = {TITLES[judge]: _percent(mine, judge) for judge in judges}
    return told


def _percent(rows: list[dict], judge: str) -> tuple[float, float, float]:
    if judge not in rows[0]:
        return (math.nan,) * 3
    over_seeds, first = mean_interval(row[judge] for row in rows), rows[0]
    ends = (first[f"{judge}_low"], first[f"{judge}_high"]) if len(rows) == 1 else (over_seeds.low, over_seeds.high)
    return tuple(100 * share for share in (over_seeds.mean, *ends))


@dataclass(frozen=True)
class Marked:
    """A view with a mark that says which side is up: a small square, white above black, in the lower right corner.

    A date stamp, a watermark or the lens of a camera can be such a mark. view: as it would be without. side: px.
    """

    view: RandomView
    side: int = 6

    @property
    def size(self) -> int:
        """Side of a view, px."""
        return self.view.size

    def __call__(self, images: Tensor, draws: Draws) -> View:
        """One view of each image, marked. images: uint8 (B, 3, H, W)."""
        view = self.view(images, draws)
        pixels, half = view.pixels.clone(), self.side // 2
        pixels[:, :, -self.side - 1 : -half - 1, -self.side - 1 : -1] = 2.0
        pixels[:, :, -half - 1 : -1, -self.side - 1 : -1] = -2.0
        return view._replace(pixels=pixels)


def marked_rotations() -> ViewMaker:
    """The views of the rotation task, with a mark in every picture before it is turned."""
    plain = views("rotation")
    return replace(plain, view=Marked(plain.view))


def whole(maker: ViewMaker) -> ViewMaker:
    """The same views of the whole image, uncropped."""
    return replace(maker, view=replace(maker.view, scale=(1.0, 1.0), ratio=(1.0, 1.0)))
