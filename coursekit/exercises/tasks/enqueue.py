"""Put a batch of keys into a ring buffer; coursekit.methods.queue.Queue is the one that trains."""

import torch

from coursekit.exercises.model import Case, Exercise, draw
from coursekit.methods.queue import Queue


def my_enqueue(queue, place, keys):
    """queue: (K, D); place: the row of the oldest key; keys: (B, D), B <= K. Return the queue afterwards, a new (K, D)."""
    at = (place + torch.arange(len(keys))) % len(queue)  # after the last row comes the first
    queue = queue.clone()
    queue[at] = keys
    return queue


@torch.no_grad()
def enqueue(queue, place, keys):
    """What `Queue.push` makes of it."""
    ring = Queue(*queue.shape).to(queue.dtype)
    ring.keys.copy_(queue)
    ring.place.fill_(place)
    ring.push(keys)
    return ring.keys


def _cases():
    def case(says: str, seed: int, size: int, place: int, batch: int):
        return Case(says, (draw(seed, size, 3)[0], place, draw(seed + 1, batch, 3)[0]))

    return [
        case("8 keys, 3 new ones from row 2", 30, 8, 2, 3),
        case("8 keys, 4 new ones from row 6: over the end", 32, 8, 6, 4),
        case("9 keys, 3 new ones from row 6: just up to the end", 34, 9, 6, 3),
        case("6 keys, 5 new ones from row 0", 36, 6, 0, 5),
        case("10 keys, 6 new ones from row 9: over the end", 38, 10, 9, 6),
    ]


EXERCISE = Exercise(lesson="04", solution=my_enqueue, reference=enqueue, cases=_cases)
