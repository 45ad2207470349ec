"""The one training loop: `pretrain(method, images, steps=...)`, for every method of the course.

What happened in a step is in `step.py`; this is what stands around it: order of the images, learning rate, checkpoints,
progress, interrupts. Devices, mixed precision and several processes come from Lightning Fabric. Nothing random is
carried from step to step: the order of the images, the views and the global random state are functions of (seed, step).
So a run that was killed goes on from its last checkpoint and ends bit for bit where it would have ended.
"""

import atexit
import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor
from tqdm import tqdm

from coursekit import runtime
from coursekit.data.images import ImageSet
from coursekit.draws import Draws
from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.schedules import warmup_cosine
from coursekit.runtime import CourseError
from coursekit.settings import plain_values
from coursekit.training.alarm import collapse
from coursekit.training.checks import check_batch, check_folder, check_rates, fingerprint
from coursekit.training.history import History
from coursekit.training.interrupt import InterruptAfterStep
from coursekit.training.keeping import Keeper
from coursekit.training.step import NotFinite, training_step

REFERENCE_BATCH = 256  # images: the batch that a method's default learning rate is meant for


def pretrain(
    method: SSLMethod,
    images: ImageSet | Tensor,
    *,
    steps: int,
    batch_size: int = 256,
    lr: float | None = None,
    weight_decay: float | None = None,
    betas: tuple[float, float] | None = None,
    clip: float | None = None,
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

    method: what is trained, in place.
    images: uint8 (N, 3, H, W); labels, if there are any, are not looked at.
    steps: optimizer steps.
    batch_size: images in a step, over all processes.
    lr: peak learning rate; default: the method's, times batch_size / 256.
    weight_decay, betas, clip: of AdamW, and the gradient's largest norm; default: the method's.
    warmup: steps until the learning rate is at its peak; default: a tenth of all.
    seed: decides every random draw.
    out: folder for checkpoints; a run of the same settings that is there already goes on.
    log_every, save_every: steps; defaults: about a hundred rows in all, a checkpoint every minute and one at the end.
    precision: Fabric's words; default: `runtime.precision()`.
    device: "cuda", "mps" or "cpu"; default: `runtime.device()`.
    progress: show a bar.
    on_log: called with the History after each new row, for a live plot.

    Started by torchrun, each process takes its slice of every batch. Raises CourseError if the settings do not fit, if
    `out` holds another run, and if the loss becomes NaN. A collapse of the features is told while it happens.
    """
    pixels = images.images if isinstance(images, ImageSet) else images
    fabric = launch(device or runtime.device(), precision)
    rates = chosen_rates(method.defaults, batch_size, lr, weight_decay, betas, clip)
    warmup = max(1, steps // 10) if warmup is None else warmup
    check_batch(pixels, steps, batch_size, fabric.world_size)
    check_rates(rates, warmup)
    method.check_batch(batch_size)
    if out is not None and fabric.global_rank == 0:
        check_folder(out)
    recipe = {"steps": steps, "batch_size": batch_size, **plain_values(asdict(rates)), "warmup": warmup, "seed": seed}
    recipe |= {"images": fingerprint(pixels), "encoder": method.encoder.spec, "method": method.recipe()}

    groups = parameter_groups(method, rates.weight_decay)
    wrapped, optimizer = fabric.setup(method, torch.optim.AdamW(groups, lr=rates.lr, betas=rates.betas))
    keeper = Keeper(out, recipe, method, optimizer, fabric, save_every)
    start, history = keeper.resume()
    if start == steps:
        fabric.print(f"{out} is already trained: {steps} steps.")
        return history

    was_training = method.training
    method.train()
    first = fabric.global_rank == 0
    log_every, clock, since = log_every or max(1, steps // 100), time.perf_counter(), start
    silent = not (progress and first)
    bar = tqdm(total=steps, initial=start, unit="step", file=sys.stdout, mininterval=0.5, disable=silent)
    with runtime.restored_random_state(), InterruptAfterStep() as interrupt, bar:
        for step, batch in batches(pixels, batch_size, start, steps, seed, fabric):  # uint8 (B, 3, H, W) on the device
            rate = rates.lr * warmup_cosine(step, steps, warmup)
            for group in optimizer.param_groups:
                group["lr"] = rate
            draws = Draws(seed, step, fabric.global_rank, fabric.world_size)
            runtime.seed_everything(hash_seed(seed, step, fabric.global_rank))  # for dropout and the like
            at = step / max(1, steps - 1)  # 0 at the first step, 1 at the last
            try:
                out_now = training_step(method, wrapped, optimizer, fabric, batch, draws, at, rates.clip)
            except NotFinite as stop:
                raise CourseError(f"{stop} at step {step}, {advice(rate, keeper)}") from stop
            last = step == steps - 1
            if step % log_every == 0 or last:
                speed = (step + 1 - since) * batch_size / (time.perf_counter() - clock)
                clock, since = time.perf_counter(), step + 1
                with torch.no_grad():
                    diagnostics = method.diagnose(out_now)
                loss, chance = out_now["loss"].item(), method.chance_level(batch_size)
                history.log(step, loss=loss, chance=chance, lr=rate, images_per_second=round(speed, 1), **diagnostics)
                if first and (
                    alarm := collapse(history, method, out_now["z"].shape[1] if "z" in out_now else 1, steps)
                ):
                    bar.write(alarm, file=sys.stdout)
                bar.set_postfix_str(f"loss {loss:.3f}, {speed:.0f} images/s", refresh=False)
                if on_log is not None and first:
                    on_log(history)
            bar.update()
            if first and (keeper.due(step) or last or interrupt.asked):
                keeper.save(step + 1, history)
            if interrupt.asked:
                kept = (
                    f"{out} holds all of them: the same call goes on from there."
                    if out
                    else "Nothing was saved: no out=."
                )
                raise KeyboardInterrupt(f"Stopped after {step + 1} of {steps} steps. {kept}")
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
    if several:
        atexit.register(leave_the_others)
    fabric.course_precision = plugins[0] if plugins else None
    return fabric


def leave_the_others() -> None:
    """Close the connections to the other processes while Python still stands.

    Gloo's threads hold Python objects. One that lets go of such an object while the interpreter shuts down aborts the
    process, after all work is done: measured once in 24 runs on a busy machine.
    """
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def chosen_rates(
    defaults: Defaults,
    batch_size: int,
    lr: float | None = None,
    weight_decay: float | None = None,
    betas: tuple[float, float] | None = None,
    clip: float | None = None,
) -> Defaults:
    """A method's defaults, with the learning rate for this batch, and what the caller says in their place."""
    lr = defaults.lr * batch_size / REFERENCE_BATCH if lr is None else lr
    given = {"lr": lr, "weight_decay": weight_decay, "betas": betas, "clip": clip}
    return replace(defaults, **{name: value for name, value in given.items() if value is not None})


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


def batches(
    pixels: Tensor, batch_size: int, start: int, steps: int, seed: int, fabric: Fabric
) -> Iterator[tuple[int, Tensor]]:
    """(step, this process's images on the device). Each epoch visits the images in a new order; its last few may be left out."""
    if fabric.device.type == "cuda" and pixels.nbytes < torch.cuda.mem_get_info()[0] // 4:
        pixels = pixels.to(fabric.device)  # once, not once a step
    per_epoch, share = len(pixels) // batch_size, batch_size // fabric.world_size
    order, current = None, -1
    for step in range(start, steps):
        epoch, i = divmod(step, per_epoch)
        if epoch != current:
            generator = torch.Generator().manual_seed(hash_seed(seed, epoch))
            order, current = torch.randperm(len(pixels), generator=generator), epoch
        first = i * batch_size + fabric.global_rank * share
        yield step, pixels[order[first : first + share].to(pixels.device)].to(fabric.device)


def advice(rate: float, keeper: Keeper) -> str:
    """What to try when the loss is not a number. rate: the learning rate of that step."""
    first = "a learning rate ten times smaller, a longer warm-up, a higher temperature, precision='32-true'"
    return f"where the learning rate was {rate:.2e}.{keeper.kept} Try, in this order: {first}."
