"""Cars and buses of drawn road scenes: a painted skin over cross-sections, with windows, lamps and wheels on it.

A body is a loft over stations along its length. A point of its surface has two coordinates: `along`, 0 at the nose to
1 at the tail, and `around`, 0 at the left sill, 2 at the belt line, 3 at the roof's edge, 4 and 5 on the roof, 9 at
the right sill.
"""

from dataclasses import dataclass, field

import numpy as np

from coursekit.scenes import colors
from coursekit.scenes.mesh import Mesh, quads, upright_circle
from coursekit.scenes.vehicle_shapes import SHAPES, Shape, jitter

GLASS = np.array([0.07, 0.085, 0.10])
RUBBER = np.array([0.045, 0.045, 0.05])
PATCH_STEPS = 2
TRIM = np.array([0.07, 0.07, 0.075])
MIX = np.linspace(0, 1, PATCH_STEPS + 1)
COLUMNS = np.linspace(0, 1, 5)[:, None]  # of a windscreen
HEAD = np.linspace(0, 2 * np.pi, 9)[:-1]  # the outline of a driver's
HEAD = np.stack([0 * HEAD, np.cos(HEAD) * 0.11, np.sin(HEAD) * 0.14], 1)


@dataclass
class Body:
    """A shape in metres: `at` gives surface points."""

    shape: Shape
    x: np.ndarray  # (S,) station along the length, 0..1
    rings: np.ndarray  # (S, 10, 3) metres
    pending: list = field(default_factory=list)  # painted on the sides, see `patch`
    ends: list = field(default_factory=list)  # and on nose and tail, see `end`

    @classmethod
    def of(cls, shape: Shape) -> "Body":
        x, w, z0, zb, zt, tw = np.array(shape.stations).T
        half = shape.width / 2
        y = np.stack([w * 0.90, w, w * 0.975, tw, tw * 0.78], 1) * half
        mid = z0 + 0.45 * (zb - z0)
        edge = zt - np.minimum(0.05, 0.25 * (zt - zb))
        z = np.stack([z0, mid, zb, edge, zt], 1) * shape.height
        y, z = np.concatenate([y, -y[:, ::-1]], 1), np.concatenate([z, z[:, ::-1]], 1)
        lengthwise = np.broadcast_to((shape.length * (0.5 - x))[:, None], y.shape)
        return cls(shape, x, np.stack([lengthwise, y, z], 2))

    def at(self, along, around) -> np.ndarray:
        """Surface points (..., 3) for coordinates that broadcast."""
        along, around = np.asarray(along, float), np.asarray(around, float)
        i = np.minimum(np.maximum(self.x.searchsorted(along, side="right") - 1, 0), len(self.x) - 2)
        start = self.x[i]
        f = ((along - start) / (self.x[i + 1] - start))[..., None]
        j = np.minimum(around.astype(int), 8)
        g = (around - j)[..., None]
        points, corner, rest = self.rings.reshape(-1, 3), i * 10 + j, 1 - f
        near = points.take(corner, 0) * rest + points.take(corner + 10, 0) * f
        far = points.take(corner + 1, 0) * rest + points.take(corner + 11, 0) * f
        return near * (1 - g) + far * g

    def patch(self, x0, x1, u0, u1, color, *, slant=(0.0, 0.0), gloss=0.0, bias=3.0, glow=0.0) -> None:
        """Paint x0..x1 by u0..u1 of both sides. slant: how far the top's front and rear move back."""
        self.pending.append((x0, x1, u0, u1, *slant, *color, gloss, bias, glow))

    def end(self, tail: bool, ys, zs, color, *, both=False, gloss=0.0, bias=3.2, glow=0.0) -> None:
        """Paint a rectangle on the flat nose or tail: ys as shares of the half width there, zs in metres."""
        self.ends.append((tail, *ys, *zs, *color, gloss, bias, glow))
        if both:
            self.ends.append((tail, -ys[0], -ys[1], *zs, *color, gloss, bias, glow))

    def finish(self, mesh: Mesh) -> None:
        """Put everything painted on the surface into the mesh, all at once."""
        rows = np.array(self.pending)
        x = rows[:, :1] + (rows[:, 1:2] - rows[:, :1]) * MIX
        lift = rows[:, 4:5] + (rows[:, 5:6] - rows[:, 4:5]) * MIX
        low, high = self.at(np.stack([x, x + lift]), rows[:, 2:4].T[..., None])  # (P, steps + 1, 3)
        left = quads(low[:, :-1], low[:, 1:], high[:, 1:], high[:, :-1])
        inside = left.mean(2)
        inside[..., 1:] = 0, self.shape.height * 0.4
        look = np.repeat(rows[:, 6:], PATCH_STEPS, 0)
        right = left.copy()
        right[..., 1] *= -1
        inside, look = (np.concatenate([part, part]) for part in (inside.reshape(-1, 3), look))
        both = np.concatenate([left, right]).reshape(-1, 4, 3)
        mesh.add(both, look[:, :3], inside=inside, gloss=look[:, 3], bias=look[:, 4], glow=look[:, 5])
        rows = np.array(self.ends, float)
        tail = rows[:, :1] > 0
        ring = np.where(tail, self.rings[-1, 1], self.rings[0, 1])  # (E, 3): the waist there
        x = ring[:, :1] + np.where(tail, -0.012, 0.012)
        y, z = rows[:, [1, 2, 2, 1]] * ring[:, 1:2], rows[:, [3, 3, 4, 4]]
        normal = np.where(tail, -1.0, 1.0) * np.array([1.0, 0, 0])
        mesh.add(
            np.stack([np.broadcast_to(x, y.shape), y, z], 2),
            rows[:, 5:8],
            normal=normal,
            gloss=rows[:, 8],
            bias=rows[:, 9],
            glow=rows[:, 10],
        )


def wheels(mesh: Mesh, shape: Shape, rng: np.random.Generator, detail: int) -> None:
    """Tyres, rims and dark arches at both sides of every axle."""
    rim = np.array([1, 1, 1]) * colors.pick(rng, (0.12, 0.45, 0.62, 0.8))
    hub, spokes = rng.uniform(0.55, 0.72), int(rng.integers(4, 9))
    turn = np.linspace(0, 2 * np.pi, 20 if detail else 12, endpoint=False) + rng.random()
    circle = upright_circle(turn)
    r, sides = shape.wheel, np.array([1.0, -1.0] * len(shape.axles))[:, None]  # (W, 1)
    center = np.array(
        [(shape.length * (0.5 - axle), s * shape.width * 0.49, r) for axle in shape.axles for s in (1, -1)]
    )
    out = np.concatenate([0 * sides, sides, 0 * sides], 1)  # (W, 3)
    disc = center[:, None] + r * circle
    mesh.lofts(np.stack([disc - out[:, None] * shape.width * 0.13, disc], 1), RUBBER, caps=False)
    arch = center[:, None] + r * 1.16 * circle + out[:, None] * 0.008
    arch[..., 2] = np.maximum(arch[..., 2], shape.stations[3][2] * shape.height)
    flat = {"normal": out}
    mesh.add(arch, TRIM * 0.5, bias=3.3, **flat)
    mesh.add(disc + out[:, None] * 0.012, RUBBER * 1.3, bias=3.4, **flat)
    mesh.add(
        center[:, None] + r * hub * circle + out[:, None] * 0.014,
        rim * (0.55 if detail else 0.8),
        bias=3.5,
        gloss=0.15,
        **flat,
    )
    if detail:
        a = turn[0] + np.arange(spokes) * 2 * np.pi / spokes
        ray = upright_circle(a)
        across = ray[:, ::-1] * (-1, 1, 1) * r * 0.09
        ray *= r
        ray *= hub
        ray *= 0.95
        blades = quads(-across, across, ray + across * 0.7, ray - across * 0.7)  # (spokes, 4, 3)
        blades = (center + out * 0.016)[:, None, None] + blades
        mesh.add(blades.reshape(-1, 4, 3), rim, bias=3.6, gloss=0.25, normal=np.repeat(out, spokes, 0))


def lamps(mesh: Mesh, body: Body, rng: np.random.Generator, night: bool, braking: bool) -> None:
    """Head and tail lamps, grille, plates and bumpers."""
    s, h = body.shape, body.shape.height
    low, high = s.lamps
    front, back = body.rings[0], body.rings[-1]
    top = front[2, 2] / h
    low, high = min(low, top - 0.06), min(high, top - 0.005)
    lit = np.array([1.0, 0.98, 0.88]) if night else np.array([0.78, 0.80, 0.82])
    body.end(
        False,
        (0.55 if s.name != "school_bus" else 0.6, 0.99),
        (low * h, high * h),
        lit,
        both=True,
        glow=1.0 if night else 0.1,
        gloss=0.4,
    )
    wrap = rng.uniform(0.02, 0.06) * min(1, 4.5 / s.length)
    body.patch(0.0, wrap, 1.0 + rng.uniform(0, 0.3), 1.9, lit, glow=0.7 if night else 0.1, gloss=0.4)
    grille = TRIM * rng.uniform(0.5, 1.2) if rng.random() < 0.8 else np.full(3, 0.6)
    z0 = front[0, 2]
    if rng.random() < 0.9:
        body.end(False, (-0.48, 0.48), ((low + 0.02) * h, (high - 0.01) * h), grille, gloss=0.2)
    body.end(False, (-0.8, 0.8), (z0 + 0.02, z0 + 0.4 * (low * h - z0)), TRIM, bias=3.2)
    plate = np.array([[0.9, 0.9, 0.88], [0.92, 0.8, 0.25], [0.85, 0.88, 0.95]])[rng.integers(3)]
    pz = z0 + 0.5 * (low * h - z0)
    body.end(False, (-0.3 * 1.7 / s.width, 0.3 * 1.7 / s.width), (pz, pz + 0.12), plate, bias=3.4)
    red = np.array([0.75, 0.05, 0.05]) if not braking else np.array([1.0, 0.12, 0.08])
    tz0, tz1 = s.tail[0] * h, s.tail[1] * h
    inner = rng.uniform(0.55, 0.78)
    body.end(True, (inner, 1.0), (tz0, tz1), red, both=True, gloss=0.3, glow=0.95 if night or braking else 0.15)
    if rng.random() < 0.5:
        body.end(True, (inner, 1.0), (tz0, tz0 + 0.25 * (tz1 - tz0)), np.array([0.9, 0.75, 0.6]), both=True, bias=3.4)
    zb = back[0, 2]
    body.end(True, (-0.95, 0.95), (zb, zb + 0.13), TRIM, bias=3.1)
    pz = zb + 0.25 if rng.random() < 0.5 else min(0.5 * h, back[2, 2] - 0.2)
    body.end(True, (-0.32 * 1.7 / s.width, 0.32 * 1.7 / s.width), (pz, pz + 0.12), plate, bias=3.4)


def glazing(mesh: Mesh, body: Body, rng: np.random.Generator, tint: np.ndarray) -> None:
    """All windows of a shape, with what can be seen of people and seats behind some of them."""
    s = body.shape
    glass = {"gloss": rng.uniform(0.35, 0.75)}
    for x0, x1, u0, u1, lean0, lean1 in s.windows:
        body.patch(x0, x1, u0, u1, tint * rng.uniform(0.7, 1.5), slant=(lean0, lean1), **glass)
    for x0, x1, margin, across in s.screens:  # (x0, x1) below to above; across the whole width
        low, high = body.at(np.array([[x0], [x1]]), np.array([[2, 7], [3, 6]]) + np.array([across, -across]))
        low, high = low + (high - low) * margin, high + (low - high) * margin * 0.6
        low, high = low * (1, 0.97, 1), high * (1, 0.97, 1)
        out = np.array([0, 0, 0.02])
        bottom, top = low[0] + (low[1] - low[0]) * COLUMNS + out, high[0] + (high[1] - high[0]) * COLUMNS + out
        mesh.add(
            quads(bottom[:-1], bottom[1:], top[1:], top[:-1]),
            tint,
            inside=np.array([0, 0, 0.3 * s.height]),
            bias=3.0,
            **glass,
        )
        if x0 < x1 and rng.random() < 0.8 and s.height < 2.6:  # a driver's shadow behind the windscreen
            at = bottom[1] + (top[1] - bottom[1]) * 0.35
            mesh.add(at + HEAD, tint + 0.05, normal=np.array([[1.0, 0, 0.3]]), bias=3.2, gloss=0.3)


def build(subtype: str, rng: np.random.Generator, detail: int, night: bool) -> Mesh:
    """A vehicle in its own coordinates. subtype: a key of SHAPES; detail: 0 for far ones, to 3 for near ones."""
    shape = jitter(SHAPES[subtype], rng)
    body, mesh = Body.of(shape), Mesh()
    first, second = colors.paint(rng), colors.paint(rng)
    gloss = rng.uniform(0.2, 0.6)
    skin = np.broadcast_to(first, (len(shape.stations) - 1, 10, 3)).copy()
    style = rng.random()
    if style < shape.livery:  # two-tone: a band, the lower half or the roof
        band = [(0, 1, 8), (1, 7), (3, 4, 5), (0, 1, 2, 6, 7, 8)][rng.integers(4)]
        skin[:, band] = second
    skin[:, 9] = TRIM
    mesh.loft(
        body.rings,
        skin,
        axis=np.stack([body.rings[:, 0, 0], 0 * body.x, 0.5 * (body.rings[:, 0, 2] + body.rings[:, 3, 2])], 1),
        gloss=gloss,
        fine=max(1, detail - 1),
        cubic=False,
    )
    wheels(mesh, shape, rng, detail)
    tint = GLASS * rng.uniform(0.6, 2.0) if not night else GLASS * 0.7
    if shape.height > 2.5 and night:
        tint = np.array([0.75, 0.66, 0.42]) * rng.uniform(0.5, 1.0)
    glazing(mesh, body, rng, tint)
    lamps(mesh, body, rng, night, bool(rng.random() < 0.3))
    if detail:
        line = first * 0.45
        for x in shape.seams:
            body.patch(x, x + 0.012 / shape.length * 2, 0.2, 2.9, line, bias=3.1)
            body.patch(x - 0.035, x - 0.012, 1.62, 1.74, TRIM if rng.random() < 0.5 else first * 0.8, bias=3.15)
        if rng.random() < 0.4:
            body.patch(0.05, 0.95, 0.75, 0.95, TRIM if rng.random() < 0.5 else second, bias=3.05)
    shape.extras(mesh, body, rng, first, second, detail)
    body.finish(mesh)
    return mesh
