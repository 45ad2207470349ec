"""One table for an encoder: what raw pixels, an untrained encoder and the trained one score."""

from collections.abc import Callable, Collection

import torch.nn.functional as F
from torch import Tensor

from coursekit import runtime
from coursekit.data.images import ImageSet
from coursekit.data.lesson_sets import by_kind
from coursekit.evaluation.features import extract_features, raw_pixels
from coursekit.evaluation.knn import knn_accuracy
from coursekit.evaluation.linear_probe import linear_probe
from coursekit.models import Encoder, rebuild_encoder

TITLES = {"knn": "k-NN", "linear_probe": "linear probe"}


def judge(
    encoder: Encoder | None,
    train: ImageSet,
    test: ImageSet,
    k: int = 20,
    seed: int = 0,
    by: Collection[str] = tuple(TITLES),
) -> dict[str, float]:
    """Accuracy of frozen features by judge, {"knn": ..., "linear_probe": ...}, 0 to 1.

    encoder: None = raw pixels.
    train, test: labelled images to learn from and to be judged by.
    k: neighbours that vote.
    seed: of the linear probe's own validation split.
    by: which judges, of `TITLES`.
    """
    a, b = (_features(encoder, part) for part in (train, test))
    judges = {
        "knn": lambda: knn_accuracy(a, train.labels, b, test.labels, k=k),
        "linear_probe": lambda: linear_probe(a, train.labels, b, test.labels, seed=seed).accuracy,
    }
    return {name: judges[name]() for name in by}


def compare(
    trained: Encoder,
    train: ImageSet,
    test: ImageSet,
    k: int = 20,
    seed: int = 0,
    show: Callable[[str], object] | None = None,
) -> dict[str, dict[str, float]]:
    """A trained encoder beside its baselines: {"raw pixels": {"knn": ...}, "random encoder": ..., "trained encoder": ...}.

    trained: made by `build_encoder`, so that the same network can be made again with random weights.
    train, test, k: as in `judge`.
    seed: of the random encoder's weights and of the probe.
    show: called with each line of the table as soon as it is known, for instance print.
    """
    runtime.seed_everything(seed)
    untrained = rebuild_encoder(trained.spec).to(next(trained.parameters()).device)
    rows = {}
    if show:
        show(" " * 18 + "".join(f"{title:>15}" for title in TITLES.values()))
    for name, encoder in {"raw pixels": None, "random encoder": untrained, "trained encoder": trained}.items():
        rows[name] = judge(encoder, train, test, k, seed)
        if show:
            show(f"{name:<18}" + "".join(f"{rows[name][column]:>15.1%}" for column in TITLES))
    return rows


def knn_score(encoder: Encoder | None, train: ImageSet, test: ImageSet, k: int = 20) -> float:
    """k-NN accuracy alone, 0 to 1: the quick one of `judge`. Arguments as there."""
    return judge(encoder, train, test, k, by=("knn",))["knn"]


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
