"""Gives the things of a drawn road scene their meshes; what nobody would see is left out before that."""

import numpy as np

from coursekit.scenes import bicycles, clutter, colors, people, poses, vehicles
from coursekit.scenes.camera import Camera
from coursekit.scenes.light import Light
from coursekit.scenes.things import Thing, hides
from coursekit.scenes.vehicle_shapes import SHAPES

CLASS_SUBTYPES = (
    ("walking", "standing", "child", "riding"),
    ("city_bicycle", "racing_bicycle", "mountain_bicycle", "cargo_bicycle"),
    ("sedan", "hatchback", "van", "pickup"),
    ("city_bus", "double_decker", "school_bus"),
)
PERSON, BICYCLE, CAR, BUS = range(4)
HEIGHT = {PERSON: 1.7, BICYCLE: 1.1, CAR: 1.6, BUS: 3.2}


def outline(thing: Thing, camera: Camera) -> tuple[float, float, float, float]:
    """About where a thing will be in the frame: x0, y0, x1, y1 in pixels."""
    shape = SHAPES.get(thing.subtype)
    tall = shape.height if shape else 1.8
    base = [camera.pixel(x, y, 0.0) for x, y in thing.corners]
    tip = [camera.pixel(x, y, tall) for x, y in thing.corners]
    xs = [p[0] for p in base + tip]
    return min(xs), min(p[1] for p in tip), max(xs), max(p[1] for p in base)


def worth_drawing(things: list[Thing], camera: Camera) -> list[Thing]:
    """Leaves out labelled things that are almost wholly out of the frame or behind one car or bus."""
    places = [outline(thing, camera) for thing in things]
    kept = []
    for k, (thing, (x0, y0, x1, y1)) in enumerate(zip(things, places, strict=True)):
        if thing.label >= 0:
            wide, tall = min(x1, camera.size) - max(x0, 0), min(y1, camera.size) - max(y0, 0)
            if wide < 0.1 * (x1 - x0) or tall < 0.1 * (y1 - y0) or wide * tall < 0.1 * (x1 - x0) * (y1 - y0):
                continue
            hidden = False
            for j, other in enumerate(things):
                if other.label in (CAR, BUS) and j != k:
                    a0, b0, a1, b1 = places[j]
                    mx, my = 0.15 * (a1 - a0), 0.25 * (b1 - b0)  # a car does not fill its rectangle
                    if a0 + mx < x0 and x1 < a1 - mx and b0 + my < y0 and y1 < b1 - 0.5 * my and hides(other, thing):
                        hidden = True
                        break
            if hidden:
                continue
        kept.append(thing)
    return kept


def detail_of(camera: Camera, label: int, depth: float) -> int:
    """How finely to model: 0 for what is small in the frame, to 3 for what is large."""
    pixels = camera.focal * HEIGHT[label] / max(depth, 0.5)
    return sum(pixels > step for step in (36, 75, 150))


def model(thing: Thing, camera: Camera, light: Light, rng: np.random.Generator) -> None:
    """Build the mesh, or choose the foliage, of one thing and of who rides it."""
    position = np.array([*thing.position, 0.0])
    if thing.label < 0:
        if thing.subtype in ("tree", "bush"):
            tree = thing.subtype == "tree"
            tall = rng.uniform(3.5, 9) if tree else rng.uniform(0.7, 1.8)
            look = int(rng.integers(8)) if tree else 8 + int(rng.integers(4))
            thing.sprite = (look, tall, rng.uniform(0.7, 1.25, 3) * 0.4 + 0.6, bool(rng.random() < 0.5))
        else:
            thing.mesh = clutter.build(thing.subtype, rng, light).place(thing.heading, position)
        return
    detail = detail_of(camera, thing.label, thing.position[1])
    if thing.label == PERSON:
        tall = rng.uniform(1.52, 1.93) if thing.subtype != "child" else rng.uniform(0.92, 1.35)
        pose = poses.pose(thing.subtype, tall, rng)
        mesh = people.build(pose, rng, detail, light.weather == "rain")
        thing.mesh = mesh.place(thing.heading, position)
    elif thing.label == BICYCLE:
        eye = np.array([*thing.local(0, 0), camera.height])
        lean = rng.normal(0, 0.04) if thing.rider else colors.pick(rng, (-1, 1)) * rng.uniform(0.05, 0.18)
        mesh, contacts = bicycles.build(thing.subtype, rng, eye, min(detail, 1))
        thing.mesh, thing.shadow = mesh.place(thing.heading, position, lean), 0.6
        if thing.rider:
            pose = poses.pose("riding", rng.uniform(1.58, 1.88), rng, contacts)
            mesh = people.build(pose, rng, detail, helmet=bool(rng.random() < 0.5))
            thing.rider.mesh = mesh.place(thing.heading, position, lean)
    else:
        lamps = light.time == "night" or (light.weather != "clear" and rng.random() < 0.4)
        thing.mesh = vehicles.build(thing.subtype, rng, detail, lamps).place(thing.heading, position)
