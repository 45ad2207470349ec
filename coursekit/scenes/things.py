"""One thing on the ground of a drawn road scene, and which of two hides the other."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from coursekit.scenes.mesh import Mesh


@dataclass
class Thing:
    """One thing on the ground: what it is, where, and its mesh in the world. label -1: clutter. group: a rider and
    the bicycle."""

    label: int
    subtype: str
    position: np.ndarray  # (2,) world metres
    heading: float
    half: tuple[float, float]  # half length, half width on the ground
    group: int
    mesh: Mesh | None = None
    sprite: tuple | None = None  # (foliage kind, height, tint, mirrored)
    view: str = ""
    rider: "Thing | None" = None  # of a bicycle; drawn with it
    shadow: float = 1.0

    def local(self, x: float, y: float) -> tuple[float, float]:
        """A world ground point in this thing's coordinates."""
        c, s, x0, y0 = self._frame
        dx, dy = x - x0, y - y0
        return dx * c + dy * s, dy * c - dx * s

    @cached_property
    def _frame(self) -> tuple[float, float, float, float]:
        return math.cos(self.heading), math.sin(self.heading), *self.position.tolist()

    @cached_property
    def corners(self) -> list[tuple[float, float]]:
        """The footprint's corners in the world."""
        c, s, (x, y), (length, width) = (
            math.cos(self.heading),
            math.sin(self.heading),
            self.position.tolist(),
            self.half,
        )
        return [
            (x + a * length * c - b * width * s, y + a * length * s + b * width * c)
            for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))
        ]


def apart(a: Thing, b: Thing, gap: float) -> bool:
    """Whether some side of one footprint has all of the other beyond it, by `gap` metres."""
    for f, g in ((a, b), (b, a)):
        points = [f.local(*corner) for corner in g.corners]
        for axis in (0, 1):
            values, edge = [p[axis] for p in points], f.half[axis] + gap
            if min(values) > edge or max(values) < -edge:
                return True
    return False


def hides(a: Thing, b: Thing) -> bool:
    """Whether `a`, seen from the camera (the origin), stands before `b`: some side of one has the camera and all of
    the other on it."""
    for near, far, answer in ((a, b, True), (b, a, False)):
        camera, corners = far.local(0, 0), [far.local(*corner) for corner in near.corners]
        for axis in (0, 1):
            side, edge = math.copysign(1, camera[axis]), far.half[axis]
            if abs(camera[axis]) > edge and min(corner[axis] * side for corner in corners) >= edge - 0.05:
                return answer
    return math.hypot(*a.position) < math.hypot(*b.position)


def order(things: list[Thing]) -> list[int]:
    """Indices from the farthest to the nearest, so that painting in this order hides what is hidden.

    Distance decides between small things; what is long, like a bus, is compared with everybody by its sides.
    """
    left = sorted(range(len(things)), key=lambda k: -math.hypot(*things[k].position))
    large = [k for k in left if max(things[k].half) > 1.0]
    behind = {k: set() for k in left}  # what has to be painted before k
    for k in large:
        for j in left:
            if j != k and (j not in large or j > k):
                first, then = (j, k) if hides(things[k], things[j]) else (k, j)
                behind[then].add(first)
    done = []
    while left:
        k = next((k for k in left if behind[k].isdisjoint(left)), left[0])
        left.remove(k)
        done.append(k)
    return done


def view_of(thing: Thing) -> str:
    """Which side faces the camera: "front", "side" or "behind"."""
    x, y = thing.local(0, 0)
    angle = abs(np.degrees(np.arctan2(y, x)))
    return "front" if angle < 45 else "behind" if angle > 135 else "side"
