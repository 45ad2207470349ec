"""Parts that stick out of, or belong to only one of, the cars and buses of drawn road scenes."""

import numpy as np


def box(mesh, center, size, color, **kind):
    """An upright box: centre (3,), size (3,) in metres."""
    mesh.boxes(center, size, color, **kind)


def mirrors(mesh, body, color, along, up, size, out=0.1):
    """Wing mirrors at both sides."""
    p = body.at(along, up)
    for s in (1, -1):
        box(mesh, (p[0], s * (p[1] + out), p[2] + size[2] / 2), size, color, bias=1.0 if s else 0, gloss=0.3)


def car_extras(mesh, body, rng, first, second, detail):
    """Mirrors; now and then roof bars, a roof box or a taxi sign."""
    along = body.shape.screens[0][0] + 0.04
    mirrors(mesh, body, first if rng.random() < 0.6 else np.full(3, 0.08), along, 2.1, (0.14, 0.2, 0.14))
    top, h = body.shape.length * (0.5 - 0.6), body.shape.height
    luck = rng.random()
    if luck < 0.05:
        box(mesh, (top, 0, h + 0.07), (0.3, 0.5, 0.14), (0.95, 0.85, 0.3), bias=0.3, glow=0.3)
    elif luck < 0.12 and body.shape.name != "pickup":
        box(mesh, (top, 0, h + 0.12), (1.6, 0.7, 0.24), second, bias=0.3, gloss=0.3)


def pickup_extras(mesh, body, rng, first, second, detail):
    """The open bed behind the cab, and what lies in it."""
    car_extras(mesh, body, rng, first, second, detail)
    s = body.shape
    rear = s.stations[-2]
    z = rear[4] * s.height + 0.005
    xs = s.length * (0.5 - np.array([0.64, 0.975]))
    y = s.width * 0.41
    mesh.add(
        np.array([(xs[0], y, z), (xs[0], -y, z), (xs[1], -y, z), (xs[1], y, z)]),
        (0.06, 0.06, 0.065),
        normal=np.array([[0.0, 0, 1]]),
        bias=2.0,
    )
    if rng.random() < 0.35:
        box(mesh, (xs.mean(), 0, z + 0.1), (rng.uniform(0.5, 1.4), rng.uniform(0.5, 1.2), 0.35), second, bias=1.0)


def bus_extras(mesh, body, rng, first, second, detail):
    """Hanging mirrors, a lit destination sign, advertising on the sides, things on the roof."""
    s, h = body.shape, body.shape.height
    face = s.length / 2 + 0.03
    for side in (1, -1):
        box(
            mesh,
            (face + 0.15, side * (s.width / 2 + 0.1), 0.72 * h if h < 3.6 else 0.42 * h),
            (0.12, 0.2, 0.42),
            (0.06,) * 3,
            bias=3,
        )
    amber = np.array([1.0, 0.65, 0.15])
    body.end(False, (-0.6, 0.6), (0.90 * h, 0.965 * h), (0.04, 0.04, 0.04), bias=4.0)
    for y in np.linspace(-0.45, 0.4, 6):
        if rng.random() < 0.8:
            body.end(False, (y, y + rng.uniform(0.06, 0.13)), (0.915 * h, 0.95 * h), amber, bias=4.2, glow=0.9)
    body.end(True, (-0.35, 0.35), (0.92 * h, 0.965 * h), (0.05, 0.05, 0.05), bias=3.9)
    if rng.random() < 0.5:
        x = rng.uniform(0.3, 0.6)
        body.patch(x, x + 0.25, 1.1, 1.85, second, bias=3.3)
        body.patch(x + 0.03, x + 0.12, 1.25, 1.7, 1 - second, bias=3.4)
    if rng.random() < 0.7 and h < 3.6:
        box(
            mesh, (rng.uniform(-2, 2), 0, h + 0.12), (rng.uniform(1.5, 3.5), s.width * 0.6, 0.26), first * 0.9, bias=0.5
        )


def school_extras(mesh, body, rng, first, second, detail):
    """Black rails along the sides, warning lamps at the roof's corners, mirrors on long arms, sometimes a stop sign."""
    s, h = body.shape, body.shape.height
    for u in (0.9, 1.5):
        body.patch(0.18, 0.995, u, u + 0.12, (0.05, 0.05, 0.05), bias=3.1)
    for tail, x in ((False, 0.19), (True, 1.0)):
        p = body.at(x, 3.0)
        for side in (1, -1):
            for k, color in ((0.9, (0.85, 0.1, 0.08)), (0.62, (0.95, 0.6, 0.1))):
                box(
                    mesh,
                    (p[0] + (0.06 if not tail else -0.02), side * p[1] * k, p[2] - 0.02),
                    (0.1, 0.24, 0.2),
                    color,
                    bias=4,
                    glow=0.3,
                )
    body.end(True, (-0.4, 0.4), (0.30 * h, 0.80 * h), (0.06, 0.07, 0.08), bias=3.3, gloss=0.4)
    body.end(True, (-0.44, 0.44), (0.28 * h, 0.82 * h), first * 0.5, bias=3.25)
    front = s.length * (0.5 - 0.02)
    for side in (1, -1):
        box(mesh, (front - 0.5, side * (s.width / 2 + 0.22), 0.53 * h), (0.1, 0.2, 0.34), (0.05,) * 3, bias=3)
        box(mesh, (front - 0.1, side * s.width * 0.36, 0.55 * h), (0.12, 0.22, 0.22), (0.05,) * 3, bias=3)
    if rng.random() < 0.3:
        turn = np.arange(8) * np.pi / 4 + np.pi / 8
        at = np.array([s.length * 0.24, s.width / 2 + 0.25, 0.5 * h])
        sign = at + 0.24 * np.stack([np.cos(turn), 0 * turn, np.sin(turn)], 1)
        mesh.add(sign, (0.75, 0.06, 0.06), normal=np.array([[0.0, 1, 0]]), two_sided=True, bias=4)
