"""The YAML of a dataset in YOLO's format, read as Ultralytics reads it, and what is wrong with it."""

import glob
import math
import os
from dataclasses import dataclass, field
from os.path import exists, isdir, isfile  # for names from files: Path's own methods raise if one is too long
from pathlib import Path

import yaml

from coursekit.files import brief, named, shown
from coursekit.runtime import CourseError

MOST = 2 * 10**6  # bytes: ten times a YAML of 10,000 class names
MOST_CLASSES = 10**6
SPLITS = ("train", "val", "test")
IMAGE_FORMATS = frozenset("avif bmp dng heic heif jp2 jpeg jpg mpo png tif tiff webp".split())  # Ultralytics' list


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a dataset: the file, the line in it (from 1; None: the whole file), what and why."""

    file: Path
    line: int | None
    message: str

    def __str__(self) -> str:
        return shown(f"{self.file}:{self.line}: {self.message}" if self.line else f"{self.file}: {self.message}")


@dataclass
class DatasetYaml:
    """What a dataset's YAML says, with the line of every key, and what is wrong with it."""

    file: Path
    root: Path | None = None
    names: dict[int, str] = field(default_factory=dict)
    splits: dict[str, list[Path]] = field(default_factory=dict)
    keypoints: tuple[int, int] | None = None
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    network: list[Problem] = field(default_factory=list)  # those of the problems that no training may start with

    def wrong(self, key: str | None, message: str) -> None:
        self.problems.append(Problem(self.file, self.lines.get(key), message))


def load_yaml(path: str | Path) -> DatasetYaml:
    """Read and judge a dataset's YAML. Raises CourseError only if there is no such file.

    If it cannot be read at all, or is refused before its content is built, the result has no `lines` and one problem.
    """
    path = named(path)
    if not path.is_file():
        where = "is a folder; name the YAML in it" if path.is_dir() else "does not exist"
        raise CourseError(f"The dataset YAML {path} {where}.")
    found = DatasetYaml(path.absolute())
    try:
        data, keys = _parsed(path)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = f"not valid YAML: {getattr(error, 'problem', None) or 'it cannot be parsed'}"
        found.problems.append(Problem(found.file, mark.line + 1 if mark else None, message))
    except (ValueError, RecursionError) as error:  # ValueError: such as an impossible date, or a byte that is not UTF-8
        deep = isinstance(error, RecursionError)
        found.wrong(None, f"not valid YAML: {'brackets within brackets, too deep to be read' if deep else error}")
    else:
        if not isinstance(data, dict):
            found.wrong(None, "not a mapping of keys to values: it needs train:, val: and names:")
            return found
        for key, line in keys:
            if key in found.lines:
                found.problems.append(Problem(found.file, line, f"the key {key!r} is there twice"))
            found.lines[key] = line
        _judge_names(found, data)
        _judge_paths(found, data)
        _judge_network(found, data)
    return found


def _parsed(path: Path) -> tuple:
    """(content, [(key, line), ...]) of a YAML. Raises ValueError if it is too large, also with its aliases written out."""
    if path.stat().st_size > MOST:
        raise ValueError(f"it is larger than {MOST} bytes")
    loader = yaml.SafeLoader(path.read_text(encoding="utf-8-sig"))
    try:
        node = loader.get_single_node()
        if node is None:
            return None, []
        if _written_out(node, {}) > MOST:
            raise ValueError(f"with its aliases written out it is larger than {MOST} bytes")
        keys = node.value if isinstance(node, yaml.MappingNode) else []
        keys = [(key.value, key.start_mark.line + 1) for key, _ in keys]  # before merge keys are written out
        return loader.construct_document(node), keys
    finally:
        loader.dispose()


def _written_out(node: yaml.Node, known: dict[yaml.Node, float]) -> float:
    """About how many characters a node has with every alias in it written out; infinitely many in an alias of itself."""
    if node not in known:
        known[node] = math.inf
        parts = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = [part for pair in parts for part in pair] if isinstance(node, yaml.MappingNode) else parts
        own = 1 if isinstance(node, yaml.CollectionNode) else 1 + len(node.value)
        known[node] = own + sum(_written_out(part, known) for part in parts)
    return known[node]


def _judge_network(found: DatasetYaml, data: dict) -> None:
    """Keys by which Ultralytics builds another network, or counts other classes, than the rest of the YAML says."""
    before = len(found.problems)
    if data.get("channels", 3) != 3:
        why = "makes a network that does not see RGB: remove the line (gray pictures are read as RGB)"
        found.wrong("channels", f"channels: {brief(data['channels'])} {why}")
    if data.get("bg_class_idx"):
        found.wrong("bg_class_idx", "bg_class_idx replaces the number of classes: remove the line")
    shape = data.get("kpt_shape")
    if isinstance(shape, list) and len(shape) == 2 and all(type(v) is int and v > 0 for v in shape):
        found.keypoints = (shape[0], shape[1])
    elif "kpt_shape" in data:
        found.wrong("kpt_shape", f"kpt_shape must be two whole numbers, not {brief(shape)}")
    found.network = found.problems[before:]


def _judge_names(found: DatasetYaml, data: dict) -> None:
    names, nc = data.get("names"), data.get("nc")
    try:  # as Ultralytics does, which takes '4' and 4.0 for 4
        number = None if nc is None else int(float(nc))
        whole = nc is None or (float(nc) == number and not isinstance(nc, bool))
    except (TypeError, ValueError, OverflowError):
        whole = False
    if not whole or (nc is not None and not 1 <= number < MOST_CLASSES):
        found.wrong("nc", f"nc must be a whole number of classes, not {brief(nc)}")
    elif names is None and nc is None:
        found.wrong("names", "names: is missing: the class names, by number")
    elif names is None:
        found.names = {i: f"class_{i}" for i in range(number)}
    elif not isinstance(names, (list, dict)) or not names:
        found.wrong("names", "names must list at least one class name, as a list or by number")
    else:
        given = dict(enumerate(names)) if isinstance(names, list) else names
        try:
            found.names = {int(key): str(name) for key, name in given.items()}
        except (TypeError, ValueError, OverflowError):  # OverflowError: .inf
            found.wrong("names", f"the class numbers must be whole numbers, not {brief(list(given))}")
            return
        if sorted(found.names) != list(range(len(given))):
            numbers = brief(sorted(found.names))
            found.wrong("names", f"the class numbers must be 0 to {len(given) - 1}, not {numbers}")
        if len(set(found.names.values())) < len(found.names):
            found.wrong("names", "two classes have the same name")
        if nc is not None and number != len(given):
            found.wrong("nc", f"nc says {number} classes, names lists {len(given)}")


def _judge_paths(found: DatasetYaml, data: dict) -> None:
    path = data.get("path")
    if path is not None and not isinstance(path, str):
        found.wrong("path", f"path must be a folder's name, not {brief(path)}")
        return
    root = Path(path) if path else found.file.parent
    if not root.is_absolute() and not exists(root) and exists(found.file.parent / root):
        found.wrong(
            "path", f"{path} is found only from the YAML's own folder: write the whole path, training looks elsewhere"
        )
        root = found.file.parent / root
    if not isdir(root):
        found.wrong("path", f"the dataset folder {root} does not exist (was the dataset moved? mend path:)")
        return
    found.root = Path(os.path.abspath(root))
    if "val" not in data and "validation" in data:
        data["val"], found.lines["val"] = data["validation"], found.lines.get("validation")
    for split in SPLITS:
        value = data.get(split)
        if value is None or value == "" or value == []:
            if split != "test":
                found.wrong(split, f"{split}: is missing: the folder with its images")
            continue
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(v, str) for v in values):
            found.wrong(split, f"{split} must be a folder or file name, or a list of them, not {brief(value)}")
            continue
        places = [_place(found.root, v, alone=not isinstance(value, list)) for v in values]
        found.splits[split] = places
        for place in places:
            if not exists(place):
                found.wrong(split, f"{split}: {place} does not exist")
            elif not inside(place, found.root):
                found.wrong(split, f"{split}: {place} leaves the dataset folder {found.root}")


def _place(root: Path, value: str, alone: bool) -> Path:
    """Where a split lies. As Ultralytics reads it, `../train/images` of a YAML beside `train` (Roboflow writes it so)
    means `train/images`, unless the former exists; not in a list."""
    place = Path(os.path.abspath(root / value))
    if alone and value.startswith("../") and not exists(place):
        beside = Path(os.path.abspath(root / value[3:]))
        return beside if exists(beside) else place
    return place


def inside(path: Path, root: Path) -> bool:
    """True if the file that `path` leads to, links followed, lies below `root`."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def listed_images(place: Path) -> list[tuple[Path, Path, int | None]]:
    """Images of one entry of a split, a folder or a .txt list: (image, the file that names it, line). Need not exist.

    Raises CourseError for a list that cannot be read.
    """
    if isdir(place):
        names = glob.glob(os.path.join(glob.escape(str(place)), "**", "*.*"), recursive=True)
        return [(Path(n), Path(n), None) for n in sorted(names) if n.rpartition(".")[2].lower() in IMAGE_FORMATS]
    try:
        # not only tried: a named pipe would be waited for without end
        names = place.read_text(encoding="utf-8-sig").splitlines() if isfile(place) else None
    except (UnicodeDecodeError, OSError):
        names = None
    if names is None:
        raise CourseError(f"{place} is neither a folder of images nor a list of images in UTF-8.")
    images = []
    for line, name in enumerate(map(str.strip, names), 1):
        if name.rpartition(".")[2].lower() in IMAGE_FORMATS:
            image = place.parent / name[2:] if name.startswith("./") else Path(os.path.abspath(name))
            images.append((image, place, line))
    return images


def label_file(image: Path) -> Path:
    """Where YOLO looks for an image's labels: the last `images` in its path becomes `labels`, the ending .txt."""
    images, labels = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"
    return Path(labels.join(str(image).rsplit(images, 1)).rsplit(".", 1)[0] + ".txt")
