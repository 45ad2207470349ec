"""The street of a drawn road scene: where lanes, kerbs, pavements and houses are, and how to draw them.

Street coordinates: s metres along the street, d metres to its right, seen along s; the camera stands at s = 0.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from coursekit.scenes import backdrop, colors
from coursekit.scenes.camera import Camera
from coursekit.scenes.light import Light

NEAR = 0.35  # metres: what is nearer than this is cut off


@dataclass(frozen=True)
class Street:
    """A straight street. angle: clockwise from straight ahead, radians; offset: the camera's d; widths in metres."""

    angle: float
    offset: float
    half: float  # half the carriageway
    pavement: float
    setback: float  # pavement to house
    parking: bool
    right_hand: bool
    crossing: float  # s of a zebra crossing
    houses: bool

    def world(self, s, d, z=0.0) -> np.ndarray:
        """Street coordinates (broadcast together) -> world points (..., 3)."""
        d = np.asarray(d, float) - self.offset
        c, n = np.cos(self.angle), np.sin(self.angle)
        x, y = s * n + d * c, s * c - d * n
        out = np.empty((*x.shape, 3))
        out[..., 0], out[..., 1], out[..., 2] = x, y, z
        return out

    def street(self, x: float, y: float) -> tuple[float, float]:
        """World x, y -> s, d."""
        c, n = np.cos(self.angle), np.sin(self.angle)
        return x * n + y * c, x * c - y * n + self.offset

    @property
    def heading(self) -> float:
        """The world heading (radians from x) of travelling along +s."""
        return np.pi / 2 - self.angle


def choose_street(rng: np.random.Generator) -> tuple[Street, str]:
    """A street and how it is seen: "along", "oblique" or "across"."""
    kind = str(colors.pick(rng, ("along", "oblique", "across"), (0.42, 0.26, 0.32)))
    angle = {
        "along": rng.uniform(-0.35, 0.35),
        "oblique": colors.pick(rng, (-1, 1)) * rng.uniform(0.4, 0.95),
        "across": colors.pick(rng, (-1, 1)) * rng.uniform(1.1, 1.75),
    }[kind]
    half = rng.uniform(2.6, 7.5)
    pavement = rng.uniform(1.6, 5.0)
    if kind == "along":
        offset = rng.uniform(-half - pavement, half + pavement)
    else:  # look over the carriageway, not at the nearest wall
        offset = -np.sign(angle) * -1 * rng.uniform(half * 0.2, half + pavement + 3)
    return Street(
        float(angle),
        float(offset),
        float(half),
        float(pavement),
        float(colors.pick(rng, (0.2, rng.uniform(1, 12)))),
        bool(rng.random() < 0.4),
        bool(rng.random() < 0.65),
        float(rng.uniform(4, 30)),
        bool(rng.random() < 0.68),
    ), kind


class Ground:
    """Paints rectangles of the ground, and how rough they are, in the light of the scene."""

    def __init__(self, image: np.ndarray, street: Street, camera: Camera, light: Light):
        self.image, self.street, self.camera = image, street, camera
        self.rough = np.zeros(image.shape[:2], np.uint8)
        self.lit = light.sky + light.sun * max(light.sun_direction[2], 0.0)

        self.rows, self.batches = [], []

    def quad(self, s0, s1, d0, d1, color, rough=None) -> None:
        """The rectangles s0..s1 by d0..d1 in street coordinates, numbers or (n,): all in one colour (3,)."""
        count = max(np.size(s0), np.size(d0))
        rows = np.empty((count, 4))
        rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3] = s0, s1, d0, d1
        self.rows.append(rows)
        self.batches.append((count, (np.asarray(color) * self.lit * 255).tolist(), rough))

    def paint(self) -> None:
        """Paint all rectangles, in the order in which they came."""
        rows = np.concatenate(self.rows)
        world = self.street.world(rows[:, [0, 1, 1, 0]], rows[:, [2, 2, 3, 3]])  # (n, 4, 3)
        pixels, depth = self.camera.project(world)
        near = depth < NEAR
        whole, gone = ~near.any(1), near.all(1)
        gone |= whole & ((pixels.max(1) < 0) | (pixels.min(1) > self.camera.size)).any(1)
        fixed, start = np.round(np.clip(pixels * 16, -4e6, 4e6)).astype(np.int32), 0
        for count, color, rough in self.batches:
            shapes = []
            for k in range(start, start + count):
                if whole[k] and not gone[k]:
                    shapes.append(fixed[k])
                elif not gone[k]:
                    cut = self.camera.ground(world[k], NEAR)
                    shapes.append(np.round(np.clip(cut * 16, -4e6, 4e6)).astype(np.int32))
            start += count
            if shapes:
                cv2.fillPoly(self.image, shapes, color, cv2.LINE_AA, 4)
                if rough is not None:
                    cv2.fillPoly(self.rough, shapes, int(rough), cv2.LINE_8, 4)


def draw_ground(image, street: Street, camera: Camera, light: Light, rng: np.random.Generator) -> None:
    """Everything flat: terrain, pavements, kerbs, carriageway, markings, crossing; then texture and fog over it."""
    wet = 0.65 if light.weather == "rain" else 1.0
    g, far = Ground(image, street, camera, light), 3000.0
    grass = np.array([0.26, 0.36, 0.14]) * rng.uniform(0.6, 1.4) * (1 + rng.normal(0, 0.12, 3))
    paved = np.full(3, rng.uniform(0.35, 0.62)) * (1 + rng.normal(0, 0.05, 3))
    sand = np.array([0.55, 0.46, 0.34]) * rng.uniform(0.7, 1.2)
    terrain, roughness = [(grass, 170), (paved, 60), (sand, 90)][rng.choice(3, p=[0.5, 0.35, 0.15])]
    g.quad(-far, far, -far, far, terrain * wet, roughness)
    walk = np.full(3, rng.uniform(0.40, 0.68)) * (1 + rng.normal(0, 0.06, 3)) * wet
    edge = street.half + street.pavement
    for side in (-1, 1):
        g.quad(-60, far, side * street.half, side * edge, walk, 60)
        slab = rng.uniform(0.6, 2.5)
        if rng.random() < 0.7:
            s = np.arange(-6, 34, slab)
            g.quad(s, s + 0.03, side * street.half, side * edge, walk * 0.8)
            if street.pavement > 2.5:
                g.quad(
                    -60,
                    60,
                    side * (street.half + street.pavement / 2),
                    side * (street.half + street.pavement / 2 + 0.03),
                    walk * 0.8,
                )
    asphalt = np.full(3, rng.uniform(0.17, 0.42)) * (1 + rng.normal(0, 0.03, 3)) * wet
    g.quad(-60, far, -street.half, street.half, asphalt, 75)
    if rng.random() < 0.25:  # a side street
        s = rng.uniform(8, 40)
        g.quad(s, s + rng.uniform(5, 10), -60, 60, asphalt, 75)
    for _ in range(int(rng.integers(0, 5))):  # repairs, stains, covers
        s, d = rng.uniform(1, 30), rng.uniform(-street.half, street.half)
        g.quad(
            s, s + rng.uniform(0.4, 5), d, min(d + rng.uniform(0.3, 2), street.half), asphalt * rng.uniform(0.75, 1.2)
        )
    d = street.half * np.array([-0.72, -0.28, 0.28, 0.72])
    g.quad(-60, 200, d - 0.3, d + 0.3, asphalt * rng.uniform(0.9, 1.03))  # worn by wheels
    markings(g, street, rng, asphalt)
    kerb = np.full(3, rng.uniform(0.5, 0.75)) * wet
    for side in (-1, 1):
        g.quad(-60, far, side * street.half, side * (street.half + 0.16), kerb, 40)
        g.quad(-60, far, side * (street.half - 0.25), side * street.half, asphalt * 0.75)
    g.paint()
    backdrop.texture_ground(image, g.rough, camera, light, rng)


def markings(g: Ground, street: Street, rng, asphalt) -> None:
    """Centre and edge lines, a zebra crossing, parking bays, sometimes a cycle lane."""
    white = np.array([0.88, 0.88, 0.86]) * rng.uniform(0.7, 1.0)
    center = white if rng.random() < 0.6 else np.array([0.85, 0.65, 0.15])
    if rng.random() < 0.2:
        lane = np.array([[0.55, 0.22, 0.16], [0.2, 0.42, 0.28], [0.22, 0.3, 0.5]])[rng.integers(3)]
        for side in (-1, 1):
            g.quad(-60, 300, side * (street.half - 1.5), side * (street.half - 0.1), lane, 70)
    if rng.random() < 0.85:
        dash, gap = colors.pick(rng, ((3, 4.5), (1.5, 1.5), (6, 6), (400, 0)), (0.45, 0.2, 0.2, 0.15))
        s = np.arange(-10.0, 110, dash + gap)
        g.quad(s, s + dash, -0.07, 0.07, center)
    if rng.random() < 0.5:
        for side in (-1, 1):
            d = side * (street.half - (2.2 if street.parking else 0.35))
            g.quad(-60, 300, d - 0.06, d + 0.06, white)
    if street.parking and rng.random() < 0.7:
        for side in (-1, 1):
            s = np.arange(-6, 50, 5.5)
            g.quad(s, s + 0.1, side * street.half, side * (street.half - 2.1), white)
    if rng.random() < 0.4:
        d = np.arange(-street.half + 0.4, street.half - 0.4, 1.0)
        g.quad(street.crossing, street.crossing + 3, d, d + 0.5, white)
        g.quad(street.crossing - 1.4, street.crossing - 1.1, 0, street.half, white)


def facade_tint(rng: np.random.Generator) -> np.ndarray:
    """The colour of a wall (3,): mostly stone, plaster and brick, now and then any."""
    if rng.random() < 0.18:
        return colors.hue(rng, (0.05, 0.5), (0.5, 1.1))
    base = colors.pick(
        rng,
        (
            (1.0, 0.97, 0.92),
            (0.95, 0.86, 0.70),
            (0.80, 0.50, 0.40),
            (0.72, 0.72, 0.74),
            (1.05, 1.05, 1.05),
            (0.62, 0.52, 0.44),
        ),
    )
    return np.array(base) * rng.uniform(0.6, 1.1) * (1 + rng.normal(0, 0.04, 3))


def draw_houses(image, street: Street, camera: Camera, light: Light, rng: np.random.Generator) -> None:
    """Two rows of houses, far ones first."""
    if not street.houses:
        return
    town, count = rng.uniform(5, 26), 20
    gone = rng.random(2) < 0.12
    width = rng.uniform(6, 22, (2, count)) * np.linspace(0.8, 1.6, count)
    gap = np.where(rng.random((2, count)) < 0.35, rng.uniform(1, 8, (2, count)), 0)
    start = rng.uniform(-40, -20, (2, 1)) + np.cumsum(width + gap, 1) - width - gap
    side = np.array([-1.0, 1.0])[:, None]
    front = side * (
        street.half
        + street.pavement
        + street.setback
        + np.where(rng.random((2, count)) < 0.5, 0, rng.uniform(0, 3, (2, count)))
    )
    back = front + side * rng.uniform(8, 14, (2, count))
    height, cell = town * rng.uniform(0.6, 1.5, (2, count)), rng.uniform(2.6, 3.6, (2, count))
    kind = rng.integers(24, size=(2, count))
    tint = [facade_tint(rng) for _ in range(2 * count)]
    end = start + width
    feet = street.world(np.stack([start, end, end, start], -1), np.stack([front, front, back, back], -1))[
        ..., :2
    ].reshape(-1, 4, 2)
    a, b = feet[:, [0, 3, 1]], feet[:, [1, 0, 2]]  # the front and both ends: (houses, 3, 2)
    middle = (a + b) / 2
    out = np.stack([b[..., 1] - a[..., 1], a[..., 0] - b[..., 0]], -1)
    out *= np.sign((out * (middle - feet.mean(1)[:, None])).sum(-1, keepdims=True))
    sunny = (out @ light.sun_direction[:2]) / np.maximum(np.hypot(out[..., 0], out[..., 1]), 1e-6)
    reach = 0.75 * camera.size / camera.focal
    inside = (np.minimum(np.abs(a[..., 0]) - reach * a[..., 1], np.abs(b[..., 0]) - reach * b[..., 1]) < 0) | (
        a[..., 0] * b[..., 0] < 0
    )
    seen = (
        ((out * middle).sum(-1) < 0)
        & (np.maximum(a[..., 1], b[..., 1]) > 0.4)
        & inside
        & ~np.repeat(gone, count)[:, None]
    )
    seen &= np.hypot(middle[..., 0], middle[..., 1]) < 3.0 * light.fog_range
    house, wall = np.nonzero(seen)
    far_first = np.argsort(-np.hypot(*middle[house, wall].T))
    house, wall = house[far_first], wall[far_first]
    shade = np.where(wall == 0, 0.1, 0.05) + np.maximum(0.0, sunny[house, wall]) * 0.8
    feet = np.concatenate([a[house, wall], b[house, wall]], 1).tolist()
    height, kind, cell = (part.ravel()[house].tolist() for part in (height, kind, cell))
    tints = [tint[i] for i in house.tolist()]
    rows = zip(feet, height, tints, kind, cell, shade.tolist(), strict=True)
    backdrop.draw_walls(image, [backdrop.Wall(*ends, *look) for ends, *look in rows], camera, light)
