"""MoCo: contrast against a queue of keys that a slow teacher made.

He et al., Momentum Contrast for Unsupervised Visual Representation Learning, CVPR 2020; head, blur and temperature of
Chen et al., Improved Baselines with Momentum Contrastive Learning (v2), 2020. The paper's query is the student, its key
the teacher.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit import arguments as arg
from coursekit.methods.base import Defaults, SSLMethod, processes
from coursekit.methods.diagnostics import alignment
from coursekit.methods.ema import follow, lag, teacher_of
from coursekit.methods.precision import in_float32
from coursekit.methods.queue import Queue
from coursekit.methods.registry import register
from coursekit.methods.split_norm import check_splits, interleaved, split_norms
from coursekit.models import Encoder, ProjectionHead
from coursekit.views import RandomView, TwoViews, View, ViewMaker


@in_float32
def info_nce_with_queue(q: Tensor, k: Tensor, negatives: Tensor, temperature: float = 0.2) -> Tensor:
    """Mean loss of N queries: which of 1 + K keys is mine? In nats.

    q, k: (N, D); row i of both comes from image i. negatives: (K, D), of other images. Any scale: cosine similarity is
    used. temperature: tau, > 0. No gradient flows into the keys. Chance level is log(1 + K).
    """
    q, k, negatives = F.normalize(q, dim=1), F.normalize(k, dim=1).detach(), F.normalize(negatives, dim=1).detach()
    positive = (q * k).sum(dim=1, keepdim=True)  # (N, 1)
    logits = torch.cat([positive, q @ negatives.T], dim=1) / temperature  # (N, 1 + K)
    return F.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long, device=q.device))


@register("moco")
class MoCo(SSLMethod):
    """temperature: tau. out_dim: width of queries and keys.

    queue_size: keys that are kept, a multiple of the batch. The paper has 65,536 for 1.3 million images.
    momentum: of the teacher; 0.999 in the paper, whose runs are a hundred times as long.
    symmetric: each view is query once and key once; the paper takes one direction.
    splits: parts of a batch that batch-norm normalizes apart, as on so many GPUs; 1 = none.
    head_batch_norm: False makes the loss independent of how a batch is split over processes.
    """

    defaults = Defaults(lr=1e-3, weight_decay=0.05)
    n_views = (2, 2)

    def __init__(
        self,
        encoder: Encoder,
        views: ViewMaker,
        temperature: float = 0.2,
        out_dim: int = 128,
        queue_size: int = 4096,
        momentum: float = 0.99,
        symmetric: bool = True,
        splits: int = 1,
        head_batch_norm: bool = False,
    ):
        super().__init__(encoder, views)
        arg.rate.check(temperature=temperature)
        arg.count.check(queue_size=queue_size, out_dim=out_dim, splits=splits)
        arg.share.check(momentum=momentum)
        self.temperature, self.out_dim, self.queue_size, self.momentum = temperature, out_dim, queue_size, momentum
        self.symmetric, self.splits, self.head_batch_norm = symmetric, splits, head_batch_norm
        self.projector = ProjectionHead(encoder.dim, out_dim=out_dim, batch_norm=head_batch_norm)
        split_norms(nn.ModuleList([encoder, self.projector]), splits)
        self.teacher = teacher_of(nn.Sequential(encoder, self.projector))
        self.queue = Queue(queue_size, out_dim)

    @staticmethod
    def default_views(size: int) -> ViewMaker:
        return TwoViews(RandomView(size))

    def check_batch(self, batch_size: int) -> None:
        self.queue.check_batch(batch_size)
        check_splits(batch_size // processes(), self.splits)

    @torch.no_grad()
    def keys(self, pixels: Tensor) -> Tensor:
        """The teacher's keys, (B, out_dim), unit length. Its batch-norm sees the images in another order: statistics
        that query and key share would give the answer away."""
        there, back = interleaved(len(pixels), self.splits, pixels.device)
        return F.normalize(self.teacher(pixels[there])[back].float(), dim=1)

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        a, b = (view.pixels for view in views[:2])
        directions = [(a, b), (b, a)] if self.symmetric else [(a, b)]
        queries = [self.gather(self.projector(self.encoder(query))) for query, _ in directions]
        keys = [self.gather(self.keys(key)) for _, key in directions]
        losses = [
            info_nce_with_queue(q, k, self.queue.keys, self.temperature) for q, k in zip(queries, keys, strict=True)
        ]
        return {"loss": torch.stack(losses).mean(), "z": queries[0], "keys": keys[0]}

    def after_step(self, out: dict[str, Tensor], progress: float) -> None:
        follow(self.teacher, nn.Sequential(self.encoder, self.projector), self.momentum)
        self.queue.push(out["keys"])  # only now: a batch is not its own negative

    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        behind = lag(self.teacher, nn.Sequential(self.encoder, self.projector))
        return {"alignment": alignment(out["z"], out["keys"]).item(), "teacher_lag": behind, **super().diagnose(out)}

    def collapse_cause(self) -> str:
        return (
            f"Likely cause: keys in the queue are told by their age, because the teacher moves too fast: momentum="
            f"{self.momentum} is too small, or the learning rate too large."
        )

    def chance_level(self, batch_size: int) -> float:
        return math.log(1 + self.queue_size)
