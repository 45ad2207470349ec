"""The shapes along the arrows are those that Ultralytics' own forward passes on, and a place is answered where it lies."""

import pytest
import torch

from coursekit.detection.arrows import arrows, cell_answers, layer_outputs, neck_inputs
from coursekit.detection.routes import build_detector, choose_route
from coursekit.models import build_encoder


@pytest.fixture(scope="module", params=["vit_micro", "yolo12n"])
def detector(request):
    torch.manual_seed(0)
    return build_detector(choose_route("n", build_encoder(request.param, image_size=64)), classes=4)


@torch.no_grad()
def test_layer_by_layer_is_ultralytics_own_forward(detector):
    pixels = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    outputs = layer_outputs(detector, pixels)
    assert torch.equal(outputs[-1][0], detector(pixels)[0])
    assert all(torch.equal(a, outputs[k]) for a, k in zip(neck_inputs(detector, pixels), (4, 6, 8), strict=True))


def test_every_arrow_has_its_shapes(detector):
    found = dict(arrows(detector, torch.zeros(1, 3, 64, 96)))
    maker = "adapter" if "SSL encoder" in found else "YOLO12's backbone"
    assert found[maker] == [(1, 128, 8, 12), (1, 128, 4, 6), (1, 256, 2, 3)]
    assert found["head: boxes"] == [(1, 4, 126)] and found["head: scores"] == [(1, 4, 126)]


def test_a_place_is_compared_with_itself_painted_over(detector):
    image = torch.randint(256, (3, 64, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    answers = cell_answers(detector, image)
    assert [tuple(one.shape) for one in answers] == [(96, 8, 12), (96, 4, 6), (96, 2, 3)]
    plain = image[None] / 255
    painted = plain.clone()
    painted[:, :, 24:32, 40:48] = plain.mean(dim=(2, 3), keepdim=True)
    with torch.no_grad():
        pairs = zip(neck_inputs(detector, painted), neck_inputs(detector, plain), strict=True)
        wanted = [(a - b).norm(dim=1)[0] for a, b in pairs]
    assert all(torch.allclose(one[3 * 12 + 5], w, atol=1e-4) for one, w in zip(answers, wanted, strict=True))
    flat = cell_answers(detector, torch.full((3, 32, 32), 90, dtype=torch.uint8))
    assert all(one.abs().max() < 1e-3 for one in flat), "an image of one colour is painted with that colour"
