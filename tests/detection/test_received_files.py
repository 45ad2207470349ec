"""What a stranger may have sent - a dataset, weights, pictures - runs no code, and nothing is written beside it."""

import os
import pickle
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from coursekit.detection.portable import export_detector
from coursekit.detection.predictions import check_pictures, predict
from coursekit.detection.validation import check_dataset, validate
from coursekit.detection.weights import load_detector
from coursekit.detection.yolo12 import train
from coursekit.runtime import CourseError
from tests.detection.conftest import write_dataset

SHORT = {"epochs": 1, "imgsz": 64, "batch": 4, "device": "cpu", "plots": False, "verbose": False, "weights": "yaml"}


class Trap:
    """Unpickled, it makes the file `trace`."""

    def __init__(self, trace: Path):
        self.trace = str(trace)

    def __reduce__(self):
        return (Path.touch, (Path(self.trace),))


def everything(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def scanned(yaml: Path):
    """The training images of a dataset as Ultralytics holds them."""
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    data = check_det_dataset(str(yaml), autodownload=False)
    return YOLODataset(data["train"], data=data, augment=False)


@pytest.fixture
def received(tmp_path) -> tuple[Path, Path]:
    """A dataset whose label caches and .npy files are pickles that run code -> its YAML, the file that would appear."""
    yaml, trace = write_dataset(tmp_path / "data", train=5), tmp_path / "ran"
    trap = np.array(Trap(trace), dtype=object)
    for name in ("labels/train.cache", "labels/val.cache", "images/train/000.npy", "images/val/000.npy"):
        with open(yaml.parent / name, "wb") as file:
            np.save(file, trap, allow_pickle=True)
        os.utime(yaml.parent / name, (time.time() + 60,) * 2)  # newer than the picture: Ultralytics would prefer it
    np.load(yaml.parent / "labels" / "train.cache", allow_pickle=True)
    assert trace.exists(), "the trap does not work"
    trace.unlink()
    return yaml, trace


@pytest.mark.parametrize("settings", [{}, {"cache": "disk"}, {"cache": "ram"}])
def test_a_received_dataset_runs_no_code_and_stays_as_it_was(received, tmp_path, settings):
    yaml, trace = received
    before, seen = everything(yaml.parent), []
    run = train(
        yaml,
        project=tmp_path / "runs",
        callbacks={"on_train_end": lambda trainer: seen.append(trainer.train_loader.dataset)},
        **{**SHORT, **settings},
    )
    validate(run.folder, yaml, imgsz=64, device="cpu")
    assert len(predict(run, yaml.parent / "images" / "val", imgsz=64, device="cpu")) == 4
    assert everything(yaml.parent) == before and not trace.exists()
    kept = [file for file in seen[0].npy_files if file.exists()]
    assert len(kept) == (5 if settings.get("cache") == "disk" else 0)


def test_lessons_that_call_ultralytics_themselves_are_safe_too(received, tmp_path):
    from ultralytics import YOLO

    yaml, trace = received
    before = everything(yaml.parent)
    model = YOLO("yolo12n.yaml")
    model.train(data=yaml, project=str(tmp_path), **{k: v for k, v in SHORT.items() if k != "weights"})
    assert everything(yaml.parent) == before and not trace.exists()


def test_a_worker_process_reads_the_pictures_and_nothing_beside_them(received, tmp_path):
    """Started anew, as on macOS: it imports Ultralytics without this package, and is sent the dataset."""
    yaml, trace = received
    before = everything(yaml.parent)
    (tmp_path / "dataset.pkl").write_bytes(pickle.dumps(scanned(yaml)))
    code = (
        "import pickle, sys; dataset = pickle.load(open(sys.argv[1], 'rb')); "
        "assert not any(name.startswith('coursekit') for name in sys.modules); "
        "print(dataset.load_image(0)[0].shape)"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "dataset.pkl")]
    env = os.environ | {"YOLO_OFFLINE": "true"}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=env)
    assert done.stdout.strip() == "(640, 640, 3)" and everything(yaml.parent) == before and not trace.exists()


def test_weights_load_restricted_whatever_the_variable_says(tmp_path, monkeypatch):
    from ultralytics.nn import tasks

    monkeypatch.setattr(tasks, "SAFE_LOAD", False)  # what ULTRALYTICS_SAFE_LOAD=false makes of the import
    trace = tmp_path / "ran"
    torch.save({"model": Trap(trace)}, tmp_path / "trap.pt")
    with pytest.raises(CourseError, match=r"trap\.pt"):
        load_detector(tmp_path / "trap.pt")
    with pytest.raises(TypeError):
        tasks.load_checkpoint(tmp_path / "trap.pt")
    assert not trace.exists()
    torch.load(tmp_path / "trap.pt", weights_only=False)
    assert trace.exists(), "the trap does not work"


def damaged_nan(model):
    model.model[0].conv.weight.data[0] = float("nan")


def damaged_names(model):
    model.names = {0: "person"}


def damaged_layers(model):
    del model.model[3]


def damaged_channels(model):
    model.model[0].conv = torch.nn.Conv2d(1, 16, 3, 2, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (damaged_nan, r"NaN.*model\.0\.conv\.weight"),
        (damaged_names, "4 classes"),
        (damaged_layers, "layers"),
        (damaged_channels, "RGB"),
    ],
)
def test_a_checkpoint_is_judged_when_it_is_read(trained, tmp_path, change, words):
    contents = torch.load(trained.run.best, weights_only=False)
    change(contents["model"])
    torch.save(contents, tmp_path / "changed.pt")
    with pytest.raises(CourseError, match=rf"changed\.pt.*{words}"):
        load_detector(tmp_path / "changed.pt")


@pytest.mark.parametrize(("key", "value"), [("imgsz", "64"), ("imgsz", None), ("imgsz", True), ("imgsz", 0)])
def test_a_checkpoints_settings_are_judged_too(trained, tmp_path, key, value):
    contents = torch.load(trained.run.best, weights_only=False)
    contents["train_args"][key] = value
    torch.save(contents, tmp_path / "changed.pt")
    with pytest.raises(CourseError, match=rf"changed\.pt.*{value!r}"):
        load_detector(tmp_path / "changed.pt")


def test_an_exported_detector_is_judged_as_well(trained, tmp_path):
    detector = load_detector(trained.run.best)
    export_detector(detector, tmp_path / "tiny.safetensors", "n", imgsz=8)
    with pytest.raises(CourseError, match=r"tiny\.safetensors.*8"):
        load_detector(tmp_path / "tiny.safetensors")
    damaged_nan(detector)
    export_detector(detector, tmp_path / "nan.safetensors", "n", imgsz=64)
    with pytest.raises(CourseError, match=r"nan\.safetensors.*NaN"):
        load_detector(tmp_path / "nan.safetensors")
    save_file(
        {"weight": torch.zeros(2)},
        tmp_path / "other.safetensors",
        metadata={"detector": '{"size": "n", "names": ["a"], "imgsz": 64}'},
    )
    with pytest.raises(CourseError, match=r"other\.safetensors"):
        load_detector(tmp_path / "other.safetensors")


@pytest.mark.parametrize(
    "line",
    [
        "channels: 1",
        "channels: 4",
        "channels: null",
        "channels: [3]",
        "kpt_shape: null",
        "kpt_shape: [1, 2, 3]",
        "bg_class_idx: 9",
    ],
)
def test_keys_that_change_the_network_are_refused_before_training(dataset, tmp_path, line):
    yaml = tmp_path / "odd.yaml"
    yaml.write_text(dataset.read_text() + line + "\n")
    with pytest.raises(CourseError, match=rf"odd\.yaml.*{line.split(':')[0]}"):
        train(yaml, project=tmp_path / "runs", **SHORT)
    assert not (tmp_path / "runs").exists()


def test_a_dataset_that_is_another_file_is_not_unpacked(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "data.yaml").write_text("names: [a]\ntrain: .\nval: .\n")
    archive = shutil.make_archive(str(tmp_path / "data"), "zip", tmp_path / "inside")
    Path(archive).rename(tmp_path / "data.yaml")
    with pytest.raises(CourseError, match=r"data\.yaml"):
        check_dataset(tmp_path / "data.yaml")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(CourseError, match=r"pipe\.jpg"):
        check_pictures([tmp_path / "pipe.jpg"])
    for check in (load_detector, check_dataset):
        with pytest.raises(CourseError, match=r"pipe\.jpg"):
            check(tmp_path / "pipe.jpg")
