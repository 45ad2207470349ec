"""Lesson 06's recipe: dense methods beside SimCLR, each network's from the same start, judged on the same places, with cards."""

import json
import re

import pytest
import torch

from coursekit import recipes
from coursekit.data.images import ImageSet
from coursekit.recipes import lesson_06, scene_vits
from coursekit.training import load_encoder
from tests.recipes.conftest import squares


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSEKIT_SMOKE", "1")
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(ImageSet, "road_scenes", classmethod(squares))
    monkeypatch.setattr(scene_vits, "SCENE_SIZE", 64)
    return tmp_path


def test_dense_methods_ship_and_are_recorded_beside_simclr(tiny, capsys):
    *files, results = recipes.make("patch-contrast", tiny / "data")
    rows = json.loads(results.read_text())["rows"]
    found = [(row["network"], row["method"]) for row in rows]
    expected = [(n, m) for n, methods in lesson_06.COMPARED.items() for m in ("random encoder", *methods)]
    assert found == expected
    for row in rows:
        assert all(row[f"{m}_low"] <= row[m] <= row[f"{m}_high"] for m in ("objects", "mean_class", "mean_iou"))
        assert ("pointing" in row) == (row["network"] == "vit") and ("loss" in row) == (
            row["method"] != "random encoder"
        )
    for (network, name), weights in lesson_06.SHIPPED.items():
        text = (tiny / "data" / "checkpoints" / f"{weights}.md").read_text()
        assert re.search(rf"\| {lesson_06.TITLES[name]} \| \d+\.\d% \| \d+\.\d% \|", text) and "budget smoke" in text
        shipped = load_encoder(tiny / "data" / "checkpoints" / f"{weights}.safetensors")
        assert shipped.spec == lesson_06.encoder(network).spec
        lesson_06.runtime.seed_everything(0)
        fresh = lesson_06.encoder(network).state_dict()
        assert any(not torch.equal(value, fresh[key]) for key, value in shipped.state_dict().items())  # it has learned
    before, _ = [path.read_bytes() for path in files], capsys.readouterr()
    recipes.make("patch-contrast", tiny / "data")
    assert "of 6" not in capsys.readouterr().out  # a recipe that was stopped goes on
    assert [path.read_bytes() for path in files] == before


@pytest.mark.parametrize("network", lesson_06.COMPARED)
def test_methods_of_a_network_see_the_same_views_and_start_from_the_same_weights(network):
    made = []
    for name in lesson_06.COMPARED[network]:
        lesson_06.runtime.seed_everything(0)
        made.append(lesson_06.method(name, network))
    one, other = made
    assert one.view_maker == other.view_maker and one.temperature == other.temperature
    assert all(value.equal(other.encoder.state_dict()[key]) for key, value in one.encoder.state_dict().items())
