"""What is a start worth in labels? How many of them another start needs to come as far, read off its curve."""

import torch

from coursekit.evaluation import labels_needed
from coursekit.exercises.model import Case, Exercise, Probe


def my_labels_needed(labels, scores, wanted):
    """labels: (K,) numbers of labelled images, rising. scores: (K,) mean mAP of random weights at each, rising. wanted: a
    tensor with one number, the mAP to reach. Return the number of labels at which the curve reaches it, a tensor: straight
    lines between the points, over the logarithm of the labels; labels[0] if that is enough already; infinity if even all of
    them are not enough."""
    k = int((scores < wanted).sum())  # points that are not good enough, so point k is the first that is
    if k == 0:
        return labels[0]
    if k == len(labels):
        return torch.tensor(torch.inf)
    low, high = labels[k - 1].log(), labels[k].log()
    share = (wanted - scores[k - 1]) / (scores[k] - scores[k - 1])  # of the way from point k - 1 to point k
    return torch.exp(low + share * (high - low))


def _cases():
    def curve(labels: tuple, scores: tuple, wanted: float) -> tuple:
        return torch.tensor(labels, dtype=torch.float32), torch.tensor(scores), torch.tensor(wanted)

    lesson, mine = (32, 128, 320), (0.02, 0.05, 0.09)
    grid = ((10, 20, 50, 100, 1000), (0.05, 0.09, 0.20, 0.24, 0.41))
    return [
        Case("32, 128 and 320 labels, between the last two", curve(lesson, mine, 0.06)),
        Case("32, 128 and 320 labels, between the first two", curve(lesson, mine, 0.043)),
        Case("32, 128 and 320 labels, a score that 320 do not reach", curve(lesson, mine, 0.13)),
        Case("32, 128 and 320 labels, a score that 32 reach already", curve(lesson, mine, 0.015)),
        Case("32, 128 and 320 labels, exactly the score at 128", curve(lesson, mine, 0.05)),
        Case("32, 128 and 320 labels, exactly the score at 320", curve(lesson, mine, 0.09)),
        Case("5 points from 10 to 1000 labels, between 20 and 50", curve(*grid, 0.12)),
        Case("5 points from 10 to 1000 labels, between 100 and 1000", curve(*grid, 0.38)),
        Case("2 points, in percent", curve((50, 500), (11.0, 31.0), 16.0)),
    ]


PERCENT = Probe(
    "Counting all mAP in percent changes {result}; it should not.",
    lambda labels, scores, wanted: (labels, 100 * scores, 100 * wanted),
)
EXERCISE = Exercise(lesson="12", solution=my_labels_needed, reference=labels_needed, cases=_cases, probes=(PERCENT,))
