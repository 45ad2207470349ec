"""A run that is killed at any moment and started again ends bit for bit where it would have ended, for every method.

SIGKILL cannot be caught: whatever is on the disk at that moment is what the next life has. A fork server, which has
imported everything once, hands out a process for each life in milliseconds.
"""

import multiprocessing
import random
import signal

import pytest
import torch

from coursekit.methods import method_names
from coursekit.training import load_run
from tests.training import worlds

LIVES = 2  # that are ended by a kill, before the one that is left alone


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def processes():
    """Where processes come from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.worlds"])
    return context


def killed_life(processes, name, folder, moments: random.Random) -> list[int]:
    """Go on with a run and kill it after its second or third logged step -> the steps that it told of."""
    here, there = processes.Pipe()
    process = processes.Process(target=worlds.run_under_orders, args=(name, folder, there))
    process.start()
    there.close()  # so that a process that fails is an EOFError here, not a wait without end
    steps = [here.recv()]
    for _ in range(moments.randint(1, 2)):
        here.send("go on")
        steps.append(here.recv())
    here.send("go on")  # and somewhere in what follows, of which a checkpoint is the most part:
    process.join(moments.uniform(0, 0.03))
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    return steps


def comparable(run: dict) -> dict:
    """All of a checkpoint but how fast it went."""
    history = [{key: value for key, value in row.items() if key != "images_per_second"} for row in run["history"]]
    return {**run, "history": history}


def differing(a, b, where: str = "") -> list[str]:
    """Where two nests of dicts, lists, tensors and numbers are not the same, bit for bit."""
    if isinstance(a, torch.Tensor):
        return [] if a.dtype == b.dtype and a.equal(b) else [where]
    if isinstance(a, (dict, list)):
        pairs = a.items() if isinstance(a, dict) else enumerate(a)
        if type(a) is not type(b) or len(a) != len(b) or isinstance(a, dict) and a.keys() != b.keys():
            return [f"{where}: of another form"]
        return [found for key, value in pairs for found in differing(value, b[key], f"{where}.{key}")]
    return [] if a == b else [f"{where}: {a} and {b}"]


@pytest.mark.parametrize("name", ["everything", *method_names()])
def test_sigkill_at_any_moment_ends_bit_for_bit_the_same(name, processes, tmp_path, one_thread):
    worlds.run(name, tmp_path / "whole")
    moments = random.Random(name)
    lives = [killed_life(processes, name, tmp_path / "killed", moments) for _ in range(LIVES)]
    last = []
    worlds.run(name, tmp_path / "killed", lambda history: last.append(history[-1]["step"]))
    assert lives[0][0] == 0 and last[-1] == worlds.STEPS - 1
    assert lives[1][0] >= lives[0][-1] > 0 and last[0] >= lives[1][-1], "each life goes on with the one before"
    whole, killed = (comparable(load_run(tmp_path / folder)) for folder in ("whole", "killed"))
    assert len(whole["optimizer"]["state"]) > 4 and len(whole["history"]) == worlds.STEPS
    assert differing(whole, killed) == []
