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
history = pretrain(method, images(), steps=1, batch_size=16, progress=False, device="cpu")
if not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0:
    torch.save({"loss": history[0]["loss"], "gradients": method.gradients}, sys.argv[1])
