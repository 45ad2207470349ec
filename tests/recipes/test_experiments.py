"""Recipes of experiments: every cell once, with what it was trained and judged by, and levels to compare with."""

import json

import pytest

from coursekit import recipes, runtime
from coursekit.data.images import ImageSet
from coursekit.recipes import lesson_03, lesson_07, lesson_08, lesson_09, practice_09
from tests.recipes.conftest import squares
from tests.recipes.test_methods_recipe import noise


@pytest.fixture
def ship(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSEKIT_SMOKE", "1")
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(ImageSet, "road_scenes", classmethod(squares))
    monkeypatch.setattr(lesson_03, "road_objects", lambda: (noise(64, 64), noise(40, 64)))
    return tmp_path / "data"


def made(name, ship) -> dict:
    (path,) = recipes.make(name, ship)
    return json.loads(path.read_text())


def test_terms_of_dinov2_are_taken_away_one_by_one(ship):
    result = made("dinov2-terms", ship)
    rows = {row["variant"]: row for row in result["rows"]}
    assert set(rows) == set(lesson_07.VARIANTS) and result["setup"]["variants"] == lesson_07.VARIANTS
    assert "ibot" not in rows["no patch loss"] and "ibot" in rows["no KoLeo"]
    assert all(0 <= row["pointing"] <= 1 and row["effective_rank"] >= 1 for row in rows.values())
    assert set(result["levels"]) >= {"objects", "pointing", "iou"}
    changed = {name: lesson_07.tiny_method(**changes).settings for name, changes in lesson_07.VARIANTS.items()}
    whole = changed.pop("all terms")
    assert all(
        sum(settings[key] != whole[key] for key in whole if key != "views") >= 1 for settings in changed.values()
    )


def test_masked_methods_are_tried_by_share(ship, monkeypatch):
    monkeypatch.setattr(lesson_08, "TRIED", {"mae": (0.5,), "beit": (0.4,)})
    result = made("mask-ratios", ship)
    assert [(row["method"], row["share"]) for row in result["rows"]] == [("mae", 0.5), ("beit", 0.4)]
    for row in (*result["rows"], result["levels"]):
        assert {"objects", "knn", "linear_probe", "finetune", "pointing"} <= set(row)
    assert lesson_08.masked_method("mae", 0.5).view_maker.share == 0.5
    assert lesson_08.masked_method("beit").view_maker.share == lesson_08.SHARES["beit"]


def test_few_images_and_one_kind_are_seen_as_often_as_many(ship, monkeypatch):
    seen = []
    train = lesson_03.road_objects()[0]
    monkeypatch.setattr(practice_09, "by_kind", lambda images: ImageSet(images.images, images.labels, ("bus", "car")))
    monkeypatch.setattr(practice_09, "TRIED", {"all": (8, 40), "cars alone": (8,)})
    real = practice_09.pretrain
    monkeypatch.setattr(
        practice_09, "pretrain", lambda *args, **kw: seen.append((args[1], kw["steps"])) or real(*args, **kw)
    )
    result = made("data-size", ship)
    assert [(row["kinds"], row["images"]) for row in result["rows"]] == [("all", 8), ("all", 40), ("cars alone", 8)]
    assert [len(images) for images, _ in seen] == [8, 40, 8] and len({steps for _, steps in seen}) == 1
    bright = train.images[train.labels == 1].flatten(1)
    assert all((bright == image.flatten()).all(dim=1).any() for image in seen[2][0])  # cars are label 1 here


def test_the_cost_of_a_step_is_measured_of_every_method(ship, monkeypatch):
    few = {name: lesson_09.ENTRIES[name] for name in ("simclr", "swav", "simclr_vit")}
    monkeypatch.setattr(practice_09, "ENTRIES", few)
    rows = {row["method"]: row for row in made("step-cost", ship)["rows"]}
    assert set(rows) == set(few) and all(row["images_per_second"] > 0 for row in rows.values())
    assert (rows["simclr"]["views"], rows["swav"]["views"]) == (2, 6) and rows["simclr_vit"]["encoder"] == lesson_09.VIT
    assert all(("memory_mb" in row) == (runtime.device() == "cuda") for row in rows.values())
