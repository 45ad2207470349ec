"""What lies behind and under the traffic of drawn road scenes: sky, far hills, ground textures, facades."""

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from coursekit.scenes import colors
from coursekit.scenes.camera import Camera
from coursekit.scenes.light import Light, veil

TILE = 256
LIT = 3.5  # a lit window is this much brighter than white in the same light


def draw_sky(camera: Camera, light: Light, rng: np.random.Generator) -> np.ndarray:
    """Sky and far hills over the whole frame: uint8 (H, W, 3)."""
    size, half = camera.size, camera.size // 2  # a smooth thing, so half the resolution will do
    horizon = size / 2 - camera.focal * np.tan(camera.pitch)
    rise = np.clip((horizon - np.arange(half) * 2) / size * 1.6, 0, 1)[:, None] ** 0.7
    image = np.empty((half, half, 3), np.float32)
    image[:] = ((light.horizon + (light.zenith - light.horizon) * rise) * 255).astype(np.float32)[:, None]
    if light.weather != "fog" and horizon > 0:
        rows = int(min(half, horizon / 2 + half * 0.1))
        cloud = colors.patch(rng, colors.noise(512, 128, 4, 1), max(2, rows * 160 // half), 220)
        cloud = cv2.resize(cloud, (half, rows), interpolation=cv2.INTER_LINEAR)
        cover = (
            np.clip(cloud * 0.4 + np.float32(rng.uniform(-0.56, 0.4)), 0, 0.8)
            * np.linspace(1, 0.55, half, dtype=np.float32)[:rows, None]
        )
        white = light.horizon * 0.5 + 0.5 * {"day": 1, "dusk": 0.45, "night": 0.08}[light.time]
        white = (white * (255 if light.weather == "clear" else 204)).astype(np.float32)
        flat = image[:rows].reshape(rows, half * 3)  # long rows: NumPy is slow on a short last axis
        flat += (np.tile(white, half) - flat) * cv2.merge([cover] * 3).reshape(rows, half * 3)
    image = cv2.resize(np.clip(image, 0, 255).astype(np.uint8), (size, size), interpolation=cv2.INTER_LINEAR)
    for k in range(int(rng.integers(0, 3))):
        xs = np.linspace(-8, size + 8, 24)
        knots = np.arange(0, 24, 3 + 2 * k)
        rough = np.interp(np.arange(24), knots, rng.random(len(knots))) + 0.15 * rng.random(24)
        ys = horizon - size * rng.uniform(0.02, 0.12) * rough
        tone = np.array([0.16, 0.22, 0.13]) * (light.sky + light.sun * 0.4) * rng.uniform(0.7, 1.4)
        left = veil(rng.uniform(60, 500), light)
        tone = (tone * left + light.fog * (1 - left)) * 255
        shape = np.concatenate([np.stack([xs, ys], 1), [(size + 8, size), (-8, size)]])
        cv2.fillPoly(image, [np.round(shape * 16).astype(np.int32)], tone.tolist(), cv2.LINE_AA, 4)
    return image


def texture_ground(
    image: np.ndarray, rough: np.ndarray, camera: Camera, light: Light, rng: np.random.Generator
) -> None:
    """Grain of asphalt, grass and paving, in perspective, and the air before it; in place.

    rough: uint8 (H, W): how much grain each pixel gets (75 = asphalt); 0 is no ground.
    """
    size = camera.size
    horizon = size / 2 - camera.focal * np.tan(camera.pitch)
    top = int(max(0, np.floor(horizon - abs(np.tan(camera.roll)) * size / 2)))
    if top >= size - 2:
        return
    rows, half = size - top, size // 2  # grain and air are drawn at half the resolution
    intrinsic = np.array([[camera.focal / 2, 0, size / 4], [0, camera.focal / 2, size / 4 - top / 2], [0, 0, 1]])
    plane = np.stack([camera.axes[:, 0], camera.axes[:, 1], -camera.axes @ camera.eye], 1)  # world (x, y, 1) -> camera
    depth = (camera.height * camera.focal / np.maximum(np.arange(top, size) - horizon, 0.5)).astype(np.float32)
    total = np.zeros((rows // 2, half), np.float32)
    for metres, reach, strength, seed in ((1.6, 6.0, 1.2, 5), (9.0, 30.0, 0.8, 6), (60.0, 300.0, 0.7, 7)):
        scale = np.array([[metres / TILE, 0, rng.uniform(0, metres)], [0, metres / TILE, 0], [0, 0, 1]])
        warped = cv2.warpPerspective(
            colors.noise(TILE, 64, 2, seed),
            intrinsic @ plane @ scale,
            (half, rows // 2),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        warped *= (np.float32(strength) * np.exp(-depth[: rows // 2 * 2 : 2] / np.float32(reach)))[:, None]
        total += warped
    part = rough[top : top + rows // 2 * 2 : 2, : half * 2 : 2]
    left = np.where(part > 0, np.exp(-depth[: rows // 2 * 2 : 2] / np.float32(light.fog_range))[:, None], np.float32(1))
    gain = (1 + np.clip(total * (part * np.float32(1e-3)), -0.5, 0.6)) * left * np.float32(128)
    air = cv2.transform(1 - left, (light.fog * 255).astype(np.float32)[:, None])
    gain, air = (np.clip(layer, 0, 255).astype(np.uint8) for layer in (gain, air))
    gain, air = (cv2.resize(layer, (size, rows), interpolation=cv2.INTER_LINEAR) for layer in (gain, air))
    ground = cv2.multiply(image[top:], cv2.merge([gain] * 3), scale=1 / 128)
    image[top:] = cv2.add(ground, air)


@lru_cache(maxsize=64)
def facade(kind: int, lit: bool) -> np.ndarray:
    """A wall of 6 floors and 6 bays, 288 px square, uint8 RGB, neutral in colour. 24 kinds. lit: at night, everything
    LIT times darker, except for lit windows. Read only."""
    rng = np.random.default_rng([77, kind])
    cell, n = 48, 6
    base = np.full((cell * n, cell * n, 3), rng.uniform(150, 225), np.float32)
    side = len(base)
    if kind % 3 == 0:  # brick: courses of 6 px, every other one set off by half a brick
        brick = rng.uniform(0.86, 1.08, (side // 6, side // 12)).astype(np.float32)
        brick = np.repeat(np.repeat(brick, 6, 0), 12, 1)
        brick[:, ::12] *= 1.1
        odd = np.arange(side) // 6 % 2 > 0
        brick[odd] = np.roll(brick[odd], 6, 1)
        brick[::6] *= 1.12
        base *= brick[..., None]
    elif kind % 3 == 1:
        base *= 1 + 0.04 * colors.noise(512, 128, 2, 8)[:side, :side, None]
    else:
        base *= np.where(np.arange(side) % 16 < 1, 0.8, 1.0)[:, None, None].astype(np.float32)
    x0 = int(rng.integers(4, 16))
    width, tall = cell - 2 * x0, int(rng.integers(22, 38))
    top = (cell - tall) // 2
    curtain = kind % 6 == 5
    if curtain:
        x0, width, top, tall = 1, cell - 2, 4, 40
    slant = np.add.outer(np.arange(cell), np.arange(cell)) % 40 < 14  # what the panes reflect
    for row in range(n):
        for column in range(n):
            y, x = row * cell + top, column * cell + x0
            ground_floor = row == n - 1
            if ground_floor and kind % 2 == 0:  # shops
                y, x, h, w = row * cell + 12, column * cell + 2, 36, 44
                if rng.random() < 0.5:
                    base[row * cell + 1 : row * cell + 11, column * cell : column * cell + 48] = rng.uniform(30, 230, 3)
            elif ground_floor and column % 3 == 1:
                h, w, y = 34, 18, row * cell + 14
                x = column * cell + 15
            else:
                h, w = tall, width
            pane = np.array([52, 60, 70]) * rng.uniform(0.5, 1.7)
            if lit:
                pane = np.array([255, 214, 140]) * rng.uniform(2.0, 4.0) if rng.random() < 0.4 else pane * 0.4
            x1 = x + w
            base[y - 2 : y + h + 2, max(0, x - 2) : x1 + 2] *= 1.18 if not curtain else 0.7
            block = base[y : y + h, x:x1]
            block[:] = pane
            if not lit:
                block[slant[:h, :w]] *= 1.35
            if kind % 4 != 3:
                base[y : y + h, x + w // 2 - 1 : x + w // 2 + 1] = 190 if not curtain else 90
            if kind % 4 == 1:
                base[y + h // 2 : y + h // 2 + 1, x:x1] = 190
            if rng.random() < 0.25 and not ground_floor:
                block[: rng.integers(3, h)] = rng.uniform(120, 235)
        if kind % 5 == 2 and row < n - 1:
            base[(row + 1) * cell - 9 : (row + 1) * cell - 2] *= 0.72
    out = np.clip(base / (LIT if lit else 1), 0, 255).astype(np.uint8)
    out.setflags(write=False)
    return out


@dataclass(frozen=True)
class Wall:
    """One upright wall over the ground from (ax, ay) to (bx, by), metres.

    tint: its colour; kind: which `facade`; cell: metres from floor to floor; shade: how much sun it gets, 0..1.
    """

    ax: float
    ay: float
    bx: float
    by: float
    height: float
    tint: np.ndarray
    kind: int
    cell: float
    shade: float


@dataclass(frozen=True)
class Place:
    """Where a wall is in the frame: t0..t1 of its length is before the camera."""

    t0: float
    t1: float
    distance: float
    corners: list  # 4 pixels (x, y)
    box: tuple[int, int, int, int]  # x0, y0, x1, y1
    mask: np.ndarray | None  # uint8, what it covers of the box; None for one too narrow for windows to show


def draw_walls(image: np.ndarray, walls: list[Wall], camera: Camera, light: Light) -> None:
    """Draw walls, the farthest first; those that nearer ones hide are left out, for most of the work is the texture."""
    covered, visible = np.zeros((camera.size, camera.size), np.uint8), []
    for wall in reversed(walls):
        place = place_wall(wall, camera)
        if place is None:
            continue
        x0, y0, x1, y1 = place.box
        around = covered[max(y0 - 2, 0) : y1 + 2, max(x0 - 2, 0) : x1 + 2]  # smooth edges reach a little farther
        if cv2.countNonZero(around) == around.size:
            continue
        if place.mask is not None:
            region = covered[y0:y1, x0:x1]
            cv2.bitwise_or(region, place.mask, region)
        visible.append((wall, place))
    for wall, place in reversed(visible):
        draw_wall(image, wall, place, light)


def place_wall(wall: Wall, camera: Camera) -> Place | None:
    """Where a wall is in the frame; None for outside of it."""
    size, near = camera.size, 0.4
    ax, ay, bx, by, height = wall.ax, wall.ay, wall.bx, wall.by, wall.height
    if max(ay, by) < near:
        return None
    t0 = (near - ay) / (by - ay) if ay < near else 0.0
    t1 = (near - ay) / (by - ay) if by < near else 1.0
    px, py, qx, qy = ax + (bx - ax) * t0, ay + (by - ay) * t0, ax + (bx - ax) * t1, ay + (by - ay) * t1
    corners = [camera.pixel(*corner)[:2] for corner in ((px, py, height), (qx, qy, height), (qx, qy, 0), (px, py, 0))]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    x0, y0 = int(max(0, min(xs))), int(max(0, min(ys)))
    x1, y1 = int(min(size, max(xs) + 2)), int(min(size, max(ys) + 2))
    if x1 - x0 < 1 or y1 - y0 < 1:
        return None
    mask = None
    if (x1 - x0) * size >= 12 * 320:
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        outline = (_inside_box(corners, x0, y0) * 16).clip(-3e7, 3e7).astype(np.int32)
        cv2.fillConvexPoly(mask, outline, 255, cv2.LINE_8, 4)
    return Place(t0, t1, math.hypot(px + qx, py + qy) / 2, corners, (x0, y0, x1, y1), mask)


def _inside_box(corners: list, x0: int, y0: int) -> np.ndarray:
    return np.array([(x - x0, y - y0) for x, y in corners], np.float32)


def draw_wall(image: np.ndarray, wall: Wall, place: Place, light: Light) -> None:
    """One wall, textured, in the fog of its distance."""
    kind, corners, (x0, y0, x1, y1) = wall.kind, place.corners, place.box
    left = veil(place.distance, light)
    gain = (
        wall.tint
        * (light.sky * 0.75 + light.bounce * 0.5 + light.sun * wall.shade)
        * (left * (LIT if light.time == "night" else 1))
    )
    (r, g, b), (fr, fg, fb) = gain.tolist(), (light.fog * ((1 - left) * 255)).tolist()
    if place.mask is None:
        tone = float(facade(kind, light.time == "night")[100, 1, 0]) * 0.7
        outline = np.array([(x * 16, y * 16) for x, y in corners]).clip(-4e6, 4e6).astype(np.int32)
        cv2.fillConvexPoly(image, outline, (tone * r + fr, tone * g + fg, tone * b + fb), cv2.LINE_AA, 4)
        return
    length, step = math.hypot(wall.bx - wall.ax, wall.by - wall.ay), 48 / wall.cell
    u0, u1, v = length * place.t0 * step, length * place.t1 * step, wall.height * step
    source = np.array([(u0, 288 - v), (u1, 288 - v), (u1, 288), (u0, 288)], np.float32)
    matrix = cv2.getPerspectiveTransform(source, _inside_box(corners, x0, y0))
    texture = cv2.warpPerspective(
        facade(kind, light.time == "night"),
        matrix,
        (x1 - x0, y1 - y0),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    texture = cv2.transform(texture, np.array([(r, 0, 0, fr), (0, g, 0, fg), (0, 0, b, fb)]))
    cv2.copyTo(texture, place.mask, image[y0:y1, x0:x1])
