"""The command line: verbs are found, mistakes are told without a traceback, the exit status says what kind it was."""

import argparse
import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import coursekit
from coursekit import cli
from coursekit.runtime import CourseError

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def verb(monkeypatch):
    """A function that makes `coursekit doctor` do what it is given."""

    def install(action):
        monkeypatch.setattr("coursekit.commands.run_doctor", action)

    return install


def test_version_and_help(capsys):
    for words, expected in ((["--version"], coursekit.__version__), (["--help"], "pretrain")):
        with pytest.raises(SystemExit) as stop:
            cli.main(words)
        assert stop.value.code == 0 and expected in capsys.readouterr().out


def test_it_runs_as_a_module_too():
    command = [sys.executable, "-m", "coursekit", "--version"]
    assert (
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout
        == f"coursekit {coursekit.__version__}\n"
    )


def test_an_unknown_argument_is_answered_with_the_usage_of_the_verb(capsys):
    with pytest.raises(SystemExit):
        cli.main(["data", "check", "x.yaml", "y.yaml"])
    err = capsys.readouterr().err
    assert "usage: coursekit data check" in err and "unrecognized arguments: y.yaml" in err


@pytest.mark.parametrize("name", cli.VERBS)
def test_every_verb_explains_itself_with_an_example(name, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--help"])
    out = capsys.readouterr().out
    assert stop.value.code == 0 and f"usage: coursekit {name}" in out and "example" in out.lower()


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["pretrain"],
        ["doctor", "--what"],
        ["pretrain", "simclr", "--encoder", "vit_tiny", "--scenes", "0", "--out", "x"],
        ["pretrain", "simclr", "--encoder", "vit_tiny", "--scenes", "9", "--seed", "-1", "--out", "x"],
    ],
)
def test_a_command_that_is_not_understood_is_status_2(words, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    assert stop.value.code == 2 and "usage" in capsys.readouterr().err


def test_a_status_of_a_verb_is_the_status_of_the_command(verb):
    verb(lambda args: 3)
    assert cli.main(["doctor"]) == 3
    verb(lambda args: None)
    assert cli.main(["doctor"]) == 0


def fail_with(error):
    """A verb that raises."""

    def run(args: argparse.Namespace):
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (CourseError("photos/ is empty. Put pictures there."), "coursekit: photos/ is empty. Put pictures there."),
        (PermissionError(errno.EACCES, "Permission denied", "runs"), "coursekit: Permission denied: runs"),
        (OSError(errno.ENOSPC, "No space left on device"), "coursekit: No space left on device"),
        (MemoryError("3 GB"), "smaller --batch-size"),
        (ModuleNotFoundError("No module named 'nbclient'", name="nbclient"), "'nbclient' is not installed"),
    ],
)
def test_what_a_user_can_mend_is_one_message(verb, capsys, error, message):
    verb(fail_with(error))
    assert cli.main(["doctor"]) == 1
    err = capsys.readouterr().err
    assert message in err and "Traceback" not in err and "bug" not in err


def test_traceback_can_be_asked_for_anywhere(verb, capsys):
    verb(fail_with(CourseError("no")))
    assert cli.main(["doctor", "--traceback"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_bug_says_so_and_shows_where(verb, capsys):
    verb(fail_with(ZeroDivisionError("division by zero")))
    assert cli.main(["doctor"]) == 70
    err = capsys.readouterr().err
    assert err.startswith("coursekit: this is a bug") and "ZeroDivisionError" in err


def test_a_missing_room_is_a_bug_not_a_missing_package():
    assert cli.explain(ModuleNotFoundError("no", name="coursekit.nowhere")) is None


def test_interrupt_is_130_and_says_what_was_kept(verb, capsys):
    verb(fail_with(KeyboardInterrupt("Stopped after 3 of 9 steps.")))
    assert cli.main(["doctor"]) == 130
    assert "Stopped after 3 of 9 steps." in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_error():
    read, write = os.pipe()
    os.close(read)  # the reader has left before the first line is written
    with os.fdopen(write) as closed:
        done = subprocess.run(
            [sys.executable, "-m", "coursekit", "lessons", "check"],
            cwd=ROOT,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == cli.BROKEN_PIPE and done.stderr == ""


def pretrain(out: Path, *more: str) -> list[str]:
    """A training run of three steps."""
    settings = "--encoder resnet_micro --image-size 32 --steps 3 --batch-size 4"
    return ["pretrain", "simclr", *settings.split(), "--out", str(out), *more]


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    """Twelve pictures in two subfolders, stripes across and stripes down."""
    import numpy as np
    from PIL import Image

    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for label in ("across", "down"):
        (folder / label).mkdir()
        for i in range(6):
            stripes = np.zeros((48, 48, 3), np.uint8)
            stripes[i % 4 :: 4] = rng.integers(128, 256, 3)
            stripes = stripes if label == "across" else stripes.transpose(1, 0, 2)
            Image.fromarray(stripes).save(folder / label / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory) -> Path:
    """A run made by the command line."""
    out = tmp_path_factory.mktemp("runs") / "run"
    assert cli.main(pretrain(out, "--images", str(photos))) == 0
    return out


def test_pretrain_then_evaluate(photos, trained, capsys):
    assert cli.main(["evaluate", str(trained), "--images", str(photos), "--k", "3", "--finetune", "2"]) == 0
    out = capsys.readouterr().out
    assert re.findall(r"\d+", out.splitlines()[0])[:3] == ["10", "2", "2"]  # to learn from, to be judged by, classes
    rows = [line.split("  ")[0] for line in out.splitlines()[-4:-1]]
    assert rows == ["raw pixels", "random encoder", "trained encoder"] and "fine-tuned" in out
    assert cli.main(["evaluate", str(trained), "--images", str(photos)]) == 0
    assert "fine-tuned" not in capsys.readouterr().out


def test_pretrain_again_finds_its_run_done(photos, trained, capsys):
    before = (trained / "checkpoint.pt").read_bytes()
    assert cli.main(pretrain(trained, "--images", str(photos))) == 0
    assert "already trained" in capsys.readouterr().out
    assert (trained / "checkpoint.pt").read_bytes() == before


def test_bad_input_is_told_with_its_name_and_nothing_is_overwritten(photos, trained, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "zero.jpg").touch()
    (tmp_path / "broken" / "text.jpg").write_text("not a picture", encoding="utf-8")
    (tmp_path / "weights.pt").write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    before = (trained / "checkpoint.pt").read_bytes()
    new = tmp_path / "new"

    def other_method(name, *settings):
        words = [word for setting in settings for word in ("--set", setting)]
        return ["pretrain", name, *pretrain(new, "--images", str(photos))[2:], *words]

    cases = [
        (pretrain(new, "--images", str(tmp_path / "empty")), "empty"),
        (pretrain(new, "--images", str(tmp_path / "nowhere")), "nowhere"),
        (pretrain(new, "--images", str(tmp_path / "broken")), "zero.jpg"),
        (pretrain(new, "--images", str(photos), "--batch-size", "99"), "99"),
        (pretrain(new, "--images", str(photos), "--set", "temprature=1"), "'temperature'"),
        (pretrain(new, "--images", str(photos), "--set", "temperature=warm"), "temperature"),
        (pretrain(new, "--images", str(photos), "--set", "views.view.scale=2"), "views.view.scale"),
        (other_method("moco", "queue_size=99"), "queue_size=100"),
        (other_method("moco", "queue_size=0"), "queue_size is 0"),
        (other_method("moco", "splits=3"), "splits of 1, 2, not 3"),
        (other_method("swav", "prototypes=1"), "prototypes"),
        (other_method("swav", "views.n_large=1", "views.n_small=0"), "MultiCrop makes 1"),
        (other_method("lejepa", "weight=2"), "weight is 2.0"),
        (other_method("patch_contrast", "overlap=2"), "overlap is 2.0"),
        (other_method("region_contrast"), "a map of a single one. Take views of 64 px"),
        (other_method("jigsaw", "views.grid=7"), "grid of 2 or 3"),
        (pretrain(trained, "--images", str(photos), "--set", "temperature=0.3"), "method.temperature"),
        (pretrain(trained, "--images", str(photos), "--set", "views.view.blur=0.1"), "method.views.view.blur"),
        (pretrain(trained, "--images", str(photos), "--seed", "5"), "seed"),
        (pretrain(trained, "--images", str(photos), "--encoder", "vit_micro"), str(trained)),
        (["pretrain", "nonsense", *pretrain(new, "--images", str(photos))[2:]], "nonsense"),
        (pretrain(new, "--images", str(photos), "--encoder", "nonsense"), "nonsense"),
        (["evaluate", str(tmp_path / "weights.pt"), "--images", str(photos)], "weights.pt"),
        (["evaluate", str(tmp_path / "empty"), "--images", str(photos)], "empty"),
        (["evaluate", str(trained), "--images", str(photos / "down")], "down"),
        (["evaluate", str(trained), "--images", str(tmp_path / "nowhere")], "nowhere"),
        (["evaluate", str(trained), "--crops", "1"], "crops"),
        (pretrain(tmp_path / "weights.pt", "--images", str(photos)), "weights.pt"),
    ]
    for words, named in cases:
        assert cli.main(words) == 1, words
        err = capsys.readouterr().err
        assert err.startswith("coursekit: ") and named in err and "Traceback" not in err, (words, err)
    assert not new.exists()
    assert (trained / "checkpoint.pt").read_bytes() == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_told(photos, tmp_path, capsys):
    (tmp_path / "closed").mkdir(mode=0o500)
    assert cli.main(pretrain(tmp_path / "closed" / "run", "--images", str(photos))) == 1
    assert "closed" in capsys.readouterr().err
