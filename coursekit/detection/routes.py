"""The two ways of a self-supervised encoder into YOLO12: it gives YOLO12's own backbone its values, or takes its place."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from coursekit.detection.adapters import ENCODER_LAYERS, replaced_yaml
from coursekit.detection.transfer import TransferReport, check_fit, layers_of, load_backbone
from coursekit.detection.ultralytics_setup import session
from coursekit.detection.yolo_backbone import BACKBONE_LAYERS, YOLOBackbone, new_detector
from coursekit.models.encoder import Encoder
from coursekit.runtime import CourseError
from coursekit.training.checkpoints import fit_state

ROUTES = ("auto", "initialize", "replace")
SAME = 1e-4  # of the largest feature: what another order of summing changes, and a lost tensor does not


@dataclass(frozen=True)
class Route:
    """How a detector is built. network: Ultralytics' YAML, by name or whole. layers: those that hold the backbone, or the
    encoder in its place. encoder: whose values go there; None: they stay random."""

    network: str | dict
    layers: tuple[int, ...]
    encoder: Encoder | None = None

    @property
    def replaces(self) -> bool:
        """Does the encoder take the backbone's place?"""
        return isinstance(self.network, dict)

    def load(self, detector: nn.Module) -> TransferReport | None:
        """Copy the encoder's values into a detector of this network, and print how many fitted. None without an encoder."""
        if self.encoder is None:
            return None
        return load_replacement(detector, self.encoder) if self.replaces else load_backbone(detector, self.encoder)


def choose_route(size: str, encoder: Encoder | None, route: str = "auto", depths: Sequence[int] = ()) -> Route:
    """Which network is built, and what goes into it.

    size: n, s, m, l or x.
    encoder: None for random weights.
    route: "initialize" copies a YOLO12 backbone into layers 0 to 8, one with its neck into layers 0 to 20. "replace" puts
        any encoder into the place of layers 0 to 8, with an adapter behind it. "auto" initializes if the encoder is
        YOLO12's own, and replaces otherwise.
    depths: for "replace", after which blocks of the encoder maps are taken, see `adapters.SSLFeatures`.

    Raises CourseError for an unknown route and for an encoder or depths that do not fit, before anything is trained.
    """
    if route not in ROUTES:
        raise CourseError(f"There is no route {route!r}. Choose one of: {', '.join(ROUTES)}.")
    own = f"yolo12{size}.yaml"
    if encoder is None:
        if route != "auto" or depths:
            raise CourseError(
                "Without a backbone there is no route and there are no depths to choose. Give a backbone."
            )
        return Route(own, tuple(range(BACKBONE_LAYERS)))
    if route == "replace" or (route == "auto" and not isinstance(encoder, YOLOBackbone)):
        return Route(replaced_yaml(size, encoder, depths), ENCODER_LAYERS, encoder)
    if depths:
        raise CourseError(
            "depths are blocks of an encoder that replaces the backbone: leave them out, or route='replace'."
        )
    check_fit(new_detector(size), encoder)
    return Route(own, tuple(range(layers_of(encoder))), encoder)


def build_detector(route: Route, classes: int = 80) -> nn.Module:
    """Ultralytics' DetectionModel of a route, in eval mode, with the encoder's values in it; the rest is random."""
    from ultralytics.nn.tasks import DetectionModel

    with session():
        detector = DetectionModel(route.network, nc=classes, verbose=False)
    route.load(detector)
    return detector.eval()


def load_replacement(detector: nn.Module, encoder: Encoder) -> TransferReport:
    """Copy every tensor of an encoder into layer 0 of a detector that was built for it, and compare what both answer.

    Raises CourseError unless all tensors fit and the features of a test picture are the same.
    """
    theirs, state = detector.model[0].encoder, encoder.state_dict()
    fit_state(theirs, state, f"the {type(encoder).__name__}", encoder.spec)
    side = -(-64 // encoder.multiple) * encoder.multiple
    x = torch.linspace(-2, 2, 3 * side * side).reshape(1, 3, side, side)
    with torch.no_grad():  # of copies, on one device: neither network is moved, nor its mode changed
        before, after = (copy.deepcopy(network).cpu().eval().features(x)[1] for network in (encoder, theirs))
    if not torch.allclose(before, after, rtol=0, atol=SAME * before.abs().max().item()):
        raise CourseError("The encoder answers differently inside the detector: its values or its norms were changed.")
    report = TransferReport(matched=len(state), total=len(state))
    print(report)
    return report
