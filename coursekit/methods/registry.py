"""Methods by name, so that a command, a recipe and a checkpoint build the same one."""

import importlib
import pkgutil
from collections.abc import Callable

from coursekit import settings as checking
from coursekit.methods.base import SSLMethod
from coursekit.models import Encoder
from coursekit.runtime import CourseError
from coursekit.views import ViewMaker

_METHODS: dict[str, type[SSLMethod]] = {}


def register(name: str) -> Callable[[type[SSLMethod]], type[SSLMethod]]:
    """A decorator for a method's class: from now on `build_method(name, ...)` and the command line know it."""

    def add(method: type[SSLMethod]) -> type[SSLMethod]:
        _METHODS[name] = method
        return method

    return add


def method_names() -> tuple[str, ...]:
    """All names that `build_method` knows: every file of this folder is asked, so a new method is one new file."""
    folder = importlib.import_module("coursekit.methods")
    for file in pkgutil.iter_modules(folder.__path__, f"{folder.__name__}."):
        importlib.import_module(file.name)
    return tuple(sorted(_METHODS))


def method_class(name: str) -> type[SSLMethod]:
    """The class of this name. Raises CourseError if there is none."""
    if name not in _METHODS and name not in method_names():
        raise CourseError(f"There is no method {name!r}. Choose one of: {', '.join(_METHODS)}.")
    return _METHODS[name]


def method_settings(method: type[SSLMethod]) -> dict[str, checking.Setting]:
    """The settings of a method's class: name -> declared type and default."""
    return checking.of_signature(method, without=("encoder", "views"))


def build_method(name: str, encoder: Encoder, views: ViewMaker, **settings) -> SSLMethod:
    """The method around an encoder.

    views: for instance `method_class(name).default_views(64)`. settings: as its class says. Raises CourseError for an
    unknown name, an unknown setting, or a value of a wrong type.
    """
    method = method_class(name)
    return method(encoder, views, **checking.check(method.__name__, method_settings(method), settings))
