"""Where am I running, and what can I afford here?

Every lesson and every command asks this room the same questions - device, precision, threads, budget, seed, folder - so
that one notebook runs on a laptop without a GPU, on a Colab T4 and on a many-GPU machine.

Settings are environment variables, so that they reach notebooks, subprocesses and CI alike:

COURSEKIT_BUDGET   quick | full   which budget lessons use; default: full on a GPU, quick on a CPU
COURSEKIT_SMOKE    1              cut either budget to a few steps: does the whole path run?
COURSEKIT_OFFLINE  1              never touch the network
COURSEKIT_HOME     DIR            where everything built goes; default: see `home`
"""

import ctypes
import os
import random
import sys
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

Value = TypeVar("Value")
FALSE_WORDS = {"", "0", "false", "no", "off"}


class CourseError(Exception):
    """A problem that the user can mend. The message says what is wrong, where, and what to do.

    At the command line it is printed without a traceback and the exit status is 1.
    """


def _switch(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() not in FALSE_WORDS


def in_colab() -> bool:
    """True inside a Google Colab runtime."""
    return "google.colab" in sys.modules or "COLAB_RELEASE_TAG" in os.environ


def in_notebook() -> bool:
    """True inside a Jupyter kernel (Colab included), which can show a live figure."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def offline() -> bool:
    """True when COURSEKIT_OFFLINE forbids the network."""
    return _switch("COURSEKIT_OFFLINE")


def smoke() -> bool:
    """True when COURSEKIT_SMOKE cuts every budget to a few steps."""
    return _switch("COURSEKIT_SMOKE")


def device() -> str:
    """The device to train on: "cuda", "mps" or "cpu", the first that works."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def precision(on: str | None = None) -> str:
    """The number format that suits a device, in Fabric's words: "32-true", "16-mixed" or "bf16-mixed".

    A T4 (compute capability 7.5) says that it supports bfloat16 but only emulates it, slowly: it gets float16. On a CPU
    float32, because results there are compared digit by digit.
    """
    import torch

    if (on or device()) != "cuda":
        return "32-true"
    return "bf16-mixed" if torch.cuda.get_device_capability()[0] >= 8 else "16-mixed"


@cache
def native_bfloat16(on: str = "cpu") -> bool:
    """Whether this CPU multiplies matrices in bfloat16 by instructions of its own (AVX-512 BF16, AMX), several times as
    fast as in float32.

    True only for "cpu" and only on Linux, which says so; other CPUs emulate it, and a GPU has `precision`.
    """
    try:
        flags = Path("/proc/cpuinfo").read_text().split() if on == "cpu" else ()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def keep_freed_memory() -> None:
    """Ask Linux' C library to keep the memory that large tensors free, up to half a gigabyte, for the next ones.

    Otherwise every step of a training on a CPU gives its tensors' pages back and has them cleared again: a fifth of
    the time of a small network, and more than a third of that of `coursekit.views`. Does nothing elsewhere.
    """
    if sys.platform != "linux":
        return
    trim_threshold, mmap_threshold = -1, -3  # <malloc.h>
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library, such as musl
        return
    mallopt(trim_threshold, 512 * 2**20)
    mallopt(mmap_threshold, 512 * 2**20)


def threads() -> int:
    """Number of CPU cores that this process may really use (containers often see more than they have)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def mode() -> str:
    """The budget in force: "quick" or "full". COURSEKIT_BUDGET decides; without it, full on a GPU and quick elsewhere.

    Raises CourseError for any other value of COURSEKIT_BUDGET.
    """
    wanted = os.environ.get("COURSEKIT_BUDGET", "").strip().lower()
    if not wanted:
        return "full" if device() == "cuda" else "quick"
    if wanted not in ("quick", "full"):
        raise CourseError(f"COURSEKIT_BUDGET is {wanted!r}. Set it to 'quick' or 'full', or unset it.")
    return wanted


def budget(quick: Value, full: Value, smoke: Value | None = None) -> Value:
    """One of the two values, by `mode()`; under the smoke switch, a few steps of either.

    `smoke` is the value under the smoke switch. Without it, a whole number is cut to a fiftieth of `quick`, at least 2;
    anything else stays.
    """
    chosen = full if mode() == "full" else quick
    if not _switch("COURSEKIT_SMOKE"):
        return chosen
    if smoke is not None:
        return smoke
    if isinstance(chosen, int) and not isinstance(chosen, bool):
        return min(chosen, max(2, int(quick) // 50))
    return chosen


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch (all devices). `seed` is any whole number; 64 bits of it count."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed % 2**63)


@contextmanager
def restored_random_state():
    """Give Python's, NumPy's and torch's global random state back as they were, whatever is seeded and drawn inside."""
    import numpy as np
    import torch

    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


def _repository() -> Path | None:
    """The checkout that this package runs from, or None if it was installed as a wheel."""
    root = Path(__file__).resolve().parent.parent
    return root if (root / "pyproject.toml").is_file() and (root / "data").is_dir() else None


def home() -> Path:
    """The folder for everything that the course builds: datasets, runs, downloads. Created when asked for.

    COURSEKIT_HOME if it is set; /content on Colab; `outputs/` of the checkout (git ignores it); else ~/.coursekit.
    """
    named = os.environ.get("COURSEKIT_HOME", "").strip()
    root = _repository()
    if named:
        folder = Path(named).expanduser()
    elif in_colab():
        folder = Path("/content")
    else:
        folder = root / "outputs" if root else Path.home() / ".coursekit"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = f"for what the course builds ({error.strerror}). Set COURSEKIT_HOME to a folder that you may write to."
        raise CourseError(f"Cannot make the folder {folder} {why}") from error
    return folder.resolve()


def shipped(*parts: str) -> Path:
    """A path into the files that ship with the course, `data/` of the checkout: shipped("checkpoints", "NAME").

    Raises CourseError if the file is not there, and says what ships instead.
    """
    root = _repository()
    base = root / "data" if root else Path(__file__).resolve().parent / "_shipped"
    path = base.joinpath(*parts)
    if not path.exists():
        near = ", ".join(sorted(p.name for p in path.parent.iterdir())) if path.parent.is_dir() else "nothing"
        raise CourseError(f"{'/'.join(parts)} does not ship with this copy of the course. Beside it there is: {near}.")
    return path
