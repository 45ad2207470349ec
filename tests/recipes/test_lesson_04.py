"""Lesson 04's recipe: every variant once a seed, with what shows its collapse; and what ships is what the lesson plots."""

import json

import pytest
import torch

from coursekit import recipes
from coursekit.data.images import ImageSet
from coursekit.evaluation.intervals import mean_by
from coursekit.recipes import lesson_03, lesson_04


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Smoke budgets, and noise in two brightnesses instead of drawn objects."""
    monkeypatch.setenv("COURSEKIT_SMOKE", "1")
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))

    def some(n):
        labels = torch.arange(n) % 2
        noise = torch.randint(0, 120, (n, 3, 64, 64), generator=torch.Generator().manual_seed(n))
        return ImageSet((noise + labels[:, None, None, None] * 100).to(torch.uint8), labels, ("dark", "bright"))

    monkeypatch.setattr(lesson_03, "road_objects", lambda: (some(64), some(24)))
    return tmp_path


def test_every_variant_is_trained_once_and_recorded(tiny):
    (path,) = recipes.make("lesson-04-ablations", tiny / "data")
    rows = json.loads(path.read_text())["rows"]
    wanted = [(group, variant) for group in lesson_04.VARIANTS for variant in lesson_04.VARIANTS[group]]
    assert [(row["group"], row["variant"]) for row in rows] == wanted
    assert all({"seed", "loss", "chance", "uniformity", "knn", "seconds"} <= row.keys() for row in rows)
    entropy = {row["variant"]: row.get("assignment_entropy") for row in rows}
    assert entropy["momentum 0"] is None and entropy["softmax alone"] < 0.9 < entropy["Sinkhorn"]


def test_methods_of_the_lesson_start_from_the_same_weights_whatever_is_changed():
    one, other = lesson_04.method("moco"), lesson_04.method("moco", momentum=0.0)
    assert (one.momentum, other.momentum) == (0.99, 0.0)
    assert all(a.equal(b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert one.queue_size % lesson_04.batch_size() == 0


def test_the_recorded_runs_are_those_that_the_lesson_plots():
    recorded = lesson_04.recorded_ablations()
    for group, variants in lesson_04.VARIANTS.items():
        found = mean_by(recorded.rows, "variant", "knn", group=group)
        assert list(found) == list(variants) and len({each.n for each in found.values()}) == 1
    assert set(recorded.levels) == {"random encoder", "raw pixels"}
