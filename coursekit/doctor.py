"""Is this machine ready for the course? One line for each thing that matters, and how to mend what is wrong.

`coursekit doctor` prints the lines; lesson 00 shows them with `report()`. The Makefile runs this file before anything
is installed (`python3 -m coursekit.doctor --before-install`), also with a Python that is too old for the rest of the
course. So it starts with the standard library alone, and nothing in it needs a newer Python than 3.8.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
import os
import platform
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

OLDEST_PYTHON = (3, 10)
DISK_FOR_INSTALL = 8.0  # GB: about 6 for torch with CUDA and what it brings, the rest for pip's own copies on the way
DISK_FOR_WORK = 2.0  # GB: datasets, runs and the figures that Ultralytics writes
MEMORY = 4.0  # GB: the largest quick lesson needs about half of it
SYSTEM_LIBRARIES = {"libGL.so.1": "libgl1", "libgthread-2.0.so.0": "libglib2.0-0"}  # OpenCV loads -> Debian's package
INSTALL = "Run: pip install -r requirements.txt"
REINSTALL = "Run: pip install --force-reinstall torch torchvision"


class Finding(NamedTuple):
    """One line of the report. state: "ok", "warning" (the course runs, but ...) or "problem" (it does not)."""

    name: str
    state: str
    text: str
    remedy: str = ""


def _gigabytes(size: float) -> str:
    return f"{size / 2**30:.0f} GB" if size >= 10 * 2**30 else f"{size / 2**30:.1f} GB"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def python() -> Finding:
    """The Python that runs this."""
    text = f"{platform.python_version()} ({platform.system()} {platform.machine()})"
    if sys.version_info[:2] < OLDEST_PYTHON:
        remedy = "Install Python {}.{} or newer, then: make lab PYTHON=python3.11".format(*OLDEST_PYTHON)
        return Finding("Python", "problem", f"{text} is too old", remedy)
    return Finding("Python", "ok", text)


def venv() -> Finding:
    """Can this Python make a virtual environment? Debian ships the part that does in a package of its own."""
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return Finding("venv", "ok", "virtual environments can be made")
    remedy = "Run: sudo apt-get install python{}.{}-venv".format(*sys.version_info[:2])
    return Finding("venv", "problem", "this Python cannot make a virtual environment", remedy)


def system_libraries() -> Finding:
    """The system's libraries that OpenCV loads, which a bare server or container lacks."""
    missing = []
    for library in SYSTEM_LIBRARIES if sys.platform == "linux" else ():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(library)
    if not missing:
        return Finding("system libraries", "ok", "what OpenCV needs is there")
    remedy = f"Run: sudo apt-get install {' '.join(SYSTEM_LIBRARIES[library] for library in missing)}"
    return Finding("system libraries", "problem", f"OpenCV needs {' and '.join(missing)}", remedy)


def disk(folder: Path | str, needed: float, remedy: str = "Free some space.") -> Finding:
    """Free space where `folder` is or will be. needed: GB below which it is a warning."""
    place = Path(folder).resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    text = f"{_gigabytes(free)} free"
    if free < needed * 2**30:
        return Finding("disk", "warning", f"{text}, about {needed:.0f} GB are needed", remedy)
    return Finding("disk", "ok", text)


def memory() -> Finding:
    """The machine's memory, and what of it is free."""
    try:
        import psutil
    except ImportError as error:
        return Finding("memory", "problem", f"unknown without psutil ({error})", INSTALL)
    found = psutil.virtual_memory()
    text = f"{_gigabytes(found.total)}, {_gigabytes(found.available)} of it free"
    if found.available < MEMORY * 2**30:
        return Finding("memory", "warning", text, f"Close other programs: lessons need up to {MEMORY:.0f} GB.")
    return Finding("memory", "ok", text)


def torch() -> Finding:
    """torch and torchvision, whether they fit together, and the device that lessons will use."""
    try:
        found = importlib.import_module("torch")
    except Exception as error:  # a broken install raises anything from ImportError to OSError
        return Finding("torch", "problem", f"cannot be imported ({error})", INSTALL)
    from coursekit import runtime

    try:
        importlib.import_module("torchvision").ops.nms(found.zeros(1, 4), found.zeros(1), 0.5)
    except Exception as error:
        return Finding("torch", "problem", f"{found.__version__}, but torchvision does not fit it ({error})", REINSTALL)
    where = runtime.device()
    text = f"{found.__version__} with torchvision {_version('torchvision')}, device {where}"
    if where == "cuda":
        card = found.cuda.get_device_properties(0)
        return Finding("torch", "ok", f"{text}: {card.name}, {_gigabytes(card.total_memory)}, {runtime.precision()}")
    if shutil.which("nvidia-smi"):
        remedy = f"Update the GPU's driver: this torch wants one for CUDA {found.version.cuda}."
        if found.version.cuda is None:
            remedy = f"This torch was built without CUDA. {REINSTALL}"
        return Finding("torch", "warning", f"{text}, though this machine has an NVIDIA GPU", remedy)
    return Finding("torch", "ok", text)


def cores() -> Finding:
    """CPU cores that this process may use, and the threads torch takes of them."""
    from coursekit import runtime

    usable = runtime.threads()
    if "torch" not in sys.modules:
        return Finding("cores", "ok", f"{usable} usable")
    used = sys.modules["torch"].get_num_threads()
    text = f"{usable} usable, torch computes on {used}"
    if used == 1 < usable:
        return Finding("cores", "warning", text, "Unset OMP_NUM_THREADS, and import torch before ultralytics.")
    if sys.platform == "linux" and not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(os.environ):
        return Finding("cores", "warning", f"{text}, and idle ones spin", "Import coursekit before torch.")
    return Finding("cores", "ok", text)


def budget() -> Finding:
    """Which budget lessons take, and what the environment says about it."""
    from coursekit import runtime

    try:
        chosen = runtime.mode()
    except ImportError as error:
        return Finding("budget", "problem", f"unknown without torch ({error})", INSTALL)
    except runtime.CourseError as error:
        return Finding("budget", "problem", "not understood", str(error))
    return Finding("budget", "ok", chosen + (", cut to a few steps by COURSEKIT_SMOKE" if runtime.smoke() else ""))


def notebooks() -> Finding:
    """JupyterLab and ipywidgets, and whether the two fit: JupyterLab 4 shows the widgets of ipywidgets 8 only."""
    from coursekit import runtime

    widgets, lab = _version("ipywidgets"), _version("jupyterlab")
    if widgets is None:
        return Finding("notebooks", "problem", "ipywidgets is missing", "Run: pip install ipywidgets")
    if runtime.in_colab():
        return Finding("notebooks", "ok", f"Colab with ipywidgets {widgets}")
    if lab is None:
        return Finding("notebooks", "warning", f"ipywidgets {widgets}, no JupyterLab", "Run: pip install jupyterlab")
    text = f"JupyterLab {lab} with ipywidgets {widgets}"
    if int(lab.split(".")[0]) >= 4 and int(widgets.split(".")[0]) < 8:
        return Finding("notebooks", "warning", f"{text}: widgets will not show", 'Run: pip install "ipywidgets>=8"')
    return Finding("notebooks", "ok", text)


def opencv() -> Finding:
    """Does OpenCV load? It is what reads and writes pictures for Ultralytics."""
    try:
        return Finding("OpenCV", "ok", importlib.import_module("cv2").__version__)
    except ImportError as error:
        missing = [package for library, package in SYSTEM_LIBRARIES.items() if library in str(error)]
        remedy = f"sudo apt-get install {' '.join(missing)}" if missing else "pip install -r requirements.txt"
        return Finding("OpenCV", "problem", f"cannot be imported ({error})", f"Run: {remedy}")


def ultralytics() -> Finding:
    """Ultralytics' version and licence, and whether its usage analytics are on in the user's own settings.

    Read from package metadata and its settings file: importing it would change the number of threads and write files.
    """
    version = _version("ultralytics")
    if version is None:
        return Finding("Ultralytics", "problem", "missing", INSTALL)
    usual = {"linux": os.environ.get("XDG_CONFIG_HOME", "~/.config"), "darwin": "~/Library/Application Support"}
    base = Path(os.environ.get("YOLO_CONFIG_DIR") or usual.get(sys.platform, "~/AppData/Roaming")).expanduser()
    try:
        sync = json.loads((base / "Ultralytics" / "settings.json").read_text(encoding="utf-8")).get("sync", True)
        outside = "on" if sync else "off"
    except (OSError, ValueError, AttributeError):
        outside = "on, its default"
    text = f"{version} (AGPL-3.0). The course sends no analytics; outside it your setting is: {outside}"
    return Finding("Ultralytics", "ok", text)


def network() -> Finding:
    """Whether the course may use the network. Nothing is sent to find out."""
    from coursekit import runtime

    if runtime.offline():
        return Finding("network", "ok", "not used: COURSEKIT_OFFLINE is set")
    return Finding("network", "ok", "used for downloads only; COURSEKIT_OFFLINE=1 forbids it")


def shipped() -> Finding:
    """The weights and results that ship with the course."""
    from coursekit import runtime

    try:
        names = sorted(path.stem for path in runtime.shipped("checkpoints").glob("*.safetensors"))
    except runtime.CourseError:
        names = []
    return Finding("checkpoints", "ok", f"shipped: {', '.join(names)}" if names else "none ship with this copy")


class Report(list[Finding]):
    """Findings, shown as lines of text, and as a table by the last line of a notebook's cell."""

    def __repr__(self) -> str:
        return as_text(self)

    def _repr_markdown_(self) -> str:
        rows = [f"| {found.state} | {found.name} | {found.text} | {found.remedy} |" for found in self]
        return "\n".join(["| | looked at | found | what to do |", "|---|---|---|---|", *rows])


def report() -> Report:
    """Everything that the doctor looks at, in the order in which it is printed. If Python is too old, only that."""
    if python().state != "ok":
        return Report([python()])
    from coursekit import runtime

    try:
        home: Path | None = runtime.home()
    except runtime.CourseError as error:
        room = Finding("disk", "problem", "no folder for what the course builds", str(error))
    else:
        room = disk(home, DISK_FOR_WORK, "Free some space, or have the course build elsewhere: COURSEKIT_HOME=DIR")
    machine = [python(), torch(), cores(), memory(), room, budget()]
    return Report([*machine, notebooks(), opencv(), ultralytics(), network(), shipped()])


def as_text(findings: list[Finding]) -> str:
    """The report as lines of text, remedies indented below what they mend."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:>7}  {finding.name:<{width}}  {finding.text}")
        if finding.remedy:
            lines.append(f"{'':>7}  {'':<{width}}  -> {finding.remedy}")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Print the report. Exit status 1 if something is a problem; warnings leave it at 0.

    --before-install [DIR]: only what an installation into DIR needs; nothing is printed if all is well.
    --after-install: only what an installation can have got wrong, likewise.
    """
    arguments = sys.argv[1:] if argv is None else argv
    before, after = "--before-install" in arguments, "--after-install" in arguments
    if before:
        folder = ([a for a in arguments if not a.startswith("-")] or ["."])[0]
        findings = [python(), venv(), system_libraries(), disk(folder, DISK_FOR_INSTALL)]
    else:
        findings = [torch(), opencv(), notebooks()] if after else report()
    if before or after:
        findings = [finding for finding in findings if finding.state != "ok"]
    if findings:
        print(as_text(findings))
    return 1 if any(finding.state == "problem" for finding in findings) else 0


if __name__ == "__main__":
    raise SystemExit(main())
