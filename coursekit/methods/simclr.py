"""SimCLR: pull two views of an image together, push all other images away.

Chen et al., A Simple Framework for Contrastive Learning of Visual Representations, ICML 2020.
"""

import math

import torch
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
def info_nce(z_a: Tensor, z_b: Tensor, temperature: float = 0.1) -> Tensor:
    """Mean InfoNCE loss over the 2N views of N images (NT-Xent), in nats.

    z_a, z_b: (N, D) projections; row i of both comes from image i. Any scale: cosine similarity is used. temperature:
    tau, > 0. Chance level, when nothing is learned, is log(2N - 1).
    """
    n = len(z_a)
    z = F.normalize(torch.cat([z_a, z_b]), dim=1)  # (2N, D)
    similarity = z @ z.T / temperature  # (2N, 2N)
    itself = torch.eye(2 * n, dtype=torch.bool, device=z.device)
    similarity = similarity.masked_fill(itself, -torch.inf)  # the sum runs over k != i
    positive = torch.arange(2 * n, device=z.device).roll(n)  # i <-> i + N
    return F.cross_entropy(similarity, positive)


@register("simclr")
class SimCLR(SSLMethod):
    """temperature: tau. out_dim: width of the projection z.

    head_layers: linear layers of the projector; 0 = none, so that the loss works on the features themselves.
    head_batch_norm: False makes the loss independent of how a batch is split over processes.
    """

    defaults = Defaults(lr=1e-3, weight_decay=0.05)
    n_views = (2, 2)

    def __init__(
        self,
        encoder: Encoder,
        views: ViewMaker,
        temperature: float = 0.1,
        out_dim: int = 128,
        head_layers: int = 2,
        head_batch_norm: bool = True,
    ):
        super().__init__(encoder, views)
        arg.rate.check(temperature=temperature)
        arg.count.check(out_dim=out_dim)
        arg.whole.check(head_layers=head_layers)
        self.temperature, self.out_dim = temperature, out_dim
        self.head_layers, self.head_batch_norm = head_layers, head_batch_norm
        self.projector = nn.Identity()
        if head_layers:
            self.projector = ProjectionHead(
                encoder.dim, out_dim=out_dim, layers=head_layers, batch_norm=head_batch_norm
            )

    @staticmethod
    def default_views(size: int) -> ViewMaker:
        return TwoViews(RandomView(size))

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        z_a, z_b = (self.gather(self.projector(self.encoder(view.pixels))) for view in views)
        return {"loss": info_nce(z_a, z_b, self.temperature), "z": z_a, "z_b": z_b}

    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        return {"alignment": alignment(out["z"], out["z_b"]).item(), **super().diagnose(out)}

    def chance_level(self, batch_size: int) -> float:
        return math.log(2 * batch_size - 1)
