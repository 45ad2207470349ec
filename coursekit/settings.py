"""Settings by name: which ones there are, whether a value fits, and what a text on the command line means.

A class declares its settings as parameters of its constructor, a frozen dataclass as its fields, both with a type and
usually a default. `check` compares what was given with what was declared *before* anything is built, so that a bug
inside a constructor is never reported as the user's mistake.
"""

import ast
import dataclasses
import difflib
import inspect
import types
from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Union, get_args, get_origin

from coursekit.runtime import CourseError

WORDS = {"none": None, "true": True, "false": False}
MISSING = inspect.Parameter.empty


class Setting(NamedTuple):
    """kind: the declared type. value: the default, or what is set now; MISSING if there is none."""

    kind: Any
    value: Any

    def __str__(self) -> str:
        plain_type = isinstance(self.kind, type) and not get_args(self.kind)
        kind = self.kind.__name__ if plain_type else str(self.kind)
        return kind if self.value is MISSING else f"{kind}, {self.value}"


def of_signature(make: Callable, without: Collection[str] = ()) -> dict[str, Setting]:
    """The settings that a class or function takes by name. without: parameters that are given in another way."""
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(make).parameters.items()
    return {n: Setting(p.annotation, p.default) for n, p in parameters if n not in without and p.kind in by_name}


def of_value(value: Any, prefix: str = "") -> dict[str, Setting]:
    """The fields of a dataclass, those of dataclasses inside it too, by dotted name: {"view.scale": ...}."""
    found = {}
    for field in dataclasses.fields(value):
        inner, name = getattr(value, field.name), prefix + field.name
        found |= of_value(inner, f"{name}.") if dataclasses.is_dataclass(inner) else {name: Setting(field.type, inner)}
    return found


def check(what: str, known: dict[str, Setting], given: dict[str, Any]) -> dict[str, Any]:
    """`given` with each value in its declared type (1 becomes 1.0 for a float, a list becomes a tuple).

    what: whose settings, for the message. Raises CourseError for an unknown name or a value of a wrong type, with the
    list of the settings that there are.
    """
    listed = "; ".join(f"{name} ({setting})" for name, setting in known.items()) or "none"
    fitted = {}
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise CourseError(f"{what} has no setting {name!r}.{hint} Its settings: {listed}.")
        try:
            fitted[name] = fit(value, known[name].kind)
        except ValueError:
            raise CourseError(
                f"{what}: {name} is {value!r}, but it must be of the type {Setting(known[name].kind, MISSING)}. "
                f"Its settings: {listed}."
            ) from None
    return fitted


def fit(value: Any, kind: Any) -> Any:
    """The value in the declared type, or ValueError if it does not fit."""
    if kind in (MISSING, Any) or value is None and kind in (None, types.NoneType):
        return value
    inner = get_args(kind)
    if get_origin(kind) in (Union, types.UnionType):
        for option in inner:
            try:
                return fit(value, option)
            except ValueError:
                continue
    elif get_origin(kind) is tuple and isinstance(value, (tuple, list)):
        kinds = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        if len(kinds) == len(value):
            return tuple(map(fit, value, kinds))
    elif kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    elif isinstance(kind, type) and isinstance(value, kind) and not (kind is int and isinstance(value, bool)):
        return value
    raise ValueError(f"{value!r} is not of the type {kind}")


def read_words(words: Collection[str]) -> dict[str, Any]:
    """NAME=VALUE, as typed on the command line: numbers, none, true and false as such, 0.2,1.0 as a tuple.

    Raises CourseError for a word without "=".
    """
    found = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not (equals and name.strip()):
            raise CourseError(f"{word!r} is not NAME=VALUE, such as temperature=0.2.")
        try:
            found[name.strip()] = WORDS[text.lower()] if text.lower() in WORDS else ast.literal_eval(text)
        except (ValueError, SyntaxError):
            found[name.strip()] = text
    return found


def replaced(value: Any, changes: dict[str, Any]) -> Any:
    """A copy of a dataclass with some fields changed, by dotted name as in `of_value`."""
    own = {name: new for name, new in changes.items() if "." not in name}
    for outer in {name.split(".")[0] for name in changes if "." in name}:
        inner = {name.partition(".")[2]: new for name, new in changes.items() if name.startswith(f"{outer}.")}
        own[outer] = replaced(getattr(value, outer), inner)
    return dataclasses.replace(value, **own)


def plain(value: Any) -> Any:
    """A value as a checkpoint holds it: dataclasses as {"type": name, field: ...}, tuples as lists.

    Raises TypeError for anything else that is not plain, such as a function: it could not be compared later.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": type(value).__name__, **fields}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"{value!r} of type {type(value).__name__} cannot be written into a run")


def plain_values(settings: dict[str, Any]) -> dict[str, Any]:
    """Each value as in `plain`."""
    return {name: plain(value) for name, value in settings.items()}
