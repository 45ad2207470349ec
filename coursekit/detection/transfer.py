"""Moving a self-supervised backbone into a detector, and saying exactly what fitted."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from coursekit.detection.yolo_backbone import BACKBONE_LAYERS
from coursekit.models.encoder import Encoder
from coursekit.runtime import CourseError
from coursekit.training import load_encoder

SHOWN = 5  # names of misfits in a message; the report has them all


@dataclass(frozen=True)
class Mismatch:
    """A tensor that both sides have, in two shapes."""

    name: str
    backbone: tuple[int, ...]
    detector: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name}: {self.backbone} in the backbone, {self.detector} in the detector"


@dataclass(frozen=True)
class TransferReport:
    """What `load_backbone` moved. Tensors are parameters and batch-norm statistics.

    matched: tensors copied. total: tensors of the detector's layers 0 to 8. missing: names among those that the
    backbone lacks. unused: the backbone's names that the detector lacks. mismatched: same name, other shape.
    """

    matched: int
    total: int
    missing: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    mismatched: tuple[Mismatch, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.matched} of {self.total} tensors matched"]
        for title, items in (
            ("missing in the backbone", self.missing),
            ("unknown to the detector", self.unused),
            ("of another shape", self.mismatched),
        ):
            if items:
                more = f", and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
                lines.append(f"  {title}: " + "; ".join(map(str, items[:SHOWN])) + more)
        return "\n".join(lines)


def compare(detector: nn.Module, backbone: dict[str, Tensor]) -> TransferReport:
    """Which tensors of `backbone` fit layers 0 to 8 of `detector`, by name and shape. Changes nothing."""
    wanted = {name: t for name, t in detector.state_dict().items() if _is_backbone(name)}
    both = wanted.keys() & backbone.keys()
    misfits = [
        Mismatch(name, tuple(backbone[name].shape), tuple(wanted[name].shape))
        for name in wanted
        if name in both and backbone[name].shape != wanted[name].shape
    ]
    return TransferReport(
        matched=len(both) - len(misfits),
        total=len(wanted),
        mismatched=tuple(misfits),
        missing=tuple(name for name in wanted if name not in both),
        unused=tuple(name for name in backbone if name not in both),
    )


def _is_backbone(name: str) -> bool:
    part = name.split(".")
    return part[0] == "model" and part[1].isdigit() and int(part[1]) < BACKBONE_LAYERS


def read_backbone(backbone: Encoder | str | Path) -> Encoder:
    """The encoder itself, or the one in a pretraining run's folder or checkpoint."""
    if isinstance(backbone, Encoder):
        return backbone
    return load_encoder(backbone)


def check_fit(detector: nn.Module, encoder: Encoder) -> TransferReport:
    """What would fit, changing nothing. Raises CourseError where fewer than half of the learned tensors do."""
    state, report = encoder.state_dict(), compare(detector, encoder.state_dict())
    # every batch-norm's step counter fits any other one, so counters are no evidence
    learned = {name: t for name, t in detector.state_dict().items() if _is_backbone(name) and t.ndim}
    fitting = [name for name, t in learned.items() if name in state and state[name].shape == t.shape]
    if 2 * len(fitting) < len(learned):
        raise CourseError(_refusal(detector, encoder, len(fitting), len(learned), report))
    return report


def load_backbone(detector: nn.Module, backbone: Encoder | str | Path, quiet: bool = False) -> TransferReport:
    """Copy a backbone's weights and batch-norm statistics into layers 0 to 8 of a detector, in place.

    detector: Ultralytics' DetectionModel. backbone: a YOLO12 encoder, or the run folder or checkpoint of a pretraining.
    Prints "N of M tensors matched" unless quiet. Raises CourseError, with nothing copied, where fewer than half of the
    tensors that hold learned numbers fit: such a detector would start from a torn network, which no number would show.
    """
    encoder = read_backbone(backbone)
    report = check_fit(detector, encoder)
    state = encoder.state_dict()
    with torch.no_grad():
        for name, tensor in detector.state_dict().items():
            if _is_backbone(name) and name in state and state[name].shape == tensor.shape:
                tensor.copy_(state[name])  # copies across devices and to float32
    if not quiet:
        print(report)
    return report


def _refusal(detector: nn.Module, encoder: Encoder, fitting: int, learned: int, report: TransferReport) -> str:
    name = (encoder.spec or {}).get("name") or type(encoder).__name__
    target = Path(str(getattr(detector, "yaml", {}).get("yaml_file", "the detector"))).stem
    size = getattr(encoder, "size", None)
    if size:
        way_out = f"Train the detector of its own size: size={size!r} (--size {size})."
    else:
        way_out = f"Only YOLO12's own backbone fits: pretrain one with `coursekit pretrain ... --encoder {target}`."
    example = "; ".join(map(str, report.mismatched[:2])) or f"the detector wants {report.missing[0]}, which it lacks"
    return (
        f"The backbone does not fit: it is {name}, the detector is {target}, and {fitting} of {learned} tensors "
        f"match ({example}). Nothing was loaded. {way_out}"
    )
