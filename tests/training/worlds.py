"""A small method that uses all five verbs, dropout, a teacher and a queue: what a run must bring through a kill."""

import copy
import random
import sys

import numpy as np
import torch
from torch import nn

from coursekit.methods import SSLMethod, build_method, method_class
from coursekit.models import build_encoder
from coursekit.runtime import seed_everything
from coursekit.training import pretrain
from coursekit.views import RandomView, TwoViews


class Everything(SSLMethod):
    def __init__(self, encoder):
        super().__init__(encoder, TwoViews(RandomView(16)))
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(encoder.dim, 8))
        self.teacher = copy.deepcopy(encoder).requires_grad_(False)
        self.register_buffer("queue", torch.zeros(6, 8))
        self.register_buffer("scheduled", torch.zeros(()))

    def before_step(self, progress):
        self.scheduled.fill_(progress)

    def forward(self, views):
        z = self.head(self.encoder(views[0].pixels))
        with torch.no_grad():
            goal = self.teacher(views[1].pixels)[:, :8]
        return {
            "loss": (z - goal).square().mean() + (z @ self.queue.T).square().mean() * self.scheduled,
            "z": z.detach(),
        }

    def after_backward(self, progress):
        if progress < 0.5:
            self.head[1].bias.grad = None

    def after_step(self, out, progress):
        for mine, theirs in zip(self.teacher.parameters(), self.encoder.parameters(), strict=True):
            mine.data.lerp_(theirs.data, 0.1)
        noise = torch.rand(6, 8) + random.random() + np.random.rand()  # global random state, all three of them
        self.queue = torch.cat([out["z"][:2], self.queue])[:6] * 0.9 + noise * 0.01


def images(n=40):
    return torch.randint(0, 256, (n, 3, 20, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def tiny_encoder():
    return build_encoder("vit_micro", image_size=16, dim=16, depth=1, heads=2)


def method(name="everything"):
    seed_everything(0)
    return (
        Everything(tiny_encoder())
        if name == "everything"
        else build_method(name, tiny_encoder(), method_class(name).default_views(16))
    )


if __name__ == "__main__":  # a run in a process of its own, to be killed
    torch.set_num_threads(1)
    pretrain(
        method(),
        images(),
        steps=int(sys.argv[2]),
        batch_size=8,
        out=sys.argv[1],
        save_every=1,
        progress=False,
        device="cpu",
        on_log=lambda history: print("step", history[-1]["step"], flush=True),
        log_every=1,
    )
