"""The doctor: it starts without anything installed, says what is wrong, and how to mend it."""

import ast
import ctypes
import importlib.util
import json
import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from coursekit import doctor, runtime

ROOT = Path(__file__).resolve().parent.parent
Usage = namedtuple("Usage", "total used free")
Memory = namedtuple("Memory", "total available")


def test_report_on_this_machine_has_no_problem():
    findings = doctor.report()
    assert [finding for finding in findings if finding.state == "problem"] == []
    assert all(finding.remedy for finding in findings if finding.state != "ok")
    names = {finding.name for finding in findings}
    assert {"Python", "torch", "cores", "memory", "disk", "notebooks", "OpenCV", "Ultralytics"} <= names


def test_it_starts_without_any_package_installed():
    # -S leaves site-packages out, so only the standard library is there
    done = subprocess.run([sys.executable, "-S", "-m", "coursekit.doctor"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "problem  torch" in done.stdout and "pip install -r requirements.txt" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_it_parses_with_an_old_python():
    # Newer grammar raises SyntaxError here
    assert ast.parse((ROOT / "coursekit" / "doctor.py").read_text(encoding="utf-8"), feature_version=(3, 8)).body


def test_an_old_python_is_a_problem(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 8, 1))
    (finding,) = doctor.report()
    assert finding.state == "problem" and "3.10" in finding.remedy


def test_a_python_without_ensurepip_names_debians_package(monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find(name))
    assert doctor.main(["--before-install", "."]) == 1
    version = ".".join(map(str, sys.version_info[:2]))
    assert f"sudo apt-get install python{version}-venv" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("absent", "line"),
    [
        ({"libGL.so.1"}, "sudo apt-get install libgl1"),
        ({"libGL.so.1", "libgthread-2.0.so.0"}, "sudo apt-get install libgl1 libglib2.0-0"),
    ],
)
def test_missing_system_libraries_are_named_by_package(monkeypatch, absent, line):
    def load(name):
        if name in absent:
            raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", load)
    finding = doctor.system_libraries()
    assert finding.state == "problem" and finding.remedy == f"Run: {line}"


def test_opencv_that_cannot_load_names_the_package(monkeypatch):
    def fail(name):
        raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(doctor.importlib, "import_module", fail)
    assert doctor.opencv().remedy == "Run: sudo apt-get install libgl1"


def test_torchvision_that_does_not_fit_torch_is_a_problem(monkeypatch):
    real = importlib.import_module

    def load(name):
        if name == "torchvision":
            raise RuntimeError("operator torchvision::nms does not exist")
        return real(name)

    monkeypatch.setattr(doctor.importlib, "import_module", load)
    finding = doctor.torch()
    assert finding.state == "problem" and "torchvision::nms" in finding.text and "--force-reinstall" in finding.remedy


def test_a_gpu_is_named_with_its_memory_and_number_format(monkeypatch):
    import torch

    card = namedtuple("Card", "name total_memory")("Tesla T4", 15 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (7, 5))
    monkeypatch.setattr("coursekit.runtime.device", lambda: "cuda")
    finding = doctor.torch()
    assert finding.state == "ok" and finding.text.endswith("device cuda: Tesla T4, 15 GB, 16-mixed")


@pytest.mark.parametrize(("built", "remedy"), [("13.2", "Update the GPU's driver"), (None, "built without CUDA")])
def test_a_gpu_that_torch_cannot_use_is_a_warning(monkeypatch, built, remedy):
    import torch

    monkeypatch.setattr("coursekit.runtime.device", lambda: "cpu")
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(torch.version, "cuda", built)
    finding = doctor.torch()
    assert finding.state == "warning" and remedy in finding.remedy


@pytest.mark.parametrize(("free", "state"), [(1, "warning"), (50, "ok")])
def test_disk(monkeypatch, tmp_path, free, state):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place: Usage(0, 0, free * 2**30))
    assert doctor.disk(tmp_path / "not" / "there" / "yet", doctor.DISK_FOR_INSTALL).state == state


@pytest.mark.parametrize(("free", "state"), [(1, "warning"), (6, "ok")])
def test_little_memory_is_a_warning(monkeypatch, free, state):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(8 * 2**30, free * 2**30))
    finding = doctor.memory()
    assert finding.state == state and f"8.0 GB, {free}.0 GB of it free" in finding.text


@pytest.mark.parametrize(
    ("lab", "widgets", "state"),
    [
        ("4.4.0", "8.1.5", "ok"),
        ("4.4.0", "7.7.1", "warning"),
        ("3.6.0", "7.7.1", "ok"),
        (None, "8.1.5", "warning"),
        ("4.4.0", None, "problem"),
    ],
)
def test_widgets_and_jupyterlab_must_fit(monkeypatch, lab, widgets, state):
    monkeypatch.setattr(doctor, "_version", {"jupyterlab": lab, "ipywidgets": widgets}.get)
    assert doctor.notebooks().state == state


@pytest.mark.parametrize(
    ("settings", "word"),
    [('{"sync": false}', "off"), ('{"sync": true}', "on"), ("{broken", "on, its default"), (None, "on, its default")],
)
def test_analytics_are_read_from_the_settings_file(monkeypatch, tmp_path, settings, word):
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path))
    if settings is not None:
        (tmp_path / "Ultralytics").mkdir()
        (tmp_path / "Ultralytics" / "settings.json").write_text(settings, encoding="utf-8")
    assert doctor.ultralytics().text.endswith(f"your setting is: {word}")


def test_ultralytics_is_not_imported_and_its_settings_are_found_where_it_keeps_them(tmp_path):
    code = (
        "import sys; from coursekit import doctor; doctor.ultralytics(); print('ultralytics' in sys.modules); "
        "from coursekit.detection import ultralytics_setup; import ultralytics.utils; "
        "print(ultralytics.utils.SETTINGS_FILE)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "YOLO_CONFIG_DIR": str(tmp_path), "YOLO_OFFLINE": "true"},
    )
    imported, file = done.stdout.strip().splitlines()[-2:]
    assert imported == "False"
    file = Path(file)
    assert file == tmp_path / "Ultralytics" / "settings.json"
    assert "sync" in json.loads(file.read_text(encoding="utf-8"))


def test_a_budget_that_is_not_understood_is_a_problem(monkeypatch):
    monkeypatch.setenv("COURSEKIT_BUDGET", "huge")
    finding = doctor.budget()
    assert finding.state == "problem" and "'quick' or 'full'" in finding.remedy


def test_one_thread_on_many_cores_is_a_warning(monkeypatch):
    import torch

    monkeypatch.setattr("coursekit.runtime.threads", lambda: 4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert doctor.cores().state == "warning"


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP is what torch brings on Linux")
def test_threads_that_wait_by_spinning_are_a_warning(monkeypatch):
    import torch

    monkeypatch.setattr(torch, "get_num_threads", lambda: runtime.threads())  # Ultralytics may have left one
    assert "spin" not in doctor.cores().text
    monkeypatch.delenv("GOMP_SPINCOUNT")
    finding = doctor.cores()
    assert finding.state == "warning" and "before torch" in finding.remedy
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")  # someone's own choice
    assert "spin" not in doctor.cores().text


def test_before_and_after_an_install_only_what_is_wrong_is_said(monkeypatch, capsys):
    assert doctor.main(["--after-install"]) == 0 and capsys.readouterr().out == ""
    monkeypatch.setattr(doctor, "opencv", lambda: doctor.Finding("OpenCV", "problem", "no", "Run: x"))
    assert doctor.main(["--after-install"]) == 1 and "torch" not in capsys.readouterr().out


def test_exit_status_and_remedies_follow_the_findings(monkeypatch, capsys):
    findings = [doctor.Finding("disk", "warning", "1.0 GB free", "Free some space.")]
    monkeypatch.setattr(doctor, "report", lambda: findings)
    assert doctor.main([]) == 0
    findings.append(doctor.Finding("torch", "problem", "missing", "Run: pip install torch"))
    assert doctor.main([]) == 1
    assert "-> Run: pip install torch" in capsys.readouterr().out


def test_the_weights_that_ship_are_named():
    text = doctor.shipped().text
    assert all(path.stem in text for path in runtime.shipped("checkpoints").glob("*.safetensors")) and "simclr" in text


def test_a_notebook_shows_the_report_as_a_table():
    found = doctor.Report(
        [doctor.Finding("Python", "ok", "3.11"), doctor.Finding("disk", "warning", "full", "free some")]
    )
    lines = found._repr_markdown_().splitlines()
    assert len(lines) == 4 and lines[3] == "| warning | disk | full | free some |"
