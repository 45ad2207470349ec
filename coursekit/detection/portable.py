"""A detector as a plain file of tensors: small enough to share, without pickled classes that a later release renames.

Ultralytics' own checkpoints are pickles of its classes; this file holds names and numbers only, and is read back into
the network that the installed Ultralytics builds.
"""

from pathlib import Path

from torch import nn

from coursekit.data.tensor_file import read_safetensors, write_safetensors
from coursekit.detection.adapters import SSLFeatures, replaced_yaml
from coursekit.detection.ultralytics_setup import session
from coursekit.detection.yolo_backbone import SIZES, check_size
from coursekit.models import rebuild_encoder
from coursekit.runtime import CourseError
from coursekit.training.checkpoints import fit_state, misshapen_spec


def export_detector(detector: nn.Module, to: str | Path, size: str, imgsz: int) -> Path:
    """Write a detector as .safetensors, in float16 (computing stays float32).

    detector: a DetectionModel of YOLO12, see `load_detector`. size: n, s, m, l or x. imgsz: side of the images that it
    was trained with, px; whoever loads the file is told.
    """
    state = {k: v.half() if v.is_floating_point() else v for k, v in detector.state_dict().items()}
    told = {"size": check_size(size), "names": list(detector.names.values()), "imgsz": imgsz}
    if isinstance(detector.model[0], SSLFeatures):
        told |= {"encoder": detector.model[0].encoder.spec, "depths": list(detector.model[0].depths)}
    return write_safetensors(Path(to), state, detector=told)


def import_detector(path: Path) -> nn.Module:
    """The DetectionModel in a file of `export_detector`, float32, on the CPU, in eval mode.

    Raises CourseError if the file holds anything else. `weights.load_detector` judges names, image size and numbers.
    """
    from ultralytics.nn.tasks import DetectionModel

    state, told = read_safetensors(path, "detector")
    match told:
        case {"size": size, "names": [str(), *_] as names, "imgsz": int(imgsz)} if size in SIZES:
            network = _network(size, told, path)
        case _:
            raise CourseError(
                f"{path} is not a detector's file: its header does not give a size, class names and an image size. An "
                "encoder's file goes to `load_backbone` (--backbone); a detector's comes from `export_detector`."
            )
    with session():
        detector = DetectionModel(network, nc=len(names), verbose=False)
    fit_state(detector, state, str(path))
    detector.names = dict(enumerate(names))
    detector.task, detector.args = "detect", {"imgsz": imgsz}  # as Ultralytics' own checkpoints have them
    return detector.float().eval()


def _network(size: str, told: dict, path: Path) -> str | dict:
    """Ultralytics' YAML of what the header describes: YOLO12's own, or that with an encoder for a backbone."""
    if (spec := told.get("encoder")) is None:
        return f"yolo12{size}.yaml"
    depths = told.get("depths", [])
    if misshapen_spec(spec) or not isinstance(depths, list) or not all(type(d) is int for d in depths):
        raise CourseError(f"{path} is damaged: its header does not describe the encoder that replaces the backbone.")
    try:
        return replaced_yaml(size, rebuild_encoder(spec), depths)
    except CourseError as error:
        raise CourseError(f"{path} describes a detector that cannot be built. {error}") from error
