"""Which detection found what: against the rule written out naively, Ultralytics' own numbers, and cases done by hand."""

from pathlib import Path

import numpy as np
import pytest
import torch

from coursekit.data.yolo import road_objects
from coursekit.data.yolo.read import Example
from coursekit.detection import matching
from coursekit.detection.predictions import Detections, predict
from coursekit.detection.validation import validate
from coursekit.evaluation.average_precision import average_precision
from coursekit.runtime import CourseError, shipped

NAMES = ("person", "bicycle", "car", "bus")


def found_in(*rows) -> Detections:
    """Of rows (left, top, right, bottom, class, score)."""
    rows = np.array(rows, dtype=np.float64).reshape(-1, 6)
    parts = rows[:, :4].astype(np.float32), rows[:, 4].astype(np.int64), rows[:, 5].astype(np.float32)
    return Detections(np.zeros((100, 100, 3), np.uint8), *parts, NAMES)


def labels(*rows) -> Example:
    """Of rows (left, top, right, bottom, class)."""
    rows = np.array(rows, dtype=np.float32).reshape(-1, 5)
    return Example(Path("none.png"), rows[:, 4].astype(np.int64), rows[:, :4])


def random_scene(draw: np.random.Generator) -> tuple[Detections, Example]:
    """True boxes, and detections that are shifted copies of them or lie anywhere; crowded, so that choices matter."""
    corner, side = draw.uniform(0, 60, (6, 2)), draw.uniform(15, 40, (6, 2))
    true = np.concatenate([corner, corner + side, draw.integers(2, size=(6, 1))], axis=1)
    boxes = true[draw.integers(6, size=25)] + np.concatenate([draw.normal(0, 4, (25, 4)), np.zeros((25, 1))], axis=1)
    return found_in(*np.concatenate([boxes, draw.uniform(size=(25, 1))], axis=1)), labels(*true)


def naive_iou(a, b) -> float:
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - wide * high)


def naive_match(found: Detections, truth: Example, iou: float) -> list[int]:
    """The rule, word for word."""
    taken, answer = set(), [-1] * len(found)
    for i in sorted(range(len(found)), key=lambda i: -found.scores[i]):
        may = [
            (naive_iou(found.boxes[i].tolist(), truth.boxes[j].tolist()), j)
            for j in range(len(truth.boxes))
            if j not in taken and truth.classes[j] == found.classes[i]
        ]
        best = max(may, default=(0.0, -1))
        if best[0] >= iou:
            answer[i] = best[1]
            taken.add(best[1])
    return answer


def test_it_is_the_naive_rule():
    draw = np.random.default_rng(0)
    for _ in range(40):
        found, truth = random_scene(draw)
        for iou in (0.3, 0.5, 0.75):
            assert matching.match_image(found, truth, iou).tolist() == naive_match(found, truth, iou)


def test_the_order_of_the_detections_does_not_matter():
    found, truth = random_scene(np.random.default_rng(1))
    order = np.random.default_rng(2).permutation(len(found))
    shuffled = matching.match_detections(
        found.boxes[order], found.classes[order], found.scores[order], truth.boxes, truth.classes
    )
    assert shuffled.tolist() == matching.match_image(found, truth)[order].tolist()


def test_by_hand():
    truth = labels((0, 0, 20, 20, 2), (50, 50, 70, 70, 2))
    found = found_in(
        (0, 0, 20, 18, 2, 0.5),  # IoU 0.9, but
        (0, 0, 20, 12, 2, 0.9),  # this one, at 0.6, is more confident
        (50, 50, 70, 70, 3, 0.9),  # perfect, of another class
        (50, 50, 70, 59, 2, 0.9),  # IoU 0.45
    )
    assert matching.match_image(found, truth).tolist() == [-1, 0, -1, -1]
    assert matching.match_image(found, truth, 0.4).tolist() == [-1, 0, -1, 1]
    exact = found_in((0, 0, 20, 10, 2, 0.9))  # IoU 0.5 is enough
    assert matching.match_image(exact, truth).tolist() == [0]


def test_nothing_there_and_nothing_found():
    assert matching.match_image(found_in(), labels((0, 0, 9, 9, 0))).tolist() == []
    assert matching.match_image(found_in((0, 0, 9, 9, 0, 0.5)), labels()).tolist() == [-1]
    assert matching.box_ious(np.array([[5, 5, 5, 9]]), np.array([[5, 5, 5, 9], [0, 0, 9, 9]])).tolist() == [[0, 0]]


def test_suppression_by_hand():
    found = found_in(
        (0, 0, 20, 20, 2, 0.9),
        (0, 0, 20, 16, 2, 0.8),  # IoU 0.8 with the first
        (0, 0, 20, 20, 3, 0.7),  # another class
        (0, 0, 20, 10, 2, 0.2),  # IoU 0.5
    )
    scores = lambda conf, iou: matching.suppress(found, conf, iou).scores.round(1).tolist()  # noqa: E731
    assert scores(0.0, 1.0) == pytest.approx([0.9, 0.8, 0.7, 0.2])
    assert scores(0.0, 0.7) == pytest.approx([0.9, 0.7, 0.2]) and scores(0.25, 0.7) == pytest.approx([0.9, 0.7])
    assert scores(0.0, 0.4) == pytest.approx([0.9, 0.7]) and scores(0.95, 0.4) == []


def test_suppression_is_the_naive_rule():
    draw = np.random.default_rng(6)
    for _ in range(20):
        found, _ = random_scene(draw)
        kept = []
        for i in np.argsort(-found.scores):
            rivals = [j for j in kept if found.classes[j] == found.classes[i]]
            if all(naive_iou(found.boxes[i].tolist(), found.boxes[j].tolist()) <= 0.45 for j in rivals):
                kept.append(i)
        left = matching.suppress(found, 0.0, 0.45)
        assert np.array_equal(left.boxes, found.boxes[kept]) and np.array_equal(left.scores, found.scores[kept])


def test_a_threshold_cuts_the_curve_and_changes_nothing_before():
    draw = np.random.default_rng(3)
    found, truth = zip(*(random_scene(draw) for _ in range(5)), strict=True)
    curve = matching.precision_recall(found, truth)
    for conf in (0.1, 0.5, 0.9):
        kept = [matching.suppress(one, conf, 1.0) for one in found]
        hits = sum((matching.match_image(one, true) >= 0).sum() for one, true in zip(kept, truth, strict=True))
        assert curve.at(conf) == pytest.approx((hits / sum(map(len, kept)), hits / 30))
    assert curve.at(1.0) is None and (np.diff(curve.recall) >= 0).all()


def test_suppression_and_average_precision_agree_with_ultralytics(tmp_path):
    data = road_objects.build(tmp_path / "scenes", train=2, val=12, test=2, seed=5, quiet=True)
    weights = shipped("checkpoints", "yolo12n_road_scenes.safetensors")
    truth = road_objects.read(data, "val")
    pictures, same = [one.pixels() for one in truth], {"conf": 0.001, "imgsz": 192, "device": "cpu"}
    raw = predict(weights, pictures, iou=1.0, max_det=3000, **same)
    theirs = predict(weights, pictures, iou=0.6, max_det=3000, **same)
    ours = [matching.suppress(one, 0.001, 0.6) for one in raw]
    for one, other in zip(ours, theirs, strict=True):  # boxes are cut at the picture's edge: theirs after, ours before
        assert len(one) == pytest.approx(len(other), rel=0.1)
    measured = validate(weights, data, imgsz=192, device="cpu")
    usual = [matching.suppress(one, 0.001, 0.7) for one in raw]
    for number, name in enumerate(NAMES):
        scores = np.concatenate([one.scores[one.classes == number] for one in usual])
        hits = np.concatenate(
            [
                (matching.match_image(one, true) >= 0)[one.classes == number]
                for one, true in zip(usual, truth, strict=True)
            ]
        )
        n_true = sum((one.classes == number).sum() for one in truth)
        order = np.argsort(-scores, kind="stable")
        mine = average_precision(torch.from_numpy(hits[order].astype(int)), int(n_true)).item()
        assert mine == pytest.approx(measured.ap50[name], abs=0.03)  # theirs has 101 points, and its own way with ties


def test_what_does_not_fit_is_refused():
    found, truth = random_scene(np.random.default_rng(4))
    with pytest.raises(CourseError, match="2 classes"):
        matching.match_detections(found.boxes, found.classes[:2], found.scores, truth.boxes, truth.classes)
    with pytest.raises(CourseError, match="1 images with detections and 2 with labels"):
        matching.precision_recall([found], [truth, truth])
    with pytest.raises(CourseError, match="no true box"):
        matching.precision_recall([found], [labels()])
    with pytest.raises(CourseError, match="conf is 25"):
        matching.suppress(found, 25)
