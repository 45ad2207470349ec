"""Many drawn scenes at once: seeds that never meet, drawing on all cores, and object crops balanced by subtype."""

import hashlib
import math
from functools import cache, partial

import cv2
import numpy as np

from coursekit.data.parallel import map_processes, progress_bar
from coursekit.scenes.road_scenes import SUBTYPES, draw_scene

PURPOSES = ("train", "val", "test", "scenes", "crops")
MOST = 10_000_000  # scenes per purpose and seed
SMALLEST_SCENE = 64  # px: smaller ones are drawn at this size and scaled down
CROP_SCENE = 448  # px: scenes that crops are cut from
SMALLEST_CROP = 40  # px: longer side of an object that is cropped
VISIBLE_CROP = 0.7  # share of the object that must be visible
VERSION_SEEDS = (139, 55, 46, 5, 0, 1)  # together they hold every subtype, view, weather and time of day
VERSION_SIZE = 160  # px
SCENES_PER_CROP = 0.6  # at most; a balance of subtypes beyond that would cost more drawing than it is worth


def scene_seed(purpose: str, seed: int, index: int) -> int:
    """The seed of one scene; no two (purpose, seed, index) share one, so no split ever sees another split's scene."""
    if seed < 0 or not 0 <= index < MOST:
        raise ValueError(f"seed must be at least 0 and index in [0, {MOST}), not {seed} and {index}")
    return (seed * 8 + PURPOSES.index(purpose)) * MOST + index


@cache
def drawing_version() -> str:
    """A hash of what a few seeds draw, so that no cache and no card outlives a change of them.

    The pictures count, not the source: moving or renaming code changes nothing. A machine that rounds differently
    draws other last digits, and gets another version.
    """
    digest = hashlib.sha256()
    for index in VERSION_SEEDS:
        parts = [*_image_and_mask(index, VERSION_SIZE), scene_seed("crops", 1, index)]
        for crop, label in _crops(index, VERSION_SIZE, 0.1):
            parts += [crop, label]
        for part in parts:
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:16]


def draw_images(n: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n whole scenes: images uint8 (n, size, size, 3) RGB, masks uint8 (n, size, size), 0 or 1 + class."""
    images = np.empty((n, size, size, 3), np.uint8)
    masks = np.empty((n, size, size), np.uint8)
    seeds = [scene_seed("scenes", seed, i) for i in range(n)]
    with progress_bar(f"drawing {n} road scenes", n) as bar:
        for i, (image, mask) in enumerate(map_processes(partial(_image_and_mask, size=size), seeds)):
            images[i], masks[i] = image, mask
            bar.update()
    return images, masks


def _image_and_mask(seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    scene = draw_scene(seed, max(size, SMALLEST_SCENE))
    mask = np.zeros(scene.image.shape[:2], np.uint8)
    for label, visible in zip(scene.classes, scene.masks, strict=True):
        mask[visible] = 1 + label
    if size >= SMALLEST_SCENE:
        return scene.image, mask
    return (
        cv2.resize(scene.image, (size, size), interpolation=cv2.INTER_AREA),
        cv2.resize(mask, (size, size), interpolation=cv2.INTER_NEAREST),
    )


def draw_crops(n: int, size: int, seed: int, context: float) -> tuple[np.ndarray, np.ndarray]:
    """n single objects cut from scenes: images uint8 (n, size, size, 3) RGB, labels int64 (n,) into SUBTYPES.

    Square crops with a margin of `context` times the longer side; objects of at least 40 px, at least 70 % visible.
    Every subtype gets its share of n as long as the scenes bring it; what rare subtypes lack is filled with others.
    """
    quota = [n // len(SUBTYPES) + (k < n % len(SUBTYPES)) for k in range(len(SUBTYPES))]
    chosen, spare, have = [], [], [0] * len(SUBTYPES)
    seeds = [scene_seed("crops", seed, i) for i in range(math.ceil(n * SCENES_PER_CROP) + 20)]
    with progress_bar(f"drawing {n} road objects", n) as bar:
        for crops in map_processes(partial(_crops, size=size, context=context), seeds):
            for crop, label in crops:
                if have[label] < quota[label]:
                    have[label] += 1
                    chosen.append((crop, label))
                    bar.update()
                elif len(spare) < n:
                    spare.append((crop, label))
            if len(chosen) == n:
                break
        bar.update(n - len(chosen))  # what is filled up with other subtypes
    chosen += spare[: n - len(chosen)]
    order = np.random.default_rng(scene_seed("crops", seed, 0)).permutation(len(chosen))  # rare subtypes came last
    return np.stack([chosen[i][0] for i in order]), np.array([chosen[i][1] for i in order], np.int64)


def _crops(seed: int, size: int, context: float) -> list[tuple[np.ndarray, int]]:
    scene = draw_scene(seed, CROP_SCENE)
    found = []
    for box, label, visible in zip(scene.boxes, scene.subtypes, scene.visible, strict=True):
        longer = float(max(box[2] - box[0], box[3] - box[1]))
        if longer >= SMALLEST_CROP and visible >= VISIBLE_CROP:
            found.append((_square(scene.image, box, longer * (1 + 2 * context), size), int(label)))
    return found


def _square(image: np.ndarray, box: np.ndarray, side: float, size: int) -> np.ndarray:
    """The square of `side` px around a box, moved into the frame, scaled to size x size with antialiasing."""
    height, width = image.shape[:2]
    side = min(side, height, width)
    left = np.clip((box[0] + box[2]) / 2 - side / 2, 0, width - side)
    top = np.clip((box[1] + box[3]) / 2 - side / 2, 0, height - side)
    x1, y1, x2, y2 = (int(round(v)) for v in (left, top, left + side, top + side))
    shrinks = x2 - x1 > size
    return cv2.resize(image[y1:y2, x1:x2], (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
