"""The one training loop: `pretrain(method, images, steps=...)`, for every method of the course.

Devices, mixed precision and several processes come from Lightning Fabric; the order of what happens in a step is
written out, because it is what the course teaches. Nothing random is carried from step to step: the order of the
images, the views and the global random state are functions of (seed, step). So a run that was killed goes on from its
last checkpoint and ends bit for bit where it would have ended.
"""

import hashlib
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor
from tqdm import tqdm

import coursekit
from coursekit import runtime
from coursekit.data.images import ImageSet
from coursekit.files import check_writable
from coursekit.methods.base import SSLMethod
from coursekit.methods.schedules import warmup_cosine
from coursekit.runtime import CourseError
from coursekit.training.checkpoints import CHECKPOINT, fit_state, load_run, save_run
from coursekit.training.history import History
from coursekit.training.interrupt import InterruptAfterStep
from coursekit.views import Draws


def pretrain(
    method: SSLMethod,
    images: ImageSet | Tensor,
    *,
    steps: int,
    batch_size: int = 256,
    lr: float | None = None,
    weight_decay: float = 0.05,
    warmup: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    log_every: int | None = None,
    save_every: int | None = None,
    precision: str | None = None,
    device: str | None = None,
    progress: bool = True,
    on_log: Callable[[History], None] | None = None,
) -> History:
    """Train a self-supervised method on unlabelled images with AdamW, linear warm-up and a cosine to zero.

    images: uint8 (N, 3, H, W); labels, where there are any, are not looked at. steps: optimizer steps. batch_size:
    images in a step, over all processes. lr: peak learning rate, default 1e-3 * batch_size / 256. warmup: steps,
    default a tenth.
    out: folder for checkpoints; a run that is there already goes on. log_every, save_every: steps; defaults: about a
    hundred rows in all, a checkpoint every minute, and one at the end. precision: Fabric's words, default
    `runtime.precision()`.
    on_log: called with the History after each new row, for a live plot.

    Started by torchrun, each process takes its slice of every batch. Raises CourseError where the settings do not fit,
    where `out` holds another run, and where the loss becomes NaN.
    """
    pixels = images.images if isinstance(images, ImageSet) else images
    fabric = launch(device or runtime.device(), precision)
    lr = 1e-3 * batch_size / 256 if lr is None else lr
    warmup = max(1, steps // 10) if warmup is None else warmup
    log_every = log_every or max(1, steps // 100)
    check_settings(pixels, steps, batch_size, fabric.world_size)
    check_rates(lr, weight_decay, warmup)
    if out is not None and fabric.global_rank == 0:
        check_folder(out)
    recipe = {
        "steps": steps,
        "batch_size": batch_size,
        "lr": lr,
        "weight_decay": weight_decay,
        "warmup": warmup,
        "seed": seed,
        "method": type(method).__name__,
        "images": fingerprint(pixels),
        **{f"{type(method).__name__}.{name}": value for name, value in method.settings.items()},
    }

    optimizer = torch.optim.AdamW(parameter_groups(method, weight_decay), lr=lr)
    wrapped, optimizer = fabric.setup(method, optimizer)
    start, history = resume(out, method, optimizer, fabric, recipe) if out else (0, History())
    if start == steps:
        fabric.print(f"{out} is already trained: {steps} steps.")
        return history

    was_training = method.training
    method.train()
    saver = Saver(out, save_every, steps)
    bar = tqdm(
        total=steps,
        initial=start,
        unit="step",
        file=sys.stdout,
        mininterval=0.5,
        leave=True,
        disable=not progress or fabric.global_rank > 0,
    )
    clock, since = time.perf_counter(), start
    with runtime.restored_random_state(), InterruptAfterStep() as interrupt, bar:
        for step, batch in batches(pixels, batch_size, start, steps, seed, fabric):  # uint8 (B, 3, H, W) on the device
            at = step / max(1, steps - 1)  # 0 at the first step, 1 at the last
            rate = lr * warmup_cosine(step, steps, warmup)
            for group in optimizer.param_groups:
                group["lr"] = rate
            draws = Draws(seed, step, fabric.global_rank, fabric.world_size)
            runtime.seed_everything(hash_seed(seed, step, fabric.global_rank))  # for dropout and the like

            views = method.views(batch, draws)  # all randomness of the step
            method.before_step(at)  # schedules
            out_now = wrapped(views)  # forward: deterministic
            stop_if_not_finite(out_now["loss"], step, rate, out, saver)
            fabric.backward(out_now["loss"])
            method.after_backward(at)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            method.after_step(out_now, at)  # EMA, queue, centre

            last = step == steps - 1
            if step % log_every == 0 or last:
                now = time.perf_counter()
                row = history.log(
                    step,
                    loss=out_now["loss"].item(),
                    chance=method.chance_level(batch_size),
                    lr=rate,
                    images_per_second=round((step + 1 - since) * batch_size / (now - clock), 1),
                    **{k: v.item() for k, v in out_now.items() if k != "loss" and v.numel() == 1},
                )
                clock, since = now, step + 1
                bar.set_postfix_str(f"loss {row['loss']:.3f}, {row['images_per_second']:.0f} images/s", refresh=False)
                if on_log is not None and fabric.global_rank == 0:
                    on_log(history)
            bar.update()
            if fabric.global_rank == 0 and saver.due(step, force=last or interrupt.asked):
                saver.save(step + 1, method, optimizer, fabric, recipe, history)
            if interrupt.asked:
                kept = (
                    f" {out} holds all of them: the same call goes on from there."
                    if out
                    else " Nothing was saved: no out=."
                )
                raise KeyboardInterrupt(f"Stopped after {step + 1} of {steps} steps.{kept}")
    method.train(was_training)
    return history


def launch(device: str, precision: str | None) -> Fabric:
    """Fabric for this process; under torchrun it joins the others. The precision plugin is ours, so that its scaler is saved."""
    precision = precision or runtime.precision(device)
    if device == "cpu":
        runtime.keep_freed_memory()
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    scaler = torch.amp.GradScaler(device) if precision == "16-mixed" else None
    plugins = [MixedPrecision(precision, device, scaler)] if precision.endswith("mixed") else None
    fabric = Fabric(
        accelerator=device,
        devices=int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if several else 1,
        num_nodes=int(os.environ.get("GROUP_WORLD_SIZE", "1")) if several else 1,
        strategy=DDPStrategy(find_unused_parameters=True) if several else "auto",
        precision=None if plugins else precision,
        plugins=plugins,
    )
    fabric.launch()
    fabric.course_precision = plugins[0] if plugins else None
    return fabric


def check_settings(pixels: Tensor, steps: int, batch_size: int, world: int) -> None:
    """Raise CourseError for settings that cannot be trained with."""
    if pixels.ndim != 4 or pixels.shape[1] != 3 or pixels.dtype != torch.uint8:
        raise CourseError(f"pretrain wants uint8 images (N, 3, H, W), not {pixels.dtype} {tuple(pixels.shape)}.")
    if steps < 1:
        raise CourseError(f"pretrain needs at least one step, not {steps}.")
    if batch_size < 2:
        raise CourseError(
            f"A batch needs two images or more, and it has {batch_size} of the set's {len(pixels)}: a method compares "
            "images with one another. Take a larger batch size, or more images."
        )
    if batch_size > len(pixels):
        raise CourseError(
            f"The batch size, {batch_size}, is larger than the set: {len(pixels)} images. "
            f"Take a batch size of {len(pixels)} or less, or more images."
        )
    if batch_size % world:
        raise CourseError(
            f"The batch size, {batch_size}, does not divide over {world} processes. Take a multiple of {world}."
        )


def check_rates(lr: float, weight_decay: float, warmup: int) -> None:
    """Raise CourseError for numbers that no optimizer can use."""
    if not (math.isfinite(lr) and lr > 0):
        raise CourseError(f"The learning rate is {lr}; it must be a number above 0, such as 0.001.")
    if not (math.isfinite(weight_decay) and weight_decay >= 0):
        raise CourseError(f"The weight decay is {weight_decay}; it must be 0 or a number above it, such as 0.05.")
    if warmup < 0:
        raise CourseError(f"The warm-up is {warmup} steps; it must be 0 or more.")


def check_folder(out: str | Path) -> None:
    """Raise CourseError, before anything is trained, where a run cannot be kept in `out` or would overwrite what is no run."""
    check_writable(out)
    if (Path(out) / "history.csv").exists() and not (Path(out) / CHECKPOINT).exists():
        raise CourseError(
            f"{out} holds a history.csv and no checkpoint, so it is no run, and its file would be overwritten. "
            "Choose another folder."
        )


def fingerprint(pixels: Tensor) -> str:
    """A short name for a set of images, so that a run is not resumed on others: its shape and a hash of 16 images."""
    some = pixels[torch.linspace(0, len(pixels) - 1, min(16, len(pixels))).long()].contiguous()
    shape = "x".join(map(str, pixels.shape))
    return f"{shape}:{hashlib.blake2b(some.numpy(force=True).tobytes(), digest_size=8).hexdigest()}"


def hash_seed(*parts: int) -> int:
    """One 63-bit seed from several numbers; neighbours are unrelated."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest(), "little") >> 1


def parameter_groups(module: torch.nn.Module, weight_decay: float) -> list[dict]:
    """Two groups for AdamW: matrices with weight decay; biases, norms, position embeddings and single tokens without."""
    decay, free = [], []
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            last = name.rsplit(".", 1)[-1]
            (free if parameter.ndim < 2 or "token" in last or "pos_embed" in last else decay).append(parameter)
    return [{"params": decay, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]


def batches(pixels: Tensor, batch_size: int, start: int, steps: int, seed: int, fabric: Fabric):
    """(step, this process's images on the device). Each epoch visits the images in a new order; its last few may be left out."""
    if fabric.device.type == "cuda" and pixels.nbytes < torch.cuda.mem_get_info()[0] // 4:
        pixels = pixels.to(fabric.device)  # once, not once a step
    per_epoch, share = len(pixels) // batch_size, batch_size // fabric.world_size
    order, current = None, -1
    for step in range(start, steps):
        epoch, i = divmod(step, per_epoch)
        if epoch != current:
            order, current = (
                torch.randperm(len(pixels), generator=torch.Generator().manual_seed(hash_seed(seed, epoch))),
                epoch,
            )
        first = i * batch_size + fabric.global_rank * share
        yield step, pixels[order[first : first + share].to(pixels.device)].to(fabric.device)


def stop_if_not_finite(loss: Tensor, step: int, lr: float, out: str | Path | None, saver: "Saver") -> None:
    """Raise CourseError before a NaN reaches the weights."""
    if math.isfinite(loss.item()):
        return
    kept = f" {out} keeps the checkpoint of step {saver.saved}." if out and saver.saved else ""
    raise CourseError(
        f"The loss became {loss.item()} at step {step}, where the learning rate was {lr:.2e}.{kept} Try, in this order: "
        "a learning rate ten times smaller, a longer warm-up, a higher temperature, precision='32-true'."
    )


def resume(out, method: SSLMethod, optimizer, fabric: Fabric, recipe: dict) -> tuple[int, History]:
    """Load the run in `out`, where there is one: (steps done, its history). Raises CourseError where it is another run."""
    if not (Path(out) / CHECKPOINT).exists():
        return 0, History()
    saved = load_run(out)
    fit_state(method, saved["state"], str(Path(out) / CHECKPOINT), saved["encoder"])
    differ = [
        f"{k}: there {saved['recipe'].get(k)}, now {recipe.get(k)}"
        for k in {**recipe, **saved["recipe"]}
        if saved["recipe"].get(k) != recipe.get(k)
    ]
    if differ:
        raise CourseError(
            f"{out} holds a run with other settings ({'; '.join(differ)}). Use the same settings to go on, or another "
            "folder to start anew. Nothing was changed."
        )
    optimizer.load_state_dict(saved["optimizer"])
    if fabric.course_precision is not None and saved["scaler"]:
        fabric.course_precision.load_state_dict(saved["scaler"])
    if saved["step"] < recipe["steps"]:
        fabric.print(f"Going on from {out} at step {saved['step']} of {recipe['steps']}.")
    return saved["step"], History(saved["history"])


class Saver:
    """Decides when a checkpoint is due, and writes it. every: steps between two; None = a minute between two."""

    def __init__(self, out: str | Path | None, every: int | None, steps: int):
        self.out, self.every, self.saved, self.clock = out, every, 0, time.monotonic()

    def due(self, step: int, force: bool) -> bool:
        if self.out is None:
            return False
        waited = (step + 1) % self.every == 0 if self.every else time.monotonic() - self.clock > 60
        return force or waited

    def save(self, done: int, method: SSLMethod, optimizer, fabric: Fabric, recipe: dict, history: History) -> None:
        scaler = fabric.course_precision.state_dict() if fabric.course_precision is not None else {}
        save_run(
            self.out,
            {
                "coursekit": coursekit.__version__,
                "step": done,
                "recipe": recipe,
                "encoder": method.encoder.spec,
                "state": method.state_dict(),
                "optimizer": optimizer.state_dict(),
                "scaler": scaler,
                "history": history.rows,
            },
        )
        self.saved, self.clock = done, time.monotonic()
