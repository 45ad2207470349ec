"""SwAV: cluster the images while training, and predict a view's cluster from the other views.

Caron et al., Unsupervised Learning of Visual Features by Contrasting Cluster Assignments, NeurIPS 2020.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit import arguments as arg
from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.diagnostics import assignment_entropy
from coursekit.methods.precision import in_float32
from coursekit.methods.queue import Queue
from coursekit.methods.registry import register
from coursekit.methods.sinkhorn import sinkhorn
from coursekit.models import Encoder, ProjectionHead
from coursekit.runtime import CourseError
from coursekit.views import MultiCrop, RandomView, View, ViewMaker


@in_float32
def swapped_prediction(scores: list[Tensor], codes: list[Tensor], temperature: float = 0.1) -> Tensor:
    """Mean cross-entropy of predicting each large view's code from every other view, in nats.

    scores: of all views, (B, K) each, cosine similarities with the prototypes; the large views come first. codes: of
    the large views, (B, K) each, rows sum to 1. temperature: tau, > 0. Chance level is log(K).
    """
    losses = []
    for k, code in enumerate(codes):
        others = [score for j, score in enumerate(scores) if j != k]  # a view does not predict itself
        losses += [-(code * F.log_softmax(score / temperature, dim=1)).sum(dim=1).mean() for score in others]
    return torch.stack(losses).mean()


@register("swav")
class SwAV(SSLMethod):
    """temperature: tau. prototypes: K, clusters; 3000 in the paper, for ImageNet's 1000 classes.

    out_dim: width of the projection. epsilon, iterations: of Sinkhorn.
    freeze: share of the run in which the prototypes stay as they are; an epoch in the paper.
    queue_size: projections of past batches that take part in the assignment, for batches smaller than K; 0 = none.
    head_batch_norm: False makes the loss independent of how a batch is split over processes.
    """

    defaults = Defaults(lr=1e-3, weight_decay=0.05)
    n_views = (2, None)

    def __init__(
        self,
        encoder: Encoder,
        views: ViewMaker,
        temperature: float = 0.1,
        prototypes: int = 128,
        out_dim: int = 128,
        epsilon: float = 0.05,
        iterations: int = 3,
        freeze: float = 0.02,
        queue_size: int = 0,
        head_batch_norm: bool = True,
    ):
        super().__init__(encoder, views)
        arg.count.check(prototypes=prototypes, out_dim=out_dim)
        arg.whole.check(iterations=iterations, queue_size=queue_size)
        arg.rate.check(temperature=temperature, epsilon=epsilon)
        arg.share.check(freeze=freeze)
        if prototypes < 2:
            raise CourseError(f"SwAV needs 2 prototypes or more, not {prototypes}: one cluster holds everything.")
        self.temperature, self.prototypes, self.out_dim, self.epsilon = temperature, prototypes, out_dim, epsilon
        self.iterations, self.freeze, self.queue_size = iterations, freeze, queue_size
        self.head_batch_norm = head_batch_norm
        self.projector = ProjectionHead(encoder.dim, out_dim=out_dim, batch_norm=head_batch_norm)
        self.clusters = nn.Linear(out_dim, prototypes, bias=False)  # its rows are the prototypes
        self.queue = Queue(queue_size, out_dim) if queue_size else None
        self.normalize_prototypes()

    @staticmethod
    def default_views(size: int) -> ViewMaker:
        small = RandomView(max(size // 2, 8), scale=(0.05, 0.4))
        return MultiCrop(large=RandomView(size, scale=(0.4, 1.0)), small=small, n_small=4)

    def check_batch(self, batch_size: int) -> None:
        if self.queue is not None:
            self.queue.check_batch(batch_size)

    @torch.no_grad()
    def normalize_prototypes(self) -> None:
        """Give every prototype length 1, so that scores are cosine similarities."""
        self.clusters.weight.copy_(F.normalize(self.clusters.weight, dim=1))

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        z = [self.gather(F.normalize(self.projector(self.encoder(view.pixels)), dim=1)) for view in views]
        scores = [self.clusters(part) for part in z]
        large = getattr(self.view_maker, "n_large", 2)
        codes = [self.assign(score) for score in scores[:large]]
        return {"loss": swapped_prediction(scores, codes, self.temperature), "z": z[0], "codes": codes[0]}

    @torch.no_grad()
    def assign(self, scores: Tensor) -> Tensor:
        """Codes of this batch, (B, K); projections of past batches, once there are enough, take part in it."""
        if self.queue is None or (self.queue.age < 0).any():
            return sinkhorn(scores, self.epsilon, self.iterations)
        past = self.clusters(self.queue.keys.to(scores.dtype))
        return sinkhorn(torch.cat([scores, past]), self.epsilon, self.iterations)[: len(scores)]

    def after_backward(self, progress: float) -> None:
        if progress < self.freeze:
            self.clusters.weight.grad = None

    def after_step(self, out: dict[str, Tensor], progress: float) -> None:
        self.normalize_prototypes()
        if self.queue is not None:
            self.queue.push(out["z"])

    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        return {"assignment_entropy": assignment_entropy(out["codes"]).item(), **super().diagnose(out)}

    def collapse_cause(self) -> str:
        if not self.iterations:
            return "Likely cause: iterations=0, so nothing makes clusters equally large."
        return f"Likely causes: epsilon={self.epsilon} is too large or too small, or the learning rate is too large."

    def chance_level(self, batch_size: int) -> float:
        return math.log(self.prototypes)
