"""Read the YAML files of this room: quizzes, the glossary, the texts of an exercise."""

from pathlib import Path

import yaml

from coursekit.runtime import CourseError


def read_yaml(path: Path, shape, entry: str = ""):
    """What a file holds. Raises CourseError if it has another shape, with the file's name and the entry.

    shape: an example of what should be there. `str` is a text, [shape] a list, {str: shape} a mapping with any names,
    {"hints": shape, "words?": shape} one with these, of which those with a ? may be missing, (shape, shape) either.
    entry: what an entry is called if the file is a list.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CourseError(f"{path} cannot be read: {error}") from error
    _expect(found, shape, f"{path.name}, {entry}" if entry else path.name)
    return found


def _expect(value, shape, where: str) -> None:
    kinds = {one if one is str else type(one): one for one in (shape if isinstance(shape, tuple) else (shape,))}
    if type(value) not in kinds or value in ([], {}):
        names = {str: "a text", list: "a list", dict: "a mapping"}
        raise CourseError(f"{where}: it should be {' or '.join(names[kind] for kind in kinds)}, not {value!r}.")
    shape = kinds[type(value)]
    if isinstance(value, list):
        for number, item in enumerate(value, start=1):
            _expect(item, shape[0], f"{where} {number}")
    elif isinstance(value, dict):
        for key in value:
            _expect(key, str, f"{where}, {key}")  # without quotes, YAML takes no and off for False
        allowed = dict.fromkeys(value, shape[str]) if str in shape else {key.rstrip("?"): shape[key] for key in shape}
        missing = [key for key in shape if key in allowed and key not in value]
        if missing or not value.keys() <= allowed.keys():
            raise CourseError(f"{where}: it should have {', '.join(shape)}, not {', '.join(value)}.")
        for key, item in value.items():
            _expect(item, allowed[key], f"{where}, {key}")
