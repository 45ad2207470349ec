"""The recipe of lesson 05: every variant once, with what is taken away and nothing else; what ships has all of them."""

import json

import pytest
import torch

from coursekit import recipes
from coursekit.data.images import ImageSet
from coursekit.evaluation import TITLES
from coursekit.recipes import lesson_03, lesson_05, lesson_09
from coursekit.recipes.recorded import Recorded


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSEKIT_SMOKE", "1")
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    labels = torch.arange(64) % 2
    pixels = torch.randint(0, 120, (64, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    images = ImageSet((pixels + labels[:, None, None, None] * 100).to(torch.uint8), labels, ("dark", "bright"))
    monkeypatch.setattr(lesson_03, "road_objects", lambda: (images, images[:40]))
    return tmp_path


def test_every_variant_is_recorded_with_its_curve(tiny):
    (path,) = recipes.make("collapse", tiny / "data")
    recorded = json.loads(path.read_text())
    found = [(row["method"], row["variant"]) for row in recorded["rows"]]
    assert found == [(name, variant) for name in lesson_05.VARIANTS for variant in lesson_05.VARIANTS[name]]
    for row in recorded["rows"]:
        last = row["curve"][-1]
        assert {key: row[key] for key in last if key != "step"} == {k: v for k, v in last.items() if k != "step"}
        assert 0 <= row["knn"] <= 1 and row["rank_h"] >= 1 and ("teacher_lag" in row) == (row["method"] == "byol")
    assert set(recorded["levels"]) == {"random encoder", "raw pixels"} and recorded["setup"]["drawings"]


def test_a_variant_changes_what_it_says_and_nothing_else():
    for name, variants in lesson_05.VARIANTS.items():
        complete = lesson_05.method(name).settings
        assert {k: complete[k] for k, _ in lesson_09.ENTRIES[name].settings} == dict(lesson_09.ENTRIES[name].settings)
        for changes in variants.values():
            assert lesson_05.method(name, **changes).settings == {**complete, **changes}


def test_recorded_bars_are_those_of_the_encoders_that_ship(monkeypatch):
    def row(method, seed, data, score):
        ends = {"": score, "_low": score - 0.125, "_high": score + 0.125}
        return {"data": data, "method": method, "seed": seed} | {f"{j}{e}": v for j in TITLES for e, v in ends.items()}

    rows = [
        row(name, seed, data, 0.5) for name in lesson_05.COMPARED for seed, data in ((1, "road objects"), (0, "other"))
    ]
    rows += [row(name, 0, "road objects", k / 8) for k, name in enumerate(lesson_05.COMPARED)]
    monkeypatch.setattr(
        lesson_09, "recorded_methods", lambda: Recorded("about", {}, {}, [*rows, row("moco", 0, "x", 1)])
    )
    bars = lesson_05.recorded_percent()
    assert list(bars) == ["raw pixels", "random encoder", "SimCLR", "BYOL", "SimSiam", "LeJEPA"]
    assert bars["BYOL"] == {"k-NN": (37.5, 25.0, 50.0), "linear probe": (37.5, 25.0, 50.0)}


def test_what_ships_has_every_variant_and_shows_the_collapse():
    recorded = lesson_05.recorded_collapse()
    cells = [(row["method"], row["variant"], row["seed"]) for row in recorded.rows]
    variants = [(name, variant) for name in lesson_05.VARIANTS for variant in lesson_05.VARIANTS[name]]
    whole = [seed for seed in range(3) if all((*each, seed) in cells for each in variants)]  # the others go on
    assert whole and whole[0] == 0 and len(set(cells)) == len(cells)
    rank = {cell: row["effective_rank"] for cell, row in zip(cells, recorded.rows, strict=True)}
    for seed in whole:
        assert rank["simsiam", "no stop-gradient", seed] < rank["simsiam", "complete", seed] / 2
