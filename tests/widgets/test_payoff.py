"""The payoff explorer: every control changes picture and words, and the words say what the rows say."""

import matplotlib.pyplot as plt
import pytest

from coursekit.evaluation.intervals import paired_difference
from coursekit.runtime import CourseError
from coursekit.widgets import payoff_explorer

NAMES = {"random": "random weights", "ssl": "SSL", "supervised": "other labels", "replaced": "a ViT"}


def rows() -> list[dict]:
    """ssl gains 2 points at 32 labels, more or less from seed to seed; supervised was run with one seed and 128 labels."""
    made = []
    for seed in range(4):
        for labels, base in ((32, 0.03), (128, 0.05)):
            score = base + 0.004 * seed
            made.append({"arm": "random", "labels": labels, "seed": seed, "map50_95": score, "map50": 2 * score})
            gain = 0.02 + 0.003 * (-1) ** seed
            made.append({**made[-1], "arm": "ssl", "map50_95": score + gain, "map50": 2 * score + gain})
    return [*made, {"arm": "supervised", "labels": 128, "seed": 0, "map50_95": 0.2, "map50": 0.3}]


def test_every_control_changes_picture_and_words():
    seen = payoff_explorer(rows(), NAMES, start="ssl", labels=32, seeds=4)
    start = seen.png, seen.alt
    assert "seeds 4" in seen.alt and "labels 32" in seen.alt and "a ViT" not in str(seen.controls["start"].options)
    for name, value in {"seeds": 2, "labels": 128, "start": "supervised"}.items():
        before = seen.values[name]
        seen.controls[name].value = value
        assert seen.png != start[0] and seen.alt != start[1]
        seen.controls[name].value = before
        assert (seen.png, seen.alt) == start
    assert plt.get_fignums() == [] and seen.controls["seeds"].max == 4


def test_the_words_are_the_paired_difference():
    seen = payoff_explorer(rows(), NAMES, start="ssl", labels=32, seeds=3)
    gain = paired_difference([0, 0, 0], [2.3, 1.7, 2.3])
    assert f"gain {gain.mean:+.1f} points [{gain.low:+.1f}, {gain.high:+.1f}]: clear" in seen.alt
    seen.set(seeds=2)
    gain = paired_difference([0, 0], [2.3, 1.7])
    assert gain.low < 0 and f"[{gain.low:+.1f}, {gain.high:+.1f}]: not clear" in seen.alt
    seen.set(seeds=1)
    assert "gain +2.3 points: one pair, no interval" in seen.alt


def test_a_start_that_was_not_run_there_says_so():
    seen = payoff_explorer(rows(), NAMES, start="supervised", labels=128, seeds=4)
    assert "gain +15.0 points: one pair" in seen.alt
    seen.set(labels=32)
    assert "not run at 32 labels" in seen.alt


def test_the_other_metric_has_axes_of_its_own():
    seen = payoff_explorer(rows(), NAMES, start="ssl", labels=128, seeds=4, metric="map50")
    assert seen.alt.startswith("mAP50 of the start ssl") and "random weights: 7.2 at 32, 11.2 at 128" in seen.alt


def test_without_a_kernel_there_is_the_picture_with_words(shown):
    seen = payoff_explorer(rows(), NAMES)
    plain = [(data, metadata) for data, metadata in shown(seen) if "image/png" in data]
    assert len(plain) == 1 and plain[0][1]["image/png"]["alt"] == seen.alt


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(CourseError, match="compares starts with random; the runs that were given are of: ssl"):
        payoff_explorer([row for row in rows() if row["arm"] == "ssl"], NAMES)
    with pytest.raises(CourseError, match="no run of ssl with 64 labels.*labels: 32, 128"):
        payoff_explorer(rows(), NAMES, start="ssl", labels=64)
