"""`coursekit detect` and `coursekit label-efficiency` from the command line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import save_file

from coursekit import runtime
from coursekit.cli import main


@pytest.fixture(scope="module")
def run(backbone, tmp_path_factory):
    file = tmp_path_factory.mktemp("ssl") / "encoder.safetensors"
    save_file(
        {k: v.contiguous() for k, v in backbone.state_dict().items()},
        str(file),
        metadata={"encoder": json.dumps(backbone.spec)},
    )
    return file


def refused(words: list[str]) -> bool:
    """By the verb, with status 1, or by its parser, with 2."""
    try:
        return main(words) == 1
    except SystemExit as stop:
        return stop.code == 2


def test_detect_trains_from_the_backbone_and_predicts(dataset, run, tmp_path, network_attempts, capsys):
    status = main(
        [
            "detect",
            "--data",
            str(dataset),
            "--backbone",
            str(run),
            "--epochs",
            "1",
            "--freeze-epochs",
            "0",
            "--imgsz",
            "64",
            "--batch",
            "8",
            "--device",
            "cpu",
            "--project",
            str(tmp_path),
            "--name",
            "mine",
            "--quiet",
            "--no-plots",
            "--predict",
            str(dataset.parent / "images" / "val" / "000.png"),
            "--conf",
            "0",
        ]
    )
    out = capsys.readouterr().out
    assert status == 0, out
    assert "yolo12n.yaml: random weights" in out and "342 of 342 tensors matched" in out and "mAP50 " in out
    assert str(tmp_path / "mine" / "weights" / "best.pt") in out
    assert (tmp_path / "mine" / "predictions" / "0000_000.jpg").is_file() and network_attempts == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "nowhere.yaml"], "nowhere.yaml"),
        (["--imgsz", "100"], "imgsz is 100"),
        (["--backbone", "nowhere"], "nowhere"),
        (["--weights", "nowhere.pt"], "nowhere.pt"),
    ],
)
def test_what_does_not_fit_exits_with_1_and_one_message(dataset, tmp_path, capsys, words, message):
    given = dict(zip(words[::2], words[1::2], strict=True))
    arguments = {"--data": str(dataset), "--imgsz": "64", "--epochs": "1", "--project": str(tmp_path / "runs")} | given
    assert main(["detect", *(word for pair in arguments.items() for word in pair)]) == 1
    printed = capsys.readouterr()
    assert message in printed.err and "Traceback" not in printed.err + printed.out
    assert not (tmp_path / "runs").exists()


def test_a_dataset_with_problems_is_refused_with_file_and_line(dataset, tmp_path, capsys):
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / kind / split).mkdir(parents=True)
            for file in (dataset.parent / kind / split).iterdir():
                (tmp_path / kind / split / file.name).write_bytes(file.read_bytes())
    label = tmp_path / "labels" / "train" / "003.txt"
    label.write_text("9 0.5 0.5 0.1 0.1\n")
    yaml = tmp_path / "bad.yaml"
    yaml.write_text(dataset.read_text().replace(str(dataset.parent), str(tmp_path)))
    assert main(["detect", "--data", str(yaml), "--epochs", "1", "--project", str(tmp_path / "runs")]) == 1
    errors = capsys.readouterr().err
    assert f"{label}:1" in errors and "coursekit data check" in errors and not (tmp_path / "runs").exists()


def test_label_efficiency_says_what_it_lacks(dataset, run, tmp_path, capsys):
    assert (
        main(
            [
                "label-efficiency",
                "--data",
                str(dataset),
                "--backbone",
                str(run),
                "--labels",
                "99",
                "--out",
                str(tmp_path / "e"),
            ]
        )
        == 1
    )
    assert "8 images" in capsys.readouterr().err


def test_help_is_quick_because_nothing_heavy_is_imported():
    code = (
        "import argparse, sys; from coursekit.detection.commands import add_commands; "
        "add_commands(argparse.ArgumentParser().add_subparsers()); "
        "print({'torch', 'ultralytics'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_predict_draws_into_a_new_folder_and_overwrites_nothing(dataset, tmp_path, network_attempts, capsys):
    weights = str(runtime.shipped("checkpoints", "yolo12n_road_scenes.safetensors"))
    pictures, out = str(dataset.parent / "images" / "val"), tmp_path / "new" / "found"
    words = ["predict", weights, pictures, "--out", str(out), "--imgsz", "64", "--device", "cpu"]
    assert main(words) == 0
    assert (
        len(list(out.glob("*.jpg"))) == len(list((dataset.parent / "images" / "val").iterdir()))
        and network_attempts == []
    )
    before = {file: file.read_bytes() for file in out.iterdir()}
    capsys.readouterr()
    assert main(words) == 1 and "--out" in capsys.readouterr().err
    assert {file: file.read_bytes() for file in out.iterdir()} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({1: "nowhere"}, "nowhere"),
        ({1: ""}, "weights|RUN"),
        ({2: "nowhere"}, "nowhere"),
        ({2: ""}, "picture|PATH"),
        ({4: "7"}, "conf"),
        ({6: "100"}, "imgsz is 100"),
        ({8: "toaster"}, "toaster"),
        ({8: ""}, "--device"),
    ],
)
def test_predict_refuses_before_a_folder_is_made(dataset, tmp_path, capsys, monkeypatch, change, message):
    words = [
        "predict",
        str(runtime.shipped("checkpoints", "yolo12n_road_scenes.safetensors")),
        str(dataset.parent / "images" / "val"),
        "--conf",
        "0.5",
        "--imgsz",
        "64",
        "--device",
        "cpu",
        "--out",
        str(tmp_path / "found"),
    ]
    monkeypatch.chdir(tmp_path)  # where an empty name would write
    assert refused([change.get(k, word) for k, word in enumerate(words)])
    error = capsys.readouterr().err.splitlines()[-1]  # below the parser's usage
    assert re.search(message, error) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "option",
    ["--project", "--out", "--name", "--data", "--backbone", "--weights", "--device", "--optimizer", "--predict"],
)
def test_detect_refuses_an_empty_option(dataset, tmp_path, capsys, monkeypatch, option):
    monkeypatch.setattr("coursekit.detection.yolo12.train", lambda *args, **kwargs: pytest.fail("it trained"))
    monkeypatch.chdir(tmp_path)
    assert refused(["detect", "--data", str(dataset), option, ""])
    error = capsys.readouterr().err.splitlines()[-1]
    assert {"--out": "--project"}.get(option, option) in error and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--data", "--backbone", "--out", "--arms", "--split"])
def test_label_efficiency_refuses_an_empty_option(dataset, tmp_path, capsys, monkeypatch, option):
    monkeypatch.chdir(tmp_path)
    given = {"--data": str(dataset), "--backbone": "run", "--out": "e", option: ""}
    assert refused(["label-efficiency", *(word for pair in given.items() for word in pair)])
    assert option in capsys.readouterr().err.splitlines()[-1] and list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes any bytes as a name")
def test_predict_goes_on_after_odd_names(dataset, tmp_path, capsys):
    picture, images = (dataset.parent / "images" / "val" / "000.png").read_bytes(), tmp_path / "images"
    images.mkdir()
    for name in (b"\xff\xfe.png", b"a\nb.png", b"o" * 251 + b".png", "\N{SNOWMAN}".encode() * 83 + b".png", b"z.png"):
        Path(images, os.fsdecode(name)).write_bytes(picture)
    weights, out = str(runtime.shipped("checkpoints", "yolo12n_road_scenes.safetensors")), tmp_path / "found"
    words = ["predict", weights, str(images), "--out", str(out), "--imgsz", "64", "--device", "cpu"]
    assert main(words) == 0, capsys.readouterr().err
    assert sorted(name.name[:4] for name in out.glob("*.jpg")) == ["0000", "0001", "0002", "0003", "0004"]
