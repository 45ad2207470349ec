"""The recipe of all methods: every cell once, rows that ship are not made again, the encoders of road objects ship."""

import json

import pytest
import torch

from coursekit import recipes, runtime
from coursekit.data.images import ImageSet
from coursekit.methods import registry
from coursekit.recipes import lesson_03, lesson_09
from coursekit.recipes.recorded import carry_over
from coursekit.training import load_encoder


def noise(n: int, size: int = 32) -> ImageSet:
    generator = torch.Generator().manual_seed(n)
    labels = torch.arange(n) % 2
    pixels = torch.randint(0, 120, (n, 3, size, size), generator=generator)
    return ImageSet((pixels + labels[:, None, None, None] * 100).to(torch.uint8), labels, ("dark", "bright"))


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSEKIT_SMOKE", "1")
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(lesson_03, "road_objects", lambda: (noise(64, 64), noise(40, 64)))
    monkeypatch.setattr(lesson_09, "cifar10_photographs", lambda split, n: noise(64 if split == "train" else 40))
    few = {name: lesson_09.ENTRIES[name] for name in ("rotation", "swav")}
    monkeypatch.setattr(lesson_09, "ENTRIES", few)
    monkeypatch.setattr(lesson_09, "SHIPPED", {name: lesson_09.SHIPPED[name] for name in ("rotation", "swav")})
    return tmp_path


def test_every_cell_is_run_recorded_and_carried_over(tiny, monkeypatch, capsys):
    ship = tiny / "data"
    *_, path = recipes.make("methods", ship)
    recorded = json.loads(path.read_text())
    found = [(row["data"], row["method"]) for row in recorded["rows"]]
    names = ["raw pixels", "random encoder", "rotation", "swav"]
    assert found == [(data, name) for data in lesson_09.DATA for name in names]
    for row in recorded["rows"]:
        judges = ["knn", "linear_probe"] + ["finetune"] * (row["method"] != "raw pixels")
        assert all(row[f"{j}_low"] <= row[j] <= row[f"{j}_high"] for j in judges) and row["seconds"] >= 0
        assert ("images_per_second" in row) == (row["method"] in lesson_09.ENTRIES)
    assert load_encoder(ship / "checkpoints" / "swav_nano.safetensors").spec["name"] == lesson_09.ENCODER
    assert "| swav |" in (ship / "checkpoints" / "swav_nano.md").read_text()

    monkeypatch.setattr(runtime, "shipped", lambda *parts: ship.joinpath(*parts))
    again, cells = tiny / "again", [lesson_09.cell(data, name, 0) for data, name in found]
    assert carry_over(again, "methods", {**recorded["setup"], "seen": 1}, cells) == 0 and not again.exists()
    assert "seen: there 64, now 1" in capsys.readouterr().out  # and it is told why
    other = [{**cell, "lr": 1.0} if "lr" in cell else cell for cell in cells]  # other settings: made anew
    assert (
        carry_over(tiny / "other", "methods", recorded["setup"], other) == len(found) - 4
    )  # two methods, two kinds of images
    assert carry_over(again, "methods", recorded["setup"], cells) == len(found)
    monkeypatch.setenv("COURSEKIT_HOME", str(tiny / "another_home"))
    capsys.readouterr()
    recipes.make("methods", ship)
    assert capsys.readouterr().out.count("knn") == 0  # nothing was made again
    assert json.loads(path.read_text())["rows"] == recorded["rows"]


def test_the_large_comparison_has_vits_and_ships_no_weights(tiny, monkeypatch):
    monkeypatch.setattr(lesson_09, "ENTRIES", {"simclr_vit": lesson_09.Entry(1e-3)})
    (path,) = recipes.make("methods-large", tiny / "data")
    rows = json.loads(path.read_text())["rows"]
    names = ["raw pixels", "random encoder", "random ViT", "simclr_vit"]
    assert [(row["data"], row["method"]) for row in rows] == [(data, name) for data in lesson_09.DATA for name in names]
    assert not (tiny / "data" / "checkpoints").exists()


@pytest.mark.parametrize("data", lesson_09.DATA)
def test_every_registered_method_takes_part(data, seeded):
    assert {lesson_09.ON_VIT.get(name, name) for name in lesson_09.ENTRIES} <= set(registry.method_names())
    for name in lesson_09.ENTRIES:
        method = lesson_09.method(name, data)
        network = lesson_09.VIT if name in lesson_09.ON_VIT else lesson_09.ENCODER
        assert method.encoder.spec["name"] == network and method.recipe()["views"]
        method.check_batch(lesson_09.BATCH)
