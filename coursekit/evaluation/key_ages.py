"""How a teacher's keys age: the same views, encoded at many steps of a training, compared with their last keys."""

import torch
from torch import Tensor

from coursekit.methods.moco import MoCo
from coursekit.training import History


class KeyAges:
    """Keeps the keys of the same views at every logged step, as a queue would; hand it to `pretrain(on_log=...)`.

    method: MoCo. pixels: of the views, float (N, 3, S, S).

    keys: {step: (N, D), unit length}. The method is left as it was.
    """

    def __init__(self, method: MoCo, pixels: Tensor):
        self.method, self.pixels, self.keys = method, pixels, {}

    @torch.no_grad()
    def __call__(self, history: History) -> None:
        buffers = list(self.method.teacher.buffers())
        before = [buffer.clone() for buffer in buffers]
        device = next(self.method.teacher.parameters()).device
        self.keys[history[-1]["step"]] = self.method.keys(self.pixels.to(device)).cpu()
        for buffer, old in zip(buffers, before, strict=True):
            buffer.copy_(old)  # batch-norm's running statistics

    def by_age(self, most: int | None = None) -> list[dict[str, float]]:
        """One row for each age, the youngest first: {"age", "cosine", "found"}.

        most: the oldest age of interest, steps; None = all. age: steps before the last. cosine: of a view's old key with
        its last, the mean over the views. found: the share of last keys to which, of all old keys, their own is nearest;
        by chance that is 1 / N.
        """
        last = max(self.keys)
        now, rows = self.keys[last], []
        for step, old in sorted(self.keys.items(), reverse=True):
            if most is not None and last - step > most:
                break
            similarity = now @ old.T  # (N, N)
            found = (similarity.argmax(dim=1) == torch.arange(len(old))).float().mean()
            rows.append({"age": last - step, "cosine": similarity.diagonal().mean().item(), "found": found.item()})
        return rows
