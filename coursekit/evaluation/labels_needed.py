"""How many labels does one start need to reach what another start reached? Read off a curve of scores over labels."""

import torch
from torch import Tensor

from coursekit.runtime import CourseError


def labels_needed(labels: Tensor, scores: Tensor, wanted: Tensor | float) -> Tensor:
    """The number of labels at which a curve reaches a score: a tensor with one number, of `scores`' dtype.

    labels: (K,) numbers of labelled images, rising. scores: (K,) what was measured at each, such as mean mAP, in any unit;
    they may stay the same from one point to the next, but not fall. wanted: the score to reach, in the same unit.

    Between two points the curve is a straight line over the logarithm of the labels, because equal factors, not equal
    steps, bring about similar gains (Hestness et al., Deep Learning Scaling is Predictable, Empirically, arXiv:1712.00409,
    2017, find power laws). Nothing is claimed about what was not measured: the result is labels[0] if that is enough
    already, and infinity if no number of labels was enough. It carries no gradient.

    Raises CourseError for lists that are empty or of unequal lengths, for counts that are not positive or do not rise, for
    scores that fall, and for numbers that are not finite.
    """
    scores = torch.as_tensor(scores)
    dtype = scores.dtype if scores.is_floating_point() else torch.get_default_dtype()
    # rounded as the scores are: 0.16 in float64 is more than 0.16 in float32, and would never be reached
    wanted = torch.as_tensor(wanted).to(dtype)
    labels, scores, wanted = (torch.as_tensor(x).detach().cpu().double() for x in (labels, scores.to(dtype), wanted))
    _check(labels, scores, wanted)
    k = int(torch.searchsorted(scores, wanted))  # the first point that is good enough; K if none is
    if k == 0:
        found = labels[0]
    elif k == len(labels):
        found = labels.new_tensor(torch.inf)
    else:
        share = (wanted - scores[k - 1]) / (scores[k] - scores[k - 1])
        found = torch.exp(torch.lerp(labels[k - 1].log(), labels[k].log(), share))
    return found.to(dtype)


def _check(labels: Tensor, scores: Tensor, wanted: Tensor) -> None:
    if labels.ndim != 1 or labels.shape != scores.shape or not len(labels):
        raise CourseError(
            "labels_needed wants one score for each number of labels, of one point at least, not the shapes "
            f"{tuple(labels.shape)} and {tuple(scores.shape)}."
        )
    if wanted.ndim:
        raise CourseError(f"labels_needed wants one score to reach, not the shape {tuple(wanted.shape)}.")
    if not (labels[0] > 0 and labels.isfinite().all() and (labels.diff() > 0).all()):
        raise CourseError(
            f"labels_needed wants numbers of labels above 0 that rise from point to point, not {_listed(labels)}. Sort the "
            "points by their labels, and give one mean for each number."
        )
    if not (scores.isfinite().all() and wanted.isfinite()):
        raise CourseError(f"labels_needed wants finite scores, not {_listed(scores)}, and {wanted.item():g} to reach.")
    if falls := (scores.diff() < 0).nonzero()[:, 0].tolist():
        k = falls[0]
        raise CourseError(
            f"The score falls from {scores[k]:g} at {labels[k]:g} labels to {scores[k + 1]:g} at {labels[k + 1]:g}, so a "
            "curve through these points may reach one score several times. Average over more seeds, or leave a point out, "
            "and say so."
        )


def _listed(values: Tensor) -> str:
    return ", ".join(f"{value:g}" for value in values.tolist())
