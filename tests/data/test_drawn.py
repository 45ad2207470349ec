"""The version of the drawings follows what is drawn."""

import numpy as np

from coursekit.data import drawn
from coursekit.scenes.road_scenes import SUBTYPES, TIMES, VIEWS, WEATHERS, draw_scene


def test_the_version_looks_at_every_kind_of_thing_that_is_drawn():
    scenes = [draw_scene(seed, drawn.VERSION_SIZE) for seed in drawn.VERSION_SEEDS]
    assert {SUBTYPES[k] for scene in scenes for k in scene.subtypes} == set(SUBTYPES)
    assert {view for scene in scenes for view in scene.views} == set(VIEWS)
    assert {scene.weather for scene in scenes} == set(WEATHERS) and {scene.time for scene in scenes} == set(TIMES)


def test_the_version_changes_with_one_pixel_and_not_with_a_file_name(monkeypatch):
    before = drawn.drawing_version.__wrapped__()
    monkeypatch.setattr(drawn, "__file__", "/elsewhere/pictures.py")
    assert drawn.drawing_version.__wrapped__() == before
    first = drawn.VERSION_SEEDS[0]

    def one_pixel_brighter(seed, size, draw=draw_scene):
        scene = draw(seed, size)
        if seed == first:
            scene.image[0, 0] = np.where(scene.image[0, 0] < 255, scene.image[0, 0] + 1, 254)
        return scene

    monkeypatch.setattr(drawn, "draw_scene", one_pixel_brighter)
    assert drawn.drawing_version.__wrapped__() != before
