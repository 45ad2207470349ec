"""Methods by name, so that a command and a checkpoint build the same one."""

from coursekit.methods.base import SSLMethod
from coursekit.methods.simclr import SimCLR
from coursekit.models import Encoder
from coursekit.runtime import CourseError

METHODS: dict[str, type[SSLMethod]] = {"simclr": SimCLR}


def method_names() -> tuple[str, ...]:
    """All names that `build_method` knows."""
    return tuple(METHODS)


def build_method(name: str, encoder: Encoder, image_size: int, **options) -> SSLMethod:
    """The method around an encoder. image_size: side of the views, px. options: as its class says.

    Raises CourseError for an unknown name or option.
    """
    if name not in METHODS:
        raise CourseError(f"There is no method {name!r}. Choose one of: {', '.join(METHODS)}.")
    try:
        return METHODS[name](encoder, image_size, **options)
    except TypeError as error:
        raise CourseError(f"Method {name!r} cannot be built with {options}: {error}.") from error
