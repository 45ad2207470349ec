"""Ultralytics without its side effects: threads, network, analytics, installs, settings, print options."""

import json
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

from coursekit.detection import ultralytics_setup

PROBE = """
import json, os, socket, sys
lookups = []
def refuse(*args, **kwargs):
    lookups.append(str(args[0])); raise OSError("closed")
socket.getaddrinfo = socket.socket.connect = refuse
import numpy, PIL.Image, torch
torch.set_printoptions(precision=3)
{imports}
from ultralytics.utils import events
print(json.dumps({{
    "threads": torch.get_num_threads(), "omp": os.environ.get("OMP_NUM_THREADS"), "events": events.events.enabled,
    "offline": os.environ.get("YOLO_OFFLINE"), "lookups": lookups,
    "replaced": [f.__module__ for f in (PIL.Image.open, torch.save)],
    "numpy": numpy.get_printoptions()["linewidth"], "torch": torch._tensor_str.PRINT_OPTS.precision}}))
"""
OURS = "import coursekit.detection.ultralytics_setup"


@pytest.fixture(scope="module")
def imports(tmp_path_factory) -> dict[str, dict]:
    """What a fresh process looks like after importing in three orders; started together, because each takes seconds."""
    root, started = Path(__file__).resolve().parents[2], {}
    orders = {"ours": (OURS, None), "theirs first": (f"import ultralytics\n{OURS}", None), "one thread": (OURS, "1")}
    for name, (order, omp) in orders.items():
        settings = tmp_path_factory.mktemp("settings")
        env = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "YOLO_OFFLINE", "COURSEKIT_OFFLINE")}
        env |= {"YOLO_CONFIG_DIR": str(settings), "PYTHONPATH": str(root)} | ({"OMP_NUM_THREADS": omp} if omp else {})
        started[name] = (
            settings,
            subprocess.Popen(
                [sys.executable, "-c", PROBE.format(imports=order)],
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ),
        )
    found = {}
    for name, (settings, process) in started.items():
        out, errors = process.communicate()
        assert process.returncode == 0, errors
        found[name] = {
            **json.loads(out.splitlines()[-1]),
            "out": out.splitlines()[:-1],
            "errors": errors,
            "files": {str(p.relative_to(settings)) for p in settings.rglob("*") if p.is_file()},
        }
    return found


def test_importing_keeps_threads_network_analytics_and_print_options(imports):
    got = imports["ours"]
    assert got["threads"] == len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else got["threads"] > 0
    assert got["omp"] is None, "a process started from here would get one thread"
    assert got["events"] is False and got["lookups"] == [] and got["offline"] is None
    assert (got["numpy"], got["torch"]) == (75, 3) and got["replaced"] == ["PIL.Image", "torch.serialization"]
    assert got["out"] == [] and got["errors"] == ""


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only Linux tells what the process began with")
def test_threads_come_back_where_ultralytics_was_imported_first(imports):
    assert imports["theirs first"]["threads"] == len(os.sched_getaffinity(0))
    assert imports["theirs first"]["replaced"] == ["PIL.Image", "torch.serialization"]
    assert imports["theirs first"]["omp"] is None and imports["theirs first"]["events"] is False


def test_one_thread_stays_one_where_the_user_wants_it(imports):
    assert (imports["one thread"]["threads"], imports["one thread"]["omp"]) == (1, "1")


def test_settings_file_is_not_written(tmp_path):
    """An existing one stays byte for byte, sync and all."""
    from ultralytics.utils import SETTINGS, SettingsManager

    file = tmp_path / "settings.json"
    SettingsManager(file)
    before = file.read_bytes()
    assert json.loads(before)["sync"] is True
    mine = Path(SETTINGS.file)
    kept = mine.read_bytes()
    with ultralytics_setup.session():
        ultralytics_setup._switch_off()
    assert mine.read_bytes() == kept and file.read_bytes() == before and SETTINGS["sync"] == json.loads(kept)["sync"]


def test_threads_are_kept_inside_and_after_training(trained):
    assert trained.threads == {trained.threads_before} and trained.threads_after == trained.threads_before


def test_select_device_keeps_threads_wherever_it_was_imported():
    import ultralytics.engine.predictor as predictor
    import ultralytics.engine.trainer as trainer
    from ultralytics.utils import torch_utils

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        for module in (torch_utils, trainer, predictor):
            assert module.select_device("cpu", verbose=False).type == "cpu"
            assert torch.get_num_threads() == 3, module.__name__
    finally:
        torch.set_num_threads(before)


def test_font_is_local_and_nothing_is_installed(network_attempts, monkeypatch):
    from ultralytics.data import utils as data_utils
    from ultralytics.utils import checks, plotting

    for module in (checks, plotting, data_utils):
        assert Path(module.check_font("Arial.ttf")).name == "DejaVuSans.ttf"
    calls = []
    monkeypatch.setattr(subprocess, "check_output", lambda *args, **kwargs: calls.append(args))
    monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: calls.append(args))
    assert checks.check_requirements("a-package-that-is-not-there") is False
    assert calls == [] and network_attempts == []


def test_half_precision_is_not_used_on_a_cpu_and_asks_for_no_weights(network_attempts):
    from ultralytics.engine import trainer

    assert trainer.check_amp(torch.nn.Linear(1, 1)) is False and network_attempts == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_half_precision_check_on_a_gpu_asks_the_model_itself(network_attempts):
    from ultralytics.utils.checks import check_amp

    from coursekit.detection.yolo_backbone import new_detector

    model = new_detector("n").cuda().train()
    before = {name: t.clone() for name, t in model.state_dict().items()}
    assert check_amp(model) is True and model.training and network_attempts == []
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())


def test_session_puts_everything_back_after_an_error(capsys):
    from ultralytics.utils import LOGGER, callbacks

    level, integrations, filters = LOGGER.level, callbacks.add_integration_callbacks, list(warnings.filters)
    with pytest.raises(ZeroDivisionError), ultralytics_setup.session(quiet=True):
        assert LOGGER.level == logging.ERROR and callbacks.add_integration_callbacks is not integrations
        LOGGER.info("not heard")
        warnings.warn("not heard either", stacklevel=1)
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.set_num_threads(3)
        raise ZeroDivisionError
    assert LOGGER.level == level and callbacks.add_integration_callbacks is integrations
    assert warnings.filters == filters and not torch.are_deterministic_algorithms_enabled()
    assert capsys.readouterr() == ("", "")
    with ultralytics_setup.session(quiet=False):
        LOGGER.info("heard")
    assert capsys.readouterr().out == "heard\n"


def test_no_logger_of_another_maker_is_fed():
    from ultralytics.utils import SETTINGS, callbacks

    class SomeTrainer:
        callbacks: dict = {}

    assert SETTINGS["mlflow"] in (True, False)
    with ultralytics_setup.session():
        callbacks.add_integration_callbacks(SomeTrainer())
    assert SomeTrainer.callbacks == {}
