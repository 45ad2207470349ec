"""Is one method better than another on the same test images? The plain interval; lessons print Newcombe's beside it."""

import torch

from coursekit.exercises.model import Case, Exercise, Probe


def my_paired_gain(a, b, truth):
    """a, b: (N,), what two methods answer; truth: (N,), the right answers. Return a tensor (3,): by how much b is
    right more often than a, then the low and the high end of the 95 % interval, with z = 1.96 and torch's std."""
    hit_a, hit_b = (a == truth).float(), (b == truth).float()
    gain = hit_b - hit_a  # of each image: 1, 0 or -1
    half = 1.96 * gain.std() / len(gain) ** 0.5
    return torch.stack([gain.mean(), gain.mean() - half, gain.mean() + half])


def paired_gain(a, b, truth):
    """The same from four counts: images that only a gets right, or only b, are all that is needed."""
    only_a, only_b = (int(((x == truth) & (y != truth)).sum()) for x, y in ((a, b), (b, a)))
    n = len(truth)
    gain = (only_b - only_a) / n
    half = 1.96 * ((only_a + only_b - n * gain**2) / (n - 1) / n) ** 0.5
    return torch.tensor([gain, gain - half, gain + half])


def _cases():
    def answers(seed: int, n: int, right_a: float, right_b: float, classes: int = 4) -> tuple:
        generator = torch.Generator().manual_seed(seed)
        truth = torch.randint(classes, (n,), generator=generator)
        easy = torch.rand(n, generator=generator)  # an image that is easy for one is easy for the other
        noise, wrong = torch.rand(2, n, generator=generator), torch.randint(1, classes, (2, n), generator=generator)
        found = []
        for share, mine, off in zip((right_a, right_b), noise, wrong, strict=True):
            right = 0.5 * easy + 0.5 * mine < share
            found.append(torch.where(right, truth, (truth + off) % classes))
        return (*found, truth)

    return [
        Case("80 images of 4 classes, b better", answers(1, 80, 0.4, 0.6)),
        Case("12 images of 3 classes, a better", answers(4, 12, 0.6, 0.3, 3)),
        Case("300 images, both nearly alike", answers(2, 300, 0.50, 0.52)),
        Case("25 images of 10 classes", answers(3, 25, 0.4, 0.5, 10)),
    ]


REVERSED = Probe(
    "Reversing the images changes {result}; their order should not count.",
    lambda *answers: tuple(each.flip(0) for each in answers),
)
EXERCISE = Exercise(
    lesson="09",
    solution=my_paired_gain,
    reference=paired_gain,
    cases=_cases,
    probes=(REVERSED,),
    sizes=lambda a, *_: {"N": len(a)},
)
