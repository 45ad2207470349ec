"""runtime: settings from the environment, and a random state that is given back."""

import os
import platform
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from coursekit import runtime


def test_budget_follows_the_environment(monkeypatch):
    monkeypatch.delenv("COURSEKIT_SMOKE", raising=False)
    monkeypatch.setenv("COURSEKIT_BUDGET", "quick")
    assert runtime.budget(quick=600, full=20_000) == 600
    monkeypatch.setenv("COURSEKIT_BUDGET", "full")
    assert runtime.budget(quick=600, full=20_000) == 20_000


def test_smoke_cuts_either_budget_but_keeps_its_kind(monkeypatch):
    monkeypatch.setenv("COURSEKIT_SMOKE", "1")
    for mode in ("quick", "full"):
        monkeypatch.setenv("COURSEKIT_BUDGET", mode)
        assert runtime.budget(quick=600, full=20_000) == 12
        assert runtime.budget(quick=600, full=20_000, smoke=3) == 3
    assert runtime.budget(quick="scenes", full="photographs") == "photographs"
    monkeypatch.setenv("COURSEKIT_SMOKE", "0")
    assert not runtime.smoke()


def test_an_unknown_budget_says_what_is_known(monkeypatch):
    monkeypatch.setenv("COURSEKIT_BUDGET", "fast")
    with pytest.raises(runtime.CourseError, match="'fast'.*'quick' or 'full'"):
        runtime.mode()


def test_home_goes_where_it_is_told_and_explains_a_bad_place(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "a" / "b"))
    assert runtime.home() == (tmp_path / "a" / "b").resolve() and runtime.home().is_dir()
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "file" / "below"))
    with pytest.raises(runtime.CourseError, match="COURSEKIT_HOME"):
        runtime.home()


def test_a_file_that_does_not_ship_is_named():
    with pytest.raises(runtime.CourseError, match="checkpoints/no_such_file"):
        runtime.shipped("checkpoints", "no_such_file")


def test_random_state_is_given_back():
    def next_numbers():
        return random.random(), np.random.rand(), torch.rand(1).item()

    runtime.seed_everything(5)
    expected = next_numbers()
    runtime.seed_everything(5)
    with runtime.restored_random_state():
        runtime.seed_everything(6)
        assert next_numbers() != expected
    assert next_numbers() == expected


def test_seeds_beyond_32_bits_are_taken():
    runtime.seed_everything(2**40 + 1)
    first = torch.rand(1)
    runtime.seed_everything(2**40 + 2)
    assert first != torch.rand(1)


def test_bfloat16_is_asked_of_a_cpu_alone():
    assert runtime.native_bfloat16("cuda") is False
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    assert runtime.native_bfloat16() is ("avx512_bf16" in flags or "amx_bf16" in flags)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is asked to keep memory")
def test_freed_memory_is_kept_for_the_next_tensor():
    code = (
        "import resource, torch; from coursekit import runtime; torch.set_num_threads(1); runtime.keep_freed_memory()\n"
        "for step in range(40):\n"
        "    if step == 10: start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    a = torch.ones(6, 2 ** 20); b = a + 1; c = b + 1; del a, b, c\n"  # 24 MB each, 6144 pages
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 3 * 6144, "page faults in 30 steps; without keeping they are 25,000 to 550,000"


@pytest.mark.parametrize(
    ("code", "given", "wanted"),
    [
        ("import coursekit", {}, "0"),
        ("import coursekit", {"GOMP_SPINCOUNT": "100"}, "100"),  # someone's own choice stays
        ("import coursekit", {"OMP_WAIT_POLICY": "active"}, "None"),
        ("import torch, coursekit", {}, "None"),  # too late: nothing may claim that it was done
    ],
)
def test_idle_threads_sleep_if_coursekit_comes_before_torch(code, given, wanted):
    names = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    own = {name: value for name, value in os.environ.items() if name not in names}
    command = [sys.executable, "-c", f"import os; {code}; "
               "print(os.environ.get('GOMP_SPINCOUNT'))"]  # fmt: skip
    done = subprocess.run(command, env={**own, **given}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == wanted
