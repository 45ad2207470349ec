"""The attention explorer: each control shows what the network does there, in place and quickly."""

import pytest
import torch

from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.widgets import attention_explorer


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    encoder = build_encoder("vit_micro", image_size=32, dim=16, depth=3, heads=2, registers=2).eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.mul_(4 if parameter.ndim > 1 else 1)  # maps that differ
    return encoder


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randint(256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"image": 2}, "Image 2;"),
        ({"layer": 1}, "in layer 1 of 3"),
        ({"head": 1}, "in layer 3 of 3, head 1 of 2, most"),
        ({"strength": 0.25}, "Overlay 0.25"),
        ({"of_class": False, "row": 3, "column": 1}, "the patch in row 3, column 1 attends"),
    ],
)
def test_every_control_changes_picture_and_description(encoder, images, values, told):
    seen = attention_explorer(encoder, images)
    before = seen.png
    assert "the class token attends, in layer 3 of 3, mean of all heads, most" in seen.alt
    for name, value in values.items():
        seen.controls[name].value = value
    assert seen.png != before and told in seen.alt


def test_the_description_names_the_patch_that_gets_most(encoder, images):
    from coursekit.views import normalize

    seen = attention_explorer(encoder, images, layer=2, head=2)
    maps = encoder.attention_maps(normalize(images[:1] / 255), 1)[0, 1]
    row, column = divmod(maps.argmax().item(), 4)
    assert f"row {row}, column {column}: {maps.max():.1%}" in seen.alt and "even attention would be 5.3%" in seen.alt
    seen.set(of_class=False, row=1, column=2)
    maps = encoder.attention_maps(normalize(images[:1] / 255), 1, query=6)[0, 1]
    row, column = divmod(maps.argmax().item(), 4)
    assert f"row {row}, column {column}: {maps.max():.1%}" in seen.alt


def test_the_sliders_of_a_patch_are_there_when_they_change_something(encoder, images):
    seen = attention_explorer(encoder, images)
    assert {name for name, c in seen.controls.items() if c.layout.display == "none"} == {"row", "column"}
    seen.controls["of_class"].value = False
    assert all(control.layout.display != "none" for control in seen.controls.values())


def test_what_cannot_be_shown_is_told(encoder, images):
    with pytest.raises(CourseError, match="vit_micro.*ResNet"):
        attention_explorer(build_encoder("resnet_nano", image_size=32), images)
    with pytest.raises(CourseError, match="uint8"):
        attention_explorer(encoder, images.float())
    with pytest.raises(CourseError, match="multiples of 8 px"):
        attention_explorer(encoder, images[:, :, :30, :30])
    with pytest.raises(CourseError, match="Layers count from 1 to 3"):
        attention_explorer(encoder, images, layer=4)
