"""Encoders by name, so that a lesson, a command and a checkpoint all build the same network."""

import importlib
from collections.abc import Callable

from coursekit.models.encoder import Encoder
from coursekit.runtime import CourseError

_BUILDERS: dict[str, Callable[..., Encoder]] = {}
# Rooms further down add their encoders when they are imported. Naming the room here, as text, keeps the doors one-way
# and still lets build_encoder("yolo12n") work for somebody who has never heard of coursekit.detection.
_PROVIDERS = {"yolo12": "coursekit.detection.yolo_backbone"}
_YOLO_NAMES = tuple(f"yolo12{size}" for size in "nsmlx")


def register_encoder(name: str, builder: Callable[..., Encoder]) -> None:
    """Add an encoder. `builder(image_size=..., **options)` returns an Encoder. Registering a name again replaces it."""
    _BUILDERS[name] = builder


def encoder_names() -> tuple[str, ...]:
    """All names that `build_encoder` knows."""
    return tuple(sorted({*_BUILDERS, *_YOLO_NAMES}))


def build_encoder(name: str, image_size: int = 64, **options) -> Encoder:
    """An encoder with fresh random weights.

    name: one of `encoder_names()`. image_size: side of the square views it will see, px. options: as its class says.
    Raises CourseError for an unknown name or an option that this encoder does not have.
    """
    if name not in _BUILDERS:
        for prefix, room in _PROVIDERS.items():
            if name.startswith(prefix):
                importlib.import_module(room)
    if name not in _BUILDERS:
        raise CourseError(f"There is no encoder {name!r}. Choose one of: {', '.join(encoder_names())}.")
    try:
        encoder = _BUILDERS[name](image_size=image_size, **options)
    except TypeError as error:
        raise CourseError(f"Encoder {name!r} cannot be built with {options}: {error}.") from error
    encoder.spec = {"name": name, "image_size": image_size, "options": options}
    return encoder
