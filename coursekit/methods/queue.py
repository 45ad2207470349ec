"""A queue of the keys of past batches: many negatives at the price of a few kilobytes."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coursekit.runtime import CourseError


class Queue(nn.Module):
    """The last `size` keys, the oldest replaced first. He et al., MoCo, CVPR 2020.

    size: keys that it holds; dim: numbers of a key.

    keys: buffer (size, dim), unit length, random directions at first. place: buffer, where the next key goes. age:
    buffer (size,), how many batches ago a key came, -1 = a random one of the beginning.
    """

    def __init__(self, size: int, dim: int):
        super().__init__()
        start = torch.Generator().manual_seed(0)  # of its own: building a queue draws nothing from the global state
        self.register_buffer("keys", F.normalize(torch.randn(size, dim, generator=start), dim=1))
        self.register_buffer("place", torch.zeros((), dtype=torch.long))
        self.register_buffer("age", torch.full((size,), -1))

    def __len__(self) -> int:
        return len(self.keys)

    @torch.no_grad()
    def push(self, keys: Tensor) -> None:
        """Put in a batch of keys, (B, dim), in their order; at the end of the buffer it goes on at the beginning."""
        n = len(self)
        at = (self.place + torch.arange(len(keys), device=keys.device)) % n
        self.age += self.age >= 0
        self.keys[at], self.age[at] = keys.detach().to(self.keys.dtype), 0
        self.place.fill_((self.place + len(keys)) % n)

    def check_batch(self, batch_size: int) -> None:
        """Raise CourseError for a batch that does not fit into the queue a whole number of times."""
        if len(self) % batch_size:
            more = -(-len(self) // batch_size) * batch_size
            raise CourseError(
                f"A queue of {len(self)} keys does not hold a whole number of batches of {batch_size}. "
                f"Take queue_size={more}, or a batch size that divides {len(self)}."
            )
