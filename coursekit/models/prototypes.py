"""The head of DINO: from a token to its scores with many prototypes."""

import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.runtime import CourseError


class PrototypeHead(nn.Module):
    """Cosine similarities of projected tokens with prototypes that are learned: (..., in_dim) -> (..., prototypes).

    in_dim: width of the tokens.
    prototypes: K, directions; 65,536 in DINO and DINOv2.
    hidden_dim: width between the layers; 2048 there.
    out_dim: width of the projection, the bottleneck; 256 there.

    Three linear layers with GELU between them, unit length, then a linear layer without bias whose rows are normalized
    (Caron et al., DINO, ICCV 2021): weight-norm (Salimans and Kingma, NeurIPS 2016) with its length fixed at 1. DINO does
    so by default for stability; DINOv2's code trains the lengths too. No batch-norm: nothing depends on the batch. Raises
    CourseError for a single prototype.
    """

    def __init__(self, in_dim: int, prototypes: int, hidden_dim: int = 512, out_dim: int = 128):
        super().__init__()
        if prototypes < 2:
            raise CourseError(f"A head needs 2 prototypes or more, not {prototypes}: one gets everything.")
        self.layers = nn.Sequential(
            nn.Linear(in_dim, hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, out_dim),
        )
        for layer in self.layers[::2]:
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
        self.prototypes = nn.Linear(out_dim, prototypes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        z = F.normalize(self.layers(x), dim=-1)
        return F.linear(z, F.normalize(self.prototypes.weight, dim=1))  # -1 to 1
