"""The method explorer: each control shows what its encoder makes of the scene, in place."""

import pytest
import torch

from coursekit.data.images import ImageSet
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.widgets import method_explorer

NAMES = ("person", "car")


@pytest.fixture(scope="module")
def encoders() -> dict:
    found = {}
    for k, name in enumerate(("one", "two", "three")):
        torch.manual_seed(k)
        found[name] = build_encoder("resnet_nano", image_size=32, width=8).eval()
    torch.manual_seed(3)
    found["a ViT"] = build_encoder("vit_micro", image_size=32, dim=16, depth=1, heads=2).eval()
    return found


@pytest.fixture(scope="module")
def sets() -> tuple[ImageSet, ImageSet]:
    generator = torch.Generator().manual_seed(0)
    bank = ImageSet(
        torch.randint(256, (12, 3, 32, 32), dtype=torch.uint8, generator=generator), torch.arange(12) % 2, NAMES
    )
    masks = torch.zeros(3, 64, 64, dtype=torch.uint8)
    for k in range(3):
        masks[k, 10 : 40 + 5 * k, 20:50] = 1 + k % 2
    scenes = torch.randint(256, (3, 3, 64, 64), dtype=torch.uint8, generator=generator)
    return bank, ImageSet(scenes, None, NAMES, masks)


def test_every_control_changes_picture_and_description(encoders, sets):
    seen = method_explorer(encoders, *sets)
    start = seen.png
    assert seen.alt.startswith("Image 0: a scene with a person framed, by two methods. one: ") and "a ViT: " in seen.alt
    for name, value, told in (
        ("image", 1, "Image 1: a scene with a car"),
        ("first", "two", "two: "),
        ("second", "three", "three: "),
    ):
        seen.controls[name].value = value
        assert seen.png != start and told in seen.alt
        start = seen.png
    for name, value in {"image": 0, "first": "one", "second": "a ViT"}.items():
        seen.controls[name].value = value
    assert seen.png == method_explorer(encoders, *sets).png


def test_the_words_are_what_the_encoder_says(encoders, sets):
    from coursekit.evaluation import nearest
    from coursekit.evaluation.framed import cut_out, largest_objects

    bank, scenes = sets
    seen = method_explorer(encoders, bank, scenes, first="two", image=2)
    queries = ImageSet(cut_out(scenes.images, largest_objects(scenes)[0], 32))
    found = nearest(encoders["two"], bank, queries, k=4)[2]
    right = int((bank.labels[found] == 0).sum())
    assert f"two: {right} of 4 neighbours are a person" in seen.alt


def test_features_that_are_known_are_taken(encoders, sets):
    from coursekit.evaluation import extract_features

    known = {name: extract_features(encoder, sets[0]) for name, encoder in encoders.items()}
    assert method_explorer(encoders, *sets, features=known).png == method_explorer(encoders, *sets).png


def test_what_cannot_be_compared_is_told(encoders, sets):
    bank, scenes = sets
    with pytest.raises(CourseError, match="compares two encoders; there is one"):
        method_explorer({"one": encoders["one"]}, bank, scenes)
    with pytest.raises(CourseError, match="no encoder 'four'.*one, two, three"):
        method_explorer(encoders, bank, scenes, first="four")
    with pytest.raises(CourseError, match="person, car: .*by_kind"):
        method_explorer(encoders, ImageSet(bank.images), scenes)
    with pytest.raises(CourseError, match="masks"):
        method_explorer(encoders, bank, ImageSet(scenes.images, None, NAMES))
