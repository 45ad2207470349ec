"""The people of drawn road scenes: bodies, clothes, hair, faces and what they carry, around a pose."""

import numpy as np

from coursekit.scenes import colors
from coursekit.scenes.heads import head
from coursekit.scenes.mesh import Mesh, cross, ellipses, unit
from coursekit.scenes.poses import LEFT, UP, Pose

LEVELS = np.array([-0.12, 0.04, 0.20, 0.40, 0.58, 0.74, 0.86, 0.93, 0.985, 1.05])[:, None]  # of a torso, 0 hip, 1 neck
DEPTHS = np.array([0.060, 0.076, 0.073, 0.064, 0.070, 0.076, 0.068, 0.056, 0.045, 0.033])  # there, for a height of 1
BELLY = np.array([1, 1, 1, 1, 0.8, 0.4, 0.1, 0, 0, 0])
BEFORE, AFTER = np.array([[0.75], [0.25]]), np.array([[0.2], [0.7]])  # how far a bone's ends reach over its joints


def torso(mesh, p: Pose, rng, sides, fine, top, bottom, girth, open_jacket) -> None:
    """Hips to neck, in the garment's colours; stripes and prints."""
    h = p.height
    across = p.shoulders[0] - p.shoulders[1]
    across = across / np.linalg.norm(across)
    shoulder = np.linalg.norm(p.shoulders[0] - p.shoulders[1]) / 2 / h
    wide = (
        np.array([0.076, 0.097, 0.094, 0.084, 0.092, 0.100, shoulder * 1.10, shoulder * 1.12, shoulder * 0.78, 0.036])
        * h
    )
    deep = DEPTHS * h
    belly = BELLY * (girth - 1)
    wide, deep = wide * (1 + 0.7 * belly), deep * (1 + 1.3 * belly)
    rings = ellipses(p.hip + (p.neck - p.hip) * LEVELS, wide, deep, across, sides)
    count = len(LEVELS) - 1
    skin = np.broadcast_to(top, (count, sides, 3)).copy()
    hem = rng.integers(1, 3)
    skin[:hem] = bottom
    style = rng.random()
    other = colors.cloth(rng)
    if style < 0.16:
        skin[hem::2] = other
    elif style < 0.24:
        skin[hem:, ::2] = other
    elif style < 0.30:
        skin[5:] = other
    if open_jacket is not None:
        ahead = np.sin((np.arange(sides) + 1) * 2 * np.pi / sides)
        skin[1:, ahead > 0.9 if sides > 8 else ahead > 0.85] = open_jacket
    mesh.loft(rings, skin, fine=fine, bias=0.02)
    if 0.30 < style < 0.5:  # a print on the chest
        out = cross(across, p.neck - p.hip)
        out /= np.linalg.norm(out)
        c = p.hip + (p.neck - p.hip) * 0.68 + out * deep[4] * 1.08
        u = (p.neck - p.hip) * rng.uniform(0.06, 0.16)
        w = across * h * rng.uniform(0.03, 0.06)
        mesh.add([c - u - w, c - u + w, c + u + w, c + u - w], other, normal=out[None], bias=0.15)


class Limbs:
    """Collects round limbs, to make them all at once: a ball at every joint, so that they bend without a gap."""

    def __init__(self):
        self.bones, self.axis, self.radii, self.color, self.flat = [], [], [], [], []

    def bone(self, a, b, ra, rb, color) -> None:
        """A limb from joint to joint, thickest between them."""
        row = np.empty(11)
        row[:3], row[3:6], row[6], row[7], row[8:] = a, b, ra, rb, color
        self.bones.append(row)

    def add(self, axis, radii, color, flat=1.0) -> None:
        """A limb along five points."""
        self.axis.append(axis), self.radii.append(radii), self.color.append(color), self.flat.append(flat)

    def finish(self, mesh: Mesh, sides: int, fine: int) -> None:
        """Put them into the mesh; with fewer than six sides, of three points instead of five."""
        rows = np.stack(self.bones)
        a, b, ra, rb = rows[:, None, :3], rows[:, None, 3:6], rows[:, 6:7], rows[:, 7:8]
        step = unit(b - a)
        before, after = ra[..., None] * BEFORE, rb[..., None] * AFTER
        axis = np.concatenate([a - step * before, a + (b - a) * 0.35, b + step * after], 1)  # (bones, 5, 3)
        radii = np.concatenate([ra * 0.45, ra * 0.93, 0.53 * (ra + rb), rb * 0.97, rb * 0.55], 1)
        axis, radii = np.concatenate([axis, np.array(self.axis)]), np.concatenate([radii, np.array(self.radii)])
        color = np.concatenate([rows[:, 8:], np.array(self.color)])
        flat = np.concatenate([np.ones(len(rows)), np.array(self.flat)])
        kept = slice(None) if sides > 5 else [1, 2, 3]
        mesh.tubes(axis[:, kept], radii[:, kept], color, sides, flat, fine=fine, caps=sides > 5)


def skirt(mesh, p: Pose, sides, color, length, flare) -> None:
    """A skirt, dress or coat from the waist down; `length` as a share of the leg."""
    knees = (p.knees[0] + p.knees[1]) / 2
    spread = np.abs(p.knees[0] - p.knees[1])
    h = p.height
    end = p.hip + (knees - p.hip) * 2 * length
    centers = np.linspace(p.hip + (p.neck - p.hip) * 0.2, end, 5)
    t = np.linspace(0, 1, 5)
    wide = h * (0.088 + t * flare) + 0.25 * t * spread[1]
    deep = h * (0.070 + t * flare * 0.8) + 0.45 * t * spread[0]
    mesh.loft(
        ellipses(centers, wide, deep, LEFT, sides),
        np.stack([color, color, color * 0.97, color * 0.94]),
        caps=False,
        two_sided=True,
        bias=0.2,
    )


def carried(mesh, p: Pose, rng, raining) -> None:
    """Backpack, bag, phone, umbrella."""
    h = p.height
    luck = rng.random()
    back = p.hip + (p.neck - p.hip) * 0.62
    out = cross(LEFT, p.neck - p.hip)
    out /= np.linalg.norm(out)
    color = colors.cloth(rng)
    if luck < 0.16:
        spine = (p.neck - p.hip) / np.linalg.norm(p.neck - p.hip)
        c = back - out * h * 0.11
        mesh.loft(
            ellipses(
                [c - spine * h * 0.12, c - spine * h * 0.10, c + spine * h * 0.08, c + spine * h * 0.11],
                np.array([0.05, 0.08, 0.075, 0.04]) * h,
                np.array([0.03, 0.05, 0.045, 0.02]) * h,
                LEFT,
                8,
            ),
            color,
        )
        for s in (1, -1):
            a = p.neck + LEFT * s * h * 0.06 + out * h * 0.03
            b = back + LEFT * s * h * 0.075 + out * h * 0.085 - UP * h * 0.04
            w = LEFT * h * 0.012
            mesh.add([a - w, a + w, b + w, b - w], color * 0.7, normal=out[None], bias=0.12)
    elif luck < 0.26:
        c = p.hip + LEFT * h * 0.12 * colors.pick(rng, (-1, 1)) + UP * h * 0.02
        mesh.loft(
            ellipses(
                [c - UP * h * 0.07, c, c + UP * h * 0.06],
                np.array([0.03, 0.04, 0.03]) * h,
                np.array([0.06, 0.075, 0.06]) * h,
                LEFT,
                8,
            ),
            color,
        )
    if p.held == "carry":
        c = p.wrists[1] - UP * h * 0.05
        mesh.loft(
            ellipses(
                [c - UP * h * 0.2, c - UP * h * 0.02], np.array([0.035, 0.04]) * h, np.array([0.09, 0.07]) * h, LEFT, 8
            ),
            colors.cloth(rng),
        )
    if p.held == "phone":
        c = p.wrists[1] + np.array([0.02, 0, 0.05]) * h
        mesh.add(
            c + np.array([(0, 0.02, -0.035), (0, -0.02, -0.035), (0.015, -0.02, 0.04), (0.015, 0.02, 0.04)]) * h,
            (0.04,) * 3,
            normal=np.array([[-1.0, 0, 0.3]]),
            two_sided=True,
            bias=0.05,
        )
    if raining and p.held in ("", "phone") and rng.random() < 0.4:
        tip = p.head + UP * p.head_height * 1.15
        t = np.array([0.0, 0.35, 0.7, 1.0])
        radius = h * 0.30
        rings = ellipses(
            [tip - UP * radius * 0.45 * k * k for k in t],
            radius * np.maximum(t, 0.03),
            radius * np.maximum(t, 0.03),
            LEFT,
            8,
        )
        wedge = np.stack([color, colors.cloth(rng) if rng.random() < 0.3 else color * 0.85] * 4)
        mesh.loft(rings, np.broadcast_to(wedge, (3, 8, 3)), caps=False, two_sided=True)


def build(p: Pose, rng: np.random.Generator, detail: int, raining: bool = False, helmet: bool = False) -> Mesh:
    """A clothed person around a pose, in the pose's coordinates. detail: 0 far to 3 near."""
    mesh, h = Mesh(), p.height
    sides, fine = (4, 6, 7, 10)[detail], 2 if detail == 3 else 1
    tone, top, bottom, shoes = (
        colors.skin(rng),
        colors.cloth(rng),
        colors.cloth(rng),
        colors.cloth(rng) * colors.pick(rng, (0.25, 1)),
    )
    girth = min(max(rng.normal(1.05, 0.16), 0.82), 1.5)
    legs = colors.pick(rng, ("trousers", "shorts", "skirt", "dress"), (0.64, 0.16, 0.09, 0.11))
    sleeves = colors.pick(rng, ("long", "short", "none"), (0.5, 0.4, 0.1))
    if legs == "dress":
        bottom = top
    jacket = colors.cloth(rng) if sleeves == "long" and rng.random() < 0.3 else None
    thick, limbs = 0.75 + 0.25 * girth, Limbs()
    wide = thick * (1.12 if legs == "trousers" and rng.random() < 0.4 else 1.0)
    for k in (0, 1):
        thigh = bottom if legs in ("trousers", "shorts") else tone
        shin = bottom if legs == "trousers" else tone
        hip, knee, ankle = (share * h * wide for share in (0.053, 0.036, 0.024 if legs != "trousers" else 0.029))
        limbs.bone(p.hips[k], p.knees[k], hip, knee, thigh)
        limbs.bone(p.knees[k], p.ankles[k], knee, ankle, shin)
        heel = p.ankles[k] + (p.ankles[k] - p.toes[k]) * 0.35 - UP * h * 0.012
        foot = p.toes[k] - heel
        limbs.add(
            [heel, heel + foot * 0.25, heel + foot * 0.5, heel + foot * 0.75, p.toes[k]],
            np.array([0.018, 0.026, 0.026, 0.025, 0.014]) * h,
            shoes,
            0.8,
        )
        upper, lower = (top, top) if sleeves == "long" else (top, tone) if sleeves == "short" else (tone, tone)
        shoulder, elbow, wrist = (share * h * thick for share in (0.034, 0.028, 0.021))
        limbs.bone(p.shoulders[k], p.elbows[k], shoulder, elbow, upper)
        limbs.bone(p.elbows[k], p.wrists[k], elbow, wrist, lower)
        reach = (p.wrists[k] - p.elbows[k]) * 0.33
        limbs.add(
            p.wrists[k] + reach * np.array([0, 0.2, 0.4, 0.7, 1])[:, None],
            np.array([0.017, 0.023, 0.025, 0.022, 0.013]) * h,
            tone,
            0.7,
        )
    limbs.add(
        np.linspace(p.neck - UP * h * 0.02, p.head - UP * p.head_height * 0.25, 5),
        np.array([0.036, 0.035, 0.034, 0.033, 0.032]) * h,
        tone,
    )
    limbs.finish(mesh, sides, fine)
    torso(mesh, p, rng, sides + 4, fine, top, bottom, girth, jacket)
    if legs in ("skirt", "dress"):
        skirt(mesh, p, sides + 2, bottom, rng.uniform(0.35, 0.8), rng.uniform(0.02, 0.07))
    elif rng.random() < 0.15:
        skirt(mesh, p, sides + 2, top, rng.uniform(0.2, 0.5), 0.03)
    head(mesh, p, rng, detail, tone, helmet)
    carried(mesh, p, rng, raining)
    return mesh
