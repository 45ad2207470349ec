"""One step of training: what the course teaches, and what lesson 03 prints."""

import math

from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from coursekit.draws import Draws
from coursekit.methods.base import SSLMethod
from coursekit.runtime import CourseError


class NotFinite(CourseError):
    """The loss became NaN or infinite, before it reached the weights."""


def training_step(
    method: SSLMethod,
    wrapped: nn.Module,
    optimizer: Optimizer,
    fabric: Fabric,
    images: Tensor,
    draws: Draws,
    progress: float,
    clip: float | None = None,
) -> dict[str, Tensor]:
    """Train on one batch and return what the method's forward returned.

    method: its verbs are called in the one order that is right for all methods.
    wrapped: the same method behind Fabric's door: several processes, half precision.
    optimizer, fabric: as `fabric.setup` gave them.
    images: uint8 (B, 3, H, W), this process's part of the batch, on the device.
    draws: all random numbers of the step.
    progress: 0 at the first step of the run, 1 at the last.
    clip: largest norm of the gradient, None = any.

    Raises NotFinite before a NaN reaches the weights.
    """
    views = method.views(images, draws)  # all randomness: crops, colours, masks, free labels
    method.before_step(progress)  # schedules: teacher temperature, momentum
    out = wrapped(views)  # forward: deterministic
    stop_if_not_finite(out["loss"])
    fabric.backward(out["loss"])
    if clip is not None:  # Fabric divides by the loss scale of float16 first
        fabric.clip_gradients(wrapped, optimizer, max_norm=clip, error_if_nonfinite=False)
    method.after_backward(progress)  # e.g. a frozen last layer: its gradient becomes None
    optimizer.step()
    optimizer.zero_grad()
    method.after_step(out, progress)  # EMA, queue, centre
    return out


def stop_if_not_finite(loss: Tensor) -> None:
    """Raise NotFinite for a loss that is NaN or infinite."""
    if not math.isfinite(loss.item()):
        raise NotFinite(f"The loss became {loss.item()}")
