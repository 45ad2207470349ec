"""SimSiam: predict the other view of the same network, and stop the gradient there. No negatives, no teacher.

Chen and He, Exploring Simple Siamese Representation Learning, CVPR 2021.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from coursekit import arguments as arg
from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.diagnostics import alignment
from coursekit.methods.precision import in_float32
from coursekit.methods.registry import register
from coursekit.models import Encoder, ProjectionHead
from coursekit.views import RandomView, TwoViews, View, ViewMaker


@in_float32
def negative_cosine(prediction: Tensor, target: Tensor, stop_gradient: bool = True) -> Tensor:
    """Minus the mean cosine similarity, D(p, z) in the paper: -1 = the same direction, 1 = opposite.

    prediction, target: (N, D), any scale. stop_gradient: no gradient flows into the target; without, features collapse.
    """
    return -F.cosine_similarity(prediction, target.detach() if stop_gradient else target, dim=1).mean()


@register("simsiam")
class SimSiam(SSLMethod):
    """out_dim: width of projection and prediction; 2048 in the paper. hidden_dim: of the predictor, a quarter of it.

    predictor, stop_gradient: False takes it away, and features collapse: for lessons.
    """

    defaults = Defaults(lr=1e-3, weight_decay=0.05)
    n_views = (2, 2)

    def __init__(
        self,
        encoder: Encoder,
        views: ViewMaker,
        out_dim: int = 512,
        hidden_dim: int = 128,
        predictor: bool = True,
        stop_gradient: bool = True,
    ):
        super().__init__(encoder, views)
        arg.count.check(out_dim=out_dim, hidden_dim=hidden_dim)
        self.out_dim, self.hidden_dim, self.predictor, self.stop_gradient = (
            out_dim,
            hidden_dim,
            predictor,
            stop_gradient,
        )
        self.projector = ProjectionHead(encoder.dim, out_dim, out_dim, layers=3, last_batch_norm=True)
        self.predict = ProjectionHead(out_dim, hidden_dim, out_dim) if predictor else nn.Identity()

    @staticmethod
    def default_views(size: int) -> ViewMaker:
        return TwoViews(RandomView(size, scale=(0.2, 1.0), brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1))

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        z_a, z_b = (self.projector(self.encoder(view.pixels)) for view in views[:2])
        loss = negative_cosine(self.predict(z_a), z_b, self.stop_gradient) / 2
        loss = loss + negative_cosine(self.predict(z_b), z_a, self.stop_gradient) / 2
        return {"loss": loss, "z": z_a, "z_b": z_b}

    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        return {"alignment": alignment(out["z"], out["z_b"]).item(), **super().diagnose(out)}

    def collapse_cause(self) -> str:
        off = [name for name in ("stop_gradient", "predictor") if not getattr(self, name)]
        return (
            f"Likely cause: {off[0]}=False, and nothing else keeps images apart." if off else super().collapse_cause()
        )
