"""BYOL: predict what a slow teacher says of the other view. No negatives.

Grill et al., Bootstrap Your Own Latent, NeurIPS 2020. The paper's online network is the student, its target the teacher.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit import arguments as arg
from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.diagnostics import alignment
from coursekit.methods.ema import follow, lag, teacher_of
from coursekit.methods.precision import in_float32
from coursekit.methods.registry import register
from coursekit.methods.schedules import cosine
from coursekit.models import Encoder, ProjectionHead
from coursekit.views import RandomView, TwoViews, View, ViewMaker


@in_float32
def cosine_regression(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean squared distance of the unit vectors, 2 - 2 cos: 0 = the same direction, 4 = opposite.

    prediction, target: (N, D), any scale. No gradient flows into the target.
    """
    return 2 - 2 * F.cosine_similarity(prediction, target.detach(), dim=1).mean()


@register("byol")
class BYOL(SSLMethod):
    """out_dim: width of the projection. hidden_dim: of projector and predictor.

    momentum: of the teacher at the first step; it rises to 1 by a cosine, as in the paper, which starts at 0.996.
    predictor: False takes the predictor away, and features collapse: for lessons.
    """

    defaults = Defaults(lr=1e-3, weight_decay=0.05)
    n_views = (2, 2)

    def __init__(
        self,
        encoder: Encoder,
        views: ViewMaker,
        out_dim: int = 128,
        hidden_dim: int = 512,
        momentum: float = 0.99,
        predictor: bool = True,
    ):
        super().__init__(encoder, views)
        arg.count.check(out_dim=out_dim, hidden_dim=hidden_dim)
        arg.share.check(momentum=momentum)
        self.out_dim, self.hidden_dim, self.momentum, self.predictor = out_dim, hidden_dim, momentum, predictor
        self.projector = ProjectionHead(encoder.dim, hidden_dim, out_dim)
        self.predict = ProjectionHead(out_dim, hidden_dim, out_dim) if predictor else nn.Identity()
        self.teacher = teacher_of(nn.Sequential(encoder, self.projector))

    @staticmethod
    def default_views(size: int) -> ViewMaker:
        return TwoViews(RandomView(size, solarize=0.1))

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        a, b = (view.pixels for view in views[:2])  # one after the other: batch-norm sees each view by itself
        z_a, z_b = self.projector(self.encoder(a)), self.projector(self.encoder(b))
        with torch.no_grad():
            target_a, target_b = self.teacher(a), self.teacher(b)
        loss = cosine_regression(self.predict(z_a), target_b) + cosine_regression(self.predict(z_b), target_a)
        return {"loss": loss, "z": z_a, "z_b": z_b}

    def after_step(self, out: dict[str, Tensor], progress: float) -> None:
        follow(self.teacher, nn.Sequential(self.encoder, self.projector), cosine(progress, self.momentum, 1.0))

    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        behind = lag(self.teacher, nn.Sequential(self.encoder, self.projector))
        return {"alignment": alignment(out["z"], out["z_b"]).item(), "teacher_lag": behind, **super().diagnose(out)}

    def collapse_cause(self) -> str:
        if not self.predictor:
            return "Likely cause: predictor=False, so student and teacher can agree on one answer for all."
        return super().collapse_cause()
