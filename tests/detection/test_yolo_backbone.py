"""YOLO12's backbone as an encoder: same layers, same numbers, same names as in Ultralytics' detector."""

import pytest
import torch

from coursekit.detection import yolo_backbone
from coursekit.detection.yolo_backbone import BACKBONE_LAYERS, SIZES, YOLOBackbone
from coursekit.models.registry import build_encoder
from coursekit.runtime import CourseError
from coursekit.views import MEAN, STD


def detector(size: str):
    from ultralytics.nn.tasks import DetectionModel

    return DetectionModel(f"yolo12{size}.yaml", verbose=False)


@pytest.fixture(scope="module")
def encoder() -> YOLOBackbone:
    torch.manual_seed(0)
    return build_encoder("yolo12n", image_size=64).eval()


def test_registered_by_name_with_a_spec(encoder):
    assert encoder.spec == {"name": "yolo12n", "image_size": 64, "options": {}}
    assert (encoder.dim, encoder.stride) == (256, 32)


@pytest.mark.parametrize("size", SIZES)
def test_every_tensor_has_the_name_and_shape_it_has_in_the_detector(size, monkeypatch):
    model = detector(size)
    monkeypatch.setattr(yolo_backbone, "new_detector", lambda size: model)  # build the large ones once
    theirs = {k: v.shape for k, v in model.state_dict().items() if int(k.split(".")[1]) < BACKBONE_LAYERS}
    ours = YOLOBackbone(size)
    assert {k: v.shape for k, v in ours.state_dict().items()} == theirs
    neck = model.model[BACKBONE_LAYERS:-1]
    assert {4, 6, 8} <= {i for layer in neck for i in ([layer.f] if isinstance(layer.f, int) else layer.f)}
    assert ours.dim == {"n": 256, "s": 512, "m": 512, "l": 512, "x": 768}[size]


def test_normalized_pixels_give_what_the_detector_computes_from_pixels_in_0_to_1(encoder):
    model = detector("n").eval()
    model.load_state_dict(encoder.state_dict(), strict=False)
    pixels = torch.rand(2, 3, 96, 64)
    normalized = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    x, expected = pixels, []
    with torch.no_grad():
        for layer in model.model[:BACKBONE_LAYERS]:
            x = layer(x)
            if layer.i in (4, 6, 8):
                expected.append(x)
        pooled, last = encoder.features(normalized)
        for ours, theirs in zip(encoder.pyramid(normalized), expected, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    assert [tuple(m.shape[2:]) for m in expected] == [(12, 8), (6, 4), (3, 2)]
    torch.testing.assert_close(pooled, last.mean((2, 3)))


def test_batch_norm_is_ultralytics_own(encoder):
    norms = [m for m in encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms and {(m.eps, m.momentum, int(m.num_batches_tracked)) for m in norms} == {(1e-3, 0.03, 0)}


def test_gradient_reaches_the_first_convolution():
    encoder = YOLOBackbone("n")
    encoder(torch.randn(2, 3, 64, 64)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in encoder.model[0].parameters())


@pytest.mark.parametrize("shape", [(2, 3, 48, 64), (2, 3, 0, 32), (2, 1, 64, 64), (3, 64, 64)])
def test_other_inputs_are_explained(encoder, shape):
    with pytest.raises(CourseError, match="YOLOBackbone"):
        encoder(torch.zeros(shape))


def test_other_names_and_sizes_are_explained():
    with pytest.raises(CourseError, match="multiples of 32"):
        build_encoder("yolo12n", image_size=100)
    with pytest.raises(CourseError, match="n, s, m, l, x"):
        YOLOBackbone("q")
