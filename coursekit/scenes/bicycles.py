"""Bicycles of drawn road scenes, rod by rod; and where a rider touches them."""

from dataclasses import dataclass

import numpy as np

from coursekit.scenes import colors
from coursekit.scenes.mesh import Mesh, upright_circle
from coursekit.scenes.vehicle_parts import box

BLACK = np.array([0.05, 0.05, 0.055])
STEEL = np.array([0.62, 0.63, 0.65])


@dataclass(frozen=True)
class Contacts:
    """Where the rider sits, holds and treads, in bicycle coordinates (metres); `lean` is the torso's angle from
    upright."""

    saddle: np.ndarray
    grips: tuple[np.ndarray, np.ndarray]  # left, right
    pedals: tuple[np.ndarray, np.ndarray]
    lean: float


def at(x: float, z: float, y: float = 0.0) -> np.ndarray:
    """A point of the bicycle: ahead, up, left."""
    return np.array([x, y, z])


def wheel(mesh, hub, radius, tyre, rim, rng, detail) -> None:
    """Tyre, rim and spokes in the plane of the frame."""
    count = 26 if detail else 16
    turn = np.arange(count + 1) * (2 * np.pi / count)
    circle = upright_circle(turn)
    ring = hub + circle * (radius - tyre)
    mesh.sticks(ring[:-1], ring[1:], tyre, BLACK)
    if detail:
        inner = hub + circle * (radius - 2.4 * tyre)
        mesh.sticks(inner[:-1], inner[1:], 0.009, rim, gloss=0.3)
        angle = rng.random() * 7 + np.arange(16) * (2 * np.pi / 16)
        ends = hub + upright_circle(angle) * (radius - 2.2 * tyre)
        mesh.sticks(np.broadcast_to(hub, ends.shape), ends, 0.0016, STEEL)
    mesh.sticks(hub - (0, 0.05, 0), hub + (0, 0.05, 0), 0.022, STEEL * 0.7)


def path(mesh, points, radius, color, **kind) -> None:
    """Rods along a chain of points."""
    points = np.array(points)
    mesh.sticks(points[:-1], points[1:], radius, color, **kind)


def both_sides(points) -> tuple[np.ndarray, np.ndarray]:
    """A chain of points and its mirror image."""
    points = np.array(points)
    return points, points * np.array([1, -1, 1])


def build(subtype: str, rng: np.random.Generator, eye: np.ndarray, detail: int) -> tuple[Mesh, Contacts]:
    """A bicycle in its own coordinates and a rider's contacts. eye: the camera in these coordinates; detail: 0 far, 1
    near."""
    mesh, frame, second = Mesh(eye), colors.paint(rng), colors.paint(rng)
    rim = STEEL if rng.random() < 0.7 else BLACK
    r = rng.uniform(0.33, 0.36)
    tyre, tube = {
        "racing_bicycle": (0.013, 0.017),
        "mountain_bicycle": (0.031, 0.026),
        "city_bicycle": (0.020, 0.018),
        "cargo_bicycle": (0.022, 0.022),
    }[subtype]
    paint = {"gloss": 0.25}
    rear, bottom = at(-0.47, r), at(-0.02, 0.29)
    crank = rng.random() * 2 * np.pi
    seat = rng.uniform(0.90, 1.0)
    saddle = at(-0.22, seat)
    if subtype == "cargo_bicycle":
        front, fr = at(1.38, 0.25), 0.25
        head, crown = at(0.38, 0.92), at(0.44, 0.45)
        top = at(-0.17, 0.72)
    else:
        front, fr = at(rng.uniform(0.54, 0.60), r), r
        head = at(0.36, {"racing_bicycle": 0.83, "mountain_bicycle": 0.80, "city_bicycle": 0.92}[subtype])
        crown, top = (
            head + at(0.045, -0.14),
            at(-0.17, {"racing_bicycle": 0.82, "mountain_bicycle": 0.66, "city_bicycle": 0.66}[subtype]),
        )
    wheel(mesh, rear, r, tyre, rim, rng, detail)
    wheel(mesh, front, fr, tyre, rim, rng, detail)
    for side in (1, -1):
        off = np.array([0, side * (0.03 + tyre), 0])
        path(mesh, [rear + off, bottom + off * 0.5], tube * 0.6, frame, **paint)
        path(mesh, [rear + off, top + off * 0.3], tube * 0.6, frame, **paint)
        fork = tube * (1.5 if subtype == "mountain_bicycle" else 0.8)
        start = crown if subtype != "cargo_bicycle" else at(1.2, 0.52)
        path(mesh, [start + off, front + off], fork, second if subtype == "mountain_bicycle" else frame, **paint)
    path(mesh, [bottom, top, saddle - at(0, 0.04)], tube, frame, **paint)
    if subtype in ("racing_bicycle", "mountain_bicycle"):
        path(mesh, [bottom, crown, head, top], tube * 1.15, frame, **paint)
    elif subtype == "city_bicycle":
        curve = [head, at(0.24, 0.62), at(0.12, 0.42), bottom]
        path(mesh, curve, tube * 1.2, frame, **paint)
        path(mesh, [crown, at(0.2, 0.5), at(0.06, 0.42), at(-0.09, 0.45)], tube, frame, **paint)
        path(mesh, [head, crown], tube * 1.2, frame, **paint)
    else:
        path(mesh, [bottom, at(0.44, 0.30), at(1.05, 0.30), at(1.2, 0.52)], tube * 1.3, frame, **paint)
        path(mesh, [top, crown, at(0.44, 0.30)], tube * 1.3, frame, **paint)
        path(mesh, [head, crown], tube * 1.2, frame, **paint)
    grips, lean = handlebar(mesh, subtype, head, rng)
    extras(mesh, subtype, rng, frame, second, r, tyre, rear, front, head)
    leather = BLACK if rng.random() < 0.7 else np.array([0.35, 0.2, 0.1])
    wide = 0.10 if subtype in ("city_bicycle", "cargo_bicycle") else 0.07
    mesh.tube(
        [saddle + at(-0.13, 0.0), saddle + at(-0.05, 0.01), saddle + at(0.14, 0)],
        [wide, wide * 0.9, 0.025],
        leather,
        8,
        0.35,
    )
    arm = 0.17 * np.array([np.cos(crank), 0, np.sin(crank)])
    pedals = []
    for side, sign in ((1, 1), (-1, -1)):
        hub, end = bottom + at(0, 0, side * 0.06), bottom + at(0, 0, side * 0.08) + sign * arm
        path(mesh, [hub, end], 0.011, STEEL * 0.6)
        path(mesh, [end, end + at(0, 0, side * 0.09)], 0.02, BLACK)
        pedals.append(end + at(0, 0.02, side * 0.05))
    turn = np.arange(11) * (2 * np.pi / 10)
    ring = bottom + np.stack([np.cos(turn) * 0.085, 0 * turn - 0.055, np.sin(turn) * 0.085], 1)
    path(mesh, ring, 0.012, STEEL * 0.45)
    path(mesh, [bottom + at(0, 0.08, -0.055), rear + at(0, 0.04, -0.055)], 0.006, BLACK)
    path(mesh, [bottom + at(0, -0.08, -0.055), rear + at(0, -0.04, -0.055)], 0.006, BLACK)
    return mesh, Contacts(saddle + at(0.0, 0.03), grips, tuple(pedals), lean)


def handlebar(mesh, subtype, head, rng) -> tuple[tuple, float]:
    """The subtype's own bar. Returns the grips and a rider's lean."""
    color = STEEL if rng.random() < 0.4 else BLACK * 1.5
    if subtype == "racing_bicycle":
        stem = head + at(0.11, 0.05)
        shape = [
            stem,
            stem + at(0, 0, 0.20),
            stem + at(0.10, 0.0, 0.21),
            stem + at(0.13, -0.07, 0.21),
            stem + at(0.06, -0.14, 0.21),
            stem + at(-0.02, -0.14, 0.21),
        ]
        grip, lean = stem + at(0.10, 0.02, 0.21), rng.uniform(0.75, 0.95)
    elif subtype == "mountain_bicycle":
        stem = head + at(0.06, 0.09)
        shape = [stem, stem + at(-0.02, 0.03, 0.18), stem + at(-0.06, 0.03, 0.38)]
        grip, lean = stem + at(-0.05, 0.04, 0.33), rng.uniform(0.45, 0.65)
    else:
        stem = head + at(0.0, 0.16)
        wide = 0.29 if subtype == "city_bicycle" else 0.33
        shape = [stem, stem + at(0.04, 0.04, 0.12), stem + at(-0.03, 0.05, wide - 0.03), stem + at(-0.20, 0.02, wide)]
        grip, lean = stem + at(-0.14, 0.05, wide), rng.uniform(0.08, 0.25)
    path(mesh, [head, stem], 0.015, color, gloss=0.3)
    for chain in both_sides(shape):
        path(mesh, chain, 0.012 if subtype != "racing_bicycle" else 0.015, color)
        path(mesh, chain[-2:], 0.018, BLACK)
    return (grip, grip * np.array([1, -1, 1])), lean


def extras(mesh, subtype, rng, frame, second, r, tyre, rear, front, head) -> None:
    """Mudguards, racks, baskets, bags, the cargo box, lamps."""
    if subtype == "city_bicycle":
        wicker = np.array([0.50, 0.36, 0.20]) * rng.uniform(0.5, 1.4) if rng.random() < 0.5 else BLACK + 0.05
        c = head + at(0.25, -0.02)
        lower, upper = np.array([(0.11, 0.13), (-0.11, 0.13), (-0.11, -0.13), (0.11, -0.13)]), 1.3
        rings = np.stack(
            [
                np.column_stack([c[0] + lower[:, 0] * k, lower[:, 1] * k, np.full(4, c[2] + z)])
                for k, z in ((1, -0.13), (1.12, 0.0), (upper, 0.13))
            ]
        )
        mesh.loft(rings, np.stack([wicker, wicker * 1.2]))
        mesh.add(rings[-1] - (0, 0, 0.02), wicker * 0.3, normal=np.array([[0, 0, 1.0]]), bias=0.1)
        for y in (0.16, -0.16):
            box(mesh, (-0.50, y, 0.58), (0.34, 0.13, 0.32), second * 0.8)
        path(mesh, [at(-0.2, 0.75), at(-0.72, 0.75)], 0.05, BLACK)
        for hub in (rear, front):
            turn = np.linspace(0.1, 2.7, 12) if hub is rear else np.linspace(0.4, 2.7, 12)
            path(mesh, hub + (r + 0.025) * np.stack([np.cos(turn), 0 * turn, np.sin(turn)], 1), 0.024, frame, gloss=0.3)
    elif subtype == "cargo_bicycle":
        plank = second if rng.random() < 0.5 else np.array([0.55, 0.40, 0.24])
        corner = np.array([(0.34, 0.30), (-0.34, 0.30), (-0.34, -0.30), (0.34, -0.30)])
        rings = np.stack(
            [
                np.column_stack([0.84 + corner[:, 0] * k, corner[:, 1] * k, np.full(4, z)])
                for k, z in ((0.8, 0.32), (0.95, 0.6), (1.1, 0.86))
            ]
        )
        mesh.loft(rings, np.stack([plank * 0.85, plank]), gloss=0.1)
        mesh.add(rings[-1] - (0, 0, 0.02), plank * 0.25, normal=np.array([[0, 0, 1.0]]), bias=0.15)
        path(mesh, rings[-1][[0, 1, 2, 3, 0]], 0.014, BLACK, bias=0.1)
    elif subtype == "racing_bicycle":
        if rng.random() < 0.6:
            path(mesh, [at(0.10, 0.46), at(0.17, 0.64)], 0.035, second)
    elif rng.random() < 0.5:
        path(mesh, [at(-0.25, 0.72), at(-0.75, 0.80)], 0.03, BLACK)
    if rng.random() < 0.5:
        box(mesh, head + at(0.12, 0.02), (0.05, 0.06, 0.06), (0.9, 0.9, 0.85), glow=0.4)
        box(mesh, at(-0.32, 0.80), (0.04, 0.05, 0.05), (0.8, 0.05, 0.05), glow=0.4)
