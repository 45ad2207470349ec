"""The experiment: equal budgets, paired arms, resuming, and a summary that can be checked by hand."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from coursekit.detection import label_efficiency
from coursekit.detection.efficiency_summary import read_rows, summarize
from coursekit.detection.label_efficiency import Settings, run_experiment, steps_of
from coursekit.detection.label_subsets import stratified_order
from coursekit.detection.validation import Metrics
from coursekit.detection.weights import load_detector
from coursekit.models import build_encoder
from coursekit.runtime import CourseError

QUICK = Settings(imgsz=64, steps=2, batch=4)


@pytest.fixture
def trainings(monkeypatch) -> list:
    """Trainings are written down instead of done; the score is a known function of arm, labels and seed."""
    calls = []

    def fake(data, size, backbone, **settings):
        listed = (data.parent / "train.txt").read_text().split()
        score = 0.1 * bool(backbone) + 0.01 * len(set(listed)) + 0.001 * settings["seed"]
        calls.append({**settings, "backbone": backbone, "listed": listed})
        (settings["project"] / settings["name"]).mkdir(parents=True)
        metrics = Metrics(score / 2, score, 0.0, 0.0, {}, {})
        return type("Run", (), {"metrics": metrics, "transfer": None})

    monkeypatch.setattr(label_efficiency, "train", fake)
    return calls


def test_budgets_are_equal_and_small_subsets_lie_in_large_ones(dataset, backbone, tmp_path, trainings, capsys):
    arms = ("random", "ssl", "ssl_frozen_first")
    summary = run_experiment(
        dataset, backbone, tmp_path / "e", (2, 0.75), (0, 1), arms, Settings(steps=20, batch=4, freeze=0.2)
    )
    assert len(trainings) == 12 and len(capsys.readouterr().out.splitlines()) == 12
    assert {(c["epochs"], len(c["listed"]), c["warmup_epochs"], c["nbs"]) for c in trainings} == {(10, 8, 1.0, 4)}
    subsets = {frozenset(c["listed"]) for c in trainings if c["seed"] == 0}
    small, large = ({subset for subset in subsets if len(subset) == n} for n in (2, 6))
    assert len(small) == len(large) == 1 and set(*small) < set(*large), "one subset for all arms, one inside the other"
    assert {tuple(c["listed"]) for c in trainings if c["seed"] == 1}.isdisjoint(
        {tuple(c["listed"]) for c in trainings if c["seed"] == 0}
    )
    assert all(c["listed"].count(path) >= 8 // len(set(c["listed"])) for c in trainings for path in c["listed"])
    assert {bool(c["backbone"]): c["weights"] for c in trainings} == {False: "yaml", True: "yaml"}
    assert [c["freeze_epochs"] for c in trainings[:3]] == [0, 0, 2]
    cells = {(cell.labels, cell.arm): cell for cell in summary.cells}
    assert cells[6, "ssl"].values["map50"] == (pytest.approx(0.16), pytest.approx(0.161))
    assert cells[6, "ssl"].differences["map50"].mean == pytest.approx(0.1)
    assert cells[6, "random"].differences == {} and "+0.050 [" in str(summary)
    written = json.loads((tmp_path / "e" / "summary.json").read_text())
    assert written["cells"][0]["mean"]["map50"] == pytest.approx(0.0205)
    assert not any((tmp_path / "e" / "runs").iterdir())


def test_resuming_does_what_is_missing_and_nothing_twice(dataset, backbone, tmp_path, trainings):
    out = tmp_path / "e"
    run_experiment(dataset, backbone, out, (2,), (0, 1), settings=QUICK)
    first = summarize(read_rows(out))
    name = "arm=ssl_labels=2_seed=1"
    (out / "rows" / f"{name}.json").unlink()
    (out / "rows" / f".{name}.json.99.part").write_text("{")  # what a kill leaves behind
    (out / "runs" / name / "weights").mkdir(parents=True)
    again = run_experiment(dataset, backbone, out, (2,), (0, 1), settings=QUICK)
    assert len(trainings) == 5 and (trainings[-1]["seed"], bool(trainings[-1]["backbone"])) == (1, True)
    assert again.cells == first.cells
    run_experiment(dataset, backbone, out, (2,), (0, 1, 2), settings=QUICK)
    assert len(trainings) == 7, "more seeds go on in the same folder"


def test_another_experiment_does_not_mix_in(dataset, backbone, tmp_path, trainings):
    out = tmp_path / "e"
    run_experiment(dataset, backbone, out, (2,), (0,), settings=QUICK)
    with pytest.raises(CourseError, match=r"settings\.lr0: there 0\.001, now 0\.5"):
        run_experiment(dataset, backbone, out, (2,), (0,), settings=dataclasses.replace(QUICK, lr0=0.5))
    with pytest.raises(CourseError, match="epoch_steps"):
        run_experiment(dataset, backbone, out, (8,), (0,), settings=QUICK)
    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.txt").write_text("precious")
    with pytest.raises(CourseError, match="not the folder of an experiment"):
        run_experiment(dataset, backbone, other, (2,), (0,), settings=QUICK)
    assert len(trainings) == 2 and (other / "thesis.txt").read_text() == "precious"


def test_provenance_names_versions_and_no_path_of_the_machine(dataset, backbone, tmp_path, trainings):
    run_experiment(dataset, backbone, tmp_path / "e", (2,), (0,), settings=QUICK)
    text = (tmp_path / "e" / "experiment.json").read_text()
    made = json.loads(text)["provenance"]
    assert {"coursekit", "torch", "ultralytics", "python", "device", "made"} <= made.keys() and "threads" in made[
        "device"
    ]
    assert str(tmp_path) not in text and str(dataset.parent) not in text
    assert str(tmp_path) not in (tmp_path / "e" / "summary.json").read_text()


def test_arms_have_their_own_weights_and_rates(dataset, backbone, tmp_path, trainings, trained):
    vit = build_encoder("vit_micro", image_size=64, dim=32, depth=1, heads=2)
    arms = ("random", "ssl", "replaced", "replaced_frozen", "supervised", "replaced_random")
    given = {"replacement": vit, "supervised": trained.run.folder, "lr_factors": {"ssl": 0.3}}
    run_experiment(
        dataset, backbone, tmp_path / "e", (2,), (0,), arms, Settings(steps=20, batch=4, freeze=0.2), **given
    )
    told = [(c["backbone"], c["freeze_epochs"], c["backbone_lr_factor"]) for c in trainings]
    random, ssl, replaced, frozen, supervised, untrained = told
    assert untrained[0].spec == vit.spec and untrained[1:] == (0, 1.0)
    assert not torch.equal(untrained[0].pos_embed, vit.pos_embed), "the same network, and other weights"
    assert random == (None, 0, 1.0) and ssl == (backbone, 0, 0.3)
    assert replaced == (vit, 4, 0.1) and frozen == (vit, 20, 0.1) and supervised[1:] == (0, 0.1)
    wanted = load_detector(trained.run.folder).state_dict()
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in supervised[0].state_dict().items())
    with pytest.raises(CourseError, match=r"arm ssl with the backbone at 0\.3 of lr0; now it is 0\.1"):
        run_experiment(
            dataset,
            backbone,
            tmp_path / "e",
            (2,),
            (1,),
            ("random",),
            Settings(steps=20, batch=4),
            **{**given, "lr_factors": {}},
        )
    with pytest.raises(CourseError, match="--replacement"):
        run_experiment(dataset, backbone, tmp_path / "f", (2,), (0,), ("replaced",), QUICK)


def test_every_beginning_has_the_shares_of_the_whole():
    draws = np.random.default_rng(0)
    boxes = draws.poisson((2.0, 0.5, 2.0, 0.3), size=(400, 4)).astype(float)
    order = stratified_order(boxes, seed=3)
    assert sorted(order) == list(range(400)) and order != stratified_order(boxes, seed=4)

    def off(chosen):
        return np.abs(boxes[chosen].mean(axis=0) / boxes.mean(axis=0) - 1).max()

    at_random = [off(draws.permutation(400)[:32]) for _ in range(50)]
    assert off(order[:32]) < 0.1 < np.median(at_random)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"arms": ("supervised",)}, "supervised="),
        ({"lr_factors": {"magic": 1.0}}, "magic"),
        ({"lr_factors": {"ssl": -1.0}}, "ssl"),
        ({"labels": (9,)}, "has 8 images"),
        ({"labels": (0,)}, "labels is 0"),
        ({"labels": ()}, "at least one"),
        ({"labels": (1.5,)}, "labels is 1.5"),
        ({"arms": ("magic",)}, "magic"),
        ({"seeds": ()}, "at least one seed"),
        ({"settings": Settings(split="test")}, "test"),
        ({"backbone": ["a", "b"]}, "a"),
    ],
)
def test_settings_that_do_not_fit_are_explained(dataset, backbone, tmp_path, trainings, change, words):
    given = {"data": dataset, "backbone": backbone, "out": tmp_path / "e", "labels": (2,), "seeds": (0,), **change}
    with pytest.raises(CourseError, match=words):
        run_experiment(**given)
    assert trainings == [] and not (tmp_path / "e").exists()


def test_epochs_become_steps(dataset):
    assert steps_of(QUICK, dataset, (2, 6), 10).steps == 20


def test_a_real_pair_of_runs(dataset, backbone, tmp_path, network_attempts, capsys):
    summary = run_experiment(dataset, backbone, tmp_path / "e", (4,), (0,), settings=QUICK, device="cpu")
    random, ssl = (
        json.loads((tmp_path / "e" / "rows" / f"arm={arm}_labels=4_seed=0.json").read_text())
        for arm in ("random", "ssl")
    )
    assert random["steps"] == ssl["steps"] == 2 and (random["tensors_matched"], ssl["tensors_matched"]) == (None, 342)
    assert [cell.arm for cell in summary.cells] == ["random", "ssl"] and 0 <= ssl["map50"] <= 1
    assert network_attempts == [] and len(capsys.readouterr().out.splitlines()) == 2
