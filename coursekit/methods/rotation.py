"""Rotation prediction: by how many quarter turns was this image turned?

Gidaris, Singh and Komodakis, Unsupervised Representation Learning by Predicting Image Rotations, ICLR 2018.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit import arguments as arg
from coursekit.draws import Draws
from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.precision import in_float32
from coursekit.methods.registry import register
from coursekit.models import Encoder
from coursekit.views import RandomView, View, ViewMaker

TURNS = 4


@dataclass(frozen=True)
class Rotations:
    """One random view of every image, turned by 0, 90, 180 or 270 degrees, counterclockwise; target: quarter turns."""

    view: RandomView

    def __call__(self, images: Tensor, draws: Draws) -> list[View]:
        """images: uint8 (B, 3, H, W) -> one view of S x S px with target int64 (B,)."""
        view = self.view(images, draws)
        target = draws.integers(len(images), high=TURNS).to(images.device)
        every = torch.stack([view.pixels.rot90(k, (2, 3)) for k in range(TURNS)])  # (4, B, 3, S, S)
        quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]], device=view.theta.device)  # where a turned pixel came from
        turns = torch.stack([torch.linalg.matrix_power(quarter, k) for k in range(TURNS)])[target]
        theta = torch.cat([view.theta[:, :, :2] @ turns, view.theta[:, :, 2:]], dim=2)
        return [View(every[target, torch.arange(len(images), device=images.device)], theta, target=target)]

    @property
    def sides(self) -> tuple[int, ...]:
        """Side of the one view, px."""
        return (self.view.size,)


@in_float32
def classify(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy, in nats. logits: (B, C). target: int64 (B,). Chance level is log(C)."""
    return F.cross_entropy(logits, target)


def accuracy(logits: Tensor, target: Tensor) -> float:
    """Share of rows whose largest logit is the target's."""
    return (logits.argmax(dim=1) == target).float().mean().item()


@register("rotation")
class RotationPrediction(SSLMethod):
    """hidden_dim: width of the head's hidden layer, which keeps the task out of the features."""

    defaults = Defaults(lr=1e-3, weight_decay=0.05)
    made_for = Rotations

    def __init__(self, encoder: Encoder, views: ViewMaker, hidden_dim: int = 128):
        super().__init__(encoder, views)
        arg.count.check(hidden_dim=hidden_dim)
        self.hidden_dim = hidden_dim
        self.head = nn.Sequential(nn.Linear(encoder.dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, TURNS))

    @staticmethod
    def default_views(size: int) -> ViewMaker:
        # colours stay: they do not tell which side is up, and a network that must ignore them learns less
        return Rotations(RandomView(size, scale=(0.4, 1.0), jitter=0.0, grayscale=0.0, blur=0.0))

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        h = self.encoder(views[0].pixels)
        logits, target = self.gather(self.head(h)), self.gather(views[0].target)
        return {"loss": classify(logits, target), "z": h.detach(), "logits": logits, "target": target}

    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        return {"accuracy": accuracy(out["logits"], out["target"]), **super().diagnose(out)}

    def chance_level(self, batch_size: int) -> float:
        return math.log(TURNS)
