"""What stands in a drawn street without a label: trees, bushes, lamp posts, signs, bins, bollards. It hides and it
distracts."""

from functools import lru_cache

import cv2
import numpy as np

from coursekit.scenes import colors
from coursekit.scenes.light import Light
from coursekit.scenes.mesh import Mesh
from coursekit.scenes.vehicle_parts import box

KINDS = ("tree", "bush", "lamp", "sign", "bin", "bollard", "lights", "planter")
STEEL = np.array([0.30, 0.31, 0.32])


@lru_cache(maxsize=16)
def foliage(kind: int) -> np.ndarray:
    """A tree (kind 0..7) or bush (8..11): float32 (224, 192, 4), RGB 0..1 for full light and alpha, foot at the
    bottom. Read only."""
    rng = np.random.default_rng([55, kind])
    h, w = 224, 192
    image = np.zeros((h, w, 4), np.uint8)
    bush = kind >= 8
    trunk = np.array([70, 52, 38]) * rng.uniform(0.7, 1.5)
    if not bush:
        wide = rng.uniform(4, 8)
        cv2.fillPoly(
            image,
            [np.array([(96 - wide, h), (96 + wide, h), (96 + wide * 0.5, 90), (96 - wide * 0.5, 90)], np.int32)],
            (*trunk, 255.0),
        )
        for _ in range(7 if kind % 4 != 3 else 0):
            x, y = 96 + rng.normal(0, 35), rng.uniform(40, 110)
            cv2.line(image, (96, int(rng.uniform(95, 140))), (int(x), int(y)), (*trunk, 255.0), int(rng.integers(1, 5)))
    leaf = np.array([(70, 100, 40), (90, 120, 50), (50, 85, 45), (120, 110, 45), (150, 90, 40)], float)[
        rng.choice(5, p=[0.35, 0.25, 0.25, 0.1, 0.05])
    ]
    slim = rng.uniform(0.55, 1.0)
    for k in range(420 if not bush else 260):
        a, r = rng.random() * 2 * np.pi, rng.random() ** 0.6
        cx, cy = (
            (96 + np.cos(a) * r * 74 * slim, 84 - np.sin(a) * r * 74)
            if not bush
            else (96 + np.cos(a) * r * 84, h - 40 - np.sin(a) * r * 58)
        )
        if kind % 4 == 3 and not bush:  # a conifer
            t = rng.random() ** 0.6
            cx, cy = 96 + rng.normal(0, 1) * t * 26, 10 + t * 175
        light = 0.62 + 0.5 * (1 - (cy / h)) + 0.25 * np.cos(a) + rng.normal(0, 0.14) + 0.25 * k / 420
        cv2.ellipse(
            image,
            (int(cx), int(cy)),
            (int(rng.integers(3, 12)), int(rng.integers(2, 8))),
            rng.uniform(0, 180),
            0,
            360,
            (*np.clip(leaf * light, 0, 255), 255.0),
            -1,
            cv2.LINE_8,
        )
    out = cv2.GaussianBlur(image.astype(np.float32) / 255, (0, 0), 0.7)
    out.setflags(write=False)
    return out


def draw_foliage(
    kind: int, base: np.ndarray, tall: float, box_: tuple, light: Light, tint: np.ndarray, mirrored: bool
) -> np.ndarray:
    """A tree's layer: float32 (h, w, 4), premultiplied 0..255, for the frame part `box_`. base: pixel of its foot;
    tall: px."""
    sprite = foliage(kind)
    scale = tall / sprite.shape[0]
    x = base[0] - (-1 if mirrored else 1) * scale * 96 - box_[0]
    matrix = np.array([[-scale if mirrored else scale, 0, x], [0, scale, base[1] - tall - box_[1]]])
    size = (box_[2] - box_[0], box_[3] - box_[1])
    layer = cv2.warpAffine(sprite, matrix, size, flags=cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR)
    gain = tint * (light.sky * 0.8 + light.sun * 0.55) * 255
    rows = layer.reshape(size[1], -1)  # long rows: NumPy is slow on a short last axis
    rows *= np.tile(np.append(gain, 255).astype(np.float32), size[0])
    return layer


def build(kind: str, rng: np.random.Generator, light: Light) -> Mesh:
    """Street furniture in its own coordinates (facing x)."""
    mesh, up = Mesh(), np.array([0, 0, 1.0])
    gray = STEEL * rng.uniform(0.4, 1.8)
    if kind == "lamp":
        h, reach = rng.uniform(4, 8), rng.uniform(0.3, 2.2)
        mesh.tube([up * 0, up * 1.0, up * h], [0.1, 0.07, 0.05], gray, 6)
        tip = up * (h + 0.2) + (reach, 0, 0)
        mesh.tube([up * h, up * (h + 0.2), tip], [0.045, 0.045, 0.04], gray, 5, across=(0, 0, 1))
        glow = light.time == "night"
        box(mesh, tip, (0.6, 0.25, 0.12), gray)
        box(
            mesh,
            tip - up * 0.08,
            (0.45, 0.2, 0.06),
            (1, 0.9, 0.65) if glow else (0.8, 0.8, 0.78),
            glow=1.0 if glow else 0,
        )
    elif kind == "sign":
        h = rng.uniform(1.9, 2.6)
        mesh.tube([up * 0, up * (h + 0.3)], [0.035, 0.035], gray, 5)
        n = int(colors.pick(rng, (3, 4, 8, 16)))
        turn = np.arange(n) * 2 * np.pi / n + (np.pi / 2 if n != 4 else np.pi / 4)
        for k, (size, color) in enumerate(
            (
                (0.36, colors.hue(rng, (0.7, 1), (0.5, 0.9))),
                (0.28, (0.93,) * 3),
                (0.14, colors.hue(rng, (0.2, 1), (0.05, 0.7))),
            )
        ):
            face = up * h + size * np.stack([0 * turn, np.cos(turn), np.sin(turn)], 1) + (0.05 + 0.005 * k, 0, 0)
            mesh.add(face, color, normal=np.array([[1.0, 0, 0]]), bias=0.1 * k + 0.1)
            if k == 0:
                mesh.add(face - (0.02, 0, 0), (0.4,) * 3, normal=np.array([[-1.0, 0, 0]]), bias=0.1)
    elif kind == "bin":
        turn = np.arange(8) * np.pi / 4
        circle = np.stack([np.cos(turn), np.sin(turn), 0 * turn], 1) * 0.27
        tone = colors.paint(rng) * 0.7
        mesh.loft(
            np.stack([circle * 0.85, circle + up * 0.8, circle * 1.08 + up * 0.85, circle * 0.8 + up]),
            np.stack([tone, tone * 0.6, tone * 0.8]),
        )
    elif kind == "bollard":
        mesh.tube([up * 0, up * 0.8, up * 0.95], [0.07, 0.06, 0.045], gray, 8)
        mesh.tube([up * 0.7, up * 0.8], [0.065, 0.065], (0.9, 0.9, 0.9), 8, bias=0.05)
    elif kind == "lights":
        mesh.tube([up * 0, up * 3.2], [0.06, 0.05], gray, 6)
        box(mesh, up * 2.8 + (0.15, 0, 0), (0.2, 0.3, 0.85), (0.06,) * 3)
        on = int(rng.integers(3))
        for k, color in enumerate(((0.9, 0.1, 0.08), (0.95, 0.7, 0.1), (0.15, 0.8, 0.35))):
            turn = np.arange(10) * np.pi / 5
            spot = up * (3.05 - 0.26 * k) + (0.27, 0, 0) + 0.1 * np.stack([0 * turn, np.cos(turn), np.sin(turn)], 1)
            mesh.add(
                spot,
                np.array(color) * (1 if k == on else 0.2),
                normal=np.array([[1.0, 0, 0]]),
                bias=0.3,
                glow=1.0 if k == on else 0,
            )
    else:  # a planter or a bench-like block
        tone = np.array([0.5, 0.42, 0.34]) * rng.uniform(0.5, 1.4)
        box(mesh, (0, 0, 0.25), (rng.uniform(0.4, 0.6), rng.uniform(0.6, 2), 0.5), tone)
        for _ in range(10):
            p = np.array([rng.normal(0, 0.12), rng.normal(0, 0.3), 0.5])
            mesh.tube(
                [p, p + (0, 0, rng.uniform(0.1, 0.4))],
                [0.12, 0.05],
                np.array([0.25, 0.38, 0.15]) * rng.uniform(0.5, 1.5),
                5,
            )
    return mesh
