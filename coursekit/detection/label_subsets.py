"""Which images are labelled: nested subsets that show every class in its share, and the files that training reads."""

import hashlib
import math
import random
from pathlib import Path

import numpy as np
import yaml

from coursekit.data.yolo.labels import parse_labels
from coursekit.data.yolo.yaml import label_file
from coursekit.detection.validation import read_dataset
from coursekit.files import write_atomically


def stratified_order(boxes: np.ndarray, seed: int) -> list[int]:
    """Images in a random order in which every beginning has about the classes' shares of the whole.

    boxes: (N, classes) numbers of boxes. Of eight images drawn at random the next is always the `nearest_image`.
    """
    left = random.Random(f"labels {seed}").sample(range(len(boxes)), len(boxes))
    mean = boxes.mean(axis=0).clip(1e-9)
    order, total = [], np.zeros(boxes.shape[1])
    while left:
        pool = left[:8]
        best = pool[nearest_image(total, len(order), boxes[pool], mean)]
        left.remove(best)
        order.append(best)
        total += boxes[best]
    return order


def nearest_image(total: np.ndarray, n: int, pool: np.ndarray, mean: np.ndarray) -> int:
    """The candidate after which a subset's mean numbers of boxes, in units of the whole's, come nearest to it.

    total: (classes,) boxes in the n images that are chosen. pool: (candidates, classes), their boxes. mean: (classes,) boxes
    in an image of the whole, on average, none of them 0.
    """
    off = (total + pool) / (n + 1) / mean - 1
    return int(np.square(off).sum(axis=1).argmin())


def write_subset(source: Path, chosen: list[Path], seed: int, passes: int, out: Path) -> Path:
    """A dataset YAML whose train split lists the chosen images as often as makes `passes` lines."""
    data = read_dataset(source)
    listed = (chosen * math.ceil(passes / len(chosen)))[:passes]
    folder = out / "subsets" / f"{len(chosen):06d}_{seed}"
    lines = "\n".join(map(str, listed)) + "\n"
    write_atomically(folder / "train.txt", lambda file: file.write(lines.encode()))  # a second process may read it now
    splits = {split: data[split] for split in ("val", "test") if data.get(split)}
    names = {int(number): str(name) for number, name in data["names"].items()}
    content = {"path": str(data["path"]), "train": str((folder / "train.txt").resolve()), **splits, "names": names}
    write_atomically(folder / "data.yaml", lambda file: file.write(yaml.safe_dump(content).encode()))
    return folder / "data.yaml"


def boxes_of_classes(images: list[Path], classes: int) -> np.ndarray:
    """Numbers of boxes: (N, classes). What is no label is left out, as Ultralytics leaves it out."""
    boxes = np.zeros((len(images), classes))
    for count, image in zip(boxes, images, strict=True):
        if (file := label_file(image)).is_file():
            rows, _ = parse_labels(file.read_text(encoding="utf-8", errors="replace"), classes)
            count += np.bincount(rows[:, 0].astype(int), minlength=classes)
    return boxes


def fingerprint(images: list[Path]) -> dict:
    """Number of images and a hash of their names and labels: the same data, wherever it lies."""
    digest = hashlib.sha256()
    for image in images:
        label = label_file(image)
        digest.update(image.name.encode() + b"\0" + (label.read_bytes() if label.is_file() else b""))
    return {"images": len(images), "sha256": digest.hexdigest()}
