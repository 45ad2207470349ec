"""One call for all judges, one table for all encoders: accuracy, its 95 % interval, and what the answer cost."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit import runtime
from coursekit.data.images import ImageSet
from coursekit.data.lesson_sets import by_kind
from coursekit.evaluation.features import extract_features, raw_pixels
from coursekit.evaluation.finetune import finetune
from coursekit.evaluation.intervals import Interval, accuracy_interval
from coursekit.evaluation.knn import knn_predict
from coursekit.evaluation.linear_probe import linear_probe
from coursekit.models import Encoder, rebuild_encoder
from coursekit.runtime import CourseError

TITLES = {"knn": "k-NN", "linear_probe": "linear probe", "finetune": "fine-tuned"}
PROBES = ("knn", "linear_probe")  # of frozen features; fine-tuning changes them, and takes longer
WIDTH = 29  # characters of a column


@dataclass(frozen=True)
class Score:
    """What one judge says of one encoder.

    predictions: int64 (M,), classes of the test images. accuracy: share of them that are right, with its 95 % interval,
    which covers the choice of test images, not the training. seconds: of features, fitting and predicting.
    """

    predictions: Tensor
    accuracy: Interval
    seconds: float

    def __str__(self) -> str:
        a = self.accuracy
        return f"{a.mean:.1%} [{a.low:.1%}, {a.high:.1%}] {self.seconds:.1f} s"


def judge(
    encoder: Encoder | None,
    train: ImageSet,
    test: ImageSet,
    k: int = 20,
    seed: int = 0,
    by: Collection[str] = PROBES,
    **finetuning,
) -> dict[str, Score]:
    """Ask one judge or several: {"knn": Score, "linear_probe": Score, "finetune": Score}, as far as wanted.

    encoder: None = raw pixels, which cannot be fine-tuned: that entry is left out.
    train, test: labelled images to learn from and to be judged by.
    k: neighbours that vote.
    seed: of the linear probe's own validation split, and of fine-tuning.
    by: which judges, of `TITLES`.
    finetuning: steps, batch_size, lr of `finetune`.

    Raises CourseError for an unknown judge and for images without labels.
    """
    if unknown := [name for name in by if name not in TITLES]:
        raise CourseError(f"There is no judge {unknown[0]!r}. Choose of: {', '.join(TITLES)}.")
    if train.labels is None or test.labels is None:
        raise CourseError("Judging needs labels, of the images to learn from and of those to be judged by.")
    clock = time.perf_counter()
    frozen = [_features(encoder, part) for part in (train, test)] if set(by) & set(PROBES) else ()
    took = time.perf_counter() - clock  # shared by the probes, and part of the price of each
    judges = {
        "knn": lambda a, b: knn_predict(a, train.labels, b, k=k),
        "linear_probe": lambda a, b: torch.from_numpy(linear_probe(a, train.labels, b, test.labels, seed).predictions),
        "finetune": lambda: finetune(encoder, train, test, seed=seed, **finetuning).predictions,
    }
    scores = {}
    for name in by:
        if name == "finetune" and encoder is None:
            continue
        clock = time.perf_counter()
        predictions = judges[name](*(frozen if name in PROBES else ()))
        seconds = time.perf_counter() - clock + (took if name in PROBES else 0)
        right = int((predictions == test.labels).sum())
        scores[name] = Score(predictions, accuracy_interval(right, len(test)), seconds)
    return scores


def compare(
    trained: Encoder | Mapping[str, Encoder],
    train: ImageSet,
    test: ImageSet,
    k: int = 20,
    seed: int = 0,
    by: Collection[str] = PROBES,
    show: Callable[[str], object] | None = None,
    **finetuning,
) -> dict[str, dict[str, Score]]:
    """Encoders beside their baselines: {"raw pixels": {"knn": Score, ...}, "random encoder": ..., "trained encoder": ...}.

    trained: made by `build_encoder`, so that the same network can be made again with random weights; several by name.
    train, test, k, by, finetuning: as in `judge`.
    seed: of the random encoder's weights and of the judges.
    show: called with each line of the table as soon as it is known, for instance print.
    """
    several = trained if isinstance(trained, Mapping) else {"trained encoder": trained}
    first = next(iter(several.values()))
    runtime.seed_everything(seed)
    untrained = rebuild_encoder(first.spec).to(next(first.parameters()).device)
    encoders = {"raw pixels": None, "random encoder": untrained, **several}
    name_width = max(map(len, encoders)) + 2
    rows = {}
    if show:
        show(" " * name_width + "".join(f"{TITLES[name]:>{WIDTH}}" for name in by))
    for name, encoder in encoders.items():
        rows[name] = judge(encoder, train, test, k, seed, by, **finetuning)
        if show:
            cells = [rows[name].get(column, "-") for column in by]
            show(f"{name:<{name_width}}" + "".join(f"{cell!s:>{WIDTH}}" for cell in cells))
    return rows


def knn_score(encoder: Encoder | None, train: ImageSet, test: ImageSet, k: int = 20) -> float:
    """k-NN accuracy alone, 0 to 1: the quick one of `judge`. Arguments as there."""
    return judge(encoder, train, test, k, by=("knn",))["knn"].accuracy.mean


def nearest(encoder: Encoder | None, bank: ImageSet, queries: ImageSet, k: int = 4) -> Tensor:
    """The k images of the bank whose features are most similar to each query's: int64 (queries, k), best first.

    encoder: None = raw pixels.
    """
    a, b = (F.normalize(_features(encoder, part), dim=1) for part in (bank, queries))
    return (b @ a.T).topk(k, dim=1).indices


def neighbors_right(encoder: Encoder | None, bank: ImageSet, queries: ImageSet, k: int = 4) -> dict[str, float]:
    """Share of the k nearest images that are of the query's subtype, and of its kind: {"subtype": ..., "kind": ...}, 0 to 1.

    Arguments as in `nearest`; the images are labelled by subtype. Raises CourseError for classes without kinds.
    """
    found = nearest(encoder, bank, queries, k)
    pairs = {"subtype": (bank, queries), "kind": (by_kind(bank), by_kind(queries))}
    return {name: (a.labels[found] == b.labels[:, None]).float().mean().item() for name, (a, b) in pairs.items()}


def guesses_right(bank: ImageSet, queries: ImageSet) -> dict[str, float]:
    """What `neighbors_right` is for neighbours drawn at random from the bank."""
    pairs = {"subtype": (bank, queries), "kind": (by_kind(bank), by_kind(queries))}
    return {name: (a.labels == b.labels[:, None]).float().mean().item() for name, (a, b) in pairs.items()}


def _features(encoder: Encoder | None, images: ImageSet) -> Tensor:
    return raw_pixels(images) if encoder is None else extract_features(encoder, images)
