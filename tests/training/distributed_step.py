"""Started by torchrun, or alone: one step of SimCLR; process 0 writes loss and gradients."""

import sys

import torch

from coursekit.methods import SimCLR
from coursekit.runtime import seed_everything
from coursekit.training import pretrain
from coursekit.views import RandomView, TwoViews
from tests.training.worlds import images, tiny_encoder

torch.set_num_threads(1)
seed_everything(3)


class Watched(SimCLR):
    gradients = None

    def after_backward(self, progress):
        self.gradients = {name: p.grad.clone() for name, p in self.named_parameters() if p.grad is not None}


method = Watched(tiny_encoder(), TwoViews(RandomView(16)), head_batch_norm=False)


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


history = pretrain(method, images(), steps=1, batch_size=16, progress=False, device="cpu")
twice = gathered_twice()
if not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0:
    torch.save({"loss": history[0]["loss"], "gradients": method.gradients, "sum": twice}, sys.argv[1])
