"""recipes: each makes the files that it names, with provenance, and goes on where it was stopped."""

import json
import re

import pytest
import torch

from coursekit import recipes, runtime
from coursekit.data.images import ImageSet
from coursekit.detection.weights import load_detector
from coursekit.runtime import CourseError
from coursekit.training import load_encoder


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Smoke budgets, and noise in two brightnesses instead of drawn objects."""
    monkeypatch.setenv("COURSEKIT_SMOKE", "1")
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    generator = torch.Generator().manual_seed(0)

    def some(n):
        labels = torch.arange(n) % 2
        noise = torch.randint(0, 120, (n, 3, 64, 64), generator=generator)
        return ImageSet((noise + labels[:, None, None, None] * 100).to(torch.uint8), labels, ("dark", "bright"))

    monkeypatch.setattr(recipes, "lesson_crops", lambda: (some(96), some(40)))
    monkeypatch.setattr(ImageSet, "road_scenes", classmethod(lambda cls, n, size, seed: ImageSet(some(40).images)))
    return tmp_path


def test_lesson_encoder_ships_weights_and_a_card(tiny):
    weights, card = recipes.make("lesson-encoder", tiny / "data")
    text = card.read_text()
    assert load_encoder(weights).spec["name"] == recipes.LESSON_ENCODER[0]
    assert re.search(r"\| trained encoder \| \d+\.\d% \| \d+\.\d% \|", text) and "drawings" in text and "budget" in text


def test_detector_backbone_ships_weights_that_fit_yolo12n(tiny):
    weights, card = recipes.make("detector-backbone", tiny / "data")
    assert load_encoder(weights).spec["name"] == "yolo12n" and "without labels" in card.read_text()


def test_ablations_share_their_baseline_and_go_on(tiny, capsys):
    (path,) = recipes.make("ablations", tiny / "data")
    first = capsys.readouterr().out
    recorded = json.loads(path.read_text())
    groups = {(row["group"], row["variant"]) for row in recorded["rows"]}
    assert groups == {(group, variant) for group, variants in recipes.VARIANTS.items() for variant in variants}
    baselines = [r["knn"] for r in recorded["rows"] if not recipes.VARIANTS[r["group"]][r["variant"]]]
    assert len(baselines) == 4 and len(set(baselines)) == 1 and first.count("baseline") == 1
    assert {"made", "torch", "device", "drawings"} <= recorded["provenance"].keys()
    next((runtime.home() / "recipes" / "ablations" / "rows").glob("batch=32*")).unlink()
    recipes.make("ablations", tiny / "data")
    assert capsys.readouterr().out.count("k-NN") == 1  # only the missing run was made again
    found = recipes.mean_by_variant(json.loads(path.read_text())["rows"], "batch size")
    assert set(found) == {"32", "128"} and all(0 <= mean <= 1 for mean, _ in found.values())


def test_scene_detector_ships_weights_that_predict(tiny):
    from coursekit.detection.predictions import predict

    weights, card = recipes.make("scene-detector", tiny / "data")
    (found,) = predict(weights, torch.zeros(3, 64, 64, dtype=torch.uint8), conf=0.0, imgsz=64, device="cpu")
    assert found.names == ("person", "bicycle", "car", "bus") and len(found)
    assert "| mean |" in card.read_text() and "AGPL-3.0" in card.read_text()


def test_an_unknown_recipe_names_those_that_exist():
    with pytest.raises(CourseError, match="no recipe 'cake'.*lesson-encoder"):
        recipes.make("cake")


def test_what_ships_is_what_the_recipes_make():
    """Every file in data/checkpoints and data/results has a recipe, and the shipped weights load."""
    made = {name for recipe in recipes.RECIPES.values() for name in recipe.makes}
    base = runtime.shipped("road_objects").parent
    shipped = [p for folder in ("checkpoints", "results") for p in (base / folder).iterdir()]
    assert {p.relative_to(base).as_posix() for p in shipped} <= made
    for path in shipped:
        if path.suffix == ".safetensors":
            assert path.stat().st_size < 6_000_000 and path.with_suffix(".md").is_file()
            load = load_detector if path.stem.startswith("yolo12") else load_encoder
            assert all(p.isfinite().all() for p in load(path).parameters())
