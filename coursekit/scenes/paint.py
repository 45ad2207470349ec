"""Puts the things of a drawn road scene into the frame: layers, shadows, reflections, lamps, and who hides whom."""

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from coursekit.scenes import clutter, colors
from coursekit.scenes.camera import Camera
from coursekit.scenes.layer import Faces, Layer, see
from coursekit.scenes.light import Light, veil
from coursekit.scenes.models import BUS, CAR
from coursekit.scenes.things import Thing

LEAST_VISIBLE, LEAST_PIXELS, LARGEST = 0.15, 8, 0.60  # share of the silhouette, px, share of the frame


@dataclass
class Painted:
    """One thing, drawn alone: rgba float32 (h, w, 4), premultiplied 0..255, at `box`.

    whole: pixels of its silhouette, what lies hidden or outside of the frame included.
    """

    thing: Thing
    rgba: np.ndarray
    solid: np.ndarray  # bool (h, w)
    box: tuple[int, int, int, int]
    whole: float
    depth: float


def paint_all(
    things: list[Thing], camera: Camera, light: Light, rng: np.random.Generator, haze: float
) -> list[Painted]:
    """Draw things, and who rides them, each on a layer of its own, in the order given.

    haze: blur of what is 15 m away, frame pixels. Left out is what is not in the frame, or stands around the camera.
    """
    modelled = [thing for thing in things if not thing.sprite]
    meshes = [thing.mesh.joined(thing.rider.mesh) if thing.rider else thing.mesh for thing in modelled]
    faces = iter(see(meshes, camera, light))
    painted = []
    for thing in things:
        depth = math.hypot(*thing.position)
        blur = haze * min(depth / 15, 2)
        if thing.sprite:
            painted += paint_foliage(thing, camera, light, blur, depth)
        else:
            painted += paint_model(thing, next(faces), camera.size, rng, blur, depth)
    return painted


def frame_part(low, high, size: int) -> tuple[int, int, int, int] | None:
    """The whole pixels of the frame around low..high (x, y), with a small margin; None if there are hardly any."""
    x0, y0 = max(int(low[0]) - 2, 0), max(int(low[1]) - 2, 0)
    x1, y1 = min(int(high[0]) + 4, size), min(int(high[1]) + 4, size)
    return (x0, y0, x1, y1) if x1 - x0 > 1 and y1 - y0 > 1 else None


def paint_foliage(thing: Thing, camera: Camera, light: Light, blur: float, depth: float) -> list[Painted]:
    """A tree or bush: none or one."""
    kind, tall, tint, mirrored = thing.sprite
    *base, _ = camera.pixel(*thing.position, 0.0)
    height = abs(base[1] - camera.pixel(*thing.position, tall)[1])
    wide = height * 0.45
    box = frame_part((base[0] - wide, base[1] - height), (base[0] + wide, base[1]), camera.size)
    if box is None:
        return []
    rgba = clutter.draw_foliage(kind, base, height, box, light, tint, mirrored)
    rgba = cv2.GaussianBlur(rgba, (0, 0), blur) if blur > 0.25 else rgba
    return [Painted(thing, rgba, rgba[..., 3] > 127, box, 1.0, depth)]


def paint_model(thing: Thing, faces: Faces, size: int, rng, blur: float, depth: float) -> list[Painted]:
    """Anything that has a mesh: none or one, or two if there is a rider."""
    if faces.nearest < 0.25:
        return []
    x, y = faces.pixels.T
    low, high = (float(x.min()), float(y.min())), (float(x.max()), float(y.max()))
    box = frame_part(low, high, size)
    if box is None:
        return []
    tallest = max(high[0] - low[0], high[1] - low[1])
    layer = Layer(box, 4 if tallest < 60 else 3 if tallest < 110 else 2)
    parts = layer.draw(faces, len(thing.mesh.counts[0]) if thing.rider else 0)
    grain, painted = colors.patch(rng, texture(), box[3] - box[1], box[2] - box[0]), []
    cut = len(thing.mesh.points[0])
    outlines = (faces.pixels[:cut], faces.pixels[cut:])
    for part, owner, outline in zip(parts, (thing, thing.rider), outlines, strict=False):
        rgba = part.finish(grain, blur)
        solid, whole = rgba[..., 3] > 127, 0.0
        if owner.label >= 0:
            whole = part.silhouette() if part.whole is not None else np.count_nonzero(solid)
            whole = whole / _inside(outline, size)
        painted.append(Painted(owner, rgba, solid, box, float(whole), depth))
    return painted


@lru_cache(maxsize=1)
def texture() -> np.ndarray:
    """Folds and dirt to multiply a layer's colours with: float32 (512, 512, 4), about 1; alpha stays. Read only."""
    grain = 1 + np.float32(0.05) * colors.noise(512, 32, 2, 4)
    tile = cv2.merge([grain] * 3 + [np.ones_like(grain)])
    tile.setflags(write=False)
    return tile


def _inside(pixels: np.ndarray, size: int) -> float:
    """The share of a thing's outline (the convex hull of its points) that is in the frame; never 0."""
    if pixels.min() >= 0 and pixels.max() <= size:
        return 1.0
    hull = cv2.convexHull(pixels.astype(np.float32))
    frame = np.array([(0, 0), (size, 0), (size, size), (0, size)], np.float32)
    return float(np.clip(cv2.intersectConvexConvex(hull, frame)[0] / max(cv2.contourArea(hull), 1e-3), 1e-3, 1))


def shadows(image: np.ndarray, things: list[Thing], camera: Camera, light: Light) -> None:
    """Darken the ground under and beside things: a tight dark contact, and the sun's shadow if the sun shines."""
    size, half = camera.size, camera.size // 2  # soft, so half the resolution will do
    contact, cast = np.zeros((half, half), np.uint8), np.zeros((half, half), np.uint8)
    strength = float(
        light.sun.mean()
        * max(light.sun_direction[2], 0)
        / (light.sun.mean() * max(light.sun_direction[2], 0) + light.sky.mean())
    )
    for thing in things:
        if thing.mesh is None:
            foot = np.array([*thing.position, 0.0])
            turn = np.arange(10) * np.pi / 5
            flat = foot + thing.sprite[1] * 0.25 * np.stack([np.cos(turn), np.sin(turn), 0 * turn], 1)
            slide = flat - light.sun_direction * thing.sprite[1] * 0.6 * np.array([1, 1, 0]) / max(
                light.sun_direction[2], 0.2
            )
            outline, pool = slide, None
        else:
            (points,) = thing.mesh.points
            points = points[:: max(1, len(points) // 200)]
            outline = points - light.sun_direction * (points[:, 2:] / max(light.sun_direction[2], 0.2))
            pool = points[points[:, 2] < 0.55] * np.array([1, 1, 0])
        for target, cloud, level in (
            (cast, outline, 255 * thing.shadow),
            (contact, pool, 200 if thing.label in (CAR, BUS) else 120),
        ):
            if cloud is None or len(cloud) < 3 or (target is cast and strength < 0.12):
                continue
            pixels, depths = camera.project(cloud)
            if depths.min() < 0.3:
                continue
            hull = cv2.convexHull(np.clip(pixels * 8, -4e6, 4e6).astype(np.int32))
            cv2.fillConvexPoly(target, hull, int(level), cv2.LINE_AA, 4)
    contact = cv2.GaussianBlur(contact, (0, 0), 1.1 * size / 320).astype(np.float32) * np.float32(0.62 / 255)
    cast = cv2.GaussianBlur(cast, (0, 0), 0.6 * size / 320).astype(np.float32) * np.float32(0.85 / 255 * strength)
    left = cv2.resize((1 - contact) * (1 - cast), (size, size), interpolation=cv2.INTER_LINEAR)
    cv2.multiply(image, cv2.merge([left] * 3), image)


def lamp_glow(image: np.ndarray, thing: Thing, camera: Camera, light: Light) -> None:
    """The halo of lamps at night that face the camera, and light on the ground before head lamps."""
    spot = thing.local(0, 0)
    ahead = spot[0] > 0
    strength = abs(spot[0]) / (math.hypot(*spot) + 1e-6)
    if thing.label not in (CAR, BUS) or strength < 0.35:
        return
    c, s = np.cos(thing.heading), np.sin(thing.heading)
    color = np.array([255, 240, 200] if ahead else [200, 20, 15], np.float32) * (0.9 if ahead else 0.45) * strength
    for side in (1, -1):
        local = np.array([(1 if ahead else -1) * thing.half[0], side * thing.half[1] * 0.75])
        at = thing.position + (local[0] * c - local[1] * s, local[0] * s + local[1] * c)
        *pixel, depth = camera.pixel(*at, 0.75)
        if depth < 0.5:
            continue
        radius = int(np.clip(camera.focal * (0.75 if ahead else 0.4) / depth, 3, 90))
        x, y = int(pixel[0]), int(pixel[1])
        x0, y0, x1, y1 = (
            max(0, x - radius),
            max(0, y - radius),
            min(camera.size, x + radius),
            min(camera.size, y + radius),
        )
        if x1 <= x0 or y1 <= y0:
            continue
        r = np.hypot(np.arange(x0, x1)[None] - pixel[0], np.arange(y0, y1)[:, None] - pixel[1]) / radius
        glow = (np.clip(1 - r, 0, 1) ** 2.5).astype(np.float32)
        image[y0:y1, x0:x1] += cv2.merge([glow * part for part in color])


def mirror(image: np.ndarray, painted: Painted, camera: Camera, light: Light) -> None:
    """A faint, smeared mirror image on wet ground."""
    base = camera.pixel(*painted.thing.position, 0.0)
    x0, y0, x1, y1 = painted.box
    bottom = min(int(base[1]) + 1, y1)
    rows = min(bottom - y0, camera.size - bottom)
    if rows < 3 or bottom <= 0:
        return
    part = cv2.blur(painted.rgba[bottom - y0 - rows : bottom - y0][::-1], (1, max(1, rows // 5)))
    fade = (0.32 * veil(painted.depth, light) * np.linspace(1, 0.1, rows, dtype=np.float32))[:, None, None]
    region = image[bottom : bottom + rows, x0:x1]
    *rgb, alpha = cv2.split(part)
    region += (cv2.merge(rgb) - region * cv2.merge([alpha] * 3) / 255) * fade


def visibility(layers: list[Painted], size: int) -> tuple[np.ndarray, list[Painted]]:
    """Who owns each pixel (index + 1, uint8 (H, W); layers go from far to near), after leaving out what would not be
    nameable."""
    while True:
        owner = np.zeros((size, size), np.uint8)
        for k, layer in enumerate(layers):
            x0, y0, x1, y1 = layer.box
            owner[y0:y1, x0:x1][layer.solid] = k + 1
        bad = set()
        for k, layer in enumerate(layers):
            if layer.thing.label < 0:
                continue
            x0, y0, x1, y1 = layer.box
            mine = owner[y0:y1, x0:x1] == k + 1
            _, _, w, h = cv2.boundingRect(mine.view(np.uint8))
            share = np.count_nonzero(mine) / max(layer.whole, 1)
            if max(w, h) < LEAST_PIXELS or min(w, h) < 3 or share < LEAST_VISIBLE or w * h > LARGEST * size * size:
                bad.add(layer.thing.group)
        if not bad:
            return owner, layers
        layers = [layer for layer in layers if layer.thing.label < 0 or layer.thing.group not in bad]


def compose(image: np.ndarray, layers: list[Painted], camera: Camera, light: Light) -> None:
    """Paint the layers, far to near, each in the air of its distance."""
    fog = light.fog.tolist()
    if light.weather == "rain":
        for layer in layers:
            mirror(image, layer, camera, light)
    for layer in layers:
        x0, y0, x1, y1 = layer.box
        left, region = veil(layer.depth, light), image[y0:y1, x0:x1]
        *rgb, alpha = cv2.split(layer.rgba)
        if left < 0.995:
            rgb = [cv2.addWeighted(c, left, alpha, (1 - left) * f, 0) for c, f in zip(rgb, fog, strict=True)]
        through = cv2.addWeighted(alpha, -1 / 255, alpha, 0, 1)
        cv2.multiply(region, cv2.merge([through] * 3), region)
        cv2.add(region, cv2.merge(rgb), region)
        if light.time == "night":
            lamp_glow(image, layer.thing, camera, light)
