"""Freeze, then unfreeze, in one training: Ultralytics' trainer with a backbone that has a learning rate of its own.

One run means one results.csv and one curve over both stages, and one checkpoint that knows where it stopped. Layer-wise
decay: Clark et al., ELECTRA, ICLR 2020; for images Bao et al., BEiT, ICLR 2022.
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer
from ultralytics.engine import trainer as engine
from ultralytics.models.yolo.detect import DetectionTrainer

from coursekit.detection import ultralytics_setup  # noqa: F401 (before the trainer is used: threads, analytics)

BLOCK = re.compile(r"\.(?:blocks\.|layers\.|encoder_layer_|encoder\.model\.)(\d+)\.")


@dataclass(frozen=True)
class Stages:
    """How the backbone of a detector is trained.

    layers: numbers of the detector's layers that self-supervision has trained.
    frozen_epochs: for so long they do not change by a bit, batch-norm statistics included.
    lr_factor: after that their learning rate, as a part of the others'. It rises from 0 within the first epoch.
    layer_decay: rate of each layer or block, as a part of the next one's, from the neck to the pixels. 1: all alike.
    """

    layers: tuple[int, ...]
    frozen_epochs: int = 0
    lr_factor: float = 1.0
    layer_decay: float = 1.0

    @property
    def prefixes(self) -> tuple[str, ...]:
        """How the names of the backbone's parameters begin."""
        return tuple(f"model.{k}." for k in self.layers)

    def factor(self, name: str, deepest: int) -> float:
        """Learning rate of one parameter of the backbone, as a part of lr0. deepest: `block_of` its last block."""
        return self.lr_factor * self.layer_decay ** (deepest - min(block_of(name), deepest))


def block_of(name: str) -> int:
    """How many blocks or layers lie before a parameter, by its name in the detector; 0 for a ViT's patch embedding."""
    layer = int(name.split(".")[1])
    if ".encoder." not in name:
        return layer  # of YOLO12's own backbone
    if found := BLOCK.search(name):
        return int(found[1]) + 1
    return 10**6 if re.search(r"\.(?:norm|ln)\.", name) else 0  # a ViT's last norm counts as its last block


@contextlib.contextmanager
def multiply_in_bfloat16(on_cpu: bool) -> Iterator[None]:
    """Half precision for trainings on a CPU, which Ultralytics refuses there: convolutions then take half the time.

    An autocast around the whole training would not do: Ultralytics switches it off for the forward pass, and it keeps the
    half-precision copies of weights until it ends, so that what is loaded or learned meanwhile would not be seen.
    """
    theirs = engine.autocast

    def autocast(enabled: bool | torch.dtype, device: str = "cuda"):
        return torch.autocast("cpu", torch.bfloat16) if device == "cpu" else theirs(enabled, device)

    engine.autocast = autocast if on_cpu else theirs
    try:
        yield
    finally:
        engine.autocast = theirs


class StagedTrainer(DetectionTrainer):
    """Ultralytics' trainer with `Stages`. The model carries them, so a resumed training has those that it began with:
    `YOLO("RUN/weights/last.pt").train(resume=True, trainer=StagedTrainer)` does what `yolo12.resume` does."""

    stages: Stages | None = None

    def get_model(self, cfg=None, weights=None, verbose=True) -> nn.Module:
        """As Ultralytics does, and the stages of the checkpoint go over to the model that is made from it."""
        model = super().get_model(cfg, weights, verbose)
        self.give_stages(model, getattr(weights, "stages", None))
        return model

    def give_stages(self, model: nn.Module, stages: dict | None) -> None:
        """Note on the model, and here, how it is to be trained. stages: the fields of `Stages`, or None."""
        if stages:
            self.stages, model.stages = Stages(**stages), dict(stages)  # plain values for the checkpoint

    def build_optimizer(self, model: nn.Module, *args, **kwargs) -> Optimizer:
        """Ultralytics' optimizer, its groups divided: the backbone's parameters go to groups with rates of their own."""
        optimizer = super().build_optimizer(model, *args, **kwargs)
        if self.stages:
            names = {id(p): name for name, p in model.named_parameters() if name.startswith(self.stages.prefixes)}
            deepest = max(block for name in names.values() if (block := block_of(name)) < 10**6)
            for group in list(optimizer.param_groups):
                self._divide(optimizer, group, {i: self.stages.factor(name, deepest) for i, name in names.items()})
        return optimizer

    @staticmethod
    def _divide(optimizer: Optimizer, group: dict, factors: dict[int, float]) -> None:
        """Move the group's parameters that have a factor into new groups, one for each factor."""
        settings = {name: value for name, value in group.items() if name != "params"}
        # Not "bias": Ultralytics starts biases at warmup_bias_lr, whatever the group's own rate is
        settings["param_group"] = f"backbone_{group.get('param_group')}"
        by_factor: dict[float, list] = {}
        for parameter in group["params"]:
            if (factor := factors.get(id(parameter))) is not None:
                by_factor.setdefault(factor, []).append(parameter)
        group["params"] = [p for p in group["params"] if id(p) not in factors]
        for factor, parameters in sorted(by_factor.items(), reverse=True):
            optimizer.add_param_group({**settings, "params": parameters, "lr": group["lr"] * factor})

    def _model_train(self) -> None:
        """At the start of every epoch: unfreeze when the time has come, then training mode."""
        if self.stages and self.epoch >= self.stages.frozen_epochs:
            within = self.stages.prefixes
            self.freeze_layer_names = [name for name in self.freeze_layer_names if name not in within]
            for name, parameter in self.model.named_parameters():
                parameter.requires_grad |= name.startswith(within)
        super()._model_train()

    def optimizer_step(self) -> None:
        """One step; while the backbone is frozen its rate is 0, and in the epoch after that it rises to its own."""
        if self.stages and self.stages.frozen_epochs:
            self._set_backbone_rate()
        super().optimizer_step()

    def _set_backbone_rate(self) -> None:
        since = self.epoch - self.stages.frozen_epochs
        steps = max(len(self.train_loader) // self.accumulate, 1)
        self._steps = self._steps + 1 if since == getattr(self, "_since", None) else 1  # of this epoch
        self._since = since
        rise = 0.0 if since < 0 else min(self._steps / steps, 1.0) if since == 0 else 1.0
        first, scheduled = self.optimizer.param_groups[0], self.lf(self.epoch)
        warm_up = first["lr"] / (first["initial_lr"] * scheduled)  # Ultralytics' own, if it is not over yet
        for group in self.optimizer.param_groups:
            if str(group.get("param_group")).startswith("backbone"):
                group["lr"] = group["initial_lr"] * scheduled * warm_up * rise
