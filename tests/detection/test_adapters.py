"""Any encoder in the backbone's place: its grid, its pixels and its values arrive, and Ultralytics can do all it does."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from coursekit.detection.adapters import FeaturePyramid, OwnBatchNorm, SSLFeatures, replaced_yaml
from coursekit.detection.portable import export_detector
from coursekit.detection.routes import build_detector, choose_route, load_replacement
from coursekit.detection.ultralytics_setup import session
from coursekit.detection.validation import validate
from coursekit.detection.weights import load_detector
from coursekit.detection.yolo12 import train
from coursekit.detection.yolo_backbone import SIZES
from coursekit.models import Encoder, ResNet, build_encoder
from coursekit.runtime import CourseError
from coursekit.views import normalize

SMALL = {"dim": 32, "depth": 2, "heads": 2}
KINDS = {  # name of an encoder -> options; patches of 8, 14 and 16 px, registers, and convolutions
    "vit_micro": {**SMALL, "registers": 4},
    "dinov2_vits14_reg": {},
    "vit_tiny": {"depth": 2},
    "resnet_micro": {},
}


def detector_of(encoder, size="n", depths=()):
    """A detector with this encoder in the backbone's place, and four classes."""
    return build_detector(choose_route(size, encoder, "replace", depths), classes=4)


@pytest.fixture(scope="module", params=list(KINDS))
def encoder(request):
    torch.manual_seed(3)
    return build_encoder(request.param, image_size=112, **KINDS[request.param]).eval()


@torch.no_grad()
def test_the_neck_reads_what_the_encoder_says_of_normalised_pixels(encoder):
    layers = detector_of(encoder).model
    pixels = torch.rand(2, 3, 224, 224)  # sides that patches of 8, 14 and 16 px divide
    given = layers[0](pixels)
    if encoder.multiple != 14:  # there the picture is made smaller first
        for mine, theirs in zip(given, encoder.maps(normalize(pixels)), strict=True):
            torch.testing.assert_close(mine, theirs)
    raw = encoder.maps(pixels)[-1]
    assert raw.shape != given[-1].shape or (raw - given[-1]).abs().mean() > 0.01, "raw pixels give another answer"
    assert [tuple(one.shape) for one in layers[1](given)] == [(2, 128, 28, 28), (2, 128, 14, 14), (2, 256, 7, 7)]


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), [(160, 160), (96, 224)])
def test_a_lit_patch_lights_its_own_cell(encoder, height, width):
    """Class and register tokens are off the front, and rows are rows: else another cell would light up."""
    if isinstance(encoder, ResNet):
        pytest.skip("a cell of a convolutional map sees its neighbours")
    layers = detector_of(encoder).model
    for level in layers[1].levels:
        torch.nn.init.dirac_(level[-1].conv.weight)  # the last 3 x 3 convolution, which mixes neighbours on purpose
    for row, column in ((0, 0), (1, width // 32 - 1), (height // 32 - 1, 2)):
        pixels = torch.zeros(2, 3, height, width)
        pixels[1, :, 32 * row : 32 * row + 32, 32 * column : 32 * column + 32] = 1
        for level, size in zip(layers[1](layers[0](pixels)), (8, 16, 32), strict=True):
            assert level.shape[2:] == (height // size, width // size)
            change = (level[1] - level[0]).square().sum(dim=0)
            by_square = torch.nn.functional.avg_pool2d(change[None], 32 // size)[0]  # of 32 x 32 px each
            assert divmod(by_square.argmax().item(), width // 32) == (row, column), size
            assert by_square[row, column] > 0.5 * by_square.sum(), size


def test_what_should_learn_gets_a_gradient_though_the_encoder_is_frozen(encoder):
    layers = detector_of(encoder).model.train()
    layers[0].requires_grad_(False)
    sum(level.square().mean() for level in layers[1](layers[0](torch.rand(2, 3, 64, 64)))).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in layers[1].parameters() if p.ndim > 1)


def test_norms_of_the_encoder_keep_their_epsilon():
    encoder = build_encoder("resnet_micro", image_size=64)
    norms = [m for m in detector_of(encoder).model[0].modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms and all(type(m) is OwnBatchNorm and (m.eps, m.momentum) == (1e-5, 0.1) for m in norms)


def test_depths_are_put_side_by_side_and_named_if_they_are_not_there(capsys):
    encoder = build_encoder("vit_micro", image_size=64, **SMALL)
    layers = detector_of(encoder, depths=(1, 2)).model
    with torch.no_grad():
        (given,) = layers[0](torch.zeros(1, 3, 64, 64))
    assert given.shape == (1, 2 * 32, 8, 8)
    with pytest.raises(CourseError, match="no block 7"):
        replaced_yaml("n", encoder, depths=(7,))


@pytest.mark.parametrize("size", SIZES)
def test_every_size_keeps_its_neck_and_head(size):
    """Names and shapes of layers 9 to 21 are YOLO12's own, so its weights fit."""
    from ultralytics.nn.tasks import DetectionModel

    from coursekit.detection.yolo_backbone import new_detector

    described = replaced_yaml(size, build_encoder("vit_micro", image_size=64, **SMALL))
    with session():
        mine = DetectionModel(described, verbose=False)
    shapes = (
        {n: t.shape for n, t in m.state_dict().items() if int(n.split(".")[1]) > 8} for m in (mine, new_detector(size))
    )
    assert next(shapes) == next(shapes) and mine.stride.tolist() == [8, 16, 32]


def test_another_size_of_yolo_can_take_the_place_too(backbone):
    layers = detector_of(backbone, size="s").model
    with torch.no_grad():
        assert [one.shape[1] for one in layers[1](layers[0](torch.zeros(1, 3, 64, 64)))] == [256, 256, 512]


def test_an_encoder_that_lost_a_tensor_is_refused():
    encoder = build_encoder("resnet_micro", image_size=64)
    assert detector_of(encoder.train()) and encoder.training, "the encoder itself is left as it was"
    detector = detector_of(encoder)
    detector.model[0].encoder.layers[0][1].eps = 0.5  # as if a library had set it anew
    with pytest.raises(CourseError, match="answers differently"):
        load_replacement(detector, encoder)
    with pytest.raises(CourseError, match="60 tensors have other shapes"):
        load_replacement(detector, build_encoder("resnet_micro", image_size=64, width=16))


def test_what_has_no_route_is_told(backbone):
    unnamed = build_encoder("vit_micro", image_size=64)
    unnamed.spec = None
    cases = (
        ({"encoder": None, "route": "replace"}, "Give a backbone"),
        ({"encoder": backbone, "route": "swap"}, "auto, initialize, replace"),
        ({"encoder": backbone, "depths": (1,)}, "leave them out"),
        ({"encoder": build_encoder("vit_micro", image_size=64), "route": "initialize"}, "does not fit"),
        ({"encoder": unnamed}, "build_encoder"),
        ({"encoder": backbone, "route": "initialize", "size": "s"}, "size='n'"),
    )
    for settings, words in cases:
        with pytest.raises(CourseError, match=words):
            choose_route(**{"size": "n", **settings})


@pytest.fixture(scope="module")
def replaced(dataset, tmp_path_factory):
    """A run of one frozen and one unfrozen epoch with a ViT in the backbone's place."""
    torch.manual_seed(5)
    encoder = build_encoder("vit_micro", image_size=96, registers=2, **SMALL)
    place = {"project": tmp_path_factory.mktemp("replaced"), "device": "cpu", "plots": False, "verbose": False}
    return train(dataset, "n", encoder, epochs=2, freeze_epochs=1, imgsz=64, batch=4, weights="yaml", **place)


def test_it_reloads_in_a_fresh_process_also_restricted(replaced, dataset):
    there = replaced.metrics.map50_95  # may be 0 after two epochs; what the network answers is not
    with torch.no_grad():
        here = load_detector(replaced.best)(torch.linspace(0, 1, 3 * 64 * 64).view(1, 3, 64, 64))[0].abs().mean().item()
    program = (
        "import sys, torch\nfrom ultralytics import YOLO\nmodel = YOLO(sys.argv[1])\n"
        "answer = model.model.eval()(torch.linspace(0, 1, 3 * 64 * 64).view(1, 3, 64, 64))[0].abs().mean().item()\n"
        "print(model.val(data=sys.argv[2], imgsz=64, device='cpu', plots=False, verbose=False).box.map, answer)"
    )
    setups = "import coursekit.detection.weights\n", "import coursekit.detection.ultralytics_setup\n"
    for restricted, first in (("false", ""), *(("true", setup) for setup in setups)):
        done = subprocess.run(
            [sys.executable, "-c", first + program, replaced.best, dataset],
            env={**os.environ, "ULTRALYTICS_SAFE_LOAD": restricted},
            cwd=replaced.folder,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        precision, answer = map(float, done.stdout.split()[-2:])
        assert precision == pytest.approx(there, abs=1e-6) and answer == pytest.approx(here, rel=1e-5)
    assert isinstance(load_detector(replaced.folder).model[0], SSLFeatures)  # this one loads restricted
    assert validate(replaced.folder, dataset, imgsz=64, device="cpu").map50_95 == pytest.approx(there, abs=1e-6)


def test_onnx_gives_the_same_boxes(replaced, tmp_path):
    """At a size that its position embeddings must be interpolated to, registers and all."""
    import onnxruntime
    from ultralytics import YOLO

    (tmp_path / "detector.pt").write_bytes(replaced.best.read_bytes())
    with session():
        file = YOLO(tmp_path / "detector.pt").export(format="onnx", imgsz=128, simplify=False, verbose=False)
    network = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    pixels = torch.rand(1, 3, 128, 128)
    (found,) = network.run(None, {network.get_inputs()[0].name: pixels.numpy()})
    with torch.no_grad():
        wanted = load_detector(replaced.best)(pixels)[0].numpy()
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-3)


def test_a_portable_file_holds_the_encoder_too(replaced, tmp_path):
    detector = load_detector(replaced.best)
    file = export_detector(detector, tmp_path / "detector.safetensors", "n", 64)
    again, pixels = load_detector(file), torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(again(pixels)[0], detector(pixels)[0], rtol=1e-3, atol=0.05)


def test_levels_come_from_the_nearest_stride():
    pyramid = FeaturePyramid([8, 16], [4, 16], [4, 6, 8])
    levels = pyramid([torch.zeros(1, 8, 16, 16), torch.zeros(1, 16, 4, 4)])
    assert pyramid.sources == [0, 1, 1] and [tuple(x.shape) for x in levels] == [
        (1, 4, 8, 8),
        (1, 6, 4, 4),
        (1, 8, 2, 2),
    ]


def test_patches_larger_than_the_necks_cells_are_refused():
    class Coarse(Encoder):
        dim, stride, multiple, spec = 8, 64, 64, {"name": "coarse", "image_size": 64, "options": {}}

    with pytest.raises(CourseError, match="64 px are too large"):
        replaced_yaml("n", Coarse())
