"""Make the rotation task's batch: all four turns of every image, and which turn is which.

Gidaris, Singh and Komodakis, ICLR 2018, give the network all four copies of an image in one batch.
"""

import torch

from coursekit.exercises.model import Case, Exercise
from coursekit.methods.rotation import TURNS


def my_rotate_labels(pixels):
    """pixels: (B, 3, S, S). Return the turned copies (4B, 3, S, S), first all B images as they are, then all turned once
    counterclockwise, then twice, then three times, and their labels 0 to 3, int64 (4B,)."""
    turned = torch.cat([pixels.rot90(k, dims=(2, 3)) for k in range(4)])
    labels = torch.arange(4).repeat_interleave(len(pixels))
    return turned, labels


def rotate_labels(pixels):
    """Both, by index arithmetic: place (i, j) of a picture turned once shows what was at (j, S - 1 - i)."""
    copies = [pixels]
    for _ in range(TURNS - 1):
        copies.append(copies[-1].transpose(2, 3).flip(2))
    return torch.cat(copies), torch.arange(TURNS * len(pixels)) // len(pixels)


def _cases():
    def pictures(seed: int, n: int, side: int):
        return (torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(seed)),)

    found = [
        Case("2 images of 4 px", pictures(30, 2, 4)),
        Case("3 images of 3 px", pictures(31, 3, 3)),
        Case("1 image of 5 px", pictures(32, 1, 5)),
        Case("5 images of 2 px", pictures(33, 5, 2)),
    ]
    return [*found, Case("float64", tuple(pixels.double() for pixels in found[0].args))]


EXERCISE = Exercise(
    lesson="01",
    solution=my_rotate_labels,
    reference=rotate_labels,
    cases=_cases,
    outputs=("turned", "labels"),
    sizes=lambda pixels: {"B": len(pixels), "4B": 4 * len(pixels)},
)
