"""Each kind of failure in a scene made for it, and the sums that a confusion matrix must have."""

import numpy as np
import pytest

from coursekit.detection.failures import KINDS, Failure, confusion, failures, kind_counts
from coursekit.detection.matching import match_image
from coursekit.runtime import CourseError
from tests.detection.test_matching import found_in, labels, random_scene

CAR, BUS = 2, 3
TRUTH = labels((0, 0, 20, 20, CAR), (50, 50, 70, 70, CAR))


@pytest.mark.parametrize(
    ("row", "kind", "true", "iou"),
    [
        ((0, 0, 20, 16, CAR, 0.5), "twice", 0, 0.8),
        ((0, 0, 20, 16, BUS, 0.5), "wrong class", 0, 0.8),
        ((50, 50, 70, 70, BUS, 0.5), "wrong class", 1, 1.0),
        ((50, 50, 70, 56, CAR, 0.5), "badly placed", 1, 0.3),
        ((50, 50, 70, 52, CAR, 0.5), "badly placed", 1, 0.1),
        ((50, 50, 70, 56, BUS, 0.5), "both", 1, 0.3),
        ((50, 50, 70, 51, CAR, 0.5), "invented", -1, 0.0),
        ((80, 80, 90, 90, CAR, 0.5), "invented", -1, 0.0),
    ],
)
def test_every_kind_by_hand(row, kind, true, iou):
    found = found_in((0, 0, 20, 20, CAR, 0.9), row)  # the first car is found
    first, *others = failures([found], [TRUTH])
    assert (first.kind, first.image, first.detection, first.true) == (kind, 0, 1, true)
    assert first.iou == pytest.approx(iou, abs=1e-6)
    explained = kind in ("wrong class", "badly placed") and true == 1
    assert others == ([] if explained else [Failure("missed", 0, -1, 1, 0.0)])


def test_the_most_confident_comes_first_and_the_largest_missed_one():
    truth = labels((0, 0, 5, 5, CAR), (20, 20, 60, 60, CAR))
    found = [found_in((80, 80, 90, 90, CAR, 0.3)), found_in((80, 80, 90, 90, CAR, 0.7))]
    wrong = failures(found, [truth, labels()])
    assert [(one.kind, one.image, one.true) for one in wrong] == [
        ("invented", 1, -1),
        ("invented", 0, -1),
        ("missed", 0, 1),
        ("missed", 0, 0),
    ]
    counted = kind_counts(wrong)
    assert tuple(counted) == KINDS and counted["invented"] == counted["missed"] == 2 and sum(counted.values()) == 4


def test_a_perfect_detector_fails_nowhere():
    found = found_in((0, 0, 20, 20, CAR, 0.9), (50, 50, 70, 70, CAR, 0.8))
    assert failures([found], [TRUTH]) == []
    assert confusion([found], [TRUTH], 4).tolist() == np.diag([0, 0, 2, 0, 0]).tolist()


def test_confusion_by_hand():
    found = found_in(
        (0, 0, 20, 20, BUS, 0.9),  # on the first car, but
        (0, 0, 20, 19, CAR, 0.2),  # this one has it: the bus stands where nothing is left
        (50, 50, 70, 70, BUS, 0.8),  # the second car is said to be a bus
    )
    counts = confusion([found, found_in()], [TRUTH, labels((0, 0, 9, 9, BUS))], 4)
    assert {(int(i), int(j)): int(counts[i, j]) for i, j in np.argwhere(counts)} == {
        (CAR, CAR): 1,
        (CAR, BUS): 1,
        (4, BUS): 1,
        (BUS, 4): 1,
    }


def test_every_true_box_and_every_detection_is_counted_once():
    draw = np.random.default_rng(0)
    found, truth = zip(*(random_scene(draw) for _ in range(20)), strict=True)
    counts, wrong = confusion(found, truth, 4), failures(found, truth)
    said = np.bincount(np.concatenate([one.classes for one in found]), minlength=4)
    is_ = np.bincount(np.concatenate([one.classes for one in truth]), minlength=4)
    hits = sum(int((match_image(one, true) >= 0).sum()) for one, true in zip(found, truth, strict=True))
    assert counts[:4].sum(1).tolist() == is_.tolist() and counts[:, :4].sum(0).tolist() == said.tolist()
    assert np.trace(counts) == hits and counts[4, 4] == 0
    assert sum(one.kind != "missed" for one in wrong) == said.sum() - hits
    assert kind_counts(wrong)["missed"] <= is_.sum() - hits


def test_labels_of_other_images_are_refused():
    with pytest.raises(CourseError, match="same images"):
        failures([found_in()], [])
    with pytest.raises(CourseError, match="same images"):
        confusion([], [], 4)
