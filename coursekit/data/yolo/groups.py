"""Photographs that belong together, and placing such groups in splits so that all come near their shares."""

import hashlib
import random
from collections import Counter, defaultdict

import numpy as np

from coursekit.data.yolo.photographs import Photograph
from coursekit.data.yolo.yaml import label_file

WORK = 20_000  # groups placed in all, over all orders that are tried: about a second


def grouped(photographs: list[Photograph], by_folder: bool) -> tuple[list[list[Photograph]], list[str]]:
    """Photographs that stay together, and a line about each pair of subfolders that identical files join."""
    sizes = Counter(photo.image.stat().st_size for photo in photographs)
    parent, first, joined = list(range(len(photographs))), {}, []

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for i, photo in enumerate(photographs):
        keys = [("label", label_file(photo.image))]
        if by_folder and photo.folder:
            keys.append(("folder", photo.folder))
        size = photo.image.stat().st_size
        if size and sizes[size] > 1:  # only files of one size can be identical; empty ones are broken, not related
            keys.append(("bytes", hashlib.sha256(photo.image.read_bytes()).digest()))
        for key in keys:
            j = first.setdefault(key, i)
            other = photographs[j]
            if root(i) != root(j):
                if by_folder and key[0] == "bytes" and other.folder and photo.folder:
                    same = f"images/{other.name} and images/{photo.name} are the same picture"
                    joined.append(f"{same}, so that the folders {other.folder} and {photo.folder} stay together")
                parent[root(i)] = root(j)
    groups = defaultdict(list)
    for i, photo in enumerate(photographs):
        groups[root(i)].append(photo)
    return list(groups.values()), joined


def counted(group: list[Photograph], classes: int) -> np.ndarray:
    """Of a group: the number of photographs, then of boxes of each class."""
    boxes = [label for photo in group for label in photo.classes]
    return np.array([len(group), *np.bincount(np.array(boxes, int), minlength=classes)])


def called(group: list[Photograph]) -> str:
    """A group in words: its subfolders and its size."""
    folders = sorted({photo.folder for photo in group} - {None})
    name = " with ".join(f"images/{folder}" for folder in folders[:3]) + (" and others" if len(folders) > 3 else "")
    return f"{name or 'images/' + group[0].name} ({len(group)} photograph{'s' * (len(group) > 1)})"


def placed(table: np.ndarray, shares: np.ndarray, seed: int) -> list[int]:
    """The number of the split for each group; every split gets a group with a box, if there are enough of them.

    Groups are placed one by one in a random order, each in the split that is then nearest to its shares. The best of up to
    200 orders is kept: first, few splits with less than half their share of the photographs; then, little distance.

    table: (groups, 1 + classes), numbers of photographs and of boxes. shares: (splits,), of the whole; their sum is 1.

    How far a split is from its share is measured as (got - share)^2 / share, for the photographs and, with the same
    weight in all, for the classes.
    """
    total = table.sum(0)
    parts, boxed = table / np.maximum(total, 1), table[:, 1:].any(1)
    weight = np.array([1.0, *(total[1:] > 0) / max(1, (total[1:] > 0).sum())])
    draws, order, best = random.Random(seed), list(range(len(table))), None
    for _ in range(min(200, max(2, WORK // len(table)))):
        draws.shuffle(order)
        free = draws.randrange(6)  # the first groups go anywhere: with few of them, greed alone misses good splits
        got, places = np.zeros((len(shares), table.shape[1])), [0] * len(table)
        empty, left = set(range(len(shares))), int(boxed.sum())
        for turn, group in enumerate(order):
            part = parts[group]
            worse = (weight * part * (2 * (got - shares[:, None]) + part)).sum(1) / shares
            # the last groups with boxes are for the splits that have none yet
            allowed = sorted(empty) if boxed[group] and left <= len(empty) else range(len(shares))
            nearest = min(allowed, key=lambda s: round(worse[s], 9))  # rounded: a tie is a tie on every machine
            place = draws.choice(allowed) if turn < free else nearest
            places[group] = place
            got[place] += part
            if boxed[group]:
                left -= 1
                empty.discard(place)
        distance = (weight * (got - shares[:, None]) ** 2 / shares[:, None]).sum()
        rank = (int((got[:, 0] < shares / 2).sum()), round(float(distance), 9))
        if best is None or rank < best[0]:
            best = rank, places
    return best[1]
