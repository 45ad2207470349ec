"""Where photographs come from: folders, CIFAR-10, STL-10.

The last two return (images uint8 (N, 3, H, W), labels int64 (N,) or None, class names or None). They are read from their
authors' binary files: no pickle is opened.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from coursekit.data import image_store
from coursekit.data.archives import fetched
from coursekit.data.decode import find_images, read_square
from coursekit.data.downloads import or_else
from coursekit.data.parallel import map_threads, progress_bar
from coursekit.files import listed
from coursekit.runtime import CourseError, home

Parts = tuple[Tensor, Tensor | None, tuple[str, ...] | None]

CIFAR10_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
CIFAR10_KNOWN = {"size": 170_052_171, "sha256": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"}
CIFAR10_FOLDER = "cifar-10-batches-bin"
CIFAR10_FILES = {"train": [f"data_batch_{i}.bin" for i in range(1, 6)], "test": ["test_batch.bin"]}
CIFAR10_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
STL10_URL = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
STL10_KNOWN = {"size": 2_640_397_119, "md5": "91f7769df0f17e558f3565bffb0c7dfb"}
STL10_FILES = ("unlabeled_X.bin", "train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin")
STL10_NAMES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")


def folder(path: str | Path, size: int, limit: int | None, workers: int | None, skip_unreadable: bool) -> np.ndarray:
    """All images below a folder: uint8 (N, 3, size, size), memory-mapped when large. See ImageSet.from_folder."""
    if size < 1 or (limit is not None and limit < 1):
        raise ValueError(f"size and limit must be at least 1, not {size} and {limit}")
    files = find_images(path, skip_unreadable)
    files = [files[i] for i in _spread(len(files), limit)]
    key = image_store.folder_key(Path(path).expanduser(), files, size)
    if (cached := image_store.cached(key, len(files), size)) is not None:
        return cached
    problems = []

    def attempt(file: Path) -> np.ndarray | CourseError:  # one bad file must not hide the next one
        try:
            return read_square(file, size)
        except CourseError as error:
            return error

    def fill(pixels: np.ndarray) -> int:
        good = 0
        with progress_bar(f"reading {len(files)} images", len(files)) as bar:
            for image in map_threads(attempt, files, workers):
                bar.update()
                if isinstance(image, CourseError):
                    problems.append(image)
                else:
                    pixels[good] = image.transpose(2, 0, 1)
                    good += 1
        if problems and not skip_unreadable:
            raise CourseError(
                f"{len(problems)} of {len(files)} images cannot be used:{listed(problems, 10)}\nMend or delete them, or "
                "leave them out with --skip-unreadable (skip_unreadable=True in Python)."
            )
        if not good:
            raise CourseError(f"None of the {len(files)} images can be used:{listed(problems, 10)}")
        return good

    images = image_store.filled(key, len(files), size, fill)
    if problems:
        print(f"Left out {len(problems)} of {len(files)} images:{listed(problems, 10)}", flush=True)
    return images


def class_folders(path: str | Path) -> list[Path]:
    """The subfolders of a labelled folder. Raises CourseError unless there are two or more."""
    root = Path(path).expanduser()
    if not root.is_dir():
        raise CourseError(f"There is no folder '{path}'. Name a folder with one subfolder of images for each class.")
    classes = sorted(each for each in root.iterdir() if each.is_dir() and not each.name.startswith("."))
    if len(classes) < 2:
        raise CourseError(f"{path} needs one subfolder for each class, two or more of them; it has {len(classes)}.")
    return classes


def cifar10(split: str, size: int | None, limit: int | None) -> Parts:
    """CIFAR-10: 50000 train and 10000 test images of 32 px, ten classes.

    Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009. A record is one label byte and 3 x 32 x 32
    bytes.
    """
    _known_split(split, ("train", "test"))
    folder = _unpacked("CIFAR-10", CIFAR10_URL, CIFAR10_FOLDER, sum(CIFAR10_FILES.values(), []), CIFAR10_KNOWN)
    records = np.concatenate([_records(folder / file, 1 + 3 * 32 * 32) for file in CIFAR10_FILES[split]])
    records = records[_spread(len(records), limit)]
    labels = torch.from_numpy(records[:, 0].astype(np.int64))
    return _resized(records[:, 1:].reshape(-1, 3, 32, 32), size), labels, CIFAR10_NAMES


def stl10(split: str, size: int | None, limit: int | None) -> Parts:
    """STL-10: 100000 unlabelled, 5000 train and 8000 test images of 96 px, ten classes.

    Coates, Ng, Lee, An Analysis of Single-Layer Networks in Unsupervised Feature Learning, AISTATS 2011. Images are
    stored column by column; labels count from 1.
    """
    _known_split(split, ("unlabeled", "train", "test"))
    folder = _unpacked("STL-10", STL10_URL, "stl10_binary", STL10_FILES, STL10_KNOWN)
    records = _records(folder / f"{split}_X.bin", 3 * 96 * 96)
    chosen = _spread(len(records), limit)
    images = _resized(records[chosen].reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2), size)
    if split == "unlabeled":
        return images, None, None
    labels = _records(folder / f"{split}_y.bin", 1)[:, 0].astype(np.int64)[chosen] - 1
    return images, torch.from_numpy(labels), STL10_NAMES


def stl10_is_here() -> bool:
    """True if STL-10 is downloaded and unpacked."""
    return _place("stl10_binary").is_dir()


def _place(inner: str) -> Path:
    return home() / "datasets" / inner / inner  # the archive holds a folder of the same name


def _unpacked(name: str, url: str, inner: str, files: Sequence[str], known: dict) -> Path:
    """The unpacked folder of a data set, fetched if it is not there yet."""
    without = (
        "The course works without it: ImageSet.road_scenes draws images from a seed, ImageSet.from_folder reads yours."
    )
    with or_else(f"{name} cannot be had. {without}"):
        return fetched(name, url, _place(inner).parent, [f"{inner}/{file}" for file in files], **known) / inner


def _records(file: Path, length: int) -> np.ndarray:
    """A binary file as uint8 (N, length), memory-mapped."""
    if not file.is_file() or file.stat().st_size == 0 or file.stat().st_size % length:
        raise CourseError(f"{file} is missing or damaged. Delete the folder {file.parent.parent} and start again.")
    return np.memmap(file, np.uint8, mode="r").reshape(-1, length)


def _spread(n: int, limit: int | None) -> np.ndarray:
    """Which of n images a limit takes: evenly spread, in order."""
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit}")
    return np.arange(n) if limit is None or limit >= n else np.linspace(0, n - 1, limit).round().astype(int)


def _resized(images: np.ndarray, size: int | None) -> Tensor:
    """(N, 3, H, H) to (N, 3, size, size), antialiased bicubic, a few thousand at a time."""
    if size is None or size == images.shape[-1]:
        return torch.from_numpy(np.array(images))
    resized = torch.empty(len(images), 3, size, size, dtype=torch.uint8)
    for start in range(0, len(images), 2048):
        block = torch.from_numpy(np.array(images[start : start + 2048])).float()
        block = F.interpolate(block, size=(size, size), mode="bicubic", antialias=True, align_corners=False)
        resized[start : start + 2048] = block.round().clamp(0, 255).byte()
    return resized


def _known_split(split: str, splits: tuple[str, ...]) -> None:
    if split not in splits:
        raise ValueError(f"split must be one of {', '.join(splits)}, not {split!r}")
