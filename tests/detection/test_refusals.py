"""What cannot work is refused before anything is trained or written, and what Ultralytics raises is one message."""

import hashlib
import math
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.torch import save_file

from coursekit.cli import main
from coursekit.detection import label_efficiency
from coursekit.detection.efficiency_summary import read_rows
from coursekit.detection.label_efficiency import Settings, run_experiment
from coursekit.detection.weights import load_detector
from coursekit.detection.yolo12 import train
from coursekit.runtime import CourseError
from tests.detection.conftest import write_dataset

SHORT = {"epochs": 1, "imgsz": 64, "batch": 4, "device": "cpu", "plots": False, "verbose": False, "weights": "yaml"}


def digest(folder) -> dict:
    return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """JPEGs as phones write them: data after the end marker."""
    yaml = write_dataset(tmp_path_factory.mktemp("phone"), train=5)
    for png in (yaml.parent / "images").rglob("*.png"):
        cv2.imwrite(str(png.with_suffix(".jpg")), cv2.imread(str(png)))
        png.unlink()
        with open(png.with_suffix(".jpg"), "ab") as file:
            file.write(b"\x07" * 40_000)
    return yaml


def test_no_photograph_is_rewritten_and_all_are_used(photographs, tmp_path):
    before, seen = digest(photographs.parent / "images"), []
    train(
        photographs,
        project=tmp_path,
        callbacks={"on_train_start": lambda trainer: seen.append(len(trainer.train_loader.dataset.labels))},
        **SHORT,
    )
    assert digest(photographs.parent / "images") == before and seen == [5]


def test_a_jpeg_that_is_cut_off_is_refused_and_left_alone(photographs, tmp_path):
    from ultralytics.data.utils import verify_image

    whole = next((photographs.parent / "images").rglob("*.jpg")).read_bytes()[:-40_000]
    cases = (("whole.jpg", whole, 1), ("trailer.jpg", whole + b"more", 1), ("cut.jpg", whole[:-300], 0))
    for name, content, found in cases:
        file = tmp_path / name
        file.write_bytes(content)
        assert verify_image(((str(file), 0), ""))[1] == found and file.read_bytes() == content, name
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"lr0": math.nan},
        {"lr0": 0},
        {"lr0": -0.1},
        {"lr0": math.inf},
        {"backbone_lr_factor": math.nan},
        {"backbone_lr_factor": -1},
        {"layer_decay": math.inf},
        {"weight_decay": -0.1},
        {"weight_decay": math.inf},
        {"seed": -1},
        {"seed": 2**32},
        {"batch": 0},
        {"batch": -1},
        {"device": "toaster"},
        {"device": "-5"},
        {"mosaicc": 1.0},
    ],
)
def test_numbers_that_no_training_can_use_leave_no_folder(dataset, tmp_path, monkeypatch, change):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    (name,) = change
    with pytest.raises(CourseError, match=name):
        train(dataset, project=tmp_path / "runs", **{**SHORT, **change})
    assert not (tmp_path / "runs").exists() and os.environ["CUDA_VISIBLE_DEVICES"] == "0"


def test_a_run_that_wrote_nothing_leaves_no_folder(dataset, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise ValueError("not these")

    monkeypatch.setattr("ultralytics.models.yolo.detect.DetectionTrainer.__init__", refuse)
    with pytest.raises(CourseError, match="not these"):
        train(dataset, project=tmp_path, **SHORT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["link", "file"])
def test_a_project_that_is_no_folder_is_explained(dataset, tmp_path, target):
    project = tmp_path / "project"
    project.symlink_to(tmp_path / "nowhere") if target == "link" else project.write_text("mine")
    with pytest.raises(CourseError, match=rf"{project}.*--project"):
        train(dataset, project=project, **SHORT)


def broken_dataset(folder, kind):
    yaml = write_dataset(folder, train=5 if kind == "batch" else 4)
    for label in (folder / "labels" / "train").iterdir():
        label.write_text("7 0.5 0.5 0.1 0.1\n") if kind == "bad" else label.unlink() if kind == "none" else None
    if kind == "empty":
        (folder / "train.txt").write_text("\n")
        yaml.write_text(yaml.read_text().replace("train: images/train", "train: train.txt"))
    return yaml


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("bad", "Ultralytics stopped training"),
        ("none", "'train' has 4 images and not one label"),
        ("empty", "the split 'train' has no images"),
    ],
)
def test_a_dataset_that_no_training_can_use_is_one_message(tmp_path, kind, words, capsys):
    yaml = broken_dataset(tmp_path / "data", kind)
    assert (
        main(
            [
                "detect",
                "--data",
                str(yaml),
                "--no-check",
                "--epochs",
                "1",
                "--imgsz",
                "64",
                "--batch",
                "4",
                "--device",
                "cpu",
                "--weights",
                "yaml",
                "--quiet",
                "--no-plots",
                "--project",
                str(tmp_path / "runs"),
            ]
        )
        == 1
    )
    printed = capsys.readouterr().err
    assert words in printed
    assert not any(noise in printed for noise in ("Traceback", "http", "\x1b"))


def test_too_few_images_for_a_batch_is_one_message(tmp_path):
    with pytest.raises(CourseError, match="final batch|per channel"):
        train(broken_dataset(tmp_path / "data", "batch"), project=tmp_path / "runs", **{**SHORT, "imgsz": 32})


def test_an_opencv_error_is_explained_and_a_callbacks_own_error_is_not_touched(dataset, tmp_path, monkeypatch):
    def boom(trainer):
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        train(dataset, project=tmp_path, callbacks={"on_train_start": boom}, **SHORT)

    def no_memory(*args, **kwargs):
        raise cv2.error("OpenCV: (-4:Insufficient memory)")

    monkeypatch.setattr("ultralytics.models.yolo.detect.DetectionTrainer._setup_train", no_memory)
    with pytest.raises(CourseError, match="Insufficient memory.*--imgsz"):
        train(dataset, project=tmp_path, **SHORT)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_named_and_the_data_is_not_blamed(dataset, tmp_path):
    def fill(trainer):
        trainer.last.symlink_to("/dev/full")

    with pytest.raises(CourseError, match=r"No space left.*yolo12n_objects.*--project") as caught:
        train(dataset, project=tmp_path, callbacks={"on_train_start": fill}, **SHORT)
    assert "data check" not in str(caught.value)


@pytest.mark.parametrize("name", ["project", "name"])
def test_an_empty_name_is_refused(dataset, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CourseError, match=f"{name} is .."):
        train(dataset, **{**SHORT, name: ""})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--predict", "nowhere.jpg"], "nowhere.jpg: No such file"),
        (["--predict", "EMPTY"], "is empty"),
        (["--predict", "TEXT"], "text.jpg"),
        (["--conf", "0.5"], "--predict"),
    ],
)
def test_predict_is_checked_before_training(dataset, tmp_path, capsys, monkeypatch, words, message):
    monkeypatch.setattr("coursekit.detection.yolo12.train", lambda *args, **kwargs: pytest.fail("it trained"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.jpg").write_text("no picture")
    places = {"EMPTY": tmp_path / "empty", "TEXT": tmp_path / "text.jpg", "IMAGES": dataset.parent / "images"}
    assert main(["detect", "--data", str(dataset), *(str(places.get(word, word)) for word in words)]) == 1
    assert message in capsys.readouterr().err


def test_one_unreadable_picture_does_not_lose_the_others(trained, dataset, tmp_path, capsys, monkeypatch):
    images = tmp_path / "images"
    images.mkdir()
    for file in (dataset.parent / "images" / "val").iterdir():
        (images / file.name).write_bytes(file.read_bytes())
    good = (images / "001.png").read_bytes()
    (images / "001.png").write_bytes(good[: len(good) // 2])
    monkeypatch.setattr("coursekit.detection.yolo12.train", lambda *args, **kwargs: trained.run)
    assert main(["detect", "--data", str(dataset), "--imgsz", "64", "--device", "cpu", "--predict", str(images)]) == 1
    printed = capsys.readouterr()
    assert "1 picture(s)" in printed.err and str(images / "001.png") in printed.err and "weights: " in printed.out
    drawn = sorted(file.name for file in (trained.run.folder / "predictions").iterdir())
    assert drawn == ["0000_000.jpg", "0001_002.jpg", "0002_003.jpg"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"settings": Settings(size="s")}, "does not fit"),
        ({"settings": Settings(imgsz=100)}, "imgsz is 100"),
        ({"settings": Settings(lr0=math.nan)}, "lr0"),
        ({"seeds": (0, -1)}, "seed is -1"),
        ({"labels": (math.nan,)}, "nan"),
        ({"labels": (math.inf,)}, "inf"),
        ({"device": "toaster"}, "toaster"),
    ],
)
def test_an_experiment_that_cannot_work_is_not_begun(dataset, backbone, tmp_path, monkeypatch, change, words):
    monkeypatch.setattr(label_efficiency, "train", lambda *args, **kwargs: pytest.fail("it trained"))
    given = {"data": dataset, "backbone": backbone, "out": tmp_path / "e", "labels": (2,), "seeds": (0,), **change}
    with pytest.raises(CourseError, match=words):
        run_experiment(**given)
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize(
    "damage", ["{", "[]", "{}", "\x00", '{"arm": "ssl", "labels": 2, "seed": 0, "map50": null, "map50_95": 0}']
)
def test_a_damaged_file_of_an_experiment_is_named(dataset, backbone, tmp_path, monkeypatch, damage):
    monkeypatch.setattr(label_efficiency, "train", lambda *args, **kwargs: pytest.fail("it trained"))
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "ssl_000002_0.json").write_text(damage)
    with pytest.raises(CourseError, match=r"ssl_000002_0\.json"):
        read_rows(tmp_path)
    if damage in ("{", "[]", "\x00"):
        (tmp_path / "experiment.json").write_text(damage)
        with pytest.raises(CourseError, match=r"experiment\.json"):
            run_experiment(dataset, backbone, tmp_path, (2,), (0,))


@pytest.mark.parametrize("content", [b"hello", b"I said\n", b"train: images\n", b"G\x00", b"words\n.", b"\x80\x02K"])
def test_any_file_is_refused_as_weights_without_ultralytics_advice(tmp_path, content):
    (tmp_path / "junk.pt").write_bytes(content)
    with pytest.raises(CourseError, match=r"junk\.pt is not a YOLO detection checkpoint") as caught:
        load_detector(tmp_path / "junk.pt")
    assert "yolo26n" not in str(caught.value) and "official" not in str(caught.value)


def test_random_bytes_are_refused_as_weights(tmp_path):
    draws = np.random.default_rng(0)
    for length in draws.integers(1, 60, 200):
        (tmp_path / "junk.pt").write_bytes(bytes(draws.integers(32, 127, length, dtype=np.uint8)))
        with pytest.raises(CourseError):
            load_detector(tmp_path / "junk.pt")


@pytest.mark.parametrize(
    "told",
    ['{"size": "n", "names": 3, "imgsz": 64}', '{"size": ["n"]}', "[]", '{"size": "n", "names": ["a"], "imgsz": "64"}'],
)
def test_a_header_of_another_kind_is_no_detector(tmp_path, told):
    import torch

    save_file({"weight": torch.zeros(2)}, tmp_path / "odd.safetensors", metadata={"detector": told})
    with pytest.raises(CourseError, match=r"odd\.safetensors.*--backbone"):
        load_detector(tmp_path / "odd.safetensors")


def test_command_line_advice_names_options(tmp_path, dataset, capsys):
    assert main(["detect", "--data", str(dataset), "--weights", "pt", "--project", str(tmp_path / "runs")]) == 1
    assert "--weights yaml" in capsys.readouterr().err
