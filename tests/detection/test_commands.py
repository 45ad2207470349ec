"""`coursekit detect` and `coursekit label-efficiency` from the command line."""

import json
import subprocess
import sys

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
        (["--data", "nowhere.yaml"], "no dataset nowhere.yaml"),
        (["--imgsz", "100"], "multiples of 32"),
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
    assert "has 8 images" in capsys.readouterr().err


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
    assert main(words) == 1 and "Name a new one with --out" in capsys.readouterr().err
    assert {file: file.read_bytes() for file in out.iterdir()} == before


@pytest.mark.parametrize(("change", "message"), [({1: "nowhere"}, "nowhere"), ({2: "nowhere"}, "nowhere")])
def test_predict_refuses_before_a_folder_is_made(dataset, tmp_path, capsys, change, message):
    words = [
        "predict",
        str(runtime.shipped("checkpoints", "yolo12n_road_scenes.safetensors")),
        str(dataset.parent / "images" / "val"),
        "--conf",
        "0.5",
        "--out",
        str(tmp_path / "found"),
    ]
    assert main([change.get(k, word) for k, word in enumerate(words)]) == 1
    assert message in capsys.readouterr().err and not (tmp_path / "found").exists()
