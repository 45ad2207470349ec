"""Started by torchrun, or alone: one step of each of several methods; process 0 writes losses and gradients."""

import sys

import torch

from coursekit.methods import build_method, method_class
from coursekit.methods.registry import method_settings
from coursekit.runtime import seed_everything
from coursekit.training import pretrain
from tests.training.worlds import images, tiny_encoder

torch.set_num_threads(1)
METHODS = {
    "simclr": {},
    "moco": {"queue_size": 32},
    "swav": {"prototypes": 8, "freeze": 0.0},
    "lejepa": {},
    "patch_contrast": {},
    "region_contrast": {"regions": 3},
    "dinov2": {"prototypes": 8},
    "dinov2 with a centre": {"prototypes": 8, "centering": "center"},
    "distill": {},
    "visual_tokenizer": {"codes": 8},
    "beit": {},
}


def made(name: str):
    """A method without batch-norm, which keeps the gradients of its step. Its centres, if it has any, are not at zero."""
    seed_everything(3)
    kind = method_class(name.split()[0])
    settings = {"head_batch_norm": False} if "head_batch_norm" in method_settings(kind) else {}
    method = build_method(name.split()[0], tiny_encoder(), kind.default_views(16), **settings, **METHODS[name])
    for key, value in method.named_buffers():
        if key.endswith("center.value"):
            value.copy_(torch.linspace(-0.2, 0.2, len(value)))
    method.gradients = {}

    def keep(progress):
        method.gradients = {key: p.grad.clone() for key, p in method.named_parameters() if p.grad is not None}

    method.after_backward = keep
    return method


def gathered_twice():
    """The gradient of a loss of gather(a) + gather(b), averaged over processes as DDP does.

    Autograd hands both gathers one and the same gradient tensor: whoever sums it in place spoils the other's.
    """
    world = torch.distributed.get_world_size() if torch.distributed.is_initialized() else 1
    rank = torch.distributed.get_rank() if world > 1 else 0
    rows = torch.arange(24.0).view(8, 3).chunk(world)[rank]
    a, b = rows.clone().requires_grad_(), rows.flip(1).clone().requires_grad_()
    (method.gather(a) + method.gather(b)).square().sum().backward()
    both = torch.cat([a.grad, b.grad], dim=1) / world
    if world > 1:
        parts = [torch.empty_like(both) for _ in range(world)]
        torch.distributed.all_gather(parts, both)
        both = torch.cat(parts)
    return both


method, found = made("simclr"), {}
for name in METHODS:
    method = made(name)
    history = pretrain(method, images(), steps=1, batch_size=16, progress=False, device="cpu")
    moved = {k: v for k, v in method.named_buffers() if k.endswith("center.value") or k.startswith("codebook.")}
    buffers = {key: value.clone() for key, value in moved.items()}
    found[name] = {"loss": history[0]["loss"], "gradients": method.gradients, "buffers": buffers}
twice = gathered_twice()
if not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0:
    torch.save({"steps": found, "sum": twice}, sys.argv[1])
