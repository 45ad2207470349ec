"""recipes: each makes the files that it names, with provenance, and goes on where it was stopped."""

import json
import re
import shutil

import pytest
import torch

from coursekit import recipes, runtime
from coursekit.data.images import ImageSet
from coursekit.detection.weights import load_detector
from coursekit.evaluation.intervals import mean_by
from coursekit.lessons import LESSONS
from coursekit.methods import MAE
from coursekit.methods.visual_tokenizer import VisualTokenizer
from coursekit.recipes import lesson_03, lesson_08, lesson_11, lesson_12
from coursekit.recipes import recorded as recorded_module
from coursekit.recipes.recorded import Recorded
from coursekit.recipes.registry import work_folder
from coursekit.runtime import CourseError
from coursekit.training import load_encoder


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Smoke budgets, and noise in two brightnesses instead of drawn objects."""
    monkeypatch.setenv("COURSEKIT_SMOKE", "1")
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))

    def some(n):
        generator = torch.Generator().manual_seed(n)
        labels = torch.arange(n) % 2
        noise = torch.randint(0, 120, (n, 3, 64, 64), generator=generator)
        return ImageSet((noise + labels[:, None, None, None] * 100).to(torch.uint8), labels, ("dark", "bright"))

    monkeypatch.setattr(lesson_03, "road_objects", lambda: (some(96), some(40)))
    monkeypatch.setattr(ImageSet, "road_scenes", classmethod(lambda cls, n, size, seed: ImageSet(some(40).images)))
    return tmp_path


def test_lesson_encoder_ships_weights_and_a_card(tiny):
    weights, card = recipes.make("lesson-encoder", tiny / "data")
    text = card.read_text()
    assert load_encoder(weights).spec == {"name": lesson_03.ENCODER, "image_size": 32, "options": {}}
    share = r"\d+\.\d% \[\d+\.\d%, \d+\.\d%\]"
    assert re.search(rf"\| trained encoder \| {share} \| {share} \|", text)
    assert "drawings" in text and "budget smoke" in text


def test_detector_backbone_ships_weights_that_fit_yolo12n(tiny):
    weights, card = recipes.make("detector-backbone", tiny / "data")
    assert load_encoder(weights).spec["name"] == "yolo12n" and "without labels" in card.read_text()


def test_ablations_share_their_baseline_and_go_on(tiny, capsys):
    (path,) = recipes.make("ablations", tiny / "data")
    first, recorded = capsys.readouterr().out, json.loads(path.read_text())
    variants = lesson_03.VARIANTS
    groups = {(row["group"], row["variant"]) for row in recorded["rows"]}
    assert groups == {(group, variant) for group in variants for variant in variants[group]}
    baselines = [r["knn"] for r in recorded["rows"] if not variants[r["group"]][r["variant"]]]
    assert len(baselines) == 4 and len(set(baselines)) == 1 and first.count(": seed 0: ") == 1
    assert {"made", "torch", "device"} <= recorded["provenance"].keys() and recorded["setup"]["drawings"]
    assert all(row.keys() & {"setup", "provenance", "drawings"} == set() for row in recorded["rows"])
    next((work_folder("ablations") / "rows").glob("*batch=32*")).unlink()
    recipes.make("ablations", tiny / "data")
    assert capsys.readouterr().out.count("knn") == 2  # only the missing run was made again: its k-NN, before and after
    again = json.loads(path.read_text())
    assert [{**row, "seconds": 0} for row in again["rows"]] == [{**row, "seconds": 0} for row in recorded["rows"]]


def test_scene_detector_ships_weights_that_predict(tiny):
    from coursekit.detection.predictions import predict

    weights, card = recipes.make("scene-detector", tiny / "data")
    (found,) = predict(weights, torch.zeros(3, 64, 64, dtype=torch.uint8), conf=0.0, imgsz=64, device="cpu")
    assert found.names == ("person", "bicycle", "car", "bus") and len(found)
    assert "| mean |" in card.read_text() and "AGPL-3.0" in card.read_text()


def test_label_efficiency_records_one_row_for_each_run(tiny, monkeypatch):
    from coursekit.detection import label_efficiency
    from coursekit.detection.validation import Metrics

    trained = []

    def fake(data, size, backbone, **settings):
        trained.append(
            (backbone and backbone.spec["name"], settings["backbone_lr_factor"], settings["freeze_epochs"] > 0)
        )
        return type("Run", (), {"metrics": Metrics(0.1, 0.2 + bool(backbone), 0.0, 0.0, {}, {}), "transfer": None})

    monkeypatch.setattr(label_efficiency, "train", fake)
    (path,) = recipes.make("label-efficiency", tiny / "data")
    recorded = json.loads(path.read_text())
    told = [(row["arm"], row["labels"], row["seed"], row["map50"], row[lesson_12.FACTOR]) for row in recorded["rows"]]
    factors = {**lesson_12.CHOSEN, "replaced_frozen": 0.1}
    assert sorted(told) == sorted((arm, 8, 0, 1.2 if arm != "random" else 0.2, factors[arm]) for arm in lesson_12.ARMS)
    assert recorded["setup"]["settings"]["imgsz"] == 64 and recorded["setup"]["settings"]["split"] == "test"
    assert [(name, frozen) for name, _, frozen in trained] == [
        (None, False),
        ("yolo12n", False),
        ("vit_mini", False),
        ("vit_mini", True),
        ("yolo12n", False),
    ]
    trained.clear()
    (path,) = recipes.make("label-efficiency-control", tiny / "data")
    found = {row["arm"]: row[lesson_12.FACTOR] for row in json.loads(path.read_text())["rows"]}
    assert found == {**lesson_12.CONTROL_RATES, "replaced_frozen": 0.1} and list(found) == sorted(found)
    (path,) = recipes.make("label-efficiency-rates", tiny / "data")
    rates = [(row["arm"], row[lesson_12.FACTOR]) for row in json.loads(path.read_text())["rows"]]
    assert sorted(rates) == sorted((arm, factor) for arm in lesson_12.CHOSEN for factor in lesson_12.FACTORS)
    assert {row["seed"] for row in json.loads(path.read_text())["rows"]}.isdisjoint(range(8))


def test_label_efficiency_goes_on_with_the_rows_that_ship(tiny, monkeypatch):
    from coursekit.detection import label_efficiency
    from coursekit.detection.validation import Metrics

    trained = []

    def fake(data, size, backbone, **settings):
        trained.append(settings["seed"])
        return type("Run", (), {"metrics": Metrics(0.1, 0.2, 0.0, 0.0, {}, {}), "transfer": None})

    monkeypatch.setattr(label_efficiency, "train", fake)
    (path,) = recipes.make("label-efficiency-long", tiny / "data")
    made = json.loads(path.read_text())
    assert len(trained) == len(made["rows"]) == len(lesson_12.LONG_ARMS)
    assert made["setup"]["settings"]["steps"] == 4 * lesson_12.settings("test").steps

    short = [{key: value for key, value in row.items() if key != "seconds"} for row in made["rows"][:-1]]
    shipped = Recorded(**{**made, "rows": short})  # rows that say nothing of their time are welcome, too
    monkeypatch.setattr(recorded_module, "recorded", lambda name: shipped)
    shutil.rmtree(work_folder("label-efficiency-long"))
    trained.clear()
    recipes.make("label-efficiency-long", tiny / "data")
    assert len(trained) == 1, "the one row that was missing"
    assert [row["map50"] for row in json.loads(path.read_text())["rows"]] == [0.2] * len(lesson_12.LONG_ARMS)


def test_rates_go_on_with_the_rows_that_ship(tiny, monkeypatch):
    """Two rates of one arm are two rows of one record: neither is taken for the other."""
    from coursekit.detection import label_efficiency
    from coursekit.detection.validation import Metrics

    trained = []

    def fake(data, size, backbone, **settings):
        trained.append(settings["backbone_lr_factor"])
        metrics = Metrics(settings["backbone_lr_factor"], 0.2, 0.0, 0.0, {}, {})
        return type("Run", (), {"metrics": metrics, "transfer": None})

    monkeypatch.setattr(label_efficiency, "train", fake)
    (path,) = recipes.make("label-efficiency-rates", tiny / "data")
    made = json.loads(path.read_text())
    last = lesson_12.FACTORS[-1]
    short = [row for row in made["rows"] if (row["arm"], row[lesson_12.FACTOR]) != ("ssl", last)]
    monkeypatch.setattr(recorded_module, "recorded", lambda name: Recorded(**{**made, "rows": short}))
    shutil.rmtree(work_folder("label-efficiency-rates"))
    trained.clear()
    recipes.make("label-efficiency-rates", tiny / "data")
    assert trained == [last]
    assert json.loads(path.read_text())["rows"] == made["rows"]


def test_an_unknown_recipe_names_those_that_exist():
    with pytest.raises(CourseError, match="cake.*lesson-encoder"):
        recipes.make("cake")


def test_what_ships_is_what_the_recipes_make():
    """Every file in data/checkpoints and data/results has a recipe, and the shipped weights are those of their cards.

    What a lesson needs that is there has been made; recipes of lessons to come may wait for theirs.
    """
    made = {name: recipe.lesson for recipe in recipes.RECIPES.values() for name in recipe.makes}
    base = runtime.shipped("road_objects").parent
    shipped = [p for folder in ("checkpoints", "results") for p in (base / folder).iterdir()]
    found = {p.relative_to(base).as_posix() for p in shipped}
    assert found <= made.keys()
    assert [name for name, number in made.items() if name not in found and LESSONS[number].there] == []
    for path in shipped:
        if path.suffix == ".safetensors":
            assert path.stat().st_size < 6_000_000 and recipes.shipped_weights(path.stem) == path
            load = load_detector if path.stem.startswith("yolo12") else load_encoder
            load = {lesson_08.TOKENIZER: VisualTokenizer.load, lesson_08.WHOLE_MAE: MAE.load}.get(path.stem, load)
            assert all(p.isfinite().all() for p in load(path).parameters())


def test_weights_that_are_not_those_of_the_card_are_refused(tmp_path, monkeypatch):
    base = runtime.shipped("checkpoints")
    for end in (".md", ".safetensors"):
        (tmp_path / f"{lesson_11.DETECTOR}{end}").write_bytes((base / f"{lesson_11.DETECTOR}{end}").read_bytes())
    monkeypatch.setattr(runtime, "shipped", lambda folder, name: tmp_path / name)
    weights = recipes.shipped_weights(lesson_11.DETECTOR)
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.write_bytes(damaged)
    with pytest.raises(CourseError, match=rf"{lesson_11.DETECTOR}\.safetensors.*SHA-256"):
        recipes.shipped_weights(lesson_11.DETECTOR)
    with pytest.raises(CourseError, match="damaged"):
        load_detector(weights)  # the header's own checksum tells it, too


def test_recorded_results_are_what_lessons_plot():
    ablations = lesson_03.recorded_ablations()
    for group, variants in lesson_03.VARIANTS.items():
        found = mean_by(ablations.rows, "variant", "knn", group=group)
        assert set(found) == set(variants)
        assert all(0 <= each.low <= each.mean <= each.high <= 1 and each.n == 3 for each in found.values())
    assert set(ablations.levels) == {"random encoder", "raw pixels"} and ablations.origin.startswith("made 20")
    from coursekit.detection.efficiency_summary import summarize

    efficiency = lesson_12.recorded_label_efficiency()
    found = {(cell.arm, cell.labels): len(cell.seeds) for cell in summarize(efficiency.rows).cells}
    assert found["random", 128] >= 3 and found.keys() <= {(arm, n) for arm in lesson_12.ARMS for n in (32, 128, 320)}
    assert all(row[lesson_12.FACTOR] == lesson_12.CHOSEN.get(row["arm"], 0.1) for row in efficiency.rows)
    control = lesson_12.recorded_control()
    seeds = {(cell.arm, cell.labels): len(cell.seeds) for cell in summarize(control.rows).cells}
    assert seeds == dict.fromkeys(((arm, 128) for arm in lesson_12.CONTROL_ARMS), 3)
    assert all(row[lesson_12.FACTOR] == lesson_12.CONTROL_RATES.get(row["arm"], 0.1) for row in control.rows)
    drawn = lesson_12.recorded_percent(labels=128)
    assert len(drawn) == sum(n == 128 for _, n in found) and all(0 < mean < 100 for mean, *_ in drawn.values())
