"""What lesson 09 is taught with: shipped encoders, framed scenes, what a step costs, papers' numbers."""

import torch

from coursekit.methods import SimCLR
from coursekit.models import build_encoder
from coursekit.recipes import choosing, lesson_09
from coursekit.recipes.leaderboard import standings
from coursekit.recipes.recorded import Recorded
from coursekit.views import MultiCrop, RandomView, TwoViews


def test_the_encoders_are_one_network_and_all_of_them_ship():
    found = choosing.encoders()
    assert list(found) == list(lesson_09.SHIPPED) and {e.spec["name"] for e in found.values()} == {lesson_09.ENCODER}
    more = choosing.encoders(whole_scenes=True)
    assert set(found) <= set(more) <= {*found, *choosing.WHOLE_SCENES.values()}


def test_a_step_costs_what_its_views_hold():
    images = torch.randint(256, (8, 3, 64, 64), dtype=torch.uint8)
    encoder = build_encoder("resnet_nano", image_size=32, width=8)
    view = RandomView(32)
    two = choosing.step_cost(SimCLR(encoder, TwoViews(view)), images)
    assert (two["views"], two["pixels"]) == (2, 2) and two["ms"] > 0
    crops = MultiCrop(view, RandomView(16), n_small=4)
    six = choosing.step_cost(lesson_09.build_method("swav", encoder, crops), images)
    assert (six["views"], six["pixels"]) == (6, 3) and six["memory"] > two["memory"]


def test_published_numbers_stand_beside_ours_and_ours_only_where_there_are_some(monkeypatch):
    rows = [
        {
            "data": "CIFAR-10",
            "method": "simclr",
            "seed": 0,
            "linear_probe": 0.5,
            "linear_probe_low": 0.4,
            "linear_probe_high": 0.6,
        }
    ]
    lines = choosing.beside_published(standings([Recorded("", {}, {}, rows)])).splitlines()
    table = {line.split()[0]: line.split() for line in lines[3:]}
    assert table["simclr"][1:4] == ["50.0", "69.3", "ResNet-50"] and table["byol"][1:3] == ["-", "74.3"]
    assert table["mae"][1:4] == ["(ViT)", "-", "68.0"]  # another network than the others'
    assert len(table) == len(choosing.PUBLISHED)


def test_scenes_show_an_object_that_is_neither_tiny_nor_all(monkeypatch):
    from coursekit.evaluation.framed import largest_objects

    monkeypatch.setenv("COURSEKIT_SMOKE", "1")
    scenes = choosing.scenes()
    boxes, _ = largest_objects(scenes)
    longer = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1)
    assert 2 <= len(scenes) <= 6 and (longer >= choosing.FRAMED[0]).all() and (longer <= choosing.FRAMED[1]).all()
