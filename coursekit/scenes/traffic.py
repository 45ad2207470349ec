"""Who and what is in a drawn road scene, and where: cars in lanes, parked or crossing, people on pavements, cyclists,
clutter."""

import math

import numpy as np

from coursekit.scenes import clutter, colors
from coursekit.scenes.camera import Camera
from coursekit.scenes.light import Light
from coursekit.scenes.models import BICYCLE, BUS, CAR, CLASS_SUBTYPES, HEIGHT, PERSON
from coursekit.scenes.things import Thing, apart, view_of
from coursekit.scenes.vehicle_shapes import SHAPES
from coursekit.scenes.world import Street


class Placer:
    """Finds free places in view; remembers what stands where."""

    def __init__(self, street: Street, camera: Camera, rng: np.random.Generator):
        self.street, self.camera, self.rng = street, camera, rng
        self.things: list[Thing] = []

    def spot(self, low: float, high: float, d: float, margin: float) -> np.ndarray | None:
        """A place (2,) on the street's line d, between `low` and `high` metres ahead, in view (or out of it by
        `margin`)."""
        rng, street = self.rng, self.street
        c, n = np.cos(street.angle), np.sin(street.angle)
        reach = 0.5 * self.camera.size / self.camera.focal * (1 + margin)
        if rng.random() < 0.5 or abs(c) < 0.3:  # a place by its column in the image
            slope = rng.uniform(-reach, reach)
            below = slope * c - n
            y = (d - street.offset) / below if abs(below) > 1e-3 else -1.0
        else:  # a place by its depth
            y = np.exp(rng.uniform(np.log(low), np.log(high)))
            slope = (y * n / c + (d - street.offset) * (c + n * n / c)) / y
        if not low <= y <= high or abs(slope) > reach:
            return None
        return np.array([slope * y, y])

    def free(self, thing: Thing, gap: float = 0.25) -> bool:
        """Whether the footprint touches nobody's, and keeps off the camera."""
        if min(y for _, y in thing.corners) < 0.6:
            return False
        for other in self.things:
            reach = 1.5 * (max(thing.half) + max(other.half)) + gap
            if math.dist(thing.position, other.position) < reach and not apart(thing, other, gap):
                return False
        return True


def lanes(street: Street, label: int, rng) -> tuple[float, float]:
    """A line d and a heading that suit the class."""
    side = colors.pick(rng, (-1, 1))
    ahead = street.heading if (side > 0) == street.right_hand else street.heading + np.pi
    if label in (CAR, BUS):
        if street.parking and label == CAR and rng.random() < 0.5:
            return side * (street.half - 1.05), ahead + colors.pick(rng, (0, np.pi), (0.85, 0.15)) + rng.normal(0, 0.03)
        if label == CAR and rng.random() < 0.15:  # on a drive or a car park
            return side * (street.half + street.pavement * rng.uniform(0.6, 2)), rng.uniform(0, 2 * np.pi)
        spare = max(0.0, street.half - (2.2 if street.parking else 0) - 1.8)
        turn = rng.normal(0, 0.06) if rng.random() < 0.75 else rng.uniform(0, 2 * np.pi)
        return side * (1.6 + rng.random() * spare), ahead + turn
    if label == BICYCLE:
        return side * (street.half - rng.uniform(0.6, 1.4)), ahead + rng.normal(0, 0.1)
    zone = rng.random()
    if zone < 0.22:  # in the road
        return rng.uniform(-street.half, street.half), ahead + colors.pick(rng, (-1, 1)) * np.pi / 2 + rng.normal(
            0, 0.3
        )
    if zone < 0.72 or not street.houses and zone < 0.85:
        return side * (street.half + rng.uniform(0.3, max(0.4, street.pavement - 0.3))), ahead + colors.pick(
            rng, (0, np.pi)
        ) + rng.normal(0, 0.25)
    return side * (street.half + rng.uniform(0.3, street.pavement + street.setback * 0.8)), rng.uniform(0, 2 * np.pi)


def populate(street: Street, camera: Camera, light: Light, rng: np.random.Generator) -> list[Thing]:
    """Everything that stands or moves in the scene; still without meshes."""
    placer = Placer(street, camera, rng)
    wanted = (
        [PERSON] * min(rng.poisson(2.6), 9)
        + [CAR] * min(rng.poisson(2.6), 7)
        + [BICYCLE] * rng.poisson(1.15)
        + [BUS] * rng.poisson(0.9)
    )
    if not wanted:
        wanted = [int(rng.integers(4))]
    rng.shuffle(wanted)
    close = rng.random()
    if close < 0.30:  # somebody or something close by
        wanted = [int(colors.pick(rng, (PERSON, PERSON, PERSON, CAR, BICYCLE, BUS)))] + wanted
    for k, label in enumerate(wanted):
        place_one(placer, int(label), light, near=k == 0 and close < 0.30)
    if rng.random() < 0.09:  # a group of people
        for _ in range(int(rng.integers(2, 6))):
            place_one(placer, PERSON, light, near=False, beside=True)
    for _ in range(int(rng.integers(2, 9)) + (0 if street.houses else int(rng.integers(0, 12)))):
        place_clutter(placer)
    return placer.things


def place_one(placer: Placer, label: int, light: Light, near: bool, beside: bool = False) -> None:
    """One person, bicycle (perhaps with its rider), car or bus. near: close by; beside: next to a person who is there
    already."""
    rng, camera, street = placer.rng, placer.camera, placer.street
    ridden = label == BICYCLE and rng.random() < 0.5
    names = CLASS_SUBTYPES[label][:3] if label == PERSON else CLASS_SUBTYPES[label]
    subtype = str(colors.pick(rng, names))
    length, width = {PERSON: (0.34, 0.5), BICYCLE: (1.8 if subtype != "cargo_bicycle" else 2.5, 0.6)}.get(label) or (
        SHAPES[subtype].length * 1.05,
        SHAPES[subtype].width * 1.03,
    )
    smallest = camera.focal * HEIGHT[label] / (9.5 * camera.size / 320)
    low = {PERSON: 1.5, BICYCLE: 2.0, CAR: 3.6, BUS: 6.5}[label]
    high = min(smallest, 90.0, 1.25 * light.fog_range) if not near else low * 2.4
    if light.time == "night":
        high = min(high, 45.0)
    for _ in range(24):
        d, heading = lanes(street, label, rng)
        if near:
            d = street.offset + rng.uniform(-4, 4)
        if label == BICYCLE and not ridden:
            d, heading = np.sign(d) * (street.half + rng.uniform(0.3, street.pavement)), rng.uniform(0, 2 * np.pi)
        if near or rng.random() < 0.15:
            heading = rng.uniform(0, 2 * np.pi)
        at = placer.spot(low, high, d, 0.05 if label != BUS else 0.2)
        friends = (
            [thing for thing in placer.things if thing.label == PERSON and thing.subtype != "riding"] if beside else []
        )
        if friends:
            friend = friends[-1]
            at = friend.position + rng.uniform(-1.1, 1.1, 2)
            heading = friend.heading + rng.normal(0, 0.3) if friend.subtype == "walking" else rng.uniform(0, 2 * np.pi)
        if at is None or at[1] < low:
            continue
        thing = Thing(label, subtype, at, float(heading), (length / 2, width / 2), len(placer.things))
        if placer.free(thing):
            break
    else:
        return
    thing.view = view_of(thing)
    if ridden:
        thing.rider = Thing(PERSON, "riding", at, thing.heading, thing.half, thing.group, view=thing.view)
    placer.things.append(thing)


def place_clutter(placer: Placer) -> None:
    """A tree, a bush or a piece of street furniture beside the carriageway."""
    rng, street = placer.rng, placer.street
    kind = (
        "tree"
        if not street.houses and rng.random() < 0.6
        else str(colors.pick(rng, clutter.KINDS, (0.36, 0.14, 0.14, 0.10, 0.08, 0.07, 0.05, 0.06)))
    )
    wide = street.pavement * 1.6 if kind in ("tree", "bush") else street.pavement
    d = colors.pick(rng, (-1, 1)) * (
        street.half + rng.uniform(0.3, wide + (14 if kind == "tree" and not street.houses else 0))
    )
    at = placer.spot(2.5 if kind != "tree" else 5.0, 60.0, d, 0.3)
    if at is None:
        return
    thing = Thing(
        -1,
        kind,
        at,
        street.heading + colors.pick(rng, (0, np.pi / 2, np.pi, -np.pi / 2)),
        (0.3, 0.3),
        len(placer.things),
        shadow=0.5,
    )
    if not placer.free(thing):
        return
    placer.things.append(thing)
