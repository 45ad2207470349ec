"""LeJEPA: views of an image agree, and a statistical test keeps the embeddings an isotropic Gaussian.

No negatives, no teacher, no stop-gradient. Balestriero and LeCun, LeJEPA: Provable and Scalable Self-Supervised Learning
Without the Heuristics, 2025. The test is Epps and Pulley's (Biometrika, 1983), along random directions.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit import arguments as arg
from coursekit.draws import Draws
from coursekit.methods.base import Defaults, SSLMethod
from coursekit.methods.precision import in_float32
from coursekit.methods.registry import register
from coursekit.models import Encoder, ProjectionHead
from coursekit.views import MultiCrop, RandomView, View, ViewMaker


@in_float32
def sigreg(z: Tensor, directions: Tensor, points: int = 9, reach: float = 5.0) -> Tensor:
    """Epps and Pulley's statistic against a standard normal, mean over directions: 0 = its characteristic function.

    z: (N, D) embeddings. directions: (D, M), unit length, the lines on which z is looked at. points, reach: the
    integral over t is twice a trapezoid sum of so many points in [0, reach], because both sides of 0 are alike.

    N times the integral of |mean of exp(i t x) - exp(-t^2 / 2)|^2 exp(-t^2 / 2) dt, for x = z @ direction.
    """
    t = torch.linspace(0, reach, points, dtype=z.dtype, device=z.device)
    normal = (-t.square() / 2).exp()  # the characteristic function wanted, and the weight
    turns = (z @ directions)[:, :, None] * t  # (N, M, points)
    real, imaginary = turns.cos().mean(dim=0), turns.sin().mean(dim=0)  # (M, points)
    apart = (real - normal).square() + imaginary.square()
    return 2 * len(z) * torch.trapezoid(apart * normal, t, dim=1).mean()


@in_float32
def agreement(z: Tensor, n_large: int) -> Tensor:
    """Mean squared distance of every view's embedding from the mean of the large views'.

    z: (V, N, D), the large views first.
    """
    return (z - z[:n_large].mean(dim=0)).square().mean()


@register("lejepa")
class LeJEPA(SSLMethod):
    """weight: lambda, of the test against the agreement: (1 - lambda) * agreement + lambda * sigreg.

    out_dim: width of the embedding. directions: random lines in each step.
    head_batch_norm: False makes the loss independent of how a batch is split over processes.
    """

    defaults = Defaults(lr=1e-3, weight_decay=0.05)
    n_views = (2, None)

    def __init__(
        self,
        encoder: Encoder,
        views: ViewMaker,
        weight: float = 0.05,
        out_dim: int = 64,
        directions: int = 256,
        head_batch_norm: bool = True,
    ):
        super().__init__(encoder, views)
        arg.share.check(weight=weight)
        arg.count.check(out_dim=out_dim, directions=directions)
        self.weight, self.out_dim, self.directions, self.head_batch_norm = weight, out_dim, directions, head_batch_norm
        self.projector = ProjectionHead(encoder.dim, 512, out_dim, layers=3, batch_norm=head_batch_norm)
        self.register_buffer("lines", torch.zeros(out_dim, directions), persistent=False)  # new in every step

    @staticmethod
    def default_views(size: int) -> ViewMaker:
        small = RandomView(max(size // 2, 8), scale=(0.05, 0.3))
        return MultiCrop(large=RandomView(size, scale=(0.3, 1.0)), small=small, n_small=4)

    def views(self, images: Tensor, draws: Draws) -> list[View]:
        lines = torch.randn(self.out_dim, self.directions, generator=draws.generator)  # the same in every process
        self.lines.copy_(F.normalize(lines, dim=0))
        return super().views(images, draws)

    def forward(self, views: list[View]) -> dict[str, Tensor]:
        z = torch.stack([self.gather(self.projector(self.encoder(view.pixels))) for view in views])  # (V, N, D)
        agree = agreement(z, getattr(self.view_maker, "n_large", 2))
        normal = torch.stack([sigreg(part, self.lines) for part in z]).mean()
        loss = (1 - self.weight) * agree + self.weight * normal
        return {"loss": loss, "z": z[0], "agreement": agree.detach(), "sigreg": normal.detach()}

    def diagnose(self, out: dict[str, Tensor]) -> dict[str, float]:
        parts = {name: out[name].item() for name in ("agreement", "sigreg")}
        return {**parts, **super().diagnose(out)}
