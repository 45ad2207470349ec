"""Paints a mesh of a drawn road scene onto a transparent canvas of its own."""

import cv2
import numpy as np

from coursekit.data.scene_camera import Camera, Light
from coursekit.data.scene_mesh import Mesh, cross, unit

FIXED = 4  # bits behind the point in cv2's fixed-point coordinates


class Layer:
    """A transparent canvas over a part of the frame, drawn at `fine` times its resolution.

    box: (x0, y0, x1, y1) whole frame pixels; rgba: uint8, colour premultiplied once `finish` has scaled it down.
    """

    def __init__(self, box: tuple[int, int, int, int], fine: int):
        self.box, self.fine = box, fine
        self.rgba = np.zeros(((box[3] - box[1]) * fine, (box[2] - box[0]) * fine, 4), np.uint8)
        self.whole: np.ndarray | None = None
        self.parts: list[Layer] = []
        self.limit = np.array([box[2] - box[0], box[3] - box[1]]) * (fine << FIXED)

    def draw(self, mesh: Mesh, pixels: np.ndarray, camera: Camera, light: Light, split: int = 0) -> None:
        """Paint the faces of a placed mesh, far ones first. pixels: where the camera sees its points, (V, 2).

        split: the first so many faces are one thing and the rest another that is entangled with it, as a bicycle and
        its rider are: `parts` then has a layer for either.
        """
        (points,), (counts,), (paint,) = mesh.points, mesh.counts, mesh.paint
        starts = np.concatenate([[0], np.cumsum(counts)])
        centre = np.add.reduceat(points, starts[:-1], 0) / counts[:, None]
        after = np.arange(1, len(points) + 1)
        after[starts[1:] - 1] = starts[:-1]
        rays = points - np.repeat(centre, counts, 0)
        normal = np.add.reduceat(cross(rays, rays[after]), starts[:-1], 0)  # Newell's normal of each polygon
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
        if pixels.min() < 0 or (pixels > self.limit).any():  # much of a cropped object lies outside
            low, high = (
                np.minimum.reduceat(pixels, starts[:-1])[chosen],
                np.maximum.reduceat(pixels, starts[:-1])[chosen],
            )
            seen = (high > 0).all(1) & (low < self.limit).all(1)
            chosen, colours = chosen[seen], colours[seen]
        order = np.argsort(-(distance - paint[:, 4])[chosen], kind="stable")
        begin, end, colours = starts[chosen], starts[chosen + 1], colours.tolist()
        rgba, ends, convex, line = self.rgba, end.tolist(), cv2.fillConvexPoly, cv2.LINE_8
        for k, first in zip(order.tolist(), begin[order].tolist(), strict=True):
            last = ends[k]
            if last - first == 4:
                convex(rgba, pixels[first:last], colours[k], line, FIXED)
            else:
                cv2.fillPoly(rgba, [pixels[first:last]], colours[k], line, FIXED)
        self.parts = [self]
        if split:
            self._separate(pixels, begin, end, order, chosen < split)

    def _separate(self, pixels, begin, end, order, first) -> None:
        """Two layers out of one, by the owner of the nearest face; `whole` keeps what each would show without the
        other."""
        owner = np.zeros(self.rgba.shape[:2], np.uint8)
        whole = [np.zeros_like(owner), np.zeros_like(owner)]
        for k in order.tolist():
            corners = [pixels[begin[k] : end[k]]]
            part = 0 if first[k] else 1
            cv2.fillPoly(owner, corners, part + 1, cv2.LINE_8, FIXED)
            cv2.fillPoly(whole[part], corners, 255, cv2.LINE_8, FIXED)
        self.parts = [Layer(self.box, self.fine), Layer(self.box, self.fine)]
        for number, part in enumerate(self.parts):
            cv2.copyTo(self.rgba, (owner == number + 1).view(np.uint8), part.rgba)
            part.whole = whole[number]

    def silhouette(self) -> int:
        """How many pixels of the frame the thing covers, were nothing before it."""
        size = (self.box[2] - self.box[0], self.box[3] - self.box[1])
        alpha = self.rgba[..., 3] if self.whole is None else self.whole
        return int((cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) > 127).sum())

    def finish(self, grain: np.ndarray | None, soften: float) -> np.ndarray:
        """Scale down to the frame's resolution: float32 (h, w, 4), premultiplied, in [0, 255].

        grain: float32 (h, w), about 1 in the mean, multiplies the colours: folds, dirt, texture. soften: blur in
        frame pixels.
        """
        size = (self.box[2] - self.box[0], self.box[3] - self.box[1])
        if self.fine == 2 and min(self.rgba.shape[:2]) > 3:  # large objects: smooth the facets away inside the outline
            smooth = cv2.medianBlur(self.rgba, 3)
            smooth[..., 3] = self.rgba[..., 3]
            self.rgba = cv2.bitwise_and(smooth, cv2.merge([self.rgba[..., 3]] * 4))
        small = cv2.resize(self.rgba, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        if grain is not None:
            cv2.multiply(small, cv2.merge([grain] * 3 + [np.ones_like(grain)]), small)
        if soften > 0.25:
            small = cv2.GaussianBlur(small, (0, 0), soften)
        return small
