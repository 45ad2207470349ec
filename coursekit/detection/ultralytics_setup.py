"""Ultralytics with its side effects switched off. Every file of this room imports it from here.

Importing this module switches off, for this process only and without writing to the user's Ultralytics settings file:

- analytics: `events.enabled = False`, before anything is queued;
- package installs: YOLO_AUTOINSTALL=false, unless the user has set that variable;
- the network while importing: YOLO_OFFLINE holds during the import, so the package does not look up two DNS servers.
  After it the variable is as before (on, under COURSEKIT_OFFLINE): somebody online may still ask for yolo12n.pt;
- the Arial download: labels are drawn with DejaVu Sans, which comes with matplotlib and looks the same everywhere;
- its "repair" of photographs: a JPEG that does not end in its end marker would be encoded anew over the user's file;
- the weights that the mixed-precision check on a GPU would fetch: the model to be trained is compared with itself;
- one CPU thread: the import exports OMP_NUM_THREADS=1, and `select_device("cpu")` sets cores - 1, which may be 1;
- pickles that run code: a checkpoint loads with `weights_only=True`, whatever ULTRALYTICS_SAFE_LOAD says, and a label
  cache (labels/*.cache) is neither read nor written: labels are scanned anew, in 0.6 s for 1,000 drawn scenes;
- files in the dataset's folder: the pixels that `cache="disk"` keeps go to a folder of this process, not beside the
  pictures, and a .npy that lies there is neither read nor replaced nor removed;
- its replacements of `PIL.Image.open` (which installs a package if a file is not an image) and `torch.save`;
- changed print options of NumPy and torch, which would change how the next cell prints.

`session()` does what belongs to one call: no third-party loggers, quiet output, global state restored.
"""

import atexit
import contextlib
import functools
import hashlib
import importlib
import logging
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import matplotlib.font_manager
import numpy as np
import PIL.Image
import torch  # before ultralytics: whoever comes first decides how many OpenMP threads torch starts with

from coursekit import runtime

# GPUs on which Ultralytics found half precision to give NaN losses or no detections (its own list, utils/checks.py)
WEAK_HALF = re.compile(
    r"(nvidia|geforce|quadro|tesla).*?(1660|1650|1630|t400|t550|t600|t1000|t1200|t2000|k40m)", re.IGNORECASE
)

COLOR_CODES = re.compile(r"\x1b\[[0-9;]*m")
# How Ultralytics' messages go on after the reason: "... or run a command with an official Ultralytics model, i.e. ..."
ADVICE = re.compile(r",?\s*(?:or )?(?:use an official|run a command with an official)", re.IGNORECASE)


def _threads_before_import() -> int:
    """Threads that torch would use if Ultralytics had not been imported."""
    if "ultralytics" not in sys.modules or os.environ.get("OMP_NUM_THREADS") != "1":
        return torch.get_num_threads()
    # Ultralytics was here first and may have exported OMP_NUM_THREADS=1. On Linux the environment that the process
    # started with tells its 1 from the user's.
    began_with = Path("/proc/self/environ")
    with contextlib.suppress(OSError):
        if b"OMP_NUM_THREADS=" in began_with.read_bytes():
            return torch.get_num_threads()
    del os.environ["OMP_NUM_THREADS"]
    return max(torch.get_num_threads(), runtime.threads())


def _own_functions() -> tuple[Callable, Callable]:
    """PIL's `Image.open` and torch's `save` as these libraries define them, even if Ultralytics was here first."""
    patches = sys.modules.get("ultralytics.utils.patches")
    return getattr(patches, "_image_open", PIL.Image.open), getattr(patches, "_torch_save", torch.save)


def _import_quietly() -> None:
    """Import ultralytics, then restore what the import changed outside itself."""
    threads, numpy_options = _threads_before_import(), np.get_printoptions()
    torch_options, functions = dict(vars(torch._tensor_str.PRINT_OPTS)), _own_functions()
    kept = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "YOLO_OFFLINE")}
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")  # these two stay: a process started from here needs them as well
    os.environ.setdefault("ULTRALYTICS_SAFE_LOAD", "true")
    os.environ["YOLO_OFFLINE"] = "true"
    logger, hide = logging.getLogger("ultralytics"), lambda record: False
    logger.addFilter(hide)  # "Creating new Ultralytics Settings ...", once on a new machine, has no place in a lesson
    try:
        import ultralytics.data.base
        import ultralytics.nn.tasks
        import ultralytics.utils.checks
        import ultralytics.utils.torch_utils  # noqa: F401
    finally:
        logger.removeFilter(hide)
        for name, value in kept.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        if runtime.offline():
            os.environ["YOLO_OFFLINE"] = "true"
        PIL.Image.open, torch.save = functions
        np.set_printoptions(**{k: v for k, v in numpy_options.items() if k not in ("override_repr",)})
        torch.set_printoptions(**torch_options)
        torch.set_num_threads(threads)


def _modules() -> list:
    return [module for name, module in list(sys.modules.items()) if name.split(".")[0] == "ultralytics" and module]


def _replace(home, name: str, wrap: Callable) -> None:
    """Replace `home.name` by `wrap(original)` there and in every module that has imported it already."""
    original = getattr(home, name)
    if hasattr(original, "_coursekit"):
        return
    substitute = functools.wraps(original)(wrap(original))
    substitute._coursekit = True
    for module in _modules():
        if getattr(module, name, None) is original:
            setattr(module, name, substitute)


def _keeping_threads(select_device: Callable) -> Callable:
    def select(*args, **kwargs):
        threads = torch.get_num_threads()
        try:
            return select_device(*args, **kwargs)
        finally:
            torch.set_num_threads(threads)

    return select


def _check_of_a_copy(check_image: Callable) -> Callable:
    """If a JPEG does not end in its end marker, Ultralytics saves its own version over the file: give it a copy.

    Phones append data after the marker, and every decoder reads such a file. One that is cut off is refused as before.
    """

    def check(im_file: str) -> tuple[str, tuple[int, int]]:
        if not _would_be_rewritten(im_file):
            return check_image(im_file)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "image" + Path(im_file).suffix)
            shutil.copyfile(im_file, copy)
            shape = check_image(str(copy))[1]
        return f"{im_file}: JPEG without an end marker at its end, used as it is", shape

    return check


def _would_be_rewritten(im_file: str) -> bool:
    with open(im_file, "rb") as file:
        if file.read(2) != b"\xff\xd8":
            return False
        file.seek(-2, os.SEEK_END)
        return file.read() != b"\xff\xd9"


def _no_cache(path: Path) -> dict:
    raise FileNotFoundError(f"{path} is a pickle, which can run code: the labels are scanned instead")


def _pixel_files() -> property:
    """`npy_files` of a dataset, one for each picture: in a folder of ours, whatever Ultralytics puts there."""

    def give(dataset, beside: list[Path]) -> None:
        names = (hashlib.sha256(os.fsencode(path)).hexdigest() for path in beside)
        vars(dataset)["npy_files"] = [_pixel_folder() / f"{name}.npy" for name in names]

    return property(lambda dataset: vars(dataset)["npy_files"], give)


@functools.cache
def _pixel_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="coursekit_pixels_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _own_amp_check(check_amp: Callable) -> Callable:
    """Does half precision work here? Ultralytics asks a downloaded yolo26n.pt; the model at hand can answer as well."""

    def boxes(output) -> torch.Tensor:
        return output[0] if isinstance(output, (tuple, list)) else output

    def check(model: torch.nn.Module) -> bool:
        device = next(model.parameters()).device
        if device.type != "cuda" or WEAK_HALF.search(torch.cuda.get_device_name(device)):
            return False
        training = model.training
        pixels = torch.linspace(0, 1, 3 * 256 * 256, device=device).reshape(1, 3, 256, 256)
        try:
            with torch.no_grad():
                full = boxes(model.eval()(pixels))
                with torch.autocast("cuda", dtype=torch.float16):
                    half = boxes(model(pixels))
        finally:
            model.train(training)
        # Boxes are in pixels of a 256 px image: half a pixel is Ultralytics' own bar
        return bool(torch.isfinite(half).all()) and torch.allclose(full, half.float(), atol=0.5)

    return check


def _switch_off() -> None:
    """Analytics, installs, downloads, thread counts, pickles, and files written or rewritten in a dataset's folder."""
    from ultralytics.data import base
    from ultralytics.data import utils as data_utils
    from ultralytics.nn import tasks
    from ultralytics.utils import checks, torch_utils
    from ultralytics.utils.events import events

    if os.environ["YOLO_AUTOINSTALL"].strip().lower() not in {"1", "true", "yes", "on", "y", "t"}:
        for module in _modules():
            if hasattr(module, "AUTOINSTALL"):
                module.AUTOINSTALL = False
    _replace(torch_utils, "select_device", _keeping_threads)
    local = matplotlib.font_manager.findfont("DejaVu Sans")
    _replace(checks, "check_font", lambda check: lambda font="Arial.ttf": local)
    _replace(checks, "check_amp", _own_amp_check)
    _replace(data_utils, "check_image", _check_of_a_copy)
    _replace(data_utils, "load_dataset_cache_file", lambda load: _no_cache)
    _replace(
        data_utils, "save_dataset_cache_file", lambda save: lambda prefix, path, x, version: x.update(version=version)
    )
    _replace(tasks, "torch_safe_load", _restricted)
    base.BaseDataset.npy_files = _pixel_files()
    events.enabled = False


def _restricted(load):
    """Checkpoints are read without running code from them, whatever was asked for; those with the course's layers too."""

    def read(weight, safe_only: bool = True):
        importlib.import_module("coursekit.detection.adapters")  # it offers its layers: see `offer_layers`
        return load(weight, safe_only=True)

    return read


def offer_layers(by_name: Iterable[type], may_be_read: Iterable[type]) -> None:
    """Let a model's YAML name these layers of ours, and let restricted loading read checkpoints that hold those classes."""
    from ultralytics.nn import tasks

    for layer in by_name:
        setattr(tasks, layer.__name__, layer)
    torch.serialization.add_safe_globals(list(may_be_read))


_import_quietly()
_switch_off()


@contextlib.contextmanager
def session(quiet: bool = True) -> Iterator[None]:
    """Around every call into Ultralytics: what it switches globally is restored afterwards, also after an error.

    quiet: print errors only, no progress bars, no Python warnings on stderr; its logger has its old level afterwards.
    Loggers of other makers (MLflow, Comet, ClearML, ...), which Ultralytics feeds if they are installed, are left out.
    """
    from ultralytics.utils import LOGGER, callbacks
    from ultralytics.utils.callbacks import base

    level, threads = LOGGER.level, torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn.deterministic
    integrations = callbacks.add_integration_callbacks
    streams = {handler: handler.stream for handler in LOGGER.handlers if type(handler) is logging.StreamHandler}
    try:
        for handler in streams:
            handler.stream = sys.stdout  # its own is the stdout of the import: redirected, or closed by now
        callbacks.add_integration_callbacks = base.add_integration_callbacks = lambda instance: None
        with contextlib.ExitStack() as stack:
            if quiet:
                LOGGER.setLevel(logging.ERROR)
                stack.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
            yield
    finally:
        callbacks.add_integration_callbacks = base.add_integration_callbacks = integrations
        LOGGER.setLevel(level)
        for handler, stream in streams.items():
            handler.stream = stream
        torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
        torch.backends.cudnn.deterministic = cudnn
        torch.set_num_threads(threads)


def reason(error: Exception, lines: int = 1) -> str:
    """The first lines of an error out of Ultralytics or torch, as a sentence: without colors, addresses and its advice."""
    if isinstance(error, (LookupError, UnicodeError)):  # their texts are bare keys and bytes
        return f"it is damaged or another kind of file ({type(error).__name__})."
    plain = COLOR_CODES.sub("", str(error)).replace("ERROR ❌️ ", "")
    told = [line.split("See http")[0].strip() for line in plain.splitlines() if not line.startswith("http")]
    text = ADVICE.split(" ".join([line for line in told if line][:lines]))[0].strip() or type(error).__name__
    return text if text.endswith((".", "!", "?")) else text + "."
