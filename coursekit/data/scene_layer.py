"""Paints meshes of a drawn road scene onto transparent canvases, one for each thing."""

from dataclasses import dataclass

import cv2
import numpy as np

from coursekit.data.scene_camera import Camera, Light
from coursekit.data.scene_mesh import Mesh, cross, unit

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
    colours: np.ndarray


def see(meshes: list[Mesh], camera: Camera, light: Light) -> list[Faces]:
    """Project, light and sort the faces of placed meshes: all at once, because many small arrays cost more than one."""
    if not meshes:
        return []
    points, counts, paint = (np.concatenate([getattr(mesh, name)[0] for mesh in meshes])
                             for name in ("points", "counts", "paint"))
    first_point = np.cumsum([0] + [len(mesh.points[0]) for mesh in meshes])
    first_face = np.cumsum([0] + [len(mesh.counts[0]) for mesh in meshes])
    owner = np.repeat(np.arange(len(meshes)), np.diff(first_face))
    starts = np.concatenate([[0], np.cumsum(counts)])
    centre = np.add.reduceat(points, starts[:-1], 0) / counts[:, None].astype(np.float32)
    after = np.arange(1, len(points) + 1)
    after[starts[1:] - 1] = starts[:-1]
    rays = points - np.repeat(centre, counts, 0)
    normal = np.add.reduceat(cross(rays, rays[after]), starts[:-1], 0)  # Newell's normal of each polygon
    reference = paint[:, 8:]
    inward = ((centre - reference) * normal).sum(1, keepdims=True) < 0
    normal = unit(np.where(paint[:, 7:8] > 0, reference, np.where(inward, -normal, normal)))
    view = centre - camera.eye.astype(np.float32)
    distance = np.sqrt((view * view).sum(1))
    view = view / distance[:, None]
    facing = (normal * view).sum(1)
    chosen = np.flatnonzero((facing < 0) | (paint[:, 6] > 0))
    chosen = chosen[np.lexsort((paint[chosen, 4] - distance[chosen], owner[chosen]))]
    normal = np.where((facing > 0)[:, None], -normal, normal)[chosen]
    lit = light.shade(paint[chosen, :3], normal, view[chosen], paint[chosen, 3], paint[chosen, 5])
    colours = np.full((len(chosen), 4), 255.0, np.float32)
    colours[:, :3] = np.clip(lit * 255, 0, 255)
    pixels, depth = camera.project(points)
    nearest = np.minimum.reduceat(depth, first_point[:-1])
    cut = np.searchsorted(owner[chosen], np.arange(len(meshes) + 1))
    begin, end = starts[chosen], starts[chosen + 1]
    seen = []
    for k in range(len(meshes)):
        rows, base = slice(cut[k], cut[k + 1]), first_point[k]
        seen.append(Faces(pixels[base:first_point[k + 1]], float(nearest[k]), begin[rows] - base, end[rows] - base,
                          chosen[rows] - first_face[k], colours[rows]))
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
        pixels = np.clip((faces.pixels - self.box[:2]) * scale, -4e6, 4e6).astype(np.int32)
        begin, end, colours, number = faces.begin, faces.end, faces.colours, faces.number
        limit = (self.box[2] - self.box[0]) * scale, (self.box[3] - self.box[1]) * scale
        if len(begin) and (pixels.min() < 0 or (pixels > limit).any()):  # much of a cropped object lies outside
            corners = np.minimum(begin[:, None] + np.arange(4), end[:, None] - 1)
            low, high = pixels[corners].min(1), pixels[corners].max(1)
            inside = ((high > 0) & (low < limit)).all(1) | (end - begin > 4)
            begin, end, colours, number = begin[inside], end[inside], colours[inside], number[inside]
        rgba, convex, line = self.rgba, cv2.fillConvexPoly, cv2.LINE_8
        begin, end = begin.tolist(), end.tolist()
        for first, last, colour in zip(begin, end, colours.tolist(), strict=True):
            if last - first == 4:
                convex(rgba, pixels[first:last], colour, line, FIXED)
            else:
                cv2.fillPoly(rgba, [pixels[first:last]], colour, line, FIXED)
        return self._separate(pixels, begin, end, (number < split).tolist()) if split else [self]

    def _separate(self, pixels, begin, end, early) -> list["Layer"]:
        """Two layers out of one, by the owner of the nearest face; `whole` keeps what each would show without the
        other."""
        owner = np.zeros(self.rgba.shape[:2], np.uint8)
        whole = [np.zeros_like(owner), np.zeros_like(owner)]
        for first, last, is_early in zip(begin, end, early, strict=True):
            corners, part = [pixels[first:last]], 0 if is_early else 1
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
            smooth = cv2.medianBlur(self.rgba, 3)
            smooth[..., 3] = self.rgba[..., 3]
            self.rgba = cv2.bitwise_and(smooth, cv2.merge([self.rgba[..., 3]] * 4))
        small = cv2.resize(self.rgba, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        if grain is not None:
            cv2.multiply(small, grain, small)
        if soften > 0.25:
            small = cv2.GaussianBlur(small, (0, 0), soften)
        return small
