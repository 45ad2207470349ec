"""Many jobs on all cores: in order, lazily, and no worker outlives its parent."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest

from coursekit.data import parallel
from coursekit.data.parallel import FEW, map_processes, map_threads, progress_bar

ROOT = Path(__file__).resolve().parent.parent.parent
DRAW = """
from functools import partial
from coursekit.data.drawn import _image_and_mask
from coursekit.data.parallel import map_processes
for _ in map_processes(partial(_image_and_mask, size=96), range(100_000), workers=2):
    print("drawn", flush=True)
"""


def run(number: int, bad: int = -1) -> tuple[int, int]:
    if number == bad:
        raise ValueError(number)
    return number, os.getpid()


@pytest.mark.parametrize("mapped", [map_threads, map_processes])
def test_results_come_in_order_from_several_workers(mapped):
    done = list(mapped(run, range(3 * FEW), workers=2))
    assert [number for number, _ in done] == list(range(3 * FEW))
    here = {pid for _, pid in done} == {os.getpid()}
    assert here == (mapped is map_threads)


@pytest.mark.parametrize("mapped", [map_threads, map_processes])
def test_an_error_comes_where_its_result_would_and_a_stop_is_early(mapped):
    results = mapped(partial(run, bad=40), range(10**6), workers=2)
    assert next(results)[0] == 0
    with pytest.raises(ValueError, match="40"):
        list(results)
    results = mapped(run, range(10**6), workers=2)  # would take minutes to the end
    next(results)
    results.close()


def test_few_items_are_worked_off_here():
    assert {pid for _, pid in map_processes(run, range(FEW - 1), workers=2)} == {os.getpid()}


@pytest.mark.skipif(os.name == "nt", reason="no such signals")
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_drawing_workers_end_with_their_parent(end, ctrl_c):
    parent = subprocess.Popen(
        [sys.executable, "-c", DRAW], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    workers = []
    try:
        parent.stdout.readline()
        workers = psutil.Process(parent.pid).children(recursive=True)
        assert len(workers) == 2
        # Ctrl-C reaches the workers too: they leave it to the parent, which alone says so
        (os.killpg if end == signal.SIGINT else os.kill)(parent.pid, end)
        said = parent.communicate(timeout=30)[1].decode()
        assert psutil.wait_procs(workers, timeout=30)[1] == []
        assert said.count("KeyboardInterrupt") == (end == signal.SIGINT)
    finally:
        parent.kill()
        for worker in workers:
            if worker.is_running():
                worker.kill()


def test_a_bar_in_a_notebook_leaves_nothing_on_stderr_and_nothing_to_read_on_stdout(monkeypatch, capsys):
    monkeypatch.setattr(parallel, "in_notebook", lambda: True)
    with progress_bar("drawing", 2) as bar:
        bar.delay, bar.last_print_t = 0, bar.last_print_t - 1
        bar.update(2)
        bar.refresh()
    shown, strip = capsys.readouterr()
    assert "drawing" in shown and shown.split("\r")[-2:] == [" " * len(shown.split("\r")[-2]), ""]
    assert strip == ""


def test_a_bar_is_silent_in_a_pipe(capsys):
    with progress_bar("drawing", 2) as bar:
        bar.update(2)
    assert bar.disable and capsys.readouterr() == ("", "")
