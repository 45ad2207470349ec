"""Moving a self-supervised backbone into a detector, and saying exactly what fitted."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from coursekit.detection.yolo_backbone import BACKBONE_LAYERS, YOLOBackbone
from coursekit.models.encoder import Encoder
from coursekit.runtime import CourseError
from coursekit.training import load_encoder

SHOWN = 5  # names of misfits in a message; the report has them all


@dataclass(frozen=True)
class TransferReport:
    """What `load_backbone` moved. Tensors are parameters and batch-norm statistics.

    matched: tensors copied.
    total: tensors of the detector's layers 0 to 8, or 0 to 20 if the neck is pretrained too.
    missing: names among those that the backbone lacks.
    unused: the backbone's names that the detector lacks.
    mismatched: names that both have, each with its two shapes.
    """

    matched: int
    total: int
    missing: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    mismatched: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.matched} of {self.total} tensors matched"]
        titles = ("missing in the backbone", "unknown to the detector", "of another shape")
        for title, items in zip(titles, (self.missing, self.unused, self.mismatched), strict=True):
            if items:
                more = f", and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
                lines.append(f"  {title}: " + "; ".join(map(str, items[:SHOWN])) + more)
        return "\n".join(lines)


def compare(detector: nn.Module, backbone: dict[str, Tensor], layers: int = BACKBONE_LAYERS) -> TransferReport:
    """Which tensors of `backbone` fit the first `layers` layers of `detector`, by name and shape. Changes nothing."""
    wanted = _first_of(detector, layers)
    both = [name for name in wanted if name in backbone]
    mismatched = [
        f"{name}: {tuple(backbone[name].shape)} in the backbone, {tuple(wanted[name].shape)} in the detector"
        for name in both
        if backbone[name].shape != wanted[name].shape
    ]
    return TransferReport(
        matched=len(both) - len(mismatched),
        total=len(wanted),
        missing=tuple(name for name in wanted if name not in backbone),
        unused=tuple(name for name in backbone if name not in wanted),
        mismatched=tuple(mismatched),
    )


def layers_of(encoder: Encoder) -> int:
    """How many of a detector's layers this encoder has: 9, or 21 with a neck; 9 if it is another network."""
    return len(encoder.model) if isinstance(encoder, YOLOBackbone) else BACKBONE_LAYERS


def _first_of(detector: nn.Module, layers: int) -> dict[str, Tensor]:
    """The tensors of the first layers by their names in the whole detector: model.0.conv.weight, ..."""
    return {f"model.{k}": tensor for k, tensor in detector.model[:layers].state_dict().items()}


def read_backbone(backbone: Encoder | str | Path) -> Encoder:
    """The encoder itself, or the one in a pretraining run's folder or checkpoint."""
    return backbone if isinstance(backbone, Encoder) else load_encoder(backbone)


def check_fit(detector: nn.Module, encoder: Encoder) -> TransferReport:
    """What would fit, changing nothing. Raises CourseError if fewer than half of the learned tensors do."""
    state, layers = encoder.state_dict(), layers_of(encoder)
    report = compare(detector, state, layers)
    # Every batch-norm's step counter fits any other one, so counters are no evidence
    learned = {name: t for name, t in _first_of(detector, layers).items() if t.ndim}
    fitting = [name for name, t in learned.items() if name in state and state[name].shape == t.shape]
    if 2 * len(fitting) >= len(learned):
        return report
    name = (encoder.spec or {}).get("name") or type(encoder).__name__
    target = Path(str(getattr(detector, "yaml", {}).get("yaml_file", "the detector"))).stem
    way_out = f"Only YOLO12's own backbone fits: pretrain one with `coursekit pretrain ... --encoder {target}`."
    if size := getattr(encoder, "size", None):
        way_out = f"Train the detector of its own size: size={size!r} (--size {size})."
    example = "; ".join(report.mismatched[:2]) or f"the detector wants {report.missing[0]}, which it lacks"
    raise CourseError(
        f"The backbone does not fit: it is {name}, the detector is {target}, and {len(fitting)} of {len(learned)} tensors "
        f"match ({example}). Nothing was loaded. {way_out}"
    )


def load_backbone(detector: nn.Module, backbone: Encoder | str | Path, quiet: bool = False) -> TransferReport:
    """Copy a backbone's weights and batch-norm statistics, and a neck's, into the same layers of a detector, in place.

    detector: Ultralytics' DetectionModel. backbone: a YOLO12 encoder, or the run folder or checkpoint of a pretraining.
    Prints "N of M tensors matched" unless quiet. Raises CourseError, with nothing copied, if fewer than half of the
    tensors that hold learned numbers fit: such a detector would start from a torn network, which no number would show.
    """
    encoder = read_backbone(backbone)
    report = check_fit(detector, encoder)
    state = encoder.state_dict()
    with torch.no_grad():
        for name, tensor in _first_of(detector, layers_of(encoder)).items():
            if name in state and state[name].shape == tensor.shape:
                tensor.copy_(state[name])  # copies across devices and to float32
    if not quiet:
        print(report)
    return report
