"""What fits is copied and counted; what does not fit is named."""

import json

import pytest
import torch
from safetensors.torch import save_file

from coursekit.detection.routes import choose_route
from coursekit.detection.transfer import compare, load_backbone
from coursekit.detection.yolo_backbone import YOLOBackbone, new_detector
from coursekit.methods import build_method, method_class
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.views import Draws, normalize


def test_every_tensor_of_the_backbone_arrives_and_nothing_else_changes(backbone, capsys):
    torch.manual_seed(8)  # whatever ran before: other first weights than the backbone's
    model = new_detector("n")
    before = {name: t.clone() for name, t in model.state_dict().items()}
    report = load_backbone(model, backbone)
    assert capsys.readouterr().out == "342 of 342 tensors matched\n"
    assert (report.matched, report.total, report.missing, report.unused, report.mismatched) == (342, 342, (), (), ())
    state = backbone.state_dict()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, state.get(name, before[name])), name
    moved = [name for name in state if not torch.equal(before[name], state[name])]
    assert {"model.0.conv.weight", "model.8.cv2.bn.running_mean", "model.0.bn.num_batches_tracked"} <= set(moved)


def test_a_run_is_read_from_disk(backbone, tmp_path):
    file = tmp_path / "encoder.safetensors"
    save_file(
        {k: v.contiguous() for k, v in backbone.state_dict().items()},
        str(file),
        metadata={"encoder": json.dumps(backbone.spec)},
    )
    model = new_detector("n")
    assert load_backbone(model, file, quiet=True).matched == 342
    assert torch.equal(model.state_dict()["model.3.conv.weight"], backbone.state_dict()["model.3.conv.weight"])


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("yolo12s", "n", ("yolo12s", "yolo12n", "size='s'", "model.0.conv.weight: (32, 3, 3, 3) in the backbone")),
        ("resnet18_cifar", "n", ("YOLO12's own backbone", "--encoder yolo12n", "which it lacks")),
    ],
)
def test_another_network_is_refused_and_nothing_is_touched(name, size, words):
    encoder = YOLOBackbone(name[-1]) if name.startswith("yolo") else build_encoder(name)
    if name.startswith("yolo"):
        encoder.spec = {"name": name, "image_size": 64, "options": {}}
    model = new_detector(size)
    before = {key: t.clone() for key, t in model.state_dict().items()}
    with pytest.raises(CourseError, match="Nothing was loaded") as caught:
        load_backbone(model, encoder)
    for word in words:
        assert word in str(caught.value)
    assert all(torch.equal(t, before[key]) for key, t in model.state_dict().items())


def test_misfits_are_listed_by_name_with_both_shapes(backbone):
    state = dict(backbone.state_dict())
    del state["model.0.conv.weight"]
    state["model.1.conv.weight"] = torch.zeros(5, 3, 3, 3)
    state["extra.weight"] = torch.zeros(2)
    report = compare(new_detector("n"), state)
    assert (report.matched, report.total) == (340, 342)
    assert report.missing == ("model.0.conv.weight",) and report.unused == ("extra.weight",)
    (mismatched,) = report.mismatched
    assert mismatched.startswith("model.1.conv.weight: (5, 3, 3, 3)") and "(32, 16, 3, 3)" in mismatched
    text = str(report)
    assert text.startswith("340 of 342") and mismatched in text


def test_a_folder_that_is_no_run_is_explained(tmp_path):
    with pytest.raises(CourseError, match=str(tmp_path)):
        load_backbone(new_detector("n"), tmp_path)


def test_a_pretrained_neck_arrives_too_and_is_what_the_head_reads(capsys):
    torch.manual_seed(2)
    encoder, detector = build_encoder("yolo12n_neck", image_size=64).eval(), new_detector("n").eval()
    before = {name: t.clone() for name, t in detector.state_dict().items()}
    report = choose_route("n", encoder).load(detector)
    assert (
        report.matched == report.total == len(encoder.state_dict()) > 342
        and choose_route("n", encoder).layers[-1] == 20
    )
    for name, tensor in detector.state_dict().items():
        own = name.startswith("model.21.")
        assert torch.equal(tensor, before[name] if own else encoder.state_dict()[name]), name
    pixels, read = torch.rand(2, 3, 64, 96), []
    detector.model[-1].register_forward_pre_hook(lambda head, given: read.extend(t.clone() for t in given[0]))
    with torch.no_grad():
        detector(pixels)
        for mine, theirs in zip(encoder.pyramid(normalize(pixels)), read, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)
    with pytest.raises(CourseError, match="size='n'"):
        choose_route("s", encoder)


def test_region_contrast_teaches_every_layer_of_the_neck():
    torch.manual_seed(2)
    encoder = build_encoder("yolo12n_neck", image_size=96)
    method = build_method("region_contrast", encoder, method_class("region_contrast").default_views(96))
    images = torch.randint(0, 256, (4, 3, 128, 128), dtype=torch.uint8)
    method(method.views(images, Draws(0)))["loss"].backward()
    still = [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert still == [], "a layer without a gradient would go into the detector at random"
