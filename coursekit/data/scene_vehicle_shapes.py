"""The proportions of every car and bus of drawn road scenes, and the parts that only one of them has."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Shape:
    """A vehicle's proportions.

    stations: (along 0..1, half width at the waist, underside, belt, top, half width of the top): widths as shares of the half
    width, heights as shares of the height. windows: (front, rear, low, high, lean of front, lean of rear) in surface
    coordinates. screens: (along at the bottom, along at the top, margin, share of a ring step cut at each side). lamps, tail:
    heights as shares. seams: where doors end.
    """

    name: str
    length: float
    width: float
    height: float
    stations: tuple
    wheel: float
    axles: tuple
    windows: tuple
    screens: tuple
    lamps: tuple
    tail: tuple
    seams: tuple
    extras: Callable
    livery: float = 0.06


def box(mesh, centre, size, colour, **kind):
    """An upright box: centre (3,), size (3,) in metres."""
    mesh.boxes(centre, size, colour, **kind)


def mirrors(mesh, body, colour, along, up, size, out=0.1):
    """Wing mirrors at both sides."""
    p = body.at(along, up)
    for s in (1, -1):
        box(mesh, (p[0], s * (p[1] + out), p[2] + size[2] / 2), size, colour, bias=1.0 if s else 0, gloss=0.3)


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
    mesh.add(np.array([(xs[0], y, z), (xs[0], -y, z), (xs[1], -y, z), (xs[1], y, z)]), (0.06, 0.06, 0.065),
             normal=np.array([[0.0, 0, 1]]), bias=2.0)
    if rng.random() < 0.35:
        box(mesh, (xs.mean(), 0, z + 0.1), (rng.uniform(0.5, 1.4), rng.uniform(0.5, 1.2), 0.35), second, bias=1.0)


def bus_extras(mesh, body, rng, first, second, detail):
    """Hanging mirrors, a lit destination sign, advertising on the sides, things on the roof."""
    s, h = body.shape, body.shape.height
    face = s.length / 2 + 0.03
    for side in (1, -1):
        box(mesh, (face + 0.15, side * (s.width / 2 + 0.1), 0.72 * h if h < 3.6 else 0.42 * h), (0.12, 0.2, 0.42), (0.06,) * 3, bias=3)
    amber = np.array([1.0, 0.65, 0.15])
    body.end(False, (-0.6, 0.6), (0.90 * h, 0.965 * h), (0.04, 0.04, 0.04), bias=4.0)
    for y in np.linspace(-0.45, 0.4, 6):
        if rng.random() < 0.8:
            body.end(False, (y, y + rng.uniform(.06, .13)), (0.915 * h, 0.95 * h), amber, bias=4.2, glow=0.9)
    body.end(True, (-0.35, 0.35), (0.92 * h, 0.965 * h), (0.05, 0.05, 0.05), bias=3.9)
    if rng.random() < 0.5:
        x = rng.uniform(0.3, 0.6)
        body.patch(x, x + 0.25, 1.1, 1.85, second, bias=3.3)
        body.patch(x + 0.03, x + 0.12, 1.25, 1.7, 1 - second, bias=3.4)
    if rng.random() < 0.7 and h < 3.6:
        box(mesh, (rng.uniform(-2, 2), 0, h + 0.12), (rng.uniform(1.5, 3.5), s.width * 0.6, 0.26), first * 0.9, bias=0.5)


def school_extras(mesh, body, rng, first, second, detail):
    """Black rails along the sides, warning lamps at the roof's corners, mirrors on long arms, sometimes a stop sign."""
    s, h = body.shape, body.shape.height
    for u in (0.9, 1.5):
        body.patch(0.18, 0.995, u, u + 0.12, (0.05, 0.05, 0.05), bias=3.1)
    for tail, x in ((False, 0.19), (True, 1.0)):
        p = body.at(x, 3.0)
        for side in (1, -1):
            for k, colour in ((0.9, (0.85, 0.1, 0.08)), (0.62, (0.95, 0.6, 0.1))):
                box(mesh, (p[0] + (0.06 if not tail else -0.02), side * p[1] * k, p[2] - 0.02), (0.1, 0.24, 0.2), colour, bias=4, glow=0.3)
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


def bus_windows(low, high, start, end, count, gap=0.012):
    """`count` equal windows from `start` to `end`."""
    step = (end - start) / count
    return tuple((start + k * step + gap / 2, start + (k + 1) * step - gap / 2, low, high, 0.0, 0.0) for k in range(count))


SHAPES = {shape.name: shape for shape in (
    Shape("sedan", 4.6, 1.80, 1.42,
          ((0.0, .74, .22, .42, .47, .66), (.03, .92, .16, .48, .54, .80), (.12, .98, .15, .57, .62, .84), (.27, 1, .15, .62, .67, .86),
           (.41, 1, .15, .64, .965, .66), (.53, 1, .15, .645, 1.0, .66), (.67, 1, .15, .65, .96, .64), (.83, .99, .16, .67, .73, .82),
           (.97, .93, .20, .63, .70, .80), (1.0, .80, .26, .52, .60, .70)),
          0.32, (.19, .80), ((.335, .525, 2.12, 2.9, .075, 0), (.54, .70, 2.12, 2.9, 0, -.03)),
          ((.275, .405, .06, .12), (.825, .68, .08, .16)), (.36, .46), (.46, .62), (.30, .53, .70), car_extras),
    Shape("hatchback", 3.85, 1.74, 1.52,
          ((0.0, .76, .20, .44, .49, .66), (.035, .93, .15, .49, .55, .80), (.12, .98, .14, .57, .61, .86), (.25, 1, .14, .61, .65, .88),
           (.41, 1, .14, .62, .96, .70), (.56, 1, .14, .63, 1.0, .70), (.86, 1, .15, .65, .965, .68), (.965, .97, .17, .62, .66, .86),
           (1.0, .86, .22, .50, .56, .80)),
          0.31, (.19, .82), ((.32, .53, 2.1, 2.9, .085, 0), (.545, .73, 2.1, 2.9, 0, 0), (.745, .86, 2.15, 2.85, 0, -.04)),
          ((.255, .405, .06, .12), (.958, .875, .08, .12)), (.36, .47), (.44, .60), (.29, .54, .75), car_extras),
    Shape("van", 5.1, 1.96, 2.2,
          ((0.0, .82, .15, .34, .38, .74), (.025, .95, .12, .38, .43, .84), (.10, .99, .11, .44, .48, .88), (.17, 1, .11, .48, .52, .92),
           (.30, 1, .11, .49, .97, .84), (.40, 1, .11, .49, 1.0, .86), (.80, 1, .11, .49, 1.0, .86), (.985, .99, .12, .49, .985, .84),
           (1.0, .95, .14, .48, .92, .82)),
          0.34, (.17, .78), ((.235, .37, 2.05, 2.82, .07, 0),), ((.178, .295, .05, .1), (.9995, .9905, .12, .14)),
          (.27, .37), (.30, .62), (.22, .38, .60), car_extras, 0.25),
    Shape("pickup", 5.4, 1.98, 1.86,
          ((0.0, .88, .28, .50, .54, .80), (.025, .97, .22, .55, .60, .86), (.10, 1, .20, .60, .63, .90), (.25, 1, .19, .62, .65, .90),
           (.335, 1, .19, .63, .965, .74), (.42, 1, .19, .63, 1.0, .74), (.585, 1, .19, .63, .97, .73), (.625, 1, .19, .62, .66, .88),
           (.98, 1, .22, .62, .64, .92), (1.0, .97, .30, .60, .63, .90)),
          0.39, (.17, .79), ((.295, .44, 2.08, 2.88, .05, 0), (.455, .575, 2.08, 2.88, 0, -.01)),
          ((.257, .33, .06, .12), (.622, .59, .08, .14)), (.42, .54), (.38, .60), (.27, .447, .59), pickup_extras, 0.08),
    Shape("city_bus", 11.0, 2.5, 3.0,
          ((0.0, .96, .10, .34, .36, .94), (.006, .99, .09, .34, .37, .95), (.012, 1, .09, .34, .38, .95), (.03, 1, .09, .34, .985, .93),
           (.10, 1, .09, .34, 1.0, .93), (.90, 1, .09, .34, 1.0, .93), (.985, 1, .10, .34, .99, .93), (1.0, .97, .12, .34, .94, .91)),
          0.48, (.24, .74), bus_windows(2.06, 2.78, .08, .97, 7), ((.012, .028, .02, .05), (.9995, .988, .38, .1)),
          (.20, .29), (.22, .40), (.10, .52), bus_extras, 0.55),
    Shape("double_decker", 10.2, 2.5, 4.3,
          ((0.0, .96, .07, .22, .24, .94), (.006, .99, .06, .22, .25, .95), (.012, 1, .06, .22, .26, .96), (.03, 1, .06, .22, .985, .94),
           (.10, 1, .06, .22, 1.0, .94), (.90, 1, .06, .22, 1.0, .94), (.985, 1, .07, .22, .99, .94), (1.0, .97, .08, .22, .95, .92)),
          0.48, (.24, .74), bus_windows(2.03, 2.36, .08, .97, 7) + bus_windows(2.58, 2.90, .05, .98, 8),
          ((.012, .028, .015, .05), (.9995, .988, .55, .1)), (.12, .19), (.14, .26), (.10, .52), bus_extras, 0.55),
    Shape("school_bus", 9.6, 2.4, 3.05,
          ((0.0, .70, .17, .42, .45, .60), (.012, .80, .15, .43, .47, .66), (.08, .86, .15, .44, .49, .72), (.145, .92, .15, .45, .51, .80),
           (.155, 1, .15, .45, .52, .92), (.185, 1, .15, .50, .96, .80), (.22, 1, .15, .50, 1.0, .76), (.95, 1, .15, .50, 1.0, .76),
           (.99, 1, .16, .50, .985, .75), (1.0, .98, .17, .50, .95, .74)),
          0.48, (.10, .76), bus_windows(2.06, 2.72, .26, .97, 9), ((.158, .182, .03, .08),), (.24, .37), (.34, .44), (.19, .25),
          school_extras, 0.3),
)}


def jitter(shape: Shape, rng: np.random.Generator) -> Shape:
    """The same subtype from another maker: proportions change by some percent, windows and wheels too."""
    length, width, height = (shape.length * rng.uniform(0.92, 1.09), shape.width * rng.uniform(0.96, 1.04),
                             shape.height * rng.uniform(0.95, 1.06))
    stations = np.array(shape.stations)
    stations[:, 3:5] += rng.normal(0, 0.008, (len(stations), 2)) * (shape.height < 2.5)
    stations[:, 5] *= rng.uniform(0.96, 1.03)
    stations[:, 4] = np.maximum(stations[:, 4], stations[:, 3] + 0.01)
    windows = shape.windows
    if shape.name == "van" and rng.random() < 0.5:                    # a minibus has windows where a parcel van has panels
        windows = windows + ((.40, .60, 2.05, 2.82, 0, 0), (.62, .80, 2.05, 2.82, 0, 0), (.82, .96, 2.05, 2.8, 0, 0))
    return replace(shape, length=length, width=width, height=height, stations=tuple(map(tuple, stations)), windows=windows,
                   wheel=shape.wheel * rng.uniform(0.95, 1.1))
