"""Where numbers come from: said once, beside the numbers of a whole experiment."""

import platform
import sys
from datetime import datetime, timezone
from importlib.metadata import version

import torch

import coursekit
from coursekit import runtime


def budget_name() -> str:
    """The budget in force: "quick", "full", or "smoke" if a few steps stand for either."""
    return "smoke" if runtime.smoke() else runtime.mode()


def provenance(**more) -> dict:
    """Date, versions, device and budget, and what the caller adds. No path and no name of the machine."""
    where = f"{platform.machine()} CPU, {torch.get_num_threads()} threads"
    versions = {"coursekit": coursekit.__version__, "python": platform.python_version(), "torch": torch.__version__}
    if "ultralytics" in sys.modules:
        versions["ultralytics"] = version("ultralytics")
    return {
        "made": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        **versions,
        "device": torch.cuda.get_device_name() if runtime.device() == "cuda" else where,
        "budget": budget_name(),
        **more,
    }


def in_words(origin: dict) -> str:
    """A provenance as one line: "made 2026-11-24T14:28:20+00:00, coursekit 0.1.0, ..."."""
    return ", ".join(f"{name} {value}" for name, value in origin.items())
