"""The cell explorer: every control changes picture and words."""

import matplotlib.pyplot as plt
import pytest
import torch

from coursekit.detection.routes import build_detector, choose_route
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.widgets import cell_explorer


@pytest.fixture(scope="module")
def detectors():
    torch.manual_seed(0)
    encoders = (
        build_encoder("vit_micro", image_size=64, dim=16, depth=1, heads=2),
        build_encoder("yolo12n", image_size=64),
    )
    return {name: build_detector(choose_route("n", e), 4) for name, e in zip(("ViT", "own"), encoders, strict=True)}


@pytest.fixture(scope="module")
def scene():
    return torch.randint(256, (3, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_every_control_changes_picture_and_words(detectors, scene):
    seen = cell_explorer(detectors, scene)
    start = seen.png, seen.alt
    assert "row 4, column 6" in seen.alt and "cells of ViT" in seen.alt
    for name, value in {"row": 0, "column": 11, "network": "own"}.items():
        before = seen.values[name]
        seen.controls[name].value = value
        assert seen.png != start[0] and (f"{name} {value}" in seen.alt or f"cells of {value}" in seen.alt)
        seen.controls[name].value = before
        assert (seen.png, seen.alt) == start
    assert plt.get_fignums() == [] and (seen.controls["row"].max, seen.controls["column"].max) == (7, 11)


def test_without_a_kernel_there_is_the_picture_with_words(detectors, scene, shown):
    seen = cell_explorer(detectors, scene, row=1, column=2)
    plain = [(data, metadata) for data, metadata in shown(seen) if "image/png" in data]
    assert len(plain) == 1 and plain[0][1]["image/png"]["alt"] == seen.alt and "row 1, column 2" in seen.alt


def test_it_says_what_it_needs(detectors, scene):
    with pytest.raises(CourseError, match="There is no row 8"):
        cell_explorer(detectors, scene, row=8)
    with pytest.raises(CourseError, match="needs a detector"):
        cell_explorer({}, scene)
    with pytest.raises(CourseError, match="multiples of 32"):
        cell_explorer(detectors, scene[:, :40])
