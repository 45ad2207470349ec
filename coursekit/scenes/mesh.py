"""Meshes of drawn road scenes: coloured polygons in 3-D, built from lofts, tubes, boxes and rods.

Object coordinates: metres, x ahead, y to the left, z up, standing on z = 0. Colours: RGB in [0, 1].
"""

from functools import lru_cache

import numpy as np


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cross product of (..., 3) arrays; np.cross costs five times as much on small ones."""
    out = np.empty(a.shape if a.ndim >= b.ndim else b.shape, a.dtype)
    out[..., 0] = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    out[..., 1] = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    out[..., 2] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return out


def unit(v: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) at length 1."""
    squares = v * v
    length = squares[..., 0] + squares[..., 1] + squares[..., 2]  # summing a short last axis is slow
    return v / np.maximum(np.sqrt(length), 1e-9)[..., None]


def quads(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Quads (..., 4, 3) from four corners (..., 3) each; np.stack costs twice as much on small ones."""
    out = np.empty((*a.shape[:-1], 4, 3))
    out[..., 0, :], out[..., 1, :], out[..., 2, :], out[..., 3, :] = a, b, c, d
    return out


def upright_circle(turn: np.ndarray) -> np.ndarray:
    """Points (K, 3) of the unit circle in the x-z plane at angles (K,)."""
    out = np.zeros((len(turn), 3))
    out[:, 0], out[:, 2] = np.cos(turn), np.sin(turn)
    return out


@lru_cache(maxsize=64)
def spline(count: int, fine: int, closed: bool, cubic: bool) -> np.ndarray:
    """The matrix that puts `fine` - 1 points between each two of `count`, on a Catmull-Rom curve or on straight
    lines. Read only."""
    total = count * fine if closed else (count - 1) * fine + 1
    out = np.zeros((total, count))
    for row in range(total):
        k, t = divmod(row, fine)
        t /= fine
        weights = (
            (0, 1 - t, t, 0)
            if not cubic
            else (
                -0.5 * t + t * t - 0.5 * t**3,
                1 - 2.5 * t * t + 1.5 * t**3,
                0.5 * t + 2 * t * t - 1.5 * t**3,
                0.5 * (t**3 - t * t),
            )
        )
        for step, weight in enumerate(weights, -1):
            out[row, (k + step) % count if closed else min(max(k + step, 0), count - 1)] += weight
    out.setflags(write=False)
    return out


@lru_cache(maxsize=256)
def quad_corners(count: int, ring: int) -> np.ndarray:
    """Which points of `count` rings of `ring` points are the corners of the quads between them: ((count - 1) * ring,
    4). Read only."""
    first = np.arange((count - 1) * ring).reshape(count - 1, ring)
    after = np.roll(first, -1, 1)
    out = np.stack([first, after, after + ring, first + ring], -1).reshape(-1, 4)
    out.setflags(write=False)
    return out


def resample(along: np.ndarray, rings: np.ndarray, around: np.ndarray) -> np.ndarray:
    """(A, S), (T, S, K, 3), (B, K) -> (T, A, B, 3)."""
    size, _, ring, _ = rings.shape
    return around @ (along @ rings.reshape(size, along.shape[1], -1)).reshape(size, len(along), ring, 3)


CUBE = (
    np.array(
        [[(x, y, z) for y, z in ((-1, -1), (1, -1), (1, 1), (-1, 1))] for x in (-1, 1)]
        + [[(x, y, z) for x, z in ((-1, -1), (1, -1), (1, 1), (-1, 1))] for y in (-1, 1)]
        + [[(x, y, z) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))] for z in (-1, 1)]
    )
    / 2
)


@lru_cache(maxsize=64)
def even_turns(sides: int, first: float) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines (sides, 1) of as many even steps around a circle, from the step `first`. Read only."""
    turn = (np.arange(sides) + first) * (2 * np.pi / sides)
    both = np.cos(turn)[:, None], np.sin(turn)[:, None]
    for part in both:
        part.setflags(write=False)
    return both


def ellipses(centers, wide, deep, across, sides) -> np.ndarray:
    """Rings (S, K, 3) around an upright axis: half widths along `across`, half depths at right angles to it."""
    centers, across = np.asarray(centers, float), np.asarray(across, float)
    axis = np.concatenate([centers[1:2] - centers[:1], centers[2:] - centers[:-2], centers[-1:] - centers[-2:-1]])
    ahead = cross(across, axis)
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    c, s = even_turns(sides, 0.5)
    return (
        centers[:, None]
        + np.asarray(wide, float)[:, None, None] * (c * across)
        + np.asarray(deep, float)[:, None, None] * s * ahead[:, None]
    )


class Mesh:
    """A soup of coloured polygons in 3-D. Build it in object coordinates, then `place` it in the world.

    counts: (faces, corners of each) of every `add`; once placed, the corners of each face.
    Rows of `paint`: colour (3), gloss, bias, glow, two-sided, whether the reference is a normal, the reference (3).
    """

    def __init__(self, eye: np.ndarray | None = None):
        self.points, self.counts, self.paint, self.rods, self.eye = [], [], [], [], eye

    def add(self, polygons, color, *, inside=None, normal=None, gloss=0.0, bias=0.0, glow=0.0, two_sided=False):
        """Add F polygons of n corners each: (F, n, 3) or (n, 3). Normals point away from `inside` (3,) or (F, 3), or
        are given.

        gloss: 0 (matt) .. 1 (mirror). bias: metres nearer than it is, when sorting, for what is painted on a surface.
        glow: 1 for lamps, which need no light. two_sided: drawn from behind as well. Each a number or (F,).
        """
        polygons = np.asarray(polygons, float)
        polygons = polygons[None] if polygons.ndim == 2 else polygons
        count, corners = polygons.shape[:2]
        paint = np.empty((count, 11))
        paint[:, :3], paint[:, 3], paint[:, 4], paint[:, 5], paint[:, 6] = color, gloss, bias, glow, two_sided
        paint[:, 7] = normal is not None
        paint[:, 8:] = normal if normal is not None else inside
        self.points.append(polygons.reshape(-1, 3))
        self.counts.append((count, corners))
        self.paint.append(paint)

    def loft(self, rings, color, *, caps=True, axis=None, **kind):
        """Skin over rings (S, K, 3). colour: (3,), (S-1, 3) or (S-1, K, 3). `axis` (S, 3) is inside; default: ring
        means."""
        rings = np.asarray(rings, float)
        color = np.asarray(color, float)
        color = color[:, None] if color.ndim == 2 else color
        self.lofts(
            rings[None],
            color[None] if color.ndim == 3 else color,
            caps=caps,
            axis=None if axis is None else np.asarray(axis)[None],
            **kind,
        )

    def lofts(self, rings, color, *, caps=True, axis=None, fine=1, cubic=True, **kind):
        """T skins at once over rings (T, S, K, 3), with colours that broadcast to (T, S-1, K, 3).

        fine: into how many each face is divided both ways; cubic: along smooth curves, else flat with smoothed shading.
        """
        axis = rings.mean(2) if axis is None else axis
        if fine > 1:
            count, ring, size = rings.shape[1], rings.shape[2], len(rings)
            along, around = spline(count, fine, False, cubic), spline(ring, fine, True, cubic)
            color = np.broadcast_to(color, (size, count - 1, ring, 3)).repeat(fine, 1).repeat(fine, 2)
            if not cubic:
                du = np.roll(rings, -1, 2) - np.roll(rings, 1, 2)
                normal = unit(cross(du, np.gradient(rings, axis=1)))
                normal *= np.sign(((rings - axis[:, :, None]) * normal).sum(-1, keepdims=True))
                normal = resample(along, normal, around)
                normal = normal[:, :-1] + normal[:, 1:]
                kind["normal"] = unit(normal + np.roll(normal, -1, 2)).reshape(-1, 3)
            rings, axis = resample(along, rings, around), along @ axis
        size, count, ring = rings.shape[:3]
        faces = rings.reshape(size, count * ring, 3).take(quad_corners(count, ring), 1)
        inside = ((axis[:, :-1] + axis[:, 1:]) / 2).repeat(ring, 1)
        paint = np.empty((size, count - 1, ring, 3))
        paint[:] = color
        self.add(faces.reshape(-1, 4, 3), paint.reshape(-1, 3), inside=inside.reshape(-1, 3), **kind)
        if caps:
            kind.pop("normal", None)
            self.add(
                np.concatenate([rings[:, 0], rings[:, -1]]),
                np.concatenate([paint[:, 0, 0], paint[:, -1, 0]]),
                inside=np.concatenate([axis[:, 1], axis[:, -2]]),
                **kind,
            )

    def tube(self, axis, radii, color, sides=8, flat=1.0, across=(0.0, 1.0, 0.0), **kind):
        """One round limb: see `tubes`."""
        axis = np.asarray(axis, float)
        self.tubes(
            axis[None],
            np.broadcast_to(np.asarray(radii, float), (1, len(axis))),
            np.asarray(color, float)[None],
            sides,
            flat,
            across,
            **kind,
        )

    def tubes(self, axis, radii, color, sides=8, flat=1.0, across=(0.0, 1.0, 0.0), **kind):
        """T round limbs along `axis` (T, S, 3) with `radii` (T, S) and colour (T, 3); `flat` (number or (T,)) makes
        them flat at right angles to `across`."""
        along = unit(axis[:, -1] - axis[:, 0])
        wide = np.asarray(across, float)
        wide = wide - along * (along @ wide)[:, None]
        poor = (wide * wide).sum(1) < 0.01
        if poor.any():
            wide[poor] = np.array([1.0, 0, 0]) - along[poor] * along[poor, :1]
        wide = unit(wide)
        deep = cross(along, wide) * (flat[:, None] if isinstance(flat, np.ndarray) else flat)
        cosines, sines = even_turns(sides, 0.0)
        circle = cosines * wide[:, None] + sines * deep[:, None]  # (T, K, 3)
        self.lofts(
            axis[:, :, None] + radii[:, :, None, None] * circle[:, None], color[:, None, None], axis=axis, **kind
        )

    def boxes(self, centers, sizes, color, **kind):
        """Upright boxes: centres (n, 3), sizes (n, 3), metres; colour (3,) or (n, 3)."""
        centers, sizes = np.asarray(centers, float), np.asarray(sizes, float)
        if centers.ndim == 1 and sizes.ndim == 1:
            self.add(CUBE * sizes + centers, color, inside=centers, **kind)
            return
        centers, sizes = np.atleast_2d(centers), np.atleast_2d(sizes)
        faces = (CUBE * sizes[:, None, None] + centers[:, None, None]).reshape(-1, 4, 3)
        color = np.broadcast_to(np.asarray(color, float), centers.shape)
        self.add(faces, np.repeat(color, 6, 0), inside=np.repeat(centers, 6, 0), **kind)

    def sticks(self, a, b, radius, color, gloss=0.0, bias=0.0):
        """Thin rods from a (n, 3) to b (n, 3): ribbons that face the camera at `eye`, lit like rods."""
        a, b = np.asarray(a, float), np.asarray(b, float)
        row = np.empty((len(a) if a.ndim == 2 else 1, 12))
        row[:, :3], row[:, 3:6], row[:, 6], row[:, 7:10], row[:, 10], row[:, 11] = a, b, radius, color, gloss, bias
        self.rods.append(row)

    def _ribbons(self) -> None:
        rods = np.concatenate(self.rods)
        a, b = rods[:, :3], rods[:, 3:6]
        look = self.eye - (a + b) / 2
        side = unit(cross(b - a, look)) * rods[:, 6:7]
        self.add(
            quads(a - side, a + side, b + side, b - side),
            rods[:, 7:10],
            normal=unit(look) + np.array([0, 0, 0.6]),
            two_sided=True,
            gloss=rods[:, 10],
            bias=rods[:, 11],
        )
        self.rods = []

    def place(self, heading: float, position, lean: float = 0.0) -> "Mesh":
        """The same mesh in the world: turned to `heading` (radians from world x), leaning to its right, moved."""
        if self.rods:
            self._ribbons()
        c, s, cl, sl = np.cos(heading), np.sin(heading), np.cos(lean), np.sin(lean)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, cl, -sl], [0, sl, cl]])
        points, paint = np.concatenate(self.points) @ turn.T, np.concatenate(self.paint)
        references, is_point = paint[:, 8:] @ turn.T, paint[:, 7] == 0
        for k, shift in enumerate(np.asarray(position, float).tolist()):  # by columns: rows of three are slow
            points[:, k] += shift
            np.add(references[:, k], shift * is_point, out=paint[:, 8 + k])
        faces, corners = np.array(self.counts).T
        placed = Mesh()
        placed.points, placed.counts = [points.astype(np.float32)], [np.repeat(corners, faces)]
        placed.paint = [paint.astype(np.float32)]
        return placed

    def joined(self, other: "Mesh") -> "Mesh":
        """Two placed meshes as one; this one's faces come first."""
        both = Mesh()
        for name in ("points", "counts", "paint"):
            setattr(both, name, [np.concatenate(getattr(self, name) + getattr(other, name))])
        return both
