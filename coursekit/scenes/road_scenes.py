"""Road scenes drawn from a seed: image, boxes, masks and subtypes, with no photograph needed.

A small renderer (`mesh`, `layer`) draws 3-D models of people, bicycles, cars and buses on a street in
perspective, in any weather and at any time of day. Every random choice comes from the seed alone, so a scene can be
drawn again anywhere.

Subtypes are harder to tell apart than classes, on purpose: no colour, size or weather gives them away, only their
shape.
"""

import gc
from dataclasses import dataclass

import cv2
import numpy as np

from coursekit.scenes import backdrop, models, paint, traffic, world
from coursekit.scenes.camera import Camera
from coursekit.scenes.light import TIMES, WEATHERS, choose_light, expose
from coursekit.scenes.models import CLASS_SUBTYPES
from coursekit.scenes.things import order

CLASS_NAMES = ("person", "bicycle", "car", "bus")
SUBTYPES = tuple(name for names in CLASS_SUBTYPES for name in names)
SUBTYPE_CLASS = {name: label for label, names in enumerate(CLASS_SUBTYPES) for name in names}
VIEWS = ("front", "side", "behind")

__all__ = ["CLASS_NAMES", "SUBTYPES", "SUBTYPE_CLASS", "TIMES", "VIEWS", "WEATHERS", "RoadScene", "draw_scene"]


@dataclass(frozen=True)
class RoadScene:
    """One drawn scene and everything that is known about it; n objects, the farthest first.

    image: uint8 (H, W, 3) RGB. boxes: float32 (n, 4), x0 y0 x1 y1 in px, tight around the visible pixels (x1, y1
    exclusive). classes: int64 (n,), index into CLASS_NAMES. subtypes: int64 (n,), index into SUBTYPES. masks: bool
    (n, H, W), visible pixels; they never overlap. visible: float32 (n,), the share of the silhouette that is neither
    hidden nor outside of the frame (the part outside is estimated from the outline's convex hull). views: which side
    faces the camera.
    """

    image: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray
    subtypes: np.ndarray
    masks: np.ndarray
    visible: np.ndarray
    views: tuple[str, ...]
    weather: str
    time: str
    seed: int


def _check(seed: int, size: int) -> None:
    if seed < 0 or size < 64:
        raise ValueError(f"seed is {seed} and size {size}; the seed must be 0 or more, the size at least 64 px")


def draw_scene(seed: int, size: int = 320) -> RoadScene:
    """Draw the scene of a seed (0 or more) on a frame of size x size px (at least 64). The same everywhere, every time.

    It never comes out empty: if nothing nameable is left in view, the next draw of the same seed is taken.
    Raises ValueError for a negative seed or a frame under 64 px.
    """
    _check(seed, size)
    attempt, collecting = 0, gc.isenabled()
    gc.disable()  # a scene is thousands of small objects and not one cycle: nothing to collect
    try:
        while True:
            scene = _attempt(np.random.default_rng([seed, attempt]), size, seed)
            if len(scene.boxes):
                return scene
            attempt += 1
    finally:
        if collecting:
            gc.enable()


def _attempt(rng: np.random.Generator, size: int, seed: int) -> RoadScene:
    light = choose_light(rng, size)
    street, _ = world.choose_street(rng)
    field = np.radians(rng.uniform(38, 78))
    height = rng.uniform(1.1, 1.9) if rng.random() < 0.75 else rng.uniform(1.9, 5.0)
    pitch = rng.normal(0.02, 0.05) + max(0, height - 1.8) * 0.06
    camera = Camera(size, size / 2 / np.tan(field / 2), float(height), float(pitch), float(rng.normal(0, 0.02)))
    image = backdrop.draw_sky(camera, light, rng)
    world.draw_ground(image, street, camera, light, rng)
    world.draw_houses(image, street, camera, light, rng)
    things = models.worth_drawing(traffic.populate(street, camera, light, rng), camera)
    nearest = min((t.position[1] for t in things if t.label >= 0), default=99)
    if nearest < 5 and rng.random() < 0.45:  # focused on what is near: the rest is soft
        image = cv2.GaussianBlur(image, (0, 0), float(size / 320 * rng.uniform(0.8, 4.0)))
    scale = size / 320
    haze = 0.25 if light.weather in ("fog", "rain") else 0.12
    things = [things[k] for k in order(things)]
    for thing in things:
        models.model(thing, camera, light, rng)
    painted = paint.paint_all(things, camera, light, rng, scale * haze)
    owner, painted = paint.visibility(painted, size)
    image = image.astype(np.float32)
    paint.shadows(image, [layer.thing for layer in painted], camera, light)
    paint.compose(image, painted, camera, light)
    image = expose(image, camera, light, rng)
    return _label(image, owner, painted, light, seed)


def _label(image, owner, painted, light, seed) -> RoadScene:
    kept = [(k, layer) for k, layer in enumerate(painted) if layer.thing.label >= 0]
    masks = np.zeros((len(kept), *owner.shape), bool)
    boxes = np.zeros((len(kept), 4), np.float32)
    visible = np.zeros(len(kept), np.float32)
    for i, (k, layer) in enumerate(kept):
        left, top, right, bottom = layer.box
        mine = owner[top:bottom, left:right] == k + 1
        masks[i, top:bottom, left:right] = mine
        x, y, w, h = cv2.boundingRect(mine.view(np.uint8))
        boxes[i] = left + x, top + y, left + x + w, top + y + h
        visible[i] = min(1.0, np.count_nonzero(mine) / max(layer.whole, 1))
    names = [layer.thing.subtype for _, layer in kept]
    return RoadScene(
        image,
        boxes,
        np.array([SUBTYPE_CLASS[n] for n in names], np.int64),
        np.array([SUBTYPES.index(n) for n in names], np.int64),
        masks,
        visible,
        tuple(layer.thing.view for _, layer in kept),
        light.weather,
        light.time,
        seed,
    )
