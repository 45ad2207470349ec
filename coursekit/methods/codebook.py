"""A codebook: K vectors that stand for everything between them. Vector quantisation, learned along with a network.

van den Oord et al., Neural Discrete Representation Learning (VQ-VAE), NeurIPS 2017. Vectors and codes have length 1, as
in ViT-VQGAN (Yu et al., ICLR 2022) and BEiT v2 (Peng et al., 2022): more codes stay in use.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.methods.precision import in_float32


@in_float32
@torch.no_grad()
def nearest_code(z: Tensor, codebook: Tensor) -> Tensor:
    """Which code is nearest to each vector: int64 (N,). z: (N, D). codebook: (K, D). Of two that are as near, the first.

    |z - e|^2 = |z|^2 - 2 z e + |e|^2, of which |z|^2 is the same for all codes.
    """
    return (z @ codebook.T - codebook.square().sum(dim=1) / 2).argmax(dim=1)


def straight_through(z: Tensor, code: Tensor) -> Tensor:
    """The code forwards; backwards, its gradient goes to z as it is, because choosing a code has none. Any equal shapes."""
    return z + (code - z).detach()


def perplexity(indices: Tensor, codes: int) -> Tensor:
    """exp of the entropy of how often each code is used: how many are in use as if all alike, 1 ... codes.

    indices: int64, any shape.
    """
    share = torch.bincount(indices.flatten(), minlength=codes) / indices.numel()
    return torch.special.entr(share).sum().exp()


class Codebook(nn.Module):
    """K codes of length 1 that follow the vectors that chose them, by an exponential moving average instead of a gradient.

    codes: K.
    dim: D, numbers of a code.
    momentum: of the average, from 0 (this batch alone) to 1 (codes never move).
    revive: a code is dead if it is chosen less often than this share of N / K, the even share; 0 = none ever is.

    vectors: buffer (K, D), the codes. counts: buffer (K,), how many vectors of a batch chose each code; sums: buffer
    (K, D), the sum of those vectors; both on average.
    """

    def __init__(self, codes: int, dim: int, momentum: float = 0.99, revive: float = 0.05):
        super().__init__()
        self.momentum, self.revive = momentum, revive
        start = torch.Generator().manual_seed(0)  # of its own: building it draws nothing from the global state
        self.register_buffer("vectors", F.normalize(torch.randn(codes, dim, generator=start), dim=1))
        self.register_buffer("counts", torch.zeros(codes))
        self.register_buffer("sums", torch.zeros(codes, dim))

    def __len__(self) -> int:
        return len(self.vectors)

    def forward(self, z: Tensor) -> Tensor:
        """The nearest code of each vector: (N, D), of length 1 -> int64 (N,)."""
        return nearest_code(z, self.vectors)

    @torch.no_grad()
    def update(self, z: Tensor, indices: Tensor) -> None:
        """Move the codes after a step. z: (N, D), of all processes. indices: int64 (N,), which code each of them chose.

        N_k <- m N_k + (1 - m) n_k and s_k <- m s_k + (1 - m) sum of its z (VQ-VAE, appendix A.1); the code is s_k, of which
        only the direction counts. Dead codes are placed anew. At first no code was ever chosen: the first batch places all.
        """
        z, like = z.detach().to(self.sums.dtype), self.sums
        chosen = torch.bincount(indices, minlength=len(self)).to(like.dtype)
        self.counts.lerp_(chosen, 1 - self.momentum)
        self.sums.lerp_(torch.zeros_like(like).index_add_(0, indices, z), 1 - self.momentum)
        even = len(z) / len(self)
        dead = self.counts < self.revive * even
        if dead.any():
            alive = F.normalize(self.sums[~dead], dim=1)
            at = badly_told(z, alive, int(dead.sum()))
            start = min(1.0, 2 * self.revive) * even  # little, so that the code soon follows those that choose it
            self.counts[dead], self.sums[dead] = start, start * z[at]
        told = self.sums.norm(dim=1) > 1e-12  # without revival, a code that was never chosen has no direction: it stays
        self.vectors[told] = F.normalize(self.sums[told], dim=1)


def badly_told(z: Tensor, codebook: Tensor, n: int) -> Tensor:
    """Which n vectors of a batch shall become codes: int64 (n,), where the codes tell them worst, without a random draw.

    Chosen in even steps along the sum of squared distances to the nearest code, so that a vector has the
    chance that k-means++ gives it (Arthur and Vassilvitskii, SODA 2007). z: (N, D). codebook: (K, D), of length 1, or none.
    """
    far = 1 - (z @ codebook.T).amax(dim=1) if len(codebook) else torch.ones(len(z))
    along = far.cpu().double().clamp(min=1e-6).cumsum(dim=0)  # there in one order; all alike if all are told exactly
    steps = (torch.arange(n, dtype=along.dtype) + 0.5) / n * along[-1]
    return torch.searchsorted(along, steps).clamp(max=len(z) - 1).to(z.device)
