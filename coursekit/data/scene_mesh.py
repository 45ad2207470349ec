"""A very small 3-D renderer for drawn road scenes: camera, mesh of shaded polygons, and a layer to paint it on.

Conventions: world and object coordinates in metres. World: x right, y forward, z up, the camera above the origin.
Objects: x ahead, y to their left, z up, standing on z = 0. Colours: RGB in [0, 1]. Pixels: x right, y down.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import cv2
import numpy as np

FIXED = 4                                     # bits behind the point in cv2's fixed-point coordinates


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
        seen = (points - self.eye) @ self.axes.T
        depth = np.maximum(seen[..., 2], 0.05)
        return seen[..., :2] * (self.focal / depth)[..., None] + self.size / 2, seen[..., 2]

    def ground(self, polygon: np.ndarray, near: float = 0.35) -> np.ndarray:
        """Pixels (m, 2) of a polygon (n, 3) after cutting off what is nearer than `near` metres; m = 0 if all of it is."""
        depth = (polygon - self.eye) @ self.axes[2] - near
        if (depth < 0).any():
            if (depth < 0).all():
                return np.zeros((0, 2))
            after, d_after = np.roll(polygon, -1, 0), np.roll(depth, -1)
            kept = []
            for p, q, d, e in zip(polygon, after, depth, d_after, strict=True):
                if d >= 0:
                    kept.append(p)
                if (d >= 0) != (e >= 0):
                    kept.append(p + (q - p) * (d / (d - e)))
            polygon = np.array(kept)
        return self.project(polygon)[0]


@dataclass(frozen=True)
class Light:
    """What falls on surfaces: sun from a direction, sky from above, bounce from the ground; and fog between."""

    sun_direction: np.ndarray                 # (3,) unit, towards the sun
    sun: np.ndarray                           # (3,) colours, may exceed 1
    sky: np.ndarray
    bounce: np.ndarray
    horizon: np.ndarray                       # what glossy surfaces reflect at the horizon
    zenith: np.ndarray                        # and from above
    fog: np.ndarray
    fog_range: float                          # metres after which 1/e of the contrast is left
    time: str = "day"
    weather: str = "clear"

    def shade(self, colour, normal, view, gloss, glow) -> np.ndarray:
        """Colour (F, 3) of faces with unit `normal` (F, 3), seen along the unit `view` (F, 3)."""
        up = 0.5 + 0.5 * normal[:, 2:]
        direct = np.maximum(normal @ self.sun_direction, 0)[:, None]
        lit = colour * (self.bounce * (1 - up) + self.sky * up + self.sun * direct)
        cosine = -(normal * view).sum(1, keepdims=True)
        mirror = view + 2 * cosine * normal
        rise = mirror[:, 2:]
        above = np.clip(rise * 6 + 0.3, 0, 1)                        # a sharp horizon makes paint look like paint
        world = self.horizon + (self.zenith - self.horizon) * np.clip(rise * 1.4, 0, 1)
        world = self.bounce * 0.35 * (1 - above) + world * above
        fresnel = gloss[:, None] * (0.12 + 0.88 * (1 - np.clip(cosine, 0, 1)) ** 3)
        spark = np.clip(mirror @ self.sun_direction, 0, 1)[:, None] ** 24
        lit = lit * (1 - fresnel) + world * fresnel + self.sun * spark * gloss[:, None] * 0.7
        return lit + (colour - lit) * glow[:, None]


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cross product of (..., 3) arrays; np.cross costs five times as much on small ones."""
    x, y, z = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1], a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2], a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return np.stack([x, y, z], -1)


def unit(v: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) at length 1."""
    return v / np.maximum(np.sqrt((v * v).sum(-1, keepdims=True)), 1e-9)


@lru_cache(maxsize=64)
def spline(count: int, fine: int, closed: bool, cubic: bool) -> np.ndarray:
    """The matrix that puts `fine` - 1 points between each two of `count`, on a Catmull-Rom curve or on straight lines. Read only."""
    total = count * fine if closed else (count - 1) * fine + 1
    out = np.zeros((total, count))
    for row in range(total):
        k, t = divmod(row, fine)
        t /= fine
        weights = ((0, 1 - t, t, 0) if not cubic else
                   (-.5 * t + t * t - .5 * t ** 3, 1 - 2.5 * t * t + 1.5 * t ** 3, .5 * t + 2 * t * t - 1.5 * t ** 3, .5 * (t ** 3 - t * t)))
        for step, weight in enumerate(weights, -1):
            out[row, (k + step) % count if closed else min(max(k + step, 0), count - 1)] += weight
    out.setflags(write=False)
    return out


CUBE = np.array([[(x, y, z) for y, z in ((-1, -1), (1, -1), (1, 1), (-1, 1))] for x in (-1, 1)]
                + [[(x, y, z) for x, z in ((-1, -1), (1, -1), (1, 1), (-1, 1))] for y in (-1, 1)]
                + [[(x, y, z) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))] for z in (-1, 1)]) / 2


class Mesh:
    """A soup of coloured polygons in 3-D. Build it in object coordinates, then `place` it in the world.

    Rows of `paint`: colour (3), gloss, bias, glow, two-sided, whether the reference is a normal, the reference (3).
    """

    def __init__(self, eye: np.ndarray | None = None):
        self.points, self.counts, self.paint, self.rods, self.eye = [], [], [], [], eye

    def add(self, polygons, colour, *, inside=None, normal=None, gloss=0.0, bias=0.0, glow=0.0, two_sided=False):
        """Add F polygons of n corners each: (F, n, 3) or (n, 3). Normals point away from `inside` (3,) or (F, 3), or are given.

        gloss: 0 (matt) .. 1 (mirror). bias: metres nearer than it is, when sorting, for what is painted on a surface.
        glow: 1 for lamps, which need no light. two_sided: drawn from behind as well. Each a number or (F,).
        """
        polygons = np.asarray(polygons, float)
        polygons = polygons[None] if polygons.ndim == 2 else polygons
        count, corners = polygons.shape[:2]
        paint = np.empty((count, 11))
        paint[:, :3], paint[:, 3], paint[:, 4], paint[:, 5], paint[:, 6] = colour, gloss, bias, glow, two_sided
        paint[:, 7] = normal is not None
        paint[:, 8:] = normal if normal is not None else inside
        self.points.append(polygons.reshape(-1, 3))
        self.counts.append(np.full(count, corners))
        self.paint.append(paint)

    def loft(self, rings, colour, *, caps=True, axis=None, **kind):
        """Skin over rings (S, K, 3). colour: (3,), (S-1, 3) or (S-1, K, 3). `axis` (S, 3) is inside; default: ring means."""
        rings = np.asarray(rings, float)
        colour = np.asarray(colour, float)
        colour = colour[:, None] if colour.ndim == 2 else colour
        shape = (1, len(rings) - 1, rings.shape[1], 3)
        self.lofts(rings[None], np.broadcast_to(colour, shape[1:])[None], caps=caps, axis=None if axis is None else np.asarray(axis)[None], **kind)

    def lofts(self, rings, colour, *, caps=True, axis=None, fine=1, cubic=True, **kind):
        """T skins at once over rings (T, S, K, 3), with colours that broadcast to (T, S-1, K, 3).

        fine: into how many each face is divided both ways; cubic: along smooth curves, else flat with smoothed shading.
        """
        axis = rings.mean(2) if axis is None else axis
        if fine > 1:
            count, ring, size = rings.shape[1], rings.shape[2], len(rings)
            along, around = spline(count, fine, False, cubic), spline(ring, fine, True, cubic)
            colour = np.broadcast_to(colour, (size, count - 1, ring, 3)).repeat(fine, 1).repeat(fine, 2)
            if not cubic:
                du = np.roll(rings, -1, 2) - np.roll(rings, 1, 2)
                normal = unit(cross(du, np.gradient(rings, axis=1)))
                normal *= np.sign(((rings - axis[:, :, None]) * normal).sum(-1, keepdims=True))
                normal = np.einsum("as,tskc,bk->tabc", along, normal, around)
                normal = normal[:, :-1] + normal[:, 1:]
                kind["normal"] = unit(normal + np.roll(normal, -1, 2)).reshape(-1, 3)
            rings = np.einsum("as,tskc,bk->tabc", along, rings, around)
            axis = np.einsum("as,tsc->tac", along, axis)
        turned = np.concatenate([rings[:, :, 1:], rings[:, :, :1]], 2)
        quads = np.stack([rings[:, :-1], turned[:, :-1], turned[:, 1:], rings[:, 1:]], 3)      # (T, S-1, K, 4, 3)
        shape = quads.shape[:3]
        inside = np.broadcast_to(((axis[:, :-1] + axis[:, 1:]) / 2)[:, :, None], (*shape, 3)).reshape(-1, 3)
        colour = np.broadcast_to(colour, (*shape, 3))
        self.add(quads.reshape(-1, 4, 3), colour.reshape(-1, 3), inside=inside, **kind)
        if caps:
            kind.pop("normal", None)
            self.add(np.concatenate([rings[:, 0], rings[:, -1]]), np.concatenate([colour[:, 0, 0], colour[:, -1, 0]]),
                     inside=np.concatenate([axis[:, 1], axis[:, -2]]), **kind)

    def tube(self, axis, radii, colour, sides=8, flat=1.0, across=(0.0, 1.0, 0.0), **kind):
        """One round limb: see `tubes`."""
        axis = np.asarray(axis, float)
        self.tubes(axis[None], np.broadcast_to(np.asarray(radii, float), (1, len(axis))), np.asarray(colour, float)[None], sides, flat, across, **kind)

    def tubes(self, axis, radii, colour, sides=8, flat=1.0, across=(0.0, 1.0, 0.0), **kind):
        """T round limbs along `axis` (T, S, 3) with `radii` (T, S) and colour (T, 3); `flat` (number or (T,)) makes them flat
        at right angles to `across`."""
        along = unit(axis[:, -1] - axis[:, 0])
        across = np.asarray(across, float)
        wide = across - along * (along @ across)[:, None]
        poor = (wide * wide).sum(1) < 0.01
        if poor.any():
            wide[poor] = np.array([1.0, 0, 0]) - along[poor] * along[poor, :1]
        wide = unit(wide)
        deep = cross(along, wide) * np.broadcast_to(np.asarray(flat, float), (len(along),))[:, None]
        turn = np.arange(sides) * (2 * np.pi / sides)
        circle = np.cos(turn)[:, None] * wide[:, None] + np.sin(turn)[:, None] * deep[:, None]               # (T, K, 3)
        self.lofts(axis[:, :, None] + radii[:, :, None, None] * circle[:, None], colour[:, None, None], axis=axis, **kind)

    def boxes(self, centres, sizes, colour, **kind):
        """Upright boxes: centres (n, 3), sizes (n, 3), metres; colour (3,) or (n, 3)."""
        centres, sizes = np.atleast_2d(np.asarray(centres, float)), np.atleast_2d(np.asarray(sizes, float))
        faces = (CUBE * sizes[:, None, None] + centres[:, None, None]).reshape(-1, 4, 3)
        colour = np.broadcast_to(np.asarray(colour, float), centres.shape)
        self.add(faces, np.repeat(colour, 6, 0), inside=np.repeat(centres, 6, 0), **kind)

    def sticks(self, a, b, radius, colour, gloss=0.0, bias=0.0):
        """Thin rods from a (n, 3) to b (n, 3): ribbons that face the camera at `eye`, lit like rods."""
        a, b = np.atleast_2d(np.asarray(a, float)), np.atleast_2d(np.asarray(b, float))
        row = np.empty((len(a), 12))
        row[:, :3], row[:, 3:6], row[:, 6], row[:, 7:10], row[:, 10], row[:, 11] = a, b, radius, colour, gloss, bias
        self.rods.append(row)

    def _ribbons(self) -> None:
        rods = np.concatenate(self.rods)
        a, b = rods[:, :3], rods[:, 3:6]
        look = self.eye - (a + b) / 2
        side = unit(cross(b - a, look)) * rods[:, 6:7]
        self.add(np.stack([a - side, a + side, b + side, b - side], 1), rods[:, 7:10], normal=unit(look) + np.array([0, 0, 0.6]),
                 two_sided=True, gloss=rods[:, 10], bias=rods[:, 11])
        self.rods = []

    def place(self, heading: float, position, lean: float = 0.0) -> "Mesh":
        """The same mesh in the world: turned to `heading` (radians from world x), leaning to its right, moved."""
        if self.rods:
            self._ribbons()
        c, s, cl, sl = np.cos(heading), np.sin(heading), np.cos(lean), np.sin(lean)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, cl, -sl], [0, sl, cl]])
        position, paint = np.asarray(position, float), np.concatenate(self.paint)
        paint[:, 8:] = paint[:, 8:] @ turn.T + position * (paint[:, 7:8] == 0)
        placed = Mesh()
        placed.points = [np.concatenate(self.points) @ turn.T + position]
        placed.counts, placed.paint = [np.concatenate(self.counts)], [paint]
        return placed


class Layer:
    """A transparent canvas over a part of the frame, drawn at `fine` times its resolution.

    box: (x0, y0, x1, y1) whole frame pixels; rgba: uint8, colour premultiplied once `finish` has scaled it down.
    """

    def __init__(self, box: tuple[int, int, int, int], fine: int):
        self.box, self.fine = box, fine
        self.rgba = np.zeros(((box[3] - box[1]) * fine, (box[2] - box[0]) * fine, 4), np.uint8)

    def draw(self, mesh: Mesh, pixels: np.ndarray, camera: Camera, light: Light) -> None:
        """Paint the faces of a placed mesh, far ones first. pixels: where the camera sees its points, (V, 2)."""
        (points,), (counts,), (paint,) = mesh.points, mesh.counts, mesh.paint
        starts = np.concatenate([[0], np.cumsum(counts)])
        centre = np.add.reduceat(points, starts[:-1], 0) / counts[:, None]
        after = np.arange(1, len(points) + 1)
        after[starts[1:] - 1] = starts[:-1]
        rays = points - np.repeat(centre, counts, 0)
        normal = np.add.reduceat(cross(rays, rays[after]), starts[:-1], 0)               # Newell's normal of each polygon
        reference = paint[:, 8:]
        inward = ((centre - reference) * normal).sum(1, keepdims=True) < 0
        normal = unit(np.where(paint[:, 7:8] > 0, reference, np.where(inward, -normal, normal)))
        view = centre - camera.eye
        distance = np.sqrt((view * view).sum(1))
        view = view / distance[:, None]
        facing = (normal * view).sum(1)
        normal = np.where((facing > 0)[:, None], -normal, normal)
        chosen = np.flatnonzero((facing < 0) | (paint[:, 6] > 0))
        lit = light.shade(paint[chosen, :3], normal[chosen], view[chosen], paint[chosen, 3], paint[chosen, 5])
        colours = np.full((len(chosen), 4), 255.0)
        colours[:, :3] = np.clip(lit * 255, 0, 255)
        pixels = (pixels - self.box[:2]) * (self.fine << FIXED)
        pixels = np.clip(pixels, -4e6, 4e6).astype(np.int32)
        order = np.argsort(-(distance - paint[:, 4])[chosen], kind="stable")
        begin, end, colours = starts[chosen], starts[chosen + 1], colours.tolist()
        for k in order.tolist():
            corners = pixels[begin[k]:end[k]]
            if len(corners) == 4:
                cv2.fillConvexPoly(self.rgba, corners, colours[k], cv2.LINE_8, FIXED)
            else:
                cv2.fillPoly(self.rgba, [corners], colours[k], cv2.LINE_8, FIXED)

    def finish(self, grain: np.ndarray | None, soften: float) -> np.ndarray:
        """Scale down to the frame's resolution: float32 (h, w, 4), premultiplied, in [0, 255].

        grain: (2D, about 1 in the mean) multiplies the colours: folds, dirt, texture. soften: blur in frame pixels.
        """
        size = (self.box[2] - self.box[0], self.box[3] - self.box[1])
        if self.fine == 2 and min(self.rgba.shape[:2]) > 3:      # large objects: smooth the facets away inside the outline
            smooth = cv2.medianBlur(self.rgba, 3)
            smooth[..., 3] = self.rgba[..., 3]
            self.rgba = cv2.bitwise_and(smooth, cv2.merge([self.rgba[..., 3]] * 4))
        small = cv2.resize(self.rgba, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        if grain is not None:
            small[..., :3] *= grain[:size[1], :size[0], None]
        if soften > 0.25:
            small = cv2.GaussianBlur(small, (0, 0), soften)
        return small
