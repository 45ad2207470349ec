"""Encoders by name, so that a lesson, a command and a checkpoint all build the same network."""

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

from coursekit import settings as checking
from coursekit.models.encoder import Encoder
from coursekit.runtime import CourseError

_BUILDERS: dict[str, partial] = {}
# Rooms further down add their encoders when they are imported. Naming the room here, as text, keeps the doors one-way
# and still lets build_encoder("yolo12n") work for somebody who has never heard of coursekit.detection.
_PROVIDERS = {"yolo12": "coursekit.detection.yolo_backbone"}
_YOLO_NAMES = tuple(f"yolo12{size}{neck}" for size in "nsmlx" for neck in ("", "_neck"))
FETCHES = ("weights",)  # options that ask for a download


def register_encoder(name: str, network: Callable[..., Encoder], **defaults: Any) -> None:
    """Add an encoder: `network(image_size=..., **options)`, with these defaults. A name given again is replaced."""
    _BUILDERS[name] = partial(network, **defaults)


def encoder_names() -> tuple[str, ...]:
    """All names that `build_encoder` knows."""
    return tuple(sorted({*_BUILDERS, *_YOLO_NAMES}))


def build_encoder(name: str, image_size: int = 64, **options) -> Encoder:
    """An encoder with fresh random weights.

    name: one of `encoder_names()`. image_size: side of the square views it will see, px. options: as its class says.
    Raises CourseError for an unknown name, an option that this encoder does not have, or a value of a wrong type.
    """
    if name not in _BUILDERS:
        for prefix, room in _PROVIDERS.items():
            if name.startswith(prefix):
                importlib.import_module(room)
    if name not in _BUILDERS:
        raise CourseError(f"There is no encoder {name!r}. Choose one of: {', '.join(encoder_names())}.")
    known = checking.of_signature(_BUILDERS[name], without=("image_size",))
    fitted = checking.check(f"Encoder {name!r}", known, options)
    encoder = _BUILDERS[name](image_size=image_size, **fitted)
    encoder.spec = {"name": name, "image_size": image_size, "options": checking.plain_values(fitted)}
    return encoder


def rebuild_encoder(spec: dict) -> Encoder:
    """The network that a file's header describes, with random weights. Never fetches anything: the file has the weights.

    spec: {"name", "image_size", "options"}, as `build_encoder` noted them. Raises CourseError as it does.
    """
    options = {name: value for name, value in spec["options"].items() if name not in FETCHES}
    return build_encoder(spec["name"], image_size=spec["image_size"], **options)
