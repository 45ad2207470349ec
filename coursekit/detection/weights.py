"""Which weights a detector starts from, and checkpoints that are refused with a reason."""

from pathlib import Path

import torch
from torch import nn

from coursekit import runtime
from coursekit.detection import adapters  # noqa: F401 (a checkpoint may hold its layers)
from coursekit.detection.portable import import_detector
from coursekit.detection.ultralytics_setup import reason, session
from coursekit.detection.yolo_backbone import BACKBONE_LAYERS, SIZES, YOLOBackbone, check_size
from coursekit.files import named
from coursekit.models import build_encoder
from coursekit.runtime import CourseError

NAME_ONE = "Name a .pt file, or the folder that `coursekit detect` printed."


def starting_weights(size: str, weights: str = "auto") -> tuple[Path | None, str]:
    """Where training starts: a checkpoint, or None for random weights from the YAML; and a sentence that says which.

    size: n, s, m, l or x. weights: "pt" wants yolo12{size}.pt, trained on COCO by Ultralytics: taken from the current
    folder, `home()/weights` or Ultralytics' own weights folder, else downloaded into `home()/weights` (n: 5 MB, x: 120
    MB). "yaml" wants random weights. "auto" is "pt" if that works and "yaml" otherwise. Anything else is the path of a
    checkpoint. Raises CourseError if "pt" cannot be had, or if there is no such checkpoint.
    """
    from ultralytics.utils import SETTINGS

    name = f"yolo12{check_size(size)}.pt"
    if weights == "yaml":
        return None, f"starts from yolo12{size}.yaml: random weights"
    if weights not in ("auto", "pt"):
        path = checkpoint_path(weights)
        return path, f"starts from {path}"
    folders = (Path(), runtime.home() / "weights", Path(SETTINGS["weights_dir"]))
    if found := next((folder / name for folder in folders if (folder / name).is_file()), None):
        return found.resolve(), f"starts from {found}, trained on COCO by Ultralytics"
    path, problem = _download(name)
    if path:
        return path, f"starts from {name}, trained on COCO by Ultralytics, downloaded to {path}"
    if weights == "pt":
        place = f"Put the file into {runtime.home() / 'weights'}"
        way_out = f"{place}, or start from random weights: weights='yaml' (--weights yaml)"
        raise CourseError(f"{name} is not at hand and {problem}. {way_out}.")
    return None, f"starts from yolo12{size}.yaml: random weights, because {name} is not at hand and {problem}"


def _download(name: str) -> tuple[Path | None, str]:
    """The downloaded file, or why there is none."""
    if runtime.offline():
        return None, "COURSEKIT_OFFLINE forbids the download"
    from ultralytics.utils import is_online
    from ultralytics.utils.downloads import attempt_download_asset

    if not is_online():
        return None, "there is no network to download it"
    target = runtime.home() / "weights" / name
    try:
        with session():  # published under its name only when complete; one attempt, to wait less for a closed network
            attempt_download_asset(target, retry=0, progress=False)
    except Exception as error:  # whatever Ultralytics and requests raise: ConnectionError, OSError, HTTP errors, ...
        return None, f"its download failed ({reason(error).rstrip('.')})"
    return (target, "") if target.is_file() else (None, "its download failed")


def checkpoint_path(weights: str | Path) -> Path:
    """The checkpoint that `weights` means: a .pt or .safetensors file, or a run folder's weights/best.pt (else last.pt).

    Raises CourseError if there is none.
    """
    path = named(weights)
    if path.is_dir():
        for inside in (path / "weights" / "best.pt", path / "weights" / "last.pt", path / "best.pt", path / "last.pt"):
            if inside.is_file():
                return inside.resolve()
        raise CourseError(
            f"{path} is not the folder of a finished detection run: it has no weights/best.pt. {NAME_ONE}"
        )
    if not path.is_file():
        raise CourseError(f"There is no checkpoint {path}. {NAME_ONE}")
    if path.suffix not in (".pt", ".safetensors"):
        known = "those end in .pt, or in .safetensors if coursekit exported them"
        raise CourseError(f"{path} is not a YOLO checkpoint: {known}.")
    return path.resolve()


def load_detector(weights: str | Path) -> nn.Module:
    """The DetectionModel in a checkpoint (see `checkpoint_path`), float32, on the CPU, in eval mode.

    Only known classes of Ultralytics and torch are unpickled, so a stranger's file cannot run code. A .safetensors file
    is one of `portable.export_detector`. Raises CourseError if the file is not a detector's, or a damaged one's.
    """
    from ultralytics.nn.tasks import DetectionModel, load_checkpoint

    path = checkpoint_path(weights)
    if path.suffix == ".safetensors":
        model = import_detector(path)
    else:
        try:
            with session():
                model = load_checkpoint(path)[0]
        except Exception as error:  # whatever bytes make of the unpickler: IndexError, UnicodeDecodeError, ...
            raise _refusal(path, f"{reason(error)} Name the best.pt or last.pt that Ultralytics wrote.") from error
        if not isinstance(model, DetectionModel) or model.task != "detect":
            raise _refusal(path, f"it holds a {type(model).__name__} for the task {model.task!r}.")
    _check_shape(model, path)
    return model


def supervised_backbone(weights: str | Path) -> YOLOBackbone:
    """Layers 0 to 8 of a detector that was trained with labels, as an encoder. Raises CourseError if it has none of its own."""
    detector = load_detector(weights)
    state = {n: t for n, t in detector.state_dict().items() if int(n.split(".")[1]) < BACKBONE_LAYERS}
    for size in SIZES:
        encoder = build_encoder(f"yolo12{size}")
        if {n: t.shape for n, t in encoder.state_dict().items()} == {n: t.shape for n, t in state.items()}:
            encoder.load_state_dict(state)
            return encoder.eval()
    raise CourseError(f"{weights} has no backbone of YOLO12: its first layers are others.")


def _check_shape(model: nn.Module, path: Path) -> None:
    """Raises CourseError unless RGB passes the layers, every number is finite, and classes and image size are named."""
    names, imgsz = getattr(model, "names", None), model.args.get("imgsz")
    try:
        with session(), torch.no_grad():
            model(torch.zeros(1, 3, 32, 32))
        numbers = range(model.model[-1].nc)
        broken = [name for name, tensor in model.state_dict().items() if not tensor.isfinite().all()]
    except Exception as error:  # a forged or older network raises anything
        raise _refusal(path, f"an RGB picture does not pass its layers ({reason(error)})") from error
    if broken:
        raise _refusal(path, f"{len(broken)} of its tensors hold NaN or infinity, such as {broken[0]}: train it again.")
    if not isinstance(names, dict) or [*names] != [*numbers] or not all(isinstance(n, str) for n in names.values()):
        raise _refusal(path, f"it has {len(numbers)} classes, and not one name for each.")
    if type(imgsz) is not int or imgsz < 32:
        raise _refusal(path, f"it gives {imgsz!r} as the side of its images in px.")


def _refusal(path: Path, reason: str) -> CourseError:
    return CourseError(f"{path} is not a YOLO detection checkpoint: {reason}")
