"""A detector taken apart."""

import numpy as np
import torch

from coursekit.detection.anatomy import parameters_by_part, raw_predictions
from coursekit.detection.yolo_backbone import new_detector


def test_parts_add_up_and_every_place_has_a_box():
    detector = new_detector("n").eval()
    parts = parameters_by_part(detector)
    assert list(parts) == ["backbone", "neck", "head"]
    assert sum(parts.values()) == sum(p.numel() for p in detector.parameters())
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    boxes, scores = raw_predictions(detector, picture)
    places = 8 * 12 + 4 * 6 + 2 * 3
    assert boxes.shape == (places, 4) and scores.shape == (places, 80)
    assert 0 <= scores.min() and scores.max() <= 1 and not boxes.requires_grad
    assert torch.equal(raw_predictions(detector, picture)[0], boxes)
