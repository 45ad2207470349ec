"""Which image is labelled next, if a small subset is to show every class as often as the whole does?"""

import torch

from coursekit.exercises.model import Case, Exercise, Probe


def my_nearest_image(total, n, pool, mean):
    """total: (C,) boxes of each class in the n images chosen so far. pool: (P, C), those in each candidate. mean: (C,) boxes
    in an image of the whole dataset, on average. Return the index of the candidate after which the subset's mean numbers
    of boxes, in units of the whole's, come nearest to 1 for all classes (least squares), a tensor."""
    off = (total + pool) / (n + 1) / mean - 1  # (P, C): 0 if the subset has as many boxes an image as the whole
    return off.square().sum(dim=1).argmin()


def nearest_image(total, n, pool, mean):
    """What `detection.label_subsets.nearest_image` says, from arrays."""
    from coursekit.detection import label_subsets

    return torch.tensor(label_subsets.nearest_image(total.numpy(), n, pool.numpy(), mean.numpy()))


def _cases():
    def images(seed: int, n: int, candidates: int, mean: tuple, full: float = 1.0) -> tuple:
        generator, mean = torch.Generator().manual_seed(seed), torch.tensor(mean)
        shown = full * (
            0.7 + 0.6 * torch.rand(len(mean), generator=generator)
        )  # some classes too often, some too seldom
        total = torch.poisson(n * mean * shown, generator=generator)
        return total, n, torch.poisson(mean.expand(candidates, -1), generator=generator), mean

    road = (3.2, 0.9, 0.5, 0.3)  # cars are common, buses rare
    crossing, fair = (6.0, 14.0, 4.0, 9.0), (12.0, 20.0, 30.0)  # so full that hardly two images are alike
    return [
        Case("8 candidates, 4 classes, 5 images chosen", images(1, 5, 8, road)),
        Case("8 candidates, 4 classes, 31 images chosen", images(2, 31, 8, road)),
        Case("8 candidates, 4 classes, none chosen yet", images(3, 0, 8, road)),
        Case("200 candidates, 4 classes, 4 images chosen, nearly empty", images(6, 4, 200, crossing, 0.03)),
        Case("200 candidates, 4 classes, 3 images chosen", images(7, 3, 200, crossing)),
        Case("200 candidates, 4 classes, 12 images chosen", images(8, 12, 200, crossing)),
        Case("150 candidates, 3 classes, 2 images chosen", images(9, 2, 150, fair)),
    ]


PAIRS = Probe(
    "Counting the boxes of all classes in pairs changes {result}; it should not.",
    lambda total, n, pool, mean: (total / 2, n, pool / 2, mean / 2),
)
REORDERED = Probe(
    "Listing the classes in another order changes {result}; each counts as much as the others.",
    lambda total, n, pool, mean: (total.flip(0), n, pool.flip(1), mean.flip(0)),
)
EXERCISE = Exercise(
    lesson="12", solution=my_nearest_image, reference=nearest_image, cases=_cases, probes=(PAIRS, REORDERED)
)
