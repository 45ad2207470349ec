"""Average precision: by hand, against the area of its curve summed in small steps, and near Ultralytics' own."""

import numpy as np
import pytest
import torch

from coursekit.evaluation.average_precision import average_precision
from coursekit.runtime import CourseError


def test_the_example_of_lesson_11_by_hand():
    assert average_precision(torch.tensor([1, 1, 0, 1, 0]), 4).item() == pytest.approx(0.5 * 1 + 0.25 * 0.75)


@pytest.mark.parametrize("hits, n_true, is_", [([1, 1], 2, 1.0), ([0, 0], 3, 0.0), ([], 3, 0.0), ([0, 1], 1, 0.5)])
def test_all_nothing_and_half(hits, n_true, is_):
    assert average_precision(torch.tensor(hits, dtype=torch.long), n_true).item() == is_


def test_it_is_the_area_of_the_envelope_and_near_what_ultralytics_gives():
    from coursekit.detection import yolo_backbone  # noqa: F401  (keeps ultralytics from sending anything)

    metrics = pytest.importorskip("ultralytics.utils.metrics")
    draw = np.random.default_rng(0)
    for _ in range(20):
        hits = (draw.random(30) < 0.6).astype(int)
        n_true = int(hits.sum()) + draw.integers(1, 9)
        recall, precision = np.cumsum(hits) / n_true, np.cumsum(hits) / np.arange(1, 31)
        steps = (np.arange(20_000) + 0.5) / 20_000
        area = np.mean([max(precision[recall >= r], default=0.0) for r in steps])
        mine = average_precision(torch.tensor(hits), n_true).item()
        assert mine == pytest.approx(area, abs=1e-3)
        assert mine == pytest.approx(metrics.compute_ap(recall, precision)[0], abs=0.02)


def test_without_a_true_box_there_is_no_average_precision():
    with pytest.raises(CourseError, match="n_true is 0"):
        average_precision(torch.tensor([0, 1]), 0)
