"""What every self-supervised method offers to the one training loop."""

import inspect
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from coursekit import settings as checking
from coursekit.methods.diagnostics import effective_rank, feature_std, uniformity
from coursekit.methods.fits import check_encoder, check_views
from coursekit.models import Encoder
from coursekit.views import Draws, View, ViewMaker


@dataclass(frozen=True)
class Defaults:
    """What a method is trained with unless the caller says otherwise.

    lr: peak learning rate of AdamW for a batch of 256 images; it grows in proportion to the batch. weight_decay, betas:
    AdamW's. clip: largest norm of the whole gradient, None = no clipping.
    """

    lr: float = 1e-3
    weight_decay: float = 0.05
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float | None = None


def processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


class _GatherSum(torch.autograd.Function):
    """All processes' rows, in rank order; backwards, the sum of all processes' gradients for this process's rows.

    Every process computes the same loss from all rows, so each holds only its copy of the gradient. Summing the copies
    and then averaging over processes, as DDP does with parameters, gives exactly the gradient of one process with the
    whole batch. A gather without gradient gives the right loss and a gradient that is too small, which AdamW hides.
    """

    @staticmethod
    def forward(ctx, z: Tensor) -> Tensor:
        ctx.rows = len(z)
        parts = [torch.empty_like(z) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, z.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        gradient = gradient.clone(memory_format=torch.contiguous_format)  # autograd may hand the same tensor to others
        dist.all_reduce(gradient)
        first = dist.get_rank() * ctx.rows
        return gradient[first : first + ctx.rows]


class SSLMethod(nn.Module):
    """A self-supervised method: it owns its `encoder`, and the loop calls its verbs, in the order below, at every step.

    encoder: what is trained and kept. views: a view maker, for instance `TwoViews(RandomView(64))`.

    A subclass keeps every further setting of its constructor as an attribute of the same name, because `settings` reads
    them there for a run's recipe. All state that training needs (teacher, queue, centre, prototypes) is a registered
    parameter or buffer, so that a checkpoint holds it.
    """

    defaults: ClassVar[Defaults] = Defaults()
    needs_tokens: ClassVar[bool] = False  # True in a method that masks patches: an encoder without tokens is refused
    made_for: ClassVar[type | None] = None  # the one view maker whose labels a pretext task learns from
    n_views: ClassVar[tuple[int, int | None]] = (1, None)  # the fewest and the most that it compares; None = any number

    def __init__(self, encoder: Encoder, views: ViewMaker):
        super().__init__()
        check_encoder(type(self).__name__, encoder, self.needs_tokens)
        check_views(type(self).__name__, views, encoder, self.made_for, *self.n_views)
        self.encoder, self.view_maker = encoder, views

    @staticmethod
    def default_views(size: int) -> ViewMaker:
        """The views that the method's paper uses. size: side of a view, px."""
        raise TypeError("A method must define default_views(size).")

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that was chosen when the method was made: its view maker and the settings of its constructor."""
        names = [n for n in inspect.signature(type(self).__init__).parameters if n not in ("self", "encoder", "views")]
        if lost := [name for name in names if not hasattr(self, name)]:
            raise TypeError(f"{type(self).__name__} does not keep {', '.join(lost)} as attributes of the same name.")
        return {"views": self.view_maker, **{name: getattr(self, name) for name in names}}

    def recipe(self) -> dict[str, Any]:
        """`settings` as plain values, whole, for a checkpoint."""
        return {"name": type(self).__name__, **{name: checking.plain(value) for name, value in self.settings.items()}}

    def check_batch(self, batch_size: int) -> None:
        """Raise CourseError for a batch that the method cannot be trained with, before anything is trained."""

    def views(self, images: Tensor, draws: Draws) -> list[View]:
        """All the randomness of a step. images: uint8 (B, 3, H, W) -> views on the same device."""
        return self.view_maker(images, draws)

    def before_step(self, progress: float) -> None:
        """Schedules that the forward pass reads. progress: 0 at the first step, 1 at the last."""

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        """{"loss": scalar, "z": embeddings (N, D), ...}: deterministic."""
        raise TypeError(f"{type(self).__name__} must define forward(views) -> {{'loss': ...}}.")

    def after_backward(self, progress: float) -> None:
        """Between the gradient and the optimizer's step: for instance a frozen layer whose gradient becomes None."""

    def after_step(self, out: dict[str, Tensor], progress: float) -> None:
        """After the optimizer's step: EMA, queue, centre. out: what forward returned."""

    @torch.no_grad()
    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        """Numbers that show what the loss does not, on logged steps alone. out: what forward returned; "z" is read."""
        z = out.get("z")
        if z is None or len(z) < 2:
            return {}
        measures = {"uniformity": uniformity, "feature_std": feature_std, "effective_rank": effective_rank}
        return {name: measure(z.detach().float()).item() for name, measure in measures.items()}

    def collapse_cause(self) -> str:
        """A sentence for people: why the features of a run with these settings may have collapsed, and what to try."""
        return "Likely causes: a learning rate that is too large, or views that show nothing of the image."

    def chance_level(self, batch_size: int) -> float | None:
        """The loss when nothing is learned, for a batch of batch_size images in all; None if there is no such number."""
        return None

    def gather(self, z: Tensor) -> Tensor:
        """Rows of all processes, (B, D) -> (B * processes, D), with gradient; in one process the same rows."""
        return _GatherSum.apply(z) if processes() > 1 else z
