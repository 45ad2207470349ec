"""Road scenes: the same everywhere, labelled exactly, of every kind, and hard to tell apart by colour."""

import itertools

import cv2
import numpy as np
import pytest

from coursekit.scenes import bicycles, people, poses, road_scenes, things, vehicles
from coursekit.scenes.camera import Camera
from coursekit.scenes.layer import Layer, see
from coursekit.scenes.light import choose_light
from coursekit.scenes.road_scenes import CLASS_NAMES, SUBTYPE_CLASS, SUBTYPES, TIMES, VIEWS, WEATHERS, draw_scene

SIZE = 128


@pytest.fixture(scope="module")
def scenes():
    """Enough scenes for everything to happen in them."""
    return [draw_scene(seed, SIZE) for seed in range(120)]


def test_a_seed_draws_the_same_scene_again_and_another_seed_another():
    first, second = draw_scene(5, SIZE), draw_scene(5, SIZE)
    for name in ("image", "boxes", "classes", "subtypes", "masks", "visible"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    assert (first.views, first.weather, first.time) == (second.views, second.weather, second.time)
    assert (draw_scene(6, SIZE).image != first.image).mean() > 0.5


def test_what_was_drawn_before_does_not_matter():
    """Textures are cached; a cache must not carry randomness from one scene to the next."""
    expected = draw_scene(11, SIZE).image
    for cached in (road_scenes.backdrop.facade, road_scenes.paint.clutter.foliage):
        cached.cache_clear()
    draw_scene(12, SIZE)
    assert np.array_equal(draw_scene(11, SIZE).image, expected)


def test_types_and_shapes(scenes):
    for scene in scenes:
        n = len(scene.boxes)
        assert scene.image.shape == (SIZE, SIZE, 3) and scene.image.dtype == np.uint8
        assert scene.boxes.shape == (n, 4) and scene.boxes.dtype == np.float32
        assert scene.masks.shape == (n, SIZE, SIZE) and scene.masks.dtype == bool
        assert scene.classes.shape == scene.subtypes.shape == scene.visible.shape == (n,)
        assert scene.classes.dtype == scene.subtypes.dtype == np.int64
        assert [SUBTYPE_CLASS[SUBTYPES[k]] for k in scene.subtypes] == scene.classes.tolist()
        assert len(scene.views) == n and set(scene.views) <= set(VIEWS)
        assert scene.weather in WEATHERS and scene.time in TIMES


def test_boxes_are_tight_around_masks_and_masks_do_not_overlap(scenes):
    for scene in scenes:
        assert scene.masks.sum(0).max() <= 1
        for box, mask in zip(scene.boxes, scene.masks, strict=True):
            y, x = np.nonzero(mask)
            assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]


def test_every_scene_has_something_large_and_visible_enough_to_be_named(scenes):
    for scene in scenes:
        assert len(scene.boxes) > 0
        sides = scene.boxes[:, 2:] - scene.boxes[:, :2]
        assert sides.max(1).min() >= 8
        assert (sides.prod(1) <= 0.60 * SIZE**2).all()
        assert (scene.visible >= 0.15).all() and (scene.visible <= 1).all()


def test_sizes_go_from_8_px_to_most_of_the_frame(scenes):
    boxes = np.concatenate([scene.boxes for scene in scenes])
    sides = (boxes[:, 2:] - boxes[:, :2]).max(1)
    shares = (boxes[:, 2:] - boxes[:, :2]).prod(1) / SIZE**2
    assert sides.min() < 12 and shares.max() > 0.4
    assert np.quantile(sides, 0.25) < 0.25 * SIZE < np.quantile(sides, 0.75)


def test_everything_appears(scenes):
    assert len(SUBTYPES) >= 12
    seen = {(SUBTYPES[k], view) for scene in scenes for k, view in zip(scene.subtypes, scene.views, strict=True)}
    assert {name for name, _ in seen} == set(SUBTYPES)
    assert len(seen) > 0.8 * len(SUBTYPES) * len(VIEWS)
    assert {scene.weather for scene in scenes} == set(WEATHERS)
    assert {scene.time for scene in scenes} == set(TIMES)


def test_how_often_classes_appear(scenes):
    counts = np.bincount(np.concatenate([scene.classes for scene in scenes]), minlength=len(CLASS_NAMES)) / len(scenes)
    for count, wanted in zip(counts, (2.5, 0.8, 2.0, 0.6), strict=True):
        assert 0.6 * wanted < count < 1.5 * wanted


def test_riders_are_on_bicycles(scenes):
    riding = SUBTYPES.index("riding")
    for scene in scenes:
        bicycles = scene.boxes[scene.classes == CLASS_NAMES.index("bicycle")]
        for box in scene.boxes[scene.subtypes == riding]:
            low, high = np.maximum(bicycles[:, :2], box[:2]), np.minimum(bicycles[:, 2:], box[2:])
            assert len(bicycles) and ((high - low).min(1) > 0).any()


@pytest.mark.parametrize("call", [lambda: draw_scene(-1), lambda: draw_scene(0, 32)])
def test_misuse_is_said_at_once(call):
    with pytest.raises(ValueError):
        call()


def test_color_does_not_give_the_subtype_away(scenes):
    """Nearest neighbour by mean colour, within each class: it must stay close to guessing."""
    colors, subtypes = [], []
    for scene in scenes:
        for mask, subtype in zip(scene.masks, scene.subtypes, strict=True):
            if mask.sum() > 60:
                colors.append(scene.image[mask].mean(0))
                subtypes.append(subtype)
    colors, subtypes = np.array(colors), np.array(subtypes)
    for label in range(len(CLASS_NAMES)):
        mine = np.array([SUBTYPE_CLASS[SUBTYPES[k]] == label for k in subtypes])
        x, y = colors[mine], subtypes[mine]
        distance = np.linalg.norm(x[:, None] - x[None], axis=2) + np.where(np.eye(len(x)), np.inf, 0)
        right = (y[distance.argmin(1)] == y).mean()
        chance = (np.bincount(y) / len(y)) @ (np.bincount(y) / len(y))
        assert right < chance + 3.5 * np.sqrt(chance * (1 - chance) / len(y)), CLASS_NAMES[label]


def silhouette(subtype: str, view: str, seed: int) -> np.ndarray:
    """One object's outline at a height of 48 px, on a canvas of its own: float (48, 192)."""
    rng, label = np.random.default_rng([seed, SUBTYPES.index(subtype)]), SUBTYPE_CLASS[subtype]
    camera = Camera(256, 1600, 1.4)
    thing = things.Thing(
        label,
        subtype,
        np.array([0.0, 40.0 if label < 2 else 120.0]),
        np.radians({"front": -90, "side": 0, "behind": 90}[view]),
        (1.0, 0.5),
        0,
    )
    eye = np.array([*thing.local(0, 0), camera.height])
    if CLASS_NAMES[label] in ("car", "bus"):
        mesh = vehicles.build(subtype, rng, 1, False)
    elif CLASS_NAMES[label] == "bicycle":
        mesh, _ = bicycles.build(subtype, rng, eye, 1)
    else:
        contacts = bicycles.build("city_bicycle", rng, eye, 1)[1] if subtype == "riding" else None
        tall = 1.1 if subtype == "child" else 1.75
        mesh = people.build(poses.pose(subtype, tall, rng, contacts), rng, 1)
    (faces,) = see([mesh.place(thing.heading, np.array([*thing.position, 0.0]))], camera, choose_light(rng, 256))
    low, high = np.floor(faces.pixels.min(0)).astype(int) - 1, np.ceil(faces.pixels.max(0)).astype(int) + 2
    (layer,) = Layer((*low, *high), 3).draw(faces)
    solid = layer.finish(None, 0.0)[..., 3] > 127
    y, x = np.nonzero(solid)
    solid = solid[y.min() : y.max() + 1, x.min() : x.max() + 1].astype(np.float32)
    wide = min(max(1, round(solid.shape[1] * 48 / solid.shape[0])), 192)
    canvas = np.zeros((48, 192), np.float32)
    start = (192 - wide) // 2
    canvas[:, start : start + wide] = cv2.resize(solid, (wide, 48), interpolation=cv2.INTER_AREA)
    return canvas


@pytest.mark.parametrize("view", VIEWS)
def test_each_subtype_has_its_own_silhouette(view):
    """Averaged over makes and poses, soft intersection over union stays well below 1 for every pair in a class."""
    mean = {name: np.mean([silhouette(name, view, seed) for seed in range(6)], 0) for name in SUBTYPES}
    for a, b in itertools.combinations(SUBTYPES, 2):
        if SUBTYPE_CLASS[a] == SUBTYPE_CLASS[b]:
            overlap = np.minimum(mean[a], mean[b]).sum() / np.maximum(mean[a], mean[b]).sum()
            assert overlap < 0.92, f"{a} and {b} from the {view}: {overlap:.2f}"


def test_what_is_nearer_hides_what_is_farther_even_beside_a_long_bus():
    bus = things.Thing(3, "city_bus", np.array([0.0, 10.0]), 0.0, (5.5, 1.25), 0)
    before = things.Thing(0, "standing", np.array([5.2, 8.6]), 0.0, (0.1, 0.1), 1)  # farther than its centre
    behind = things.Thing(0, "standing", np.array([0.5, 11.8]), 0.0, (0.2, 0.2), 2)
    assert things.hides(before, bus) and things.hides(bus, behind)
    assert things.order([before, bus, behind]) == [2, 1, 0]
