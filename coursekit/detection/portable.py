"""A detector as a plain file of tensors: small enough to share, without pickled classes that a later release renames.

Ultralytics' own checkpoints are pickles of its classes; this file holds names and numbers only, and is read back into
the network that the installed Ultralytics builds.
"""

import json
from pathlib import Path

from safetensors.torch import save as safetensors_bytes
from torch import nn

import coursekit
from coursekit.detection.ultralytics_setup import session
from coursekit.detection.yolo_backbone import SIZES, check_size
from coursekit.files import write_atomically
from coursekit.runtime import CourseError
from coursekit.training.checkpoints import fit_state, read_safetensors


def export_detector(detector: nn.Module, to: str | Path, size: str, imgsz: int) -> Path:
    """Write a detector as .safetensors, in float16 (computing stays float32).

    detector: a DetectionModel of YOLO12, see `load_detector`. size: n, s, m, l or x. imgsz: side of the images that it
    was trained with, px; told to whoever loads it.
    """
    state = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in detector.state_dict().items()}
    header = {
        "detector": json.dumps({"size": check_size(size), "names": list(detector.names.values()), "imgsz": imgsz}),
        "coursekit": coursekit.__version__,
    }
    to = Path(to)
    write_atomically(to, lambda file: file.write(safetensors_bytes(state, metadata=header)))
    return to


def import_detector(path: Path) -> nn.Module:
    """The DetectionModel in a file of `export_detector`, float32, on the CPU, in eval mode.

    Raises CourseError for a file that is no such thing.
    """
    from ultralytics.nn.tasks import DetectionModel

    state, told = _read(path)
    if not _complete(told):
        raise CourseError(
            f"{path} holds no detector: its header names no size, classes and image size. An encoder's "
            "file goes to `load_backbone` (--backbone); a detector's comes from `export_detector`."
        )
    with session():
        detector = DetectionModel(f"yolo12{told['size']}.yaml", nc=len(told["names"]), verbose=False)
    fit_state(detector, state, str(path))
    detector.names = dict(enumerate(told["names"]))
    detector.task, detector.args = "detect", {"imgsz": told["imgsz"]}  # as Ultralytics' own checkpoints tell it
    return detector.float().eval()


def _read(path: Path) -> tuple[dict, object]:
    try:
        return read_safetensors(path, "detector")
    except (AttributeError, LookupError, RuntimeError, TypeError) as error:  # a header lacks a key, ...
        raise CourseError(
            f"{path} cannot be read as safetensors: {type(error).__name__}: {error}. Fetch or export it again."
        ) from error


def _complete(told) -> bool:
    """Does a header tell what the network is built from, in the types that `export_detector` writes?"""
    return (
        isinstance(told, dict)
        and told.get("size") in SIZES
        and isinstance(told.get("imgsz"), int)
        and told["imgsz"] > 0
        and isinstance(told.get("names"), list)
        and bool(told["names"])
    )
