"""Lesson 02's images and the mistakes that it makes on purpose: twins are twins, and a split by object holds none."""

import math

import pytest
import torch

from coursekit.data.images import ImageSet
from coursekit.evaluation.intervals import accuracy_interval
from coursekit.evaluation.judging import Score
from coursekit.recipes import lesson_02, lesson_09
from coursekit.recipes.recorded import Recorded


def objects(n: int) -> ImageSet:
    """n images, each of one colour of its own."""
    colors = torch.arange(n, dtype=torch.uint8)[:, None] * 7 + torch.tensor([0, 3, 5], dtype=torch.uint8)
    return ImageSet(colors[:, :, None, None].expand(-1, -1, 32, 32).clone(), torch.arange(n) % 2, ("a", "b"))


def shown(part: ImageSet) -> list[int]:
    """Which object each picture shows."""
    return (part.images[:, 0, 16, 16].float() / 7).round().long().tolist()


def test_a_second_look_shows_the_same_object_a_little_nearer():
    ramp = torch.arange(64, dtype=torch.uint8).mul(4).expand(5, 3, 64, 64).clone()
    again = lesson_02.second_look(ImageSet(ramp, torch.arange(5), tuple("abcde")), seed=1)
    assert again.images.shape == ramp.shape and torch.equal(again.labels, torch.arange(5))
    spread = again.images[:, 0, 0, -1].float() - again.images[:, 0, 0, 0].float()
    assert (spread < 0.97 * 252).all() and (spread > 0.8 * 252).all()  # 70 to 90 % of the area is left
    assert len({int(image[0, 0, 0]) for image in again.images}) > 1  # each image has a shift of its own
    assert torch.equal(again.images, lesson_02.second_look(ImageSet(ramp, torch.arange(5), tuple("abcde")), 1).images)


def test_a_split_by_picture_holds_twins_and_one_by_object_holds_none():
    halves = lesson_02.splits_of_pairs(objects(11), objects(24)[11:], seed=2)
    assert {len(part) for parts in halves.values() for part in parts} == {24}
    (a, b), (c, d) = (map(shown, halves[how]) for how in ("by picture", "by object"))
    assert set(a) & set(b) and not set(c) & set(d) and sorted(c + d) == sorted([*range(24)] * 2)
    for parts in halves.values():
        assert all(torch.equal(part.labels, torch.tensor(shown(part)) % 2) for part in parts)


def test_a_table_becomes_bars_with_a_gap_where_nothing_was_said():
    right, wrong = (Score(torch.zeros(4), accuracy_interval(hits, 4), 0.1) for hits in (3, 1))
    bars = lesson_02.percent({"raw pixels": {"knn": right}, "x": {"knn": wrong, "finetune": right}})
    assert list(bars["raw pixels"]) == list(bars["x"]) == ["k-NN", "fine-tuned"]
    assert bars["x"]["k-NN"] == pytest.approx([100 * end for end in (0.25, wrong.accuracy.low, wrong.accuracy.high)])
    assert all(map(math.isnan, bars["raw pixels"]["fine-tuned"]))


def test_recorded_bars_are_those_of_the_first_seed(monkeypatch):
    def row(method, seed, data="road objects", **scores):
        ends = {f"{judge}{end}": value for judge, value in scores.items() for end in ("", "_low", "_high")}
        return {"data": data, "method": method, "seed": seed, **ends}

    rows = [
        row("simclr", 0, knn=0.3, linear_probe=0.4, finetune=0.5),
        row("simclr", 1, knn=0.9),
        row("raw pixels", 0, knn=0.2, linear_probe=0.3),
        row("raw pixels", 0, "CIFAR-10", knn=0.7),
        row("byol", 0, knn=0.1),
    ]
    monkeypatch.setattr(lesson_09, "recorded_methods", lambda: Recorded("about", {}, {}, rows))
    bars = lesson_02.recorded_percent()
    assert list(bars) == ["raw pixels", "SimCLR, short run"] and bars["SimCLR, short run"]["k-NN"] == (30, 30, 30)
    assert math.isnan(bars["raw pixels"]["fine-tuned"][0]) and bars["raw pixels"]["linear probe"][0] == 30


def test_published_numbers_turn_the_order_around():
    by = {
        judge: max(lesson_02.PUBLISHED, key=lambda name: lesson_02.PUBLISHED[name][judge])
        for judge in ("k-NN", "fine-tuned")
    }
    assert by == {"k-NN": "DINO, ViT-S/16", "fine-tuned": "MAE, ViT-B/16"}
