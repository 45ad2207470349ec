"""Heads of the people of drawn road scenes: skull, hair or headgear, face."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from coursekit.scenes import colors
from coursekit.scenes.mesh import Mesh, cross, ellipses, unit
from coursekit.scenes.poses import UP, Pose


@dataclass(frozen=True)
class Skull:
    """A head of one style on a grid, before it has a size and a direction.

    f, s, u: (rows + 1, sides, 1) ahead, left and up, for a skull of radius about 1. The rest: bool (rows, sides, 1), what
    hair or headgear covers, where a beard would grow, where hair shows below a brim.
    """

    f: np.ndarray
    s: np.ndarray
    u: np.ndarray
    covered: np.ndarray
    bearded: np.ndarray
    nape: np.ndarray


def hairy(style: str, f: np.ndarray, s: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Where hair or headgear covers the skull, on its unit sphere."""
    if style == "bald":
        return (u > -0.5) & (u < 0.25) & (f < -0.1)
    line = {"short": 0.52, "cap": 0.35, "beanie": 0.25, "helmet": 0.3}.get(style, 0.45)
    brow = np.where(f > 0.35, line, np.where(f > -0.25, line - 0.7 * (0.35 - f) / 0.6 - 0.15, -0.55))
    if style in ("cap", "beanie", "helmet"):
        brow = np.where(f > -0.2, line, line - 0.35)
    if style == "scarf":
        brow = np.where((f > 0.45) & (np.abs(s) < 0.6), line, -1.1)
    if style in ("long", "mid", "bun"):
        brow = np.where(f < 0.15, -0.9, brow)
    return u > brow


@lru_cache(maxsize=64)
def grid(style: str, rows: int, sides: int) -> Skull:
    """The skull of a style; read only."""
    v = np.sin(np.linspace(-np.pi / 2, np.pi / 2, rows + 1) * 0.985)
    turn = (np.arange(sides) + 0.5) * (2 * np.pi / sides)
    flat = np.sqrt(1 - v**2)[:, None]
    f, s, u = flat * np.cos(turn), flat * np.sin(turn), np.broadcast_to(v[:, None], (rows + 1, sides))
    puff = {"helmet": 1.28, "short": 1.07, "long": 1.12, "beanie": 1.13, "scarf": 1.14, "bald": 1.01}.get(style, 1.1)
    swell = np.where(hairy(style, f, s, u), puff, 1.0)
    jaw = swell * np.where(u < -0.25, 1 + 0.38 * (u + 0.25), 1.0)
    fc, sc, uc = ((c + np.roll(c, -1, 1))[:-1] / 4 + (c + np.roll(c, -1, 1))[1:] / 4 for c in (f, s, u))
    covered = hairy(style, fc, sc, uc)
    parts = (
        f * jaw * 0.86,
        s * jaw * 0.74,
        u * swell * 1.02,
        covered,
        (uc < -0.3) & (fc > 0.1) & ~covered,
        ~covered & (fc < 0.1) & (uc > -0.5),
    )
    for part in parts:
        part.setflags(write=False)
    return Skull(*(part[..., None] for part in parts))


def head(mesh: Mesh, p: Pose, rng, detail, tone, helmet) -> None:
    """Skull, hair or headgear, face."""
    hair, size = colors.hair(rng), p.head_height / 2
    style = colors.pick(
        rng,
        ("short", "long", "bun", "bald", "cap", "beanie", "scarf", "mid"),
        (0.33, 0.2, 0.09, 0.06, 0.12, 0.06, 0.04, 0.10),
    )
    gear = colors.cloth(rng)
    if helmet:
        style, gear = "helmet", colors.paint(rng)
    ahead = p.head_ahead
    left = cross(UP, ahead)
    left /= np.linalg.norm(left)
    up = cross(ahead, left)
    skull = grid(style, *((4, 6), (5, 8), (8, 12), (12, 18))[detail])
    place = p.head + size * (skull.f * ahead + skull.s * left + skull.u * up)
    color = np.where(skull.covered, gear if style in ("cap", "beanie", "helmet", "scarf") else hair, tone)
    if rng.random() < 0.18 and p.height > 1.5:
        color = np.where(skull.bearded, hair * 0.75 + tone * 0.25, color)
    if style in ("cap", "beanie", "helmet"):  # some hair below the brim
        color = np.where(skull.nape, hair, color)
    axis = np.broadcast_to(p.head, (len(place), 3))
    mesh.loft(place, color, axis=axis, gloss=0.25 if helmet else 0.0)
    if style == "long":
        low = p.head - up * size * rng.uniform(1.4, 2.6) - ahead * size * 0.55
        mesh.loft(
            ellipses(
                np.linspace(p.head + up * size * 0.4 - ahead * size * 0.4, low, 4),
                np.array([0.6, 0.82, 0.85, 0.6]) * size,
                np.array([0.4, 0.45, 0.4, 0.2]) * size,
                left,
                8,
            ),
            hair,
        )
    elif style == "bun":
        c = p.head - ahead * size * 0.85 + up * size * rng.uniform(0, 0.8)
        mesh.tube([c - up * size * 0.35, c, c + up * size * 0.35], np.array([0.2, 0.4, 0.2]) * size, hair, 8)
    elif style == "cap":
        c = p.head + up * size * 0.36 + ahead * size * 0.8
        w, d = left * size * 0.6, ahead * size * 0.75 - up * size * 0.12
        mesh.add(
            [c - w, c + w, c + w * 0.8 + d, c - w * 0.8 + d], gear * 0.8, normal=up[None], two_sided=True, bias=0.1
        )
    if detail > 1:
        face(mesh, p, rng, size, ahead, left, up, tone, hair)


def face(mesh, p, rng, size, ahead, left, up, tone, hair) -> None:
    """Eyes, brows, nose, mouth, ears, sometimes glasses: small patches on the skull."""
    spots = []

    def spot(s, u, w, t, color, bias, lift=1.02):
        spots.append((s, u, w, t, *color, bias, lift))

    dark = np.array([0.07, 0.05, 0.04])
    glasses = rng.random()
    for s in (0.40, -0.40):
        if glasses < 0.16:
            spot(s, 0.08, 0.26, 0.19, dark, 0.14)
            continue
        spot(s, 0.06, 0.17, 0.085, np.array([0.9, 0.88, 0.86]) * (0.5 + 0.5 * tone), 0.12)
        spot(s, 0.06, 0.085, 0.08, dark, 0.13)
        spot(s, 0.25, 0.20, 0.045, hair * 0.6 + tone * 0.1, 0.13)
    if glasses < 0.16:
        spot(0, 0.12, 0.2, 0.03, dark, 0.14, 1.06)
    spot(0.0, -0.16, 0.11, 0.20, tone * 0.93, 0.12, 1.08)
    spot(0.0, -0.30, 0.15, 0.06, tone * 0.74, 0.13, 1.08)
    spot(0.0, -0.56, 0.26, 0.05 + 0.06 * (rng.random() < 0.3), tone * np.array([0.72, 0.45, 0.42]), 0.12)
    for s in (0.97, -0.97):
        spot(s, 0.0, 0.14, 0.2, tone * 0.88, 0.05, 1.06)
    rows = np.array(spots)
    s, u, w, t, lift = (rows[:, [k]] for k in (0, 1, 2, 3, 8))
    f = np.sqrt(np.maximum(0.05, 1 - s * s - u * u))
    jaw = np.where(u < -0.25, 1 + 0.38 * (u + 0.25), 1.0)
    center = p.head + size * lift * (ahead * f * 0.86 * jaw + left * s * 0.74 * jaw + up * u * 1.02)
    normal = ahead * f + left * s * 1.3 + up * u * 0.5
    side, turn = unit(cross(up, normal)) * w * size, np.arange(8) * np.pi / 4 + np.pi / 8
    outline = center[:, None] + np.cos(turn)[:, None] * side[:, None] + np.sin(turn)[:, None] * (up * t * size)[:, None]
    mesh.add(outline, rows[:, 4:7], normal=normal, bias=rows[:, 7])
