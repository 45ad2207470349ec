"""SimCLR: pull two views of an image together, push all other images away.

Chen et al., A Simple Framework for Contrastive Learning of Visual Representations, ICML 2020.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.methods.base import SSLMethod
from coursekit.methods.diagnostics import alignment, uniformity
from coursekit.models import Encoder, ProjectionHead
from coursekit.views import View, two_views


def info_nce(z_a: Tensor, z_b: Tensor, temperature: float = 0.1) -> Tensor:
    """Mean InfoNCE loss over the 2N views of N images (NT-Xent), in nats.

    z_a, z_b: (N, D) projections; row i of both comes from image i. Any scale: cosine similarity is used. temperature:
    tau, > 0. Chance level, when nothing is learned, is log(2N - 1). Half precision is computed in float32: exp(1 / 0.1)
    already is 22026.
    """
    n = len(z_a)
    z = torch.cat([z_a, z_b])
    if z.dtype in (torch.float16, torch.bfloat16):
        z = z.float()
    z = F.normalize(z, dim=1)  # (2N, D)
    with torch.autocast(z.device.type, enabled=False):  # or z @ z.T is half again
        similarity = z @ z.T / temperature  # (2N, 2N)
    itself = torch.eye(2 * n, dtype=torch.bool, device=z.device)
    similarity = similarity.masked_fill(itself, -torch.inf)  # the sum runs over k != i
    positive = torch.arange(2 * n, device=z.device).roll(n)  # i <-> i + N
    return F.cross_entropy(similarity, positive)


class SimCLR(SSLMethod):
    """encoder: what is trained. image_size: side of the views, px. temperature: tau. out_dim: width of the projection.

    head_layers: linear layers of the projector, 0 = none: the loss then works on the features themselves.
    head_batch_norm=False makes the loss independent of how a batch is split over processes. settings: as in
    `RandomView`, to change the augmentations.
    """

    def __init__(
        self,
        encoder: Encoder,
        image_size: int,
        temperature: float = 0.1,
        out_dim: int = 128,
        head_layers: int = 2,
        head_batch_norm: bool = True,
        **settings,
    ):
        super().__init__(encoder, views=two_views(image_size, **settings))
        self.projector = nn.Identity()
        if head_layers:
            self.projector = ProjectionHead(
                encoder.dim, out_dim=out_dim, layers=head_layers, batch_norm=head_batch_norm
            )
        self.temperature = temperature

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        z_a, z_b = (self.gather(self.projector(self.encoder(view.pixels))) for view in views)
        loss = info_nce(z_a, z_b, self.temperature)
        with torch.no_grad():
            spread = {"alignment": alignment(z_a, z_b), "uniformity": uniformity(z_a)}
        return {"loss": loss, **spread}

    def chance_level(self, batch_size: int) -> float:
        return math.log(2 * batch_size - 1)
