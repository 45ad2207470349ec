"""The YAML of a dataset in YOLO's format, read as Ultralytics reads it, and what is wrong with it."""

import errno
import glob
import os
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from coursekit.data.disk import shown
from coursekit.runtime import CourseError

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

    def wrong(self, key: str | None, message: str) -> None:
        self.problems.append(Problem(self.file, self.lines.get(key), message))


def load_yaml(path: str | Path) -> DatasetYaml:
    """Read and judge a dataset's YAML. Raises CourseError only where there is no such file."""
    path = Path(path).expanduser()
    if not path.is_file():
        where = "is a folder; name the YAML in it" if path.is_dir() else "does not exist"
        raise CourseError(f"The dataset YAML {path} {where}.")
    found = DatasetYaml(path.absolute())
    try:
        text = path.read_text(encoding="utf-8-sig")
        data, node = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError:
        found.wrong(None, "not a text file in UTF-8")
        return found
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        found.problems.append(
            Problem(
                found.file,
                mark.line + 1 if mark else None,
                f"not valid YAML: {getattr(error, 'problem', None) or 'it cannot be parsed'}",
            )
        )
        return found
    except RecursionError:
        found.wrong(None, "not valid YAML: brackets within brackets, too deep to be read")
        return found
    except ValueError as error:  # an impossible date, say
        found.wrong(None, f"not valid YAML: {error}")
        return found
    if not isinstance(data, dict):
        found.wrong(None, "not a mapping of keys to values: it needs train:, val: and names:")
        return found
    for key, _ in node.value:
        if key.value in found.lines:
            found.problems.append(Problem(found.file, key.start_mark.line + 1, f"the key {key.value!r} is there twice"))
        found.lines[key.value] = key.start_mark.line + 1
    _judge_names(found, data)
    _judge_paths(found, data)
    shape = data.get("kpt_shape")
    if isinstance(shape, (list, tuple)) and len(shape) == 2 and all(isinstance(v, int) and v > 0 for v in shape):
        found.keypoints = (shape[0], shape[1])
    elif shape is not None:
        found.wrong("kpt_shape", f"kpt_shape must be two whole numbers, not {shape!r}")
    return found


def _judge_names(found: DatasetYaml, data: dict) -> None:
    names, nc = data.get("names"), data.get("nc")
    if names is None and nc is None:
        found.wrong("names", "names: is missing: the class names, by number")
    elif names is None:
        if isinstance(nc, bool) or not isinstance(nc, (int, float)) or not 1 <= nc < 10**6 or nc != int(nc):
            found.wrong("nc", f"nc must be a whole number of classes, not {nc!r}")
        else:
            found.names = {i: f"class_{i}" for i in range(int(nc))}
    elif not isinstance(names, (list, dict)) or not names:
        found.wrong("names", "names must list at least one class name, as a list or by number")
    else:
        named = dict(enumerate(names)) if isinstance(names, list) else names
        try:
            found.names = {int(key): str(name) for key, name in named.items()}
        except (TypeError, ValueError, OverflowError):  # OverflowError: .inf
            found.wrong("names", f"the class numbers must be whole numbers, not {list(named)}")
            return
        if sorted(found.names) != list(range(len(named))):
            found.wrong("names", f"the class numbers must be 0 to {len(named) - 1}, not {sorted(found.names)}")
        if len(set(found.names.values())) < len(found.names):
            found.wrong("names", "two classes have the same name")
        if nc is not None and nc != len(named):
            found.wrong("nc", f"nc says {nc} classes, names lists {len(named)}")


def _judge_paths(found: DatasetYaml, data: dict) -> None:
    path = data.get("path")
    if path is not None and not isinstance(path, str):
        found.wrong("path", f"path must be a folder's name, not {path!r}")
        return
    root = Path(path) if path else found.file.parent
    if not root.is_absolute() and not root.exists() and (found.file.parent / root).exists():
        found.wrong(
            "path", f"{path} is found only from the YAML's own folder: write the whole path, training looks elsewhere"
        )
        root = found.file.parent / root
    if not root.is_dir():
        found.wrong("path", f"the dataset folder {root} does not exist (was the dataset moved? mend path:)")
        return
    found.root = Path(os.path.abspath(root))
    if "val" not in data and "validation" in data:
        data["val"], found.lines["val"] = data["validation"], found.lines["validation"]
    for split in SPLITS:
        value = data.get(split)
        if value is None or value == "" or value == []:
            if split != "test":
                found.wrong(split, f"{split}: is missing: the folder with its images")
            continue
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(v, str) for v in values):
            found.wrong(split, f"{split} must be a folder or file name, or a list of them, not {value!r}")
            continue
        places = [_place(found.root, v, alone=not isinstance(value, list)) for v in values]
        found.splits[split] = places
        for place in places:
            if not place.exists():
                found.wrong(split, f"{split}: {place} does not exist")
            elif not inside(place, found.root):
                found.wrong(split, f"{split}: {place} leaves the dataset folder {found.root}")


def _place(root: Path, value: str, alone: bool) -> Path:
    """Where a split lies. As Ultralytics reads it, `../train/images` of a YAML beside `train` (Roboflow writes it so)
    means `train/images`, unless the former exists; not in a list."""
    place = Path(os.path.abspath(root / value))
    if alone and value.startswith("../") and not place.exists():
        beside = Path(os.path.abspath(root / value[3:]))
        return beside if beside.exists() else place
    return place


def inside(path: Path, root: Path) -> bool:
    """True where the file that `path` leads to, links followed, lies below `root`."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def listed_images(place: Path) -> list[tuple[Path, Path, int | None]]:
    """Images of one entry of a split, a folder or a .txt list: (image, the file that names it, line). Need not exist.

    Raises UnicodeDecodeError or OSError for a list that cannot be read.
    """
    if place.is_dir():
        names = glob.glob(os.path.join(glob.escape(str(place)), "**", "*.*"), recursive=True)
        return [(Path(n), Path(n), None) for n in sorted(names) if n.rpartition(".")[2].lower() in IMAGE_FORMATS]
    if place.exists() and not place.is_file():  # a named pipe would be waited for without end
        raise OSError(errno.EINVAL, "not a regular file", str(place))
    images = []
    for i, line in enumerate(place.read_text(encoding="utf-8-sig").splitlines(), 1):
        if line.strip() and line.rpartition(".")[2].lower().strip() in IMAGE_FORMATS:
            name = line.strip()
            images.append((place.parent / name[2:] if name.startswith("./") else Path(os.path.abspath(name)), place, i))
    return images


def label_file(image: Path) -> Path:
    """Where YOLO looks for an image's labels: the last `images` in its path becomes `labels`, the ending .txt."""
    images, labels = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"
    return Path(labels.join(str(image).rsplit(images, 1)).rsplit(".", 1)[0] + ".txt")
