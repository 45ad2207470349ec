"""Paints meshes of a drawn road scene onto transparent canvases, one for each thing."""

from dataclasses import dataclass

import cv2
import numpy as np

from coursekit.scenes.camera import Camera, dot
from coursekit.scenes.light import Light
from coursekit.scenes.mesh import Mesh

FIXED = 4  # bits behind the point in cv2's fixed-point coordinates


@dataclass
class Faces:
    """What the camera sees of one mesh: its faces that look this way, the farthest first, in their colours.

    pixels: (V, 2) of all points; nearest: their least depth, metres; begin, end: rows of pixels, for each face;
    number: which face of the mesh it is; colours: a list (r, g, b, 255) for each face.
    """

    pixels: np.ndarray
    nearest: float
    begin: np.ndarray
    end: np.ndarray
    number: np.ndarray
    colors: np.ndarray


def see(meshes: list[Mesh], camera: Camera, light: Light) -> list[Faces]:
    """Project, light and sort the faces of placed meshes: all at once, because many small arrays cost more than one."""
    if not meshes:
        return []
    points, counts, paint = (
        np.concatenate([getattr(mesh, name)[0] for mesh in meshes]) for name in ("points", "counts", "paint")
    )
    first_point = np.cumsum([0] + [len(mesh.points[0]) for mesh in meshes])
    first_face = np.cumsum([0] + [len(mesh.counts[0]) for mesh in meshes])
    owner = np.repeat(np.arange(len(meshes)), np.diff(first_face))
    starts = np.concatenate([[0], np.cumsum(counts)])
    rows, looks = points.T.copy(), paint.T.copy()  # (3, V) and (11, F): long rows are quick
    center = np.add.reduceat(rows, starts[:-1], 1) / counts.astype(np.float32)
    after = np.arange(1, len(points) + 1)
    after[starts[1:] - 1] = starts[:-1]
    rays = rows - np.repeat(center, counts, 1)
    (x, y, z), (u, v, w) = rays, rays[:, after]
    turn = np.array([y * w - z * v, z * u - x * w, x * v - y * u])
    normal = np.add.reduceat(turn, starts[:-1], 1)  # Newell's normal of each polygon
    reference = looks[8:]
    inward = dot(center - reference, normal) < 0
    normal = np.where(looks[7] > 0, reference, np.where(inward, -normal, normal))
    normal /= np.maximum(np.sqrt(dot(normal, normal)), 1e-9)
    view = center - camera.eye.astype(np.float32)[:, None]
    distance = np.sqrt(dot(view, view))
    view /= distance
    facing = dot(normal, view)
    chosen = np.flatnonzero((facing < 0) | (looks[6] > 0))
    chosen = chosen[np.lexsort((looks[4, chosen] - distance[chosen], owner[chosen]))]
    normal = np.where(facing > 0, -normal, normal)[:, chosen]
    view, looks = view[:, chosen], looks[:, chosen]
    lit = light.shade(looks[:3], normal, view, looks[3], looks[5])
    colors = np.full((len(chosen), 4), 255.0, np.float32)
    colors[:, :3] = np.clip(lit * 255, 0, 255).T
    pixels, depth = camera.project(points)
    nearest = np.minimum.reduceat(depth, first_point[:-1])
    cut = np.searchsorted(owner[chosen], np.arange(len(meshes) + 1))
    begin, end = starts[chosen], starts[chosen + 1]
    seen = []
    for k in range(len(meshes)):
        rows, base = slice(cut[k], cut[k + 1]), first_point[k]
        seen.append(
            Faces(
                pixels[base : first_point[k + 1]],
                float(nearest[k]),
                begin[rows] - base,
                end[rows] - base,
                chosen[rows] - first_face[k],
                colors[rows],
            )
        )
    return seen


class Layer:
    """A transparent canvas over a part of the frame, drawn at `fine` times its resolution.

    box: (x0, y0, x1, y1) whole frame pixels; rgba: uint8, colour premultiplied once `finish` has scaled it down.
    """

    def __init__(self, box: tuple[int, int, int, int], fine: int):
        self.box, self.fine = box, fine
        self.rgba = np.zeros(((box[3] - box[1]) * fine, (box[2] - box[0]) * fine, 4), np.uint8)
        self.whole: np.ndarray | None = None

    def draw(self, faces: Faces, split: int = 0) -> list["Layer"]:
        """Paint faces in their order; the layers that come of it: this one, or two.

        split: the first so many faces of the mesh are one thing and the rest another that is entangled with it, as a
        bicycle and its rider are: each then gets a layer of its own.
        """
        scale = self.fine << FIXED
        columns = np.array(faces.pixels.T, float, order="C")
        for column, start in zip(columns, self.box, strict=False):
            column -= start
        columns *= scale
        columns = np.clip(columns, -4e6, 4e6, out=columns).astype(np.int32)
        pixels = columns.T.copy()
        begin, end, colors, number = faces.begin, faces.end, faces.colors, faces.number
        limit = (self.box[2] - self.box[0]) * scale, (self.box[3] - self.box[1]) * scale
        cropped = columns.min() < 0 or columns[0].max() > limit[0] or columns[1].max() > limit[1]
        if len(begin) and cropped:  # much of a cropped object lies outside
            corners = columns[:, np.minimum(begin + np.arange(4)[:, None], end - 1)]  # (2, 4, faces)
            (left, top), (right, bottom) = corners.min(1), corners.max(1)
            inside = (right > 0) & (left < limit[0]) & (bottom > 0) & (top < limit[1]) | (end - begin > 4)
            begin, end, colors, number = begin[inside], end[inside], colors[inside], number[inside]
        quad = end - begin == 4
        shapes = list(pixels[np.minimum(begin[:, None] + np.arange(4), len(pixels) - 1)])
        for k in np.flatnonzero(~quad).tolist():
            shapes[k] = pixels[begin[k] : end[k]]
        rgba, convex, line = self.rgba, cv2.fillConvexPoly, cv2.LINE_8
        for shape, color, is_quad in zip(shapes, colors.tolist(), quad.tolist(), strict=True):
            if is_quad:
                convex(rgba, shape, color, line, FIXED)
            else:
                cv2.fillPoly(rgba, [shape], color, line, FIXED)
        return self._separate(shapes, (number < split).tolist()) if split else [self]

    def _separate(self, shapes, early) -> list["Layer"]:
        """Two layers out of one, by the owner of the nearest face; `whole` keeps what each would show without the
        other."""
        owner = np.zeros(self.rgba.shape[:2], np.uint8)
        whole = [np.zeros_like(owner), np.zeros_like(owner)]
        for shape, is_early in zip(shapes, early, strict=True):
            corners, part = [shape], 0 if is_early else 1
            cv2.fillPoly(owner, corners, part + 1, cv2.LINE_8, FIXED)
            cv2.fillPoly(whole[part], corners, 255, cv2.LINE_8, FIXED)
        parts = [Layer(self.box, self.fine), Layer(self.box, self.fine)]
        for number, part in enumerate(parts):
            cv2.copyTo(self.rgba, (owner == number + 1).view(np.uint8), part.rgba)
            part.whole = whole[number]
        return parts

    def silhouette(self) -> int:
        """How many pixels of the frame the thing covers, were nothing before it."""
        size = (self.box[2] - self.box[0], self.box[3] - self.box[1])
        alpha = self.rgba[..., 3] if self.whole is None else self.whole
        return int((cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) > 127).sum())

    def finish(self, grain: np.ndarray | None, soften: float) -> np.ndarray:
        """Scale down to the frame's resolution: float32 (h, w, 4), premultiplied, in [0, 255].

        grain: float32 (h, w, 4), about 1 in the mean, multiplies the colours: folds, dirt, texture. soften: blur in frame
        pixels.
        """
        size = (self.box[2] - self.box[0], self.box[3] - self.box[1])
        if self.fine == 2 and min(self.rgba.shape[:2]) > 3:  # large objects: smooth the facets away inside the outline
            smooth, alpha = cv2.medianBlur(self.rgba, 3), cv2.extractChannel(self.rgba, 3)
            cv2.insertChannel(alpha, smooth, 3)
            self.rgba = cv2.bitwise_and(smooth, cv2.merge([alpha] * 4), smooth)
        small = cv2.resize(self.rgba, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        if grain is not None:
            cv2.multiply(small, grain, small)
        if soften > 0.25:
            small = cv2.GaussianBlur(small, (0, 0), soften)
        return small
