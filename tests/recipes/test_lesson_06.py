"""Lesson 06's recipe: two methods from the same scenes, judged with random weights on the same places, and a card."""

import re

import pytest
import torch

from coursekit import recipes
from coursekit.data.images import ImageSet
from coursekit.recipes import lesson_06
from coursekit.recipes.registry import work_folder
from coursekit.training import load_encoder, load_run
from tests.recipes.conftest import squares


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSEKIT_SMOKE", "1")
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(ImageSet, "road_scenes", classmethod(squares))
    monkeypatch.setattr(lesson_06.lesson_11, "SCENE_SIZE", 64)
    return tmp_path


def test_region_contrast_ships_with_what_its_dense_features_know_beside_simclrs(tiny, capsys):
    weights, card = recipes.make("patch-contrast", tiny / "data")
    text = card.read_text()
    for row in ("random encoder", "SimCLR", "region contrast"):
        assert re.search(rf"\| {row} \| \d+\.\d% \[\d+\.\d%, \d+\.\d%\] \| \d+\.\d% \[", text), row
    assert re.search(r"on the same places: object [+-]\d\.\d+ \[", text) and "budget smoke" in text
    shipped, run = load_encoder(weights), load_run(work_folder("patch-contrast") / "region_contrast")
    assert shipped.spec["name"] == "yolo12n" and run["recipe"]["method"]["name"] == "RegionContrast"
    trained = load_encoder(work_folder("patch-contrast") / "region_contrast").state_dict()
    for name, value in shipped.state_dict().items():
        torch.testing.assert_close(value, trained[name], rtol=1e-2, atol=1e-3, msg=name)
    capsys.readouterr()
    recipes.make("patch-contrast", tiny / "data")
    assert capsys.readouterr().out.count("already trained") == 2  # a recipe that was stopped goes on
    assert weights.read_bytes() and card.read_text().split("Made by")[0] == text.split("Made by")[0]


def test_both_methods_see_the_same_views_and_start_from_the_same_weights():
    made = []
    for name in lesson_06.METHODS.values():
        lesson_06.runtime.seed_everything(0)
        made.append(lesson_06.method(name))
    one, other = made
    assert one.view_maker == other.view_maker and one.temperature == other.temperature
    assert all(value.equal(other.encoder.state_dict()[key]) for key, value in one.encoder.state_dict().items())
