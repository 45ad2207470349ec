"""Distillation: a trained encoder, frozen, teaches its features to another network. No labels.

Romero et al., FitNets: Hints for Thin Deep Nets, ICLR 2015, without labels. DINOv2 (Oquab et al., 2023) makes its smaller
models from its largest one too, with its own losses; here features are taught directly, so that any two encoders fit.
"""

import importlib
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit import arguments as arg
from coursekit import runtime
from coursekit import settings as checking
from coursekit.data.tensor_file import checksum
from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.ema import teacher_of
from coursekit.methods.feature_maps import LOSSES, fitting, map_shapes, seen_by, to_grid
from coursekit.methods.registry import register
from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.views import RandomView, TwoViews, View, ViewMaker


def named_teacher(teacher: str | Encoder) -> Encoder:
    """A frozen copy of an encoder, or of the one that a run, a .safetensors file, or a name of those that ship holds."""
    if isinstance(teacher, Encoder):
        return teacher_of(teacher).eval()
    arg.text.check(teacher=teacher)
    path = Path(teacher).expanduser()
    if not path.exists():
        try:
            path = runtime.shipped("checkpoints", f"{teacher}.safetensors")
        except CourseError as error:
            raise CourseError(f"There is no teacher {teacher}, neither a run nor a file. {error}") from error
    # Reading runs is the business of a room further down; naming it as text keeps the doors one-way, as for encoders
    return teacher_of(importlib.import_module("coursekit.training").load_encoder(path)).eval()


@register("distill")
class Distill(SSLMethod):
    """teacher: an Encoder, or where to find one: a run's folder, a .safetensors file, or the name of one that ships.

    loss: "cosine" or "smooth_l1". map_weight, pooled_weight: of the maps and of the pooled features.
    pyramid: teach all maps of an encoder that has several, YOLO12's P3 to P5, and not its last alone.

    A checkpoint holds no teacher: its recipe holds how the teacher is built and a hash of its weights, and a run goes on
    with the same teacher alone.
    """

    defaults = Defaults(lr=1e-3, weight_decay=0.05)

    def __init__(
        self,
        encoder: Encoder,
        views: ViewMaker,
        teacher: str | Encoder = "simclr_road_objects",
        loss: str = "cosine",
        map_weight: float = 1.0,
        pooled_weight: float = 1.0,
        pyramid: bool = False,
    ):
        super().__init__(encoder, views)
        arg.decay.check(map_weight=map_weight, pooled_weight=pooled_weight)
        arg.rate.check(**{"map_weight + pooled_weight": map_weight + pooled_weight})
        if loss not in LOSSES:
            raise CourseError(f"loss is {loss!r}: give one of {', '.join(LOSSES)}.")
        if pyramid and not hasattr(encoder, "pyramid"):
            one = f"{type(encoder).__name__} has one map, not several"
            raise CourseError(f"{one}. Take pyramid=False, or an encoder such as 'yolo12n'.")
        self.loss, self.map_weight, self.pooled_weight, self.pyramid = loss, map_weight, pooled_weight, pyramid
        self.given, self.frozen = (teacher,), (named_teacher(teacher),)  # hidden in tuples from state_dict and train
        master, side = self.frozen[0], max(getattr(views, "sides", (64,)))
        for seen in {fitting(master, each) for each in getattr(views, "sides", ())}:
            try:
                master.check_sides(seen, seen)
            except CourseError as error:
                raise CourseError(f"Distill shows the teacher {seen} px. {error}") from error
        self.levels = pyramid and hasattr(master, "pyramid")  # then level by level; else its one map for every level
        mine, theirs = map_shapes(encoder, side, pyramid), map_shapes(master, fitting(master, side), self.levels)
        if map_weight and all(rows * columns == 1 for _, rows, columns in mine):
            small = f"views of {side} px leave {type(encoder).__name__} a map of one place, and nothing dense to learn"
            raise CourseError(f"Distill: {small}. Take larger views, or map_weight=0.")
        pairs = zip(mine, theirs if self.levels else theirs * len(mine), strict=True)
        self.to_maps = nn.ModuleList(nn.Conv2d(student[0], taught[0], 1) for student, taught in pairs)
        self.to_pooled = nn.Linear(encoder.dim, master.dim)

    @staticmethod
    def default_views(size: int) -> ViewMaker:
        colors = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.2, "hue": 0.1}
        return TwoViews(RandomView(size, scale=(0.2, 1.0), blur=0.2, **colors))

    @property
    def teacher(self) -> str | Encoder:
        """What was given as the teacher; the frozen copy that teaches is `frozen[0]`."""
        return self.given[0]

    def _apply(self, fn, recurse=True):
        self.frozen[0]._apply(fn)  # to another device or precision, together with the rest
        return super()._apply(fn, recurse)

    def recipe(self) -> dict[str, Any]:
        weights = {"encoder": self.frozen[0].spec, "weights": checksum(dict(self.frozen[0].state_dict()))}
        chosen = {name: checking.plain(value) for name, value in self.settings.items() if name != "teacher"}
        return {"name": type(self).__name__, "teacher": weights, **chosen}

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        apart, of_maps, of_pooled, z = LOSSES[self.loss], [], [], []
        for view in views:  # both see the same view
            pooled, maps = seen_by(self.encoder, view.pixels, self.pyramid)
            with torch.no_grad():
                goal, goals = self.told(view.pixels)
            goals = goals if self.levels else goals * len(maps)
            for project, places, target in zip(self.to_maps, maps, goals, strict=True):
                of_maps.append(apart(project(places), to_grid(target, *places.shape[2:])))
            of_pooled.append(apart(self.to_pooled(pooled), goal))
            z.append(pooled)
        parts = {"maps": torch.stack(of_maps).mean(), "pooled": torch.stack(of_pooled).mean()}
        parts = {name: self.gather(part[None]).mean() for name, part in parts.items()}  # processes have as many images
        loss = self.map_weight * parts["maps"] + self.pooled_weight * parts["pooled"]
        return {"loss": loss, "z": self.gather(z[0]).detach(), **parts}

    def told(self, pixels: Tensor) -> tuple[Tensor, list[Tensor]]:
        """What the teacher sees in these pixels, at the nearest size that it takes."""
        sides = [fitting(self.frozen[0], side) for side in pixels.shape[2:]]
        if sides != list(pixels.shape[2:]):
            pixels = F.interpolate(pixels, sides, mode="bicubic", antialias=True)
        return seen_by(self.frozen[0], pixels, self.levels)

    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        return {"maps": out["maps"].item(), "pooled": out["pooled"].item(), **super().diagnose(out)}
