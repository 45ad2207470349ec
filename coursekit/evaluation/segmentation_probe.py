"""Segmentation probe: name the class of every place, and be judged by how well the named area covers the true one.

It needs no model of its own: the dense probe's has given each place a probability of background and of each class, and
the most probable one is the answer. DINOv2 (Oquab et al., TMLR 2024) is judged so, by a linear model of patch features.

- Prior: the dense probe learns from a sample of the background alone. Ranking places does not mind, but an answer does:
  to that model background is too rare, so it sees objects everywhere. Its odds of background are those of the sample;
  divided by the share of the background that was kept they are those of the scenes (Elkan, The Foundations of
  Cost-Sensitive Learning, IJCAI 2001).
- Measure: intersection over union of each class, background too: of the places that are it or are called it, the share
  that is both, over all test scenes together (Everingham et al., The PASCAL Visual Object Classes Challenge, IJCV 2010).
  Places without a clear label are not asked.
- The regularisation is the one that ranks best. If that is a strong one, answers are timid: more places are background.
- To beat: an answer of "background" everywhere, which is right at most places and gets almost nothing of the mean.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from coursekit.data.images import ImageSet
from coursekit.evaluation.dense_probe import DenseScore, dense_probe
from coursekit.evaluation.intervals import Interval, PairedDifference
from coursekit.evaluation.scene_bootstrap import scene_counts, scene_interval
from coursekit.models import Encoder
from coursekit.runtime import CourseError


@dataclass(frozen=True)
class IoUScore:
    """What the segmentation probe says of one encoder.

    mean: intersection over union, of the classes' mean, with its 95 % interval. classes: that of each, "background" first.
    baseline: the mean of an answer of "background" everywhere. accuracy: share of the places that are named rightly.
    places: test places that were judged.
    """

    mean: Interval
    classes: dict[str, Interval]
    baseline: float
    accuracy: float
    places: int

    def __str__(self) -> str:
        return f"mean IoU {self.mean} (all background: {self.baseline:.3f})"


def segmentation_probe(
    encoder: Encoder | None, train: ImageSet, test: ImageSet, cell: int = 8, seed: int = 0
) -> IoUScore:
    """Learn from the places of some scenes what is there, and name those of others. Arguments and errors: `dense_probe`."""
    return mean_iou(dense_probe(encoder, train, test, cell, seed), seed)


def named_places(score: DenseScore, correct_prior: bool = True) -> Tensor:
    """The most probable class of each test place: int64 (N, h, w), 0 = background, then the classes of the score.

    correct_prior: False takes the model at its word, to whom background is as rare as in the sample that it learned from.
    """
    said = score.probabilities.clone()
    if correct_prior:
        said[..., 0] /= score.background_kept
    return said.argmax(dim=3)


def mean_iou(score: DenseScore, seed: int = 0, correct_prior: bool = True) -> IoUScore:
    """Intersection over union of the dense probe's answers. seed: of the bootstrap over scenes.

    correct_prior: see `named_places`.
    """
    confusion, n = _confusion(score, correct_prior), len(score.truth)
    found, total = _ious(confusion, scene_counts(n, seed)), confusion.sum(dim=0)
    names = ("background", *score.classes)
    return IoUScore(
        mean=scene_interval(found.mean(dim=1), n),
        classes={name: scene_interval(found[:, value], n) for value, name in enumerate(names)},
        baseline=float(total[0].sum() / total.sum() / len(names)),
        accuracy=float(total.trace() / total.sum()),
        places=int(total.sum()),
    )


def iou_difference(a: DenseScore, b: DenseScore, seed: int = 0) -> PairedDifference:
    """How much larger b's mean IoU is than a's, with both judged on each resample of the same scenes.

    Raises CourseError if they were not judged on the same places.
    """
    if not torch.equal(a.truth, b.truth) or list(a.classes) != list(b.classes):
        raise CourseError("These two were judged on different scenes or cells: only the same places can be compared.")
    counts = scene_counts(len(a.truth), seed)
    one, other = (_ious(_confusion(score), counts).mean(dim=1) for score in (a, b))
    return scene_interval(other - one, len(a.truth), PairedDifference, -1.0)


def _confusion(score: DenseScore, correct_prior: bool = True) -> Tensor:
    """How many places of each scene are i and are called j: float64 (N, 1 + classes, 1 + classes)."""
    k, clear = score.probabilities.shape[3], score.truth >= 0
    scene = clear.nonzero()[:, 0]
    pair = (scene * k + score.truth[clear]) * k + named_places(score, correct_prior)[clear]
    return torch.bincount(pair, minlength=len(score.truth) * k * k).view(-1, k, k).double()


def _ious(confusion: Tensor, counts: Tensor) -> Tensor:
    """Intersection over union of each class for each row of counts: float64 (B, 1 + classes). NaN: no place is of the class."""
    total = torch.einsum("bn,nij->bij", counts, confusion)
    both, true, called = total.diagonal(dim1=1, dim2=2), total.sum(dim=2), total.sum(dim=1)
    return torch.where(true > 0, both / (true + called - both), torch.nan)
