"""The camera of drawn road scenes.

World: metres, x right, y forward, z up, the camera above the origin. Pixels: x right, y down. Colours: RGB in [0, 1].
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The scalar products (F,) of two (3, F): long rows are several times as fast as long columns of three."""
    x, y, z = a * b
    return x + y + z


@dataclass(frozen=True)
class Camera:
    """A pinhole camera above the ground. focal in pixels, height in metres, pitch (down) and roll in radians."""

    size: int
    focal: float
    height: float
    pitch: float = 0.0
    roll: float = 0.0

    @cached_property
    def eye(self) -> np.ndarray:
        """Where the camera stands: (3,) metres."""
        return np.array([0.0, 0.0, self.height])

    @cached_property
    def axes(self) -> np.ndarray:
        """Rows: the directions of image right, image down and ahead, in world coordinates: (3, 3)."""
        c, s = np.cos(self.pitch), np.sin(self.pitch)
        right, down, ahead = np.array([1.0, 0, 0]), np.array([0, -s, -c]), np.array([0, c, -s])
        cr, sr = np.cos(self.roll), np.sin(self.roll)
        return np.stack([cr * right + sr * down, cr * down - sr * right, ahead])

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World points (..., 3) -> pixels (..., 2) and depth along the optical axis (...), in metres."""
        seen = points.copy()
        seen[..., 2] -= self.eye.astype(points.dtype)[2]
        seen = seen @ self.axes.T.astype(points.dtype)
        scale = self.focal / np.maximum(seen[..., 2], 0.05)
        pixels = np.empty((*scale.shape, 2), np.result_type(seen, scale))
        for k in (0, 1):  # by columns: NumPy is slow when the last axis is short and broadcast
            np.multiply(seen[..., k], scale, out=pixels[..., k])
        pixels += self.size / 2
        return pixels, seen[..., 2]

    @cached_property
    def _rows(self) -> list[list[float]]:
        return self.axes.tolist()

    def pixel(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """One world point -> pixel x, pixel y and depth: `project` for a single point, without NumPy's overhead."""
        z -= self.height
        (a, b, c), (d, e, f), (g, h, i) = self._rows
        across, down, depth = a * x + b * y + c * z, d * x + e * y + f * z, g * x + h * y + i * z
        scale = self.focal / max(depth, 0.05)
        return across * scale + self.size / 2, down * scale + self.size / 2, depth

    def ground(self, polygon: np.ndarray, near: float = 0.35) -> np.ndarray:
        """Pixels (m, 2) of a polygon (n, 3) after cutting off what is nearer than `near` metres; m = 0 if all of it
        is."""
        depth = ((polygon - self.eye) @ self.axes[2] - near).tolist()
        corners, kept = polygon.tolist(), []
        for k, (p, d) in enumerate(zip(corners, depth, strict=True)):
            q, e = corners[(k + 1) % len(corners)], depth[(k + 1) % len(corners)]
            if d >= 0:
                kept.append(p)
            if (d >= 0) != (e >= 0):
                t = d / (d - e)
                kept.append([a + (b - a) * t for a, b in zip(p, q, strict=True)])
        return self.project(np.array(kept))[0] if kept else np.zeros((0, 2))
