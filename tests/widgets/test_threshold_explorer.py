"""The threshold explorer: every control changes picture and words, and the words are true."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from coursekit.detection.matching import match_image, suppress
from coursekit.runtime import CourseError
from coursekit.widgets import threshold_explorer
from tests.detection.test_matching import random_scene


@pytest.fixture(scope="module")
def scenes():
    """(what was found, what is there) in six images."""
    draw = np.random.default_rng(0)
    return tuple(zip(*(random_scene(draw) for _ in range(6)), strict=True))


def test_every_control_changes_picture_and_words(scenes):
    seen = threshold_explorer(*scenes)
    start = seen.png, seen.alt
    assert "Confidence 0.25, overlap 0.7. Image 0:" in seen.alt
    for name, value in {"image": 3, "confidence": 0.8, "overlap": 0.3}.items():
        before = seen.values[name]
        seen.controls[name].value = value
        assert seen.png != start[0] and f"{name} {value}" in seen.alt.lower()
        seen.controls[name].value = before
        assert (seen.png, seen.alt) == start
    assert plt.get_fignums() == [] and seen.controls["image"].max == 5


def test_the_words_are_what_is_left_at_these_thresholds(scenes):
    seen = threshold_explorer(*scenes, image=2)
    for confidence, overlap in ((0.05, 1.0), (0.5, 0.5), (0.95, 0.1)):
        seen.set(confidence=confidence, overlap=overlap)
        left = [suppress(one, confidence, overlap) for one in scenes[0]]
        hits = [int((match_image(*pair) >= 0).sum()) for pair in zip(left, scenes[1], strict=True)]
        assert f"hits {hits[2]}, false {len(left[2]) - hits[2]}, missed {6 - hits[2]}." in seen.alt
        told = re.search(r"precision (\d+)%, recall (\d+)%", seen.alt)
        if sum(map(len, left)):
            percent = 100 * sum(hits) / sum(map(len, left)), 100 * sum(hits) / 36
            assert [int(n) for n in told.groups()] == pytest.approx(percent, abs=0.51)


def test_without_a_kernel_there_is_the_picture_with_words(scenes, shown):
    seen = threshold_explorer(*scenes, image=1, confidence=0.5)
    plain = [(data, metadata) for data, metadata in shown(seen) if "image/png" in data]
    assert len(plain) == 1 and plain[0][1]["image/png"]["alt"] == seen.alt and "Confidence 0.5" in seen.alt


def test_it_says_what_it_needs(scenes):
    with pytest.raises(CourseError, match="There is no image 6"):
        threshold_explorer(*scenes, image=6)
    with pytest.raises(CourseError, match="same images"):
        threshold_explorer(scenes[0], scenes[1][:2])
    with pytest.raises(CourseError, match="same images"):
        threshold_explorer([], [])
    with pytest.raises(CourseError, match="from 0 to 1"):
        threshold_explorer(*scenes, overlap=7)
