"""Dense probe: is there an object at this place, and of which class? A linear model reads it from the features there.

In seconds it asks of a feature map what a detector tells in minutes; k-NN and the linear probe ask it of whole images.
DINOv2 (Oquab et al., TMLR 2024) is judged by a linear model of its patch features too, with segmentation as the task.

- Places: square cells of the image, 8 px by default, the same for every encoder: all face one question, with one chance
  level. A coarser map is interpolated; what it cannot resolve counts against it, as it would in a detector.
- Labels: see `place_labels`. Unclear places are left out, because at an object's border they would judge the threshold.
- A pyramid is judged level by level, and as a whole by its levels side by side at each place, which is how a detector's
  neck joins them. Each feature is standardised, so that no level drowns out another.
- Learning: multinomial logistic regression (scikit-learn) on all object places of the training scenes and a sample of
  their background. Sampling makes background rarer everywhere alike, which leaves the order of object scores as it is.
  Regularisation is chosen on a quarter of the training *scenes*: places of one scene look too much alike to be split.
- Judging: average precision (`ranking_precision`) on all labelled places of the test scenes, which are looked at once.
  The 95 % interval's standard error comes from a bootstrap over scenes, because the places of one are no independent
  witnesses. It covers the choice of test scenes, not the training.
"""

import time
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from coursekit import arguments as arg
from coursekit.data.images import ImageSet
from coursekit.evaluation.average_precision import ranking_precision
from coursekit.evaluation.blas import steady_threads
from coursekit.evaluation.intervals import Interval, PairedDifference
from coursekit.evaluation.places import BATCH, each_batch, place_labels
from coursekit.evaluation.scene_bootstrap import scene_counts, scene_interval
from coursekit.models import Encoder
from coursekit.runtime import CourseError

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)  # inverse regularisation, scikit-learn's C
BACKGROUND_PER_OBJECT, LEAST_BACKGROUND = 2, 5000  # places to learn from: two for each object place, or this many
MORE = "Take more scenes, or larger ones, or a smaller cell."


@dataclass(frozen=True)
class DenseScore:
    """What the dense probe says of one encoder.

    objects: average precision of "here is an object", with its 95 % interval.
    classes: that of each class, by name. mean_class: of their mean.
    chance, class_chance: what random scores get: the share of object places; the mean share of a class's places.
    places: test places that were judged. left_out: share of the test places without a clear label.
    strength: the C that was chosen. seconds: of the whole call.
    levels: of a pyramid, each level by itself, by name ("stride 8", ...); otherwise empty.
    probabilities: float32 (N, h, w, 1 + classes) of all test places. truth: int64 (N, h, w), its column; -1: unclear.
    background_kept: share of the training scenes' background that was learned from, so much rarer than it is.
    """

    objects: Interval
    classes: dict[str, Interval]
    mean_class: Interval
    chance: float
    class_chance: float
    places: int
    left_out: float
    strength: float
    seconds: float
    probabilities: Tensor = field(repr=False, compare=False)
    truth: Tensor = field(repr=False, compare=False)
    background_kept: float
    levels: dict[str, "DenseScore"] = field(default_factory=dict)

    def __str__(self) -> str:
        objects = f"object {self.objects} (chance {self.chance:.3f})"
        return f"{objects}   class {self.mean_class} (chance {self.class_chance:.3f})   {self.seconds:.1f} s"


def dense_probe(encoder: Encoder | None, train: ImageSet, test: ImageSet, cell: int = 8, seed: int = 0) -> DenseScore:
    """Learn from the places of some scenes what is there, and be judged on those of others.

    encoder: any with a map of more than one place; one with `pyramid(pixels)` is judged by all its levels. None = raw
        pixels, a patch of 4 x 4 cells around each place. Afterwards it is in train or eval mode as it was.
    train, test: scenes with masks. A class is judged if it has a place in them.
    cell: side of a place, px, even; the sides of the scenes are multiples of it.
    seed: of the background that is learned from, of the scenes that choose the regularisation, and of the bootstrap.

    Raises CourseError if masks are missing, do not fit or show too little: fewer than two test scenes, fewer
    than two training scenes with objects, no background, or a class that has places in one of the two sets alone.
    """
    clock = time.perf_counter()
    for images in (train, test):
        _check(images, cell)
    if train.class_names != test.class_names:
        raise CourseError(f"The two sets name their classes differently: {train.class_names} and {test.class_names}.")
    learned, truth = (place_labels(images.masks, cell) for images in (train, test))
    names, learned, truth = _classes(train.class_names, learned, truth)
    draw = np.random.default_rng(seed)
    chosen = _sample(learned, draw)
    y, held_out = learned[chosen].numpy(), _held_out(learned, draw)[chosen].numpy()
    x = [
        {name: level[mine] for name, level in maps.items()}
        for maps, mine in zip(each_batch(encoder, train, cell), chosen.split(BATCH), strict=True)
    ]
    models = {name: _fit(torch.cat([part[name] for part in x]).numpy(), y, held_out, len(names)) for name in x[0]}
    said = [
        {name: _probabilities(models[name][0], level, len(names)) for name, level in maps.items()}
        for maps in each_batch(encoder, test, cell)
    ]
    counts, kept = scene_counts(len(test), seed), int((y == 0).sum()) / int((learned == 0).sum())
    scores = {
        name: _judge(torch.cat([part[name] for part in said]), truth, counts, names, strength, kept)
        for name, (_, strength) in models.items()
    }
    seconds = time.perf_counter() - clock
    *levels, whole = [(name, replace(score, seconds=seconds)) for name, score in scores.items()]
    return replace(whole[1], levels=dict(levels))


def dense_difference(a: DenseScore, b: DenseScore, seed: int = 0) -> dict[str, PairedDifference]:
    """How much better b is than a, {"objects": b - a, "mean_class": b - a}, judged on the same scenes.

    Both are compared on each resample, which removes what they share: that some scenes are hard for everyone. So it
    can be clear although their intervals overlap. Raises CourseError if they were not judged on the same places.
    """
    if not torch.equal(a.truth, b.truth) or list(a.classes) != list(b.classes):
        raise CourseError("These two were judged on different scenes or cells: only the same places can be compared.")
    counts = scene_counts(len(a.truth), seed)
    one, other = (_precisions(score.probabilities, score.truth, counts) for score in (a, b))
    gain, n = other - one, len(a.truth)
    return {
        "objects": scene_interval(gain[:, 0], n, PairedDifference, -1.0),
        "mean_class": scene_interval(gain[:, 1:].mean(1), n, PairedDifference, -1.0),
    }


def _check(images: ImageSet, cell: int) -> None:
    arg.count.check(cell=cell)
    if images.masks is None:
        raise CourseError("The dense probe needs scenes with masks, such as ImageSet.road_scenes(60, size=160).")
    height, width = images.images.shape[2:]
    if cell % 2 or height % cell or width % cell:
        raise CourseError(f"Scenes of {height} x {width} px do not divide into even cells of {cell} px. Try cell=8.")
    if len(images) < 2:
        raise CourseError(
            f"The dense probe needs at least two scenes to learn from and two to judge on, not {len(images)}."
        )
    if (most := int(images.masks.max())) > len(images.class_names or ()):
        raise CourseError(f"The masks go up to {most}, but the scenes name {len(images.class_names or ())} classes.")


def _classes(all_names: tuple[str, ...], learned: Tensor, truth: Tensor) -> tuple[tuple[str, ...], Tensor, Tensor]:
    """The names of the classes that have places, and the labels counted among these: 0 background, 1, 2, ..."""
    there, asked = ({int(v) for v in label.unique()} - {-1, 0} for label in (learned, truth))
    if not there | asked:
        raise CourseError(f"No object fills a place in these scenes. {MORE}")
    for missing, where in ((asked - there, "training"), (there - asked, "test")):
        if missing:
            told = ", ".join(all_names[value - 1] for value in sorted(missing))
            raise CourseError(f"No place of the {where} scenes shows: {told}. {MORE}")
    if not (learned == 0).any():
        raise CourseError(f"No place of the training scenes shows background. {MORE}")
    if int((learned > 0).flatten(1).any(1).sum()) < 2:
        raise CourseError(f"Only one training scene has a place with an object. {MORE}")
    values = torch.tensor([-1, 0, *sorted(there)])
    names = tuple(all_names[value - 1] for value in sorted(there))
    return names, *(torch.searchsorted(values, label) - 1 for label in (learned, truth))


def _sample(label: Tensor, draw: np.random.Generator) -> Tensor:
    """The places to learn from, bool (N, h, w): every object's, and background at random."""
    chosen = label > 0
    background = (label == 0).flatten().nonzero().squeeze(1)
    most = max(BACKGROUND_PER_OBJECT * int(chosen.sum()), LEAST_BACKGROUND)
    chosen.view(-1)[background[draw.permutation(len(background))[:most]]] = True
    return chosen


def _held_out(label: Tensor, draw: np.random.Generator) -> Tensor:
    """The places of a quarter of the scenes with objects, at least one: bool, shaped as label (N, h, w)."""
    showing = (label > 0).flatten(1).any(1).nonzero().squeeze(1)
    mine = torch.zeros(len(label), dtype=torch.bool)
    mine[showing[draw.permutation(len(showing))[: max(1, len(showing) // 4)]]] = True
    return mine[:, None, None].expand_as(label)


def _fit(x: np.ndarray, y: np.ndarray, held_out: np.ndarray, classes: int) -> tuple[Pipeline, float]:
    """The linear model of all places, with the regularisation that ranks the held-out ones best after learning from the others."""
    inside, truth = torch.from_numpy(x[held_out]), torch.from_numpy(y[held_out])

    def worth(strength: float) -> float:
        said = _probabilities(_model(strength).fit(x[~held_out], y[~held_out]), inside, classes)
        found = _precisions(said[None, None], truth[None, None], torch.ones(1, 1))[0]
        return float(found[0] + found[1:].nanmean())  # NaN: a class that none of the held-out scenes shows

    with steady_threads(x.size):
        best = max(STRENGTHS, key=worth)
        return _model(best).fit(x, y), best


def _model(strength: float) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=300, tol=1e-3))


def _probabilities(model: Pipeline, x: Tensor, classes: int) -> Tensor:
    """What the model says of features (..., D): float32 (..., 1 + classes); 0 for a class that it has not seen."""
    said = torch.zeros(x[..., 0].numel(), 1 + classes)
    said[:, model.classes_] = torch.from_numpy(model.predict_proba(x.flatten(0, -2).numpy())).float()
    return said.view(*x.shape[:-1], 1 + classes)


def _precisions(probabilities: Tensor, truth: Tensor, counts: Tensor) -> Tensor:
    """Average precision of objects, then of each class, for each row of counts: float64 (B, 1 + classes)."""
    clear = truth >= 0
    said, label, scene = probabilities[clear], truth[clear], clear.nonzero()[:, 0]
    rankings = [(said[:, 1:].sum(1), label > 0)]  # not 1 - background, which rounds the surest to the same number
    rankings += [(said[:, value], label == value) for value in range(1, said.shape[1])]
    return torch.stack([ranking_precision(score, right, scene, counts) for score, right in rankings], dim=1)


def _judge(
    probabilities: Tensor, truth: Tensor, counts: Tensor, names: tuple[str, ...], strength: float, kept: float
) -> DenseScore:
    found, n = _precisions(probabilities, truth, counts), len(truth)
    share = torch.bincount(truth[truth >= 0], minlength=1 + len(names)).double() / (truth >= 0).sum()
    return DenseScore(
        objects=scene_interval(found[:, 0], n),
        classes={name: scene_interval(found[:, value], n) for value, name in enumerate(names, 1)},
        mean_class=scene_interval(found[:, 1:].mean(1), n),
        chance=float(share[1:].sum()),
        class_chance=float(share[1:].mean()),
        places=int((truth >= 0).sum()),
        left_out=float((truth < 0).double().mean()),
        strength=strength,
        seconds=0.0,
        probabilities=probabilities,
        truth=truth,
        background_kept=kept,
    )
