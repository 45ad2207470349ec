"""What every self-supervised method offers to the one training loop."""

import inspect

import torch
import torch.distributed as dist
from torch import Tensor, nn

from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.views import Draws, View, ViewMaker


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
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        first = dist.get_rank() * ctx.rows
        return gradient[first : first + ctx.rows]


def _plain(values: dict) -> dict:
    """The entries that a checkpoint can hold and compare, those of `**settings` among them: no networks, no functions."""
    kept = {k: v for k, v in values.items() if isinstance(v, (bool, int, float, str, tuple, list, type(None)))}
    return kept | {k: v for inner in values.values() if isinstance(inner, dict) for k, v in _plain(inner).items()}


class SSLMethod(nn.Module):
    """A self-supervised method: it owns its `encoder`, and the loop calls its five verbs, in the order below, at every
    step.

    encoder: what is trained and kept. views: a function (images, draws) -> list of View, for instance `two_views(64)`.
    needs_tokens: True in a method that masks patches; it then says so when it is given an encoder without tokens.

    All state that training needs (teacher, queue, centre, prototypes) is a registered parameter or buffer, so that a
    checkpoint holds it.
    """

    needs_tokens = False

    def __new__(cls, *args, **settings):
        """Remember the plain settings that the method is made with: a run in a folder is gone on with only where they agree."""
        method = super().__new__(cls)
        try:
            given = inspect.signature(cls.__init__).bind_partial(method, *args, **settings)
        except TypeError:  # `__init__` says better what is wrong
            return method
        given.apply_defaults()
        object.__setattr__(method, "settings", _plain(given.arguments))
        return method

    def __init__(self, encoder: Encoder, views: ViewMaker):
        super().__init__()
        if not isinstance(encoder, Encoder):
            raise CourseError(
                f"{type(self).__name__} needs an Encoder, not {type(encoder).__name__}. "
                "Build one by name: coursekit.models.build_encoder('vit_micro')."
            )
        if self.needs_tokens and not hasattr(encoder, "tokens"):
            raise CourseError(
                f"{type(self).__name__} hides patches and needs an encoder with tokens, such as 'vit_micro'; "
                f"{type(encoder).__name__} has none."
            )
        self.encoder = encoder
        self._make_views = views

    def views(self, images: Tensor, draws: Draws) -> list[View]:
        """All the randomness of a step. images: uint8 (B, 3, H, W) -> views on the same device."""
        return self._make_views(images, draws)

    def before_step(self, progress: float) -> None:
        """Schedules that the forward pass reads. progress: 0 at the first step, 1 at the last."""

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        """{"loss": scalar, ...}: deterministic; other scalars are logged as diagnostics."""
        raise TypeError(f"{type(self).__name__} must define forward(views) -> {{'loss': ...}}.")

    def after_backward(self, progress: float) -> None:
        """Between the gradient and the optimizer's step: for instance a frozen layer whose gradient becomes None."""

    def after_step(self, out: dict[str, Tensor], progress: float) -> None:
        """After the optimizer's step: EMA, queue, centre. out: what forward returned."""

    def chance_level(self, batch_size: int) -> float | None:
        """The loss when nothing is learned, for a batch of batch_size images in all; None where there is no such number."""
        return None

    def gather(self, z: Tensor) -> Tensor:
        """Rows of all processes, (B, D) -> (B * processes, D), with gradient; in one process the same rows."""
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            return _GatherSum.apply(z)
        return z
