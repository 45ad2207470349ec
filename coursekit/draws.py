"""Random numbers of a training step, the same for a resumed run, for several processes and on every device."""

import hashlib

import torch
from torch import Tensor


class Draws:
    """All the randomness of one training step, from a CPU generator seeded with (seed, step).

    Numbers are drawn for the whole global batch and each process keeps its own rows, so that a resumed run, two
    processes and another device see the same draws.
    """

    def __init__(self, seed: int, step: int = 0, rank: int = 0, world: int = 1):
        digest = hashlib.blake2b(f"{seed}:{step}".encode(), digest_size=8).digest()  # neighbouring seeds stay unrelated
        self.generator = torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
        self.rank, self.world = rank, world

    def _mine(self, rows: Tensor) -> Tensor:
        n = len(rows) // self.world
        return rows[self.rank * n : (self.rank + 1) * n]

    def uniform(self, n: int, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """float32 (n, *shape), uniform in [low, high): one row for each of this process's n images."""
        return low + (high - low) * self._mine(torch.rand(n * self.world, *shape, generator=self.generator))

    def normal(self, n: int, *shape: int) -> Tensor:
        """float32 (n, *shape), standard normal."""
        return self._mine(torch.randn(n * self.world, *shape, generator=self.generator))

    def integers(self, n: int, *shape: int, high: int) -> Tensor:
        """int64 (n, *shape), uniform in 0 ... high - 1."""
        return self._mine(torch.randint(high, (n * self.world, *shape), generator=self.generator))
