"""What a training step has to hold in memory: what the backward pass needs, and what a method keeps from step to step."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from coursekit.draws import Draws
from coursekit.methods.base import SSLMethod


def _storages(tensors: Iterable[Tensor]) -> dict[int, int]:
    """The memory behind tensors: {address: bytes}, so that two views of the same memory count once."""
    return {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}


def step_memory(method: SSLMethod, images: Tensor, seed: int = 0) -> dict[str, int]:
    """Bytes that a training step with these images takes, beside the student's weights.

    method: in training, it holds afterwards what it held before. images: uint8 (N, 3, H, W). seed: of the views.

    -> "activations": what the forward pass leaves for the backward pass, views and loss included, as autograd saves it;
    "kept": what the method carries from step to step without training it: teacher, queue, running means.
    """
    trained = [p for p in method.parameters() if p.requires_grad]
    carried = [*method.buffers(), *(p for p in method.parameters() if not p.requires_grad)]
    before = [buffer.clone() for buffer in method.buffers()]
    saved: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        saved.append(tensor)
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        out = method(method.views(images, Draws(seed)))  # held until the sum is made: no address is used twice
        mine = _storages(saved)
    del out
    with torch.no_grad():
        for buffer, old in zip(method.buffers(), before, strict=True):
            buffer.copy_(old)  # batch-norm has seen these images
    kept = _storages(carried)
    for known in (*_storages(trained), *kept):
        mine.pop(known, None)
    return {"activations": sum(mine.values()), "kept": sum(kept.values())}
