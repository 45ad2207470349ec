"""The people of drawn road scenes: bodies, clothes, hair, faces and what they carry, around a pose."""

import numpy as np

from coursekit.data import scene_colours as colours
from coursekit.data.scene_mesh import Mesh, cross, unit
from coursekit.data.scene_poses import LEFT, UP, Pose


def ellipses(centres, wide, deep, across, sides) -> np.ndarray:
    """Rings (S, K, 3) around an upright axis: half widths along `across`, half depths at right angles to it."""
    centres, across = np.asarray(centres, float), np.asarray(across, float)
    axis = np.gradient(centres, axis=0)
    ahead = cross(across, axis)
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    turn = (np.arange(sides) + 0.5) * (2 * np.pi / sides)
    c, s = np.cos(turn)[:, None], np.sin(turn)[:, None]
    return (centres[:, None] + np.asarray(wide, float)[:, None, None] * (c * across)
            + np.asarray(deep, float)[:, None, None] * s * ahead[:, None])


def torso(mesh, p: Pose, rng, sides, fine, top, bottom, girth, open_jacket) -> None:
    """Hips to neck, in the garment's colours; stripes and prints."""
    h = p.height
    across = (p.shoulders[0] - p.shoulders[1])
    across = across / np.linalg.norm(across)
    levels = np.array([-0.12, 0.04, 0.20, 0.40, 0.58, 0.74, 0.86, 0.93, 0.985, 1.05])
    shoulder = np.linalg.norm(p.shoulders[0] - p.shoulders[1]) / 2 / h
    wide = np.array([.076, .097, .094, .084, .092, .100, shoulder * 1.10, shoulder * 1.12, shoulder * .78, .036]) * h
    deep = np.array([.060, .076, .073, .064, .070, .076, .068, .056, .045, .033]) * h
    belly = np.array([1, 1, 1, 1, .8, .4, .1, 0, 0, 0]) * (girth - 1)
    wide, deep = wide * (1 + 0.7 * belly), deep * (1 + 1.3 * belly)
    rings = ellipses(p.hip + (p.neck - p.hip) * levels[:, None], wide, deep, across, sides)
    count = len(levels) - 1
    skin = np.broadcast_to(top, (count, sides, 3)).copy()
    hem = rng.integers(1, 3)
    skin[:hem] = bottom
    style = rng.random()
    other = colours.cloth(rng)
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
    if 0.30 < style < 0.5:                                           # a print on the chest
        out = cross(across, p.neck - p.hip)
        out /= np.linalg.norm(out)
        c = p.hip + (p.neck - p.hip) * 0.68 + out * deep[4] * 1.08
        u = (p.neck - p.hip) * rng.uniform(0.06, 0.16)
        w = across * h * rng.uniform(0.03, 0.06)
        mesh.add([c - u - w, c - u + w, c + u + w, c + u - w], other, normal=out[None], bias=0.15)


class Limbs:
    """Collects round limbs, to make them all at once: a ball at every joint, so that they bend without a gap."""

    def __init__(self):
        self.axis, self.radii, self.colour, self.flat = [], [], [], []

    def bone(self, a, b, ra, rb, colour) -> None:
        """A limb from joint to joint."""
        step = (b - a) / max(np.sqrt((b - a) @ (b - a)), 1e-6)
        self.add([a - step * ra * 0.75, a - step * ra * 0.25, a + (b - a) * 0.35, b + step * rb * 0.2, b + step * rb * 0.7],
                 [ra * 0.45, ra * 0.93, 0.53 * (ra + rb), rb * 0.97, rb * 0.55], colour)

    def add(self, axis, radii, colour, flat=1.0) -> None:
        """A limb along five points."""
        self.axis.append(axis), self.radii.append(radii), self.colour.append(colour), self.flat.append(flat)

    def finish(self, mesh: Mesh, sides: int, fine: int) -> None:
        """Put them into the mesh."""
        mesh.tubes(np.array(self.axis), np.array(self.radii), np.array(self.colour), sides, np.array(self.flat), fine=fine)


def skirt(mesh, p: Pose, sides, colour, length, flare) -> None:
    """A skirt, dress or coat from the waist down; `length` as a share of the leg."""
    knees = (p.knees[0] + p.knees[1]) / 2
    spread = np.abs(p.knees[0] - p.knees[1])
    h = p.height
    end = p.hip + (knees - p.hip) * 2 * length
    centres = np.linspace(p.hip + (p.neck - p.hip) * 0.2, end, 5)
    t = np.linspace(0, 1, 5)
    wide = h * (0.088 + t * flare) + 0.25 * t * spread[1]
    deep = h * (0.070 + t * flare * 0.8) + 0.45 * t * spread[0]
    mesh.loft(ellipses(centres, wide, deep, LEFT, sides), np.stack([colour, colour, colour * .97, colour * .94]), caps=False, two_sided=True, bias=0.2)


def head(mesh, p: Pose, rng, detail, tone, helmet) -> None:
    """Skull, hair or headgear, face."""
    hair, size = colours.hair(rng), p.head_height / 2
    style = colours.pick(rng, ("short", "long", "bun", "bald", "cap", "beanie", "scarf", "mid"), (.33, .2, .09, .06, .12, .06, .04, .10))
    gear = colours.cloth(rng)
    if helmet:
        style, gear = "helmet", colours.paint(rng)
    ahead = p.head_ahead
    left = cross(UP, ahead)
    left /= np.linalg.norm(left)
    up = cross(ahead, left)
    rows, sides = (5, 8) if detail == 0 else (8, 12) if detail == 1 else (12, 18)
    v = np.sin(np.linspace(-np.pi / 2, np.pi / 2, rows + 1) * 0.985)
    turn = (np.arange(sides) + 0.5) * (2 * np.pi / sides)
    flat = np.sqrt(1 - v ** 2)[:, None]
    f, s, u = flat * np.cos(turn), flat * np.sin(turn), np.broadcast_to(v[:, None], (rows + 1, sides))

    def hairy(f, s, u):
        """Where hair or headgear covers the skull."""
        line = {"short": 0.52, "bald": 2.0, "cap": 0.35, "beanie": 0.25, "helmet": 0.3, "scarf": 0.45}.get(style, 0.45)
        brow = np.where(f > 0.35, line, np.where(f > -0.25, line - 0.7 * (0.35 - f) / 0.6 - 0.15, -0.55))
        if style in ("cap", "beanie", "helmet"):
            brow = np.where(f > -0.2, line, line - 0.35)
        if style == "scarf":
            brow = np.where((f > 0.45) & (np.abs(s) < 0.6), line, -1.1)
        if style in ("long", "mid", "bun"):
            brow = np.where(f < 0.15, -0.9, brow)
        if style == "bald":
            brow = np.where(f < 0.0, 0.2 + rng.random() * 0.0, 2.0) - np.where(f < 0, 0.0, 0)
            return (u > -0.5) & (u < 0.25) & (f < -0.1)
        return u > brow
    cover = hairy(f, s, u)
    puff = {"helmet": 1.28, "short": 1.07, "long": 1.12, "beanie": 1.13, "cap": 1.10, "scarf": 1.14, "bald": 1.01}.get(style, 1.1)
    jaw = np.where(u < -0.25, 1 + 0.38 * (u + 0.25), 1.0)
    swell = np.where(cover, puff, 1.0)
    place = (p.head + size * swell[..., None] * ((f * jaw * 0.86)[..., None] * ahead + (s * jaw * 0.74)[..., None] * left
                                                    + (u * 1.02)[..., None] * up))
    centre = np.stack([(c + np.roll(c, -1, 1))[:-1] + (c + np.roll(c, -1, 1))[1:] for c in (f, s, u)]) / 4
    covered = hairy(*centre)
    beard = 0.75 if rng.random() < 0.18 and p.height > 1.5 else 0.0
    colour = np.where(covered[..., None], gear if style in ("cap", "beanie", "helmet", "scarf") else hair, tone)
    if beard:
        bearded = (centre[2] < -0.3) & (centre[0] > 0.1) & ~covered
        colour = np.where(bearded[..., None], hair * beard + tone * (1 - beard), colour)
    if style in ("cap", "beanie", "helmet"):                         # some hair below the brim
        nape = ~covered & (centre[0] < 0.1) & (centre[2] > -0.5)
        colour = np.where(nape[..., None], hair, colour)
    mesh.loft(place, colour, axis=np.broadcast_to(p.head, (rows + 1, 3)), gloss=0.25 if helmet else 0.0)
    if style == "long":
        low = p.head - up * size * rng.uniform(1.4, 2.6) - ahead * size * 0.55
        mesh.loft(ellipses(np.linspace(p.head + up * size * 0.4 - ahead * size * 0.4, low, 4), np.array([.6, .82, .85, .6]) * size,
                           np.array([.4, .45, .4, .2]) * size, left, 8), hair)
    elif style == "bun":
        c = p.head - ahead * size * 0.85 + up * size * rng.uniform(0, 0.8)
        mesh.tube([c - up * size * .35, c, c + up * size * .35], np.array([.2, .4, .2]) * size, hair, 8)
    elif style == "cap":
        c = p.head + up * size * 0.36 + ahead * size * 0.8
        w, d = left * size * 0.6, ahead * size * 0.75 - up * size * 0.12
        mesh.add([c - w, c + w, c + w * .8 + d, c - w * .8 + d], gear * 0.8, normal=up[None], two_sided=True, bias=0.1)
    if detail:
        face(mesh, p, rng, size, ahead, left, up, tone, hair)


def face(mesh, p, rng, size, ahead, left, up, tone, hair) -> None:
    """Eyes, brows, nose, mouth, ears, sometimes glasses: small patches on the skull."""
    spots = []

    def spot(s, u, w, t, colour, bias, lift=1.02):
        spots.append((s, u, w, t, *colour, bias, lift))
    dark = np.array([0.07, 0.05, 0.04])
    glasses = rng.random()
    for s in (0.40, -0.40):
        if glasses < 0.16:
            spot(s, 0.08, 0.26, 0.19, dark, 0.14)
            continue
        spot(s, 0.06, 0.17, 0.085, np.array([.9, .88, .86]) * (0.5 + 0.5 * tone), 0.12)
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
    centre = p.head + size * lift * (ahead * f * 0.86 * jaw + left * s * 0.74 * jaw + up * u * 1.02)
    normal = ahead * f + left * s * 1.3 + up * u * 0.5
    side, turn = unit(cross(up, normal)) * w * size, np.arange(8) * np.pi / 4 + np.pi / 8
    outline = centre[:, None] + np.cos(turn)[:, None] * side[:, None] + np.sin(turn)[:, None] * (up * t * size)[:, None]
    mesh.add(outline, rows[:, 4:7], normal=normal, bias=rows[:, 7])


def carried(mesh, p: Pose, rng, raining) -> None:
    """Backpack, bag, phone, umbrella."""
    h = p.height
    luck = rng.random()
    back = p.hip + (p.neck - p.hip) * 0.62
    out = cross(LEFT, p.neck - p.hip)
    out /= np.linalg.norm(out)
    colour = colours.cloth(rng)
    if luck < 0.16:
        spine = (p.neck - p.hip) / np.linalg.norm(p.neck - p.hip)
        c = back - out * h * 0.11
        mesh.loft(ellipses([c - spine * h * .12, c - spine * h * .10, c + spine * h * .08, c + spine * h * .11], np.array([.05, .08, .075, .04]) * h,
                           np.array([.03, .05, .045, .02]) * h, LEFT, 8), colour)
        for s in (1, -1):
            a = p.neck + LEFT * s * h * 0.06 + out * h * 0.03
            b = back + LEFT * s * h * 0.075 + out * h * 0.085 - UP * h * 0.04
            w = LEFT * h * 0.012
            mesh.add([a - w, a + w, b + w, b - w], colour * 0.7, normal=out[None], bias=0.12)
    elif luck < 0.26:
        c = p.hip + LEFT * h * 0.12 * colours.pick(rng, (-1, 1)) + UP * h * 0.02
        mesh.loft(ellipses([c - UP * h * .07, c, c + UP * h * .06], np.array([.03, .04, .03]) * h, np.array([.06, .075, .06]) * h, LEFT, 8), colour)
    if p.held == "carry":
        c = p.wrists[1] - UP * h * 0.05
        mesh.loft(ellipses([c - UP * h * .2, c - UP * h * .02], np.array([.035, .04]) * h, np.array([.09, .07]) * h, LEFT, 8), colours.cloth(rng))
    if p.held == "phone":
        c = p.wrists[1] + np.array([0.02, 0, 0.05]) * h
        mesh.add(c + np.array([(0, .02, -.035), (0, -.02, -.035), (.015, -.02, .04), (.015, .02, .04)]) * h, (0.04,) * 3,
                 normal=np.array([[-1.0, 0, 0.3]]), two_sided=True, bias=0.05)
    if raining and p.held in ("", "phone") and rng.random() < 0.4:
        tip = p.head + UP * p.head_height * 1.15
        t = np.array([0.0, 0.35, 0.7, 1.0])
        radius = h * 0.30
        rings = ellipses([tip - UP * radius * 0.45 * k * k for k in t], radius * np.maximum(t, 0.03), radius * np.maximum(t, 0.03), LEFT, 8)
        wedge = np.stack([colour, colours.cloth(rng) if rng.random() < .3 else colour * 0.85] * 4)
        mesh.loft(rings, np.broadcast_to(wedge, (3, 8, 3)), caps=False, two_sided=True)


def build(p: Pose, rng: np.random.Generator, detail: int, raining: bool = False, helmet: bool = False) -> Mesh:
    """A clothed person around a pose, in the pose's coordinates. detail: 0 far, 1, 2 near."""
    mesh, h = Mesh(), p.height
    sides, fine = (6, 8, 10)[detail], 2 if detail == 2 else 1
    tone, top, bottom, shoes = colours.skin(rng), colours.cloth(rng), colours.cloth(rng), colours.cloth(rng) * colours.pick(rng, (0.25, 1))
    girth = float(np.clip(rng.normal(1.05, 0.16), 0.82, 1.5))
    legs = colours.pick(rng, ("trousers", "shorts", "skirt", "dress"), (.64, .16, .09, .11))
    sleeves = colours.pick(rng, ("long", "short", "none"), (.5, .4, .1))
    if legs == "dress":
        bottom = top
    jacket = colours.cloth(rng) if sleeves == "long" and rng.random() < 0.3 else None
    thick, limbs = 0.75 + 0.25 * girth, Limbs()
    wide = thick * (1.12 if legs == "trousers" and rng.random() < 0.4 else 1.0)
    for k in (0, 1):
        thigh = bottom if legs in ("trousers", "shorts") else tone
        shin = bottom if legs == "trousers" else tone
        hip, knee, ankle = np.array([.053, .036, .024 if legs != "trousers" else .029]) * h * wide
        limbs.bone(p.hips[k], p.knees[k], hip, knee, thigh)
        limbs.bone(p.knees[k], p.ankles[k], knee, ankle, shin)
        heel = p.ankles[k] + (p.ankles[k] - p.toes[k]) * 0.35 - UP * h * 0.012
        foot = p.toes[k] - heel
        limbs.add([heel, heel + foot * 0.25, heel + foot * 0.5, heel + foot * 0.75, p.toes[k]], np.array([.018, .026, .026, .025, .014]) * h, shoes, 0.8)
        upper, lower = (top, top) if sleeves == "long" else (top, tone) if sleeves == "short" else (tone, tone)
        shoulder, elbow, wrist = np.array([.034, .028, .021]) * h * thick
        limbs.bone(p.shoulders[k], p.elbows[k], shoulder, elbow, upper)
        limbs.bone(p.elbows[k], p.wrists[k], elbow, wrist, lower)
        reach = (p.wrists[k] - p.elbows[k]) * 0.33
        limbs.add(p.wrists[k] + reach * np.array([0, .2, .4, .7, 1])[:, None], np.array([.017, .023, .025, .022, .013]) * h, tone, 0.7)
    limbs.add(np.linspace(p.neck - UP * h * 0.02, p.head - UP * p.head_height * 0.25, 5), np.array([.036, .035, .034, .033, .032]) * h, tone)
    limbs.finish(mesh, sides, fine)
    torso(mesh, p, rng, sides + 4, fine, top, bottom, girth, jacket)
    if legs in ("skirt", "dress"):
        skirt(mesh, p, sides + 2, bottom, rng.uniform(0.35, 0.8), rng.uniform(0.02, 0.07))
    elif rng.random() < 0.15:
        skirt(mesh, p, sides + 2, top, rng.uniform(0.2, 0.5), 0.03)
    head(mesh, p, rng, detail, tone, helmet)
    carried(mesh, p, rng, raining)
    return mesh
