"""Training: the backbone is in the model that trains, rates are honoured, runs repeat, nothing is overwritten."""

import pickle
import shutil
from pathlib import Path

import pytest
import torch

from coursekit import runtime
from coursekit.detection.anatomy import size_table
from coursekit.detection.validation import validate
from coursekit.detection.weights import checkpoint_path, load_detector, starting_weights
from coursekit.detection.yolo12 import train
from coursekit.detection.yolo_backbone import new_detector
from coursekit.runtime import CourseError


class StopHere(Exception):
    """Raised from a callback: what the test looks at has happened."""


def test_a_frozen_backbone_stays_bit_for_bit(trained, backbone):
    frozen, ssl = trained.epochs[0], backbone.state_dict()
    assert all(torch.equal(frozen.state[name], tensor) for name, tensor in ssl.items())
    saved = load_detector(trained.run.folder / "weights" / "epoch0.pt").state_dict()
    for name, tensor in ssl.items():  # Ultralytics writes half precision
        expected = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(saved[name], expected), name
    assert {name.split(".")[1] for name in frozen.frozen} == {*map(str, range(9)), "21"}  # 21: the fixed DFL weights
    assert trained.run.frozen_epochs == 1


def test_then_everything_moves_in_the_same_run(trained, backbone):
    first, second, _ = trained.epochs
    ssl = backbone.state_dict()
    assert {name.split(".")[1] for name in second.frozen} == {"21"}
    for name in ("model.0.conv.weight", "model.8.cv2.conv.weight", "model.0.bn.running_mean", "model.4.cv1.bn.weight"):
        assert not torch.equal(second.state[name], ssl[name]), name
    # the head was trained on, not drawn again
    name = "model.21.cv3.0.0.0.conv.weight"
    assert (second.state[name] - first.state[name]).norm() < 0.2 * first.state[name].norm()
    assert len(trained.run.results_csv.read_text().splitlines()) == 4, "one table for both stages"


def test_learning_rates_are_those_that_were_asked_for(trained):
    assert {epoch.optimizer for epoch in trained.epochs} == {"SGD"}
    for number, epoch in enumerate(trained.epochs):
        for kind in ("weight", "bn", "bias"):
            (rate,), (own,) = epoch.rates[kind], epoch.rates[f"backbone_{kind}"]
            assert rate == pytest.approx(0.02 * epoch.scheduled)
            assert own == pytest.approx(0.25 * rate if number else 0.0), (number, kind)


def test_run_works_without_a_network_and_tries_none(trained):
    run = trained.run
    assert run.start.startswith("starts from yolo12n.yaml") and "COURSEKIT_OFFLINE" in run.start
    assert run.transfer.matched == 342 and trained.attempts == []
    assert run.folder == trained.project / "yolo12n_objects" and run.best.is_file() and run.last.is_file()
    assert run.results_csv.is_file() and not (run.folder / "stage1_frozen").exists()


def test_validation_of_the_checkpoint_gives_the_metrics_of_the_run(trained, dataset, network_attempts):
    metrics = validate(trained.run.folder, dataset, imgsz=64, device="cpu")
    assert metrics.map50_95 == pytest.approx(trained.run.metrics.map50_95, abs=1e-6)
    assert set(metrics.ap50) == {"person", "bicycle", "car", "bus"} and network_attempts == []


def begin(dataset, tmp_path, until="on_train_start", **settings) -> dict:
    """The model's tensors when Ultralytics says `until`: before the first batch, or after the last."""
    state = {}

    def look(trainer):
        state.update({name: t.clone() for name, t in trainer.model.state_dict().items()})
        raise StopHere

    with pytest.raises(StopHere):
        train(
            dataset,
            epochs=1,
            imgsz=64,
            batch=4,
            nbs=4,
            device="cpu",
            project=tmp_path,
            plots=False,
            verbose=False,
            freeze_epochs=0,
            weights="yaml",
            callbacks={until: look},
            **settings,
        )
    return state


def test_arms_differ_in_the_backbone_alone_and_seeds_in_everything(dataset, backbone, tmp_path):
    random, ssl, other = (begin(dataset, tmp_path, **s) for s in ({}, {"backbone": backbone}, {"seed": 1}))
    heads = [name for name in random if int(name.split(".")[1]) > 8]
    assert heads and all(torch.equal(random[name], ssl[name]) for name in heads)
    assert all(torch.equal(ssl[name], tensor) for name, tensor in backbone.state_dict().items())
    assert not torch.equal(random["model.0.conv.weight"], ssl["model.0.conv.weight"])
    assert not torch.equal(random["model.21.cv2.0.0.conv.weight"], other["model.21.cv2.0.0.conv.weight"])
    names = sorted(folder.name for folder in tmp_path.iterdir())
    assert names == ["yolo12n_objects", "yolo12n_objects2", "yolo12n_objects3"]  # nobody's folder is taken


def test_the_same_seed_gives_the_same_detector(dataset, tmp_path):
    one, two = (
        begin(dataset, tmp_path, until="on_train_epoch_end", seed=3, optimizer="AdamW", lr0=0.001) for _ in range(2)
    )
    assert all(torch.equal(tensor, two[name]) for name, tensor in one.items())
    assert one["model.0.bn.num_batches_tracked"] == 2, "nothing was trained"


def test_quiet_is_quiet(dataset, tmp_path, capfd):
    begin(dataset, tmp_path)
    out, errors = capfd.readouterr()
    assert errors == "" and [line.split(" ")[0] for line in out.splitlines()] == ["yolo12n", "results"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": "nowhere.yaml"}, "nowhere.yaml"),
        ({"data": "photo.jpg"}, "photo.jpg"),
        ({"size": "q"}, "n, s, m, l, x"),
        ({"imgsz": 100}, "imgsz is 100"),
        ({"optimizer": "auto"}, "lr0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"freeze_epochs": 3}, "from 0 to 2"),
        ({"device": "0,1"}, "0,1"),
        ({"mosaicc": 1.0}, "mosaic"),
        ({"weights": "nowhere.pt"}, "nowhere.pt"),
        ({"weights": "pt"}, "yolo12n.pt"),
        ({"backbone": "nowhere"}, "nowhere"),
    ],
)
def test_settings_that_do_not_fit_are_explained(dataset, tmp_path, change, words):
    with pytest.raises(CourseError) as caught:
        train(
            **{
                "data": dataset,
                "epochs": 2,
                "imgsz": 64,
                "project": tmp_path / "runs",
                "device": "cpu",
                "verbose": False,
                **change,
            }
        )
    assert words in str(caught.value)
    if "mosaicc" not in change:
        assert not (tmp_path / "runs").exists(), "a refused run leaves no folder"


def test_a_dataset_without_images_is_refused_and_its_download_script_is_not_run(tmp_path):
    yaml, trace = tmp_path / "evil.yaml", tmp_path / "ran"
    yaml.write_text(
        f"path: {tmp_path}\ntrain: images/train\nval: images/val\nnames: {{0: person}}\n"
        f"download: open({str(trace)!r}, 'w')\n"
    )
    with pytest.raises(CourseError, match=r"evil\.yaml"):
        train(yaml, epochs=1, project=tmp_path / "runs")
    yaml.write_text("names: [")
    with pytest.raises(CourseError, match=r"evil\.yaml.*coursekit data check"):
        train(yaml, epochs=1, project=tmp_path / "runs")
    assert not trace.exists() and not (tmp_path / "runs").exists()


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_without_a_label_is_refused_before_a_folder_is_made(dataset, tmp_path, split):
    shutil.copytree(dataset.parent, tmp_path / "data")
    yaml = tmp_path / "data" / dataset.name
    yaml.write_text(yaml.read_text().replace(str(dataset.parent), str(yaml.parent)))
    for file in (yaml.parent / "labels" / split).iterdir():
        file.write_text("\n")  # there, and empty
    with pytest.raises(CourseError, match=rf"'{split}' has . images and not one label.*labels/{split}/000\.txt"):
        train(yaml, epochs=1, imgsz=64, device="cpu", project=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path(Trap.file),))


def test_files_that_are_no_checkpoint_are_explained_and_run_no_code(tmp_path, trained):
    Trap.file = str(tmp_path / "ran")
    contents = {
        "empty.pt": b"",
        "text.pt": b"hello",
        "pickle.pt": pickle.dumps({"a": 1}),
        "trap.pt": pickle.dumps(Trap()),
        "cut.pt": trained.run.best.read_bytes()[:5000],
    }
    torch.save({"model": torch.zeros(3)}, tmp_path / "tensors.pt")
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    for name in (*contents, "tensors.pt"):
        with pytest.raises(CourseError, match=name.replace(".", r"\.")):
            load_detector(tmp_path / name)
    assert not Path(Trap.file).exists()
    with pytest.raises(CourseError, match=str(tmp_path)):
        checkpoint_path(tmp_path)
    with pytest.raises(CourseError, match=r"end in \.pt"):
        checkpoint_path(trained.run.results_csv)


def test_classes_that_mean_something_else_are_not_compared(trained, dataset, tmp_path):
    other = tmp_path / "other.yaml"
    other.write_text(dataset.read_text().replace("0: person", "0: dog"))
    with pytest.raises(CourseError, match="person, bicycle, car, bus.*dog, bicycle"):
        validate(trained.run.folder, other, imgsz=64)


def test_starting_weights_at_hand_are_taken_and_named(trained, monkeypatch, tmp_path):
    assert starting_weights("n", "yaml") == (None, "starts from yolo12n.yaml: random weights")
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path))
    (tmp_path / "weights").mkdir()
    file = tmp_path / "weights" / "yolo12n.pt"
    file.write_bytes(trained.run.best.read_bytes())
    path, sentence = starting_weights("n")
    assert path == file and str(file) in sentence and "COCO" in sentence
    assert starting_weights("s")[0] is None, "another size is another file"


def test_starting_weights_are_downloaded_only_by_somebody_online(trained, monkeypatch, tmp_path):
    import ultralytics.utils
    from ultralytics.utils import downloads

    asked = []

    def deliver(file, **options):
        asked.append((Path(file), options["retry"]))
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_bytes(trained.run.best.read_bytes())

    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path))
    monkeypatch.setattr(downloads, "attempt_download_asset", deliver)
    monkeypatch.setattr(ultralytics.utils, "is_online", lambda: True)
    assert "COURSEKIT_OFFLINE forbids" in starting_weights("n")[1] and asked == []
    monkeypatch.delenv("COURSEKIT_OFFLINE")
    path, sentence = starting_weights("n")
    assert asked == [(runtime.home() / "weights" / "yolo12n.pt", 0)] and path == asked[0][0]
    assert "downloaded to" in sentence
    monkeypatch.setattr(ultralytics.utils, "is_online", lambda: False)
    assert "no network" in starting_weights("s")[1] and len(asked) == 1


def test_a_failed_download_falls_back_and_says_so(monkeypatch, tmp_path):
    import ultralytics.utils
    from ultralytics.utils import downloads

    def fail(file, **options):
        raise ConnectionError("no route\nand more")

    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path))
    monkeypatch.delenv("COURSEKIT_OFFLINE")
    monkeypatch.setattr(downloads, "attempt_download_asset", fail)
    monkeypatch.setattr(ultralytics.utils, "is_online", lambda: True)
    path, sentence = starting_weights("n")
    assert path is None and "its download failed (no route)" in sentence
    with pytest.raises(CourseError, match="weights='yaml'"):
        starting_weights("n", "pt")


def test_size_table_counts_parameters_and_operations():
    n, s = size_table(imgsz=320, sizes=("n", "s"))
    # the summaries in ultralytics/cfg/models/12/yolo12.yaml
    assert (n["parameters"], s["parameters"]) == (2_602_288, 9_284_096)
    assert n["backbone_parameters"] < n["parameters"] and (n["dim"], s["dim"]) == (256, 512)
    operations = []

    def count(conv, inputs, output):
        operations.append(2 * output.numel() * conv.in_channels // conv.groups * conv.kernel_size[0] ** 2)

    model = new_detector("n").eval()
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(count)
    with torch.no_grad():
        model(torch.zeros(1, 3, 320, 320))
    # Ultralytics counts normalisation, activation and attention products too
    assert sum(operations) / 1e9 < n["gflops"] < 1.4 * sum(operations) / 1e9
