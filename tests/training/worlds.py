"""A small method that uses all five verbs, dropout, a teacher and a queue: what a run must bring through a kill."""

import copy
import random

import numpy as np
import torch
from torch import nn

from coursekit.methods import SSLMethod, build_method, method_class
from coursekit.methods.registry import method_settings
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


STEPS = 7
# What a method's own settings are in these runs, if it has them: a queue of five batches goes round its end in seven steps
SMALL = {"queue_size": 40, "prototypes": 8, "splits": 2, "freeze": 0.3, "centering": "center", "codes": 8}


def method(name="everything"):
    """Everything, or a method of the registry around a tiny ViT."""
    seed_everything(0)
    if name == "everything":
        return Everything(tiny_encoder())
    return build_method(name, tiny_encoder(), method_class(name).default_views(16))


def small_method(name):
    """As `method`, with a queue that fills, and batch-norm in the encoder if the method does not need tokens."""
    if name == "everything":
        return method()
    seed_everything(0)
    kind = method_class(name)
    convolutions = build_encoder("resnet_micro_cifar", image_size=16, width=4, blocks=(1, 1, 1))
    encoder = tiny_encoder() if kind.needs_tokens else convolutions
    settings = {key: value for key, value in SMALL.items() if key in method_settings(kind)}
    return build_method(name, encoder, kind.default_views(16), **settings)


def run(name, folder, on_log=None):
    """A few steps of a small method, every one logged and kept in the folder; the same call goes on with them."""
    settings = dict(steps=STEPS, batch_size=8, log_every=1, save_every=1, progress=False, device="cpu")
    return pretrain(small_method(name), images(24), out=folder, on_log=on_log, **settings)


def run_under_orders(name, folder, ends):
    """`run` in a process of its own: after each logged step it says which, and waits for a word before it goes on."""
    torch.set_num_threads(1)

    def report(history):
        ends.send(history[-1]["step"])
        ends.recv()

    run(name, folder, report)
