"""portable: a detector as a file of tensors, read back into the same detector, and files that are none."""

import pytest
import torch
from safetensors.torch import save_file

from coursekit.detection.portable import export_detector, import_detector
from coursekit.detection.predictions import predict
from coursekit.detection.validation import validate
from coursekit.detection.weights import load_detector
from coursekit.runtime import CourseError


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    return export_detector(
        load_detector(trained.run.last), tmp_path_factory.mktemp("portable") / "a.safetensors", "n", 64
    )


def test_reads_back_the_same_detector(trained, exported):
    before, after = load_detector(trained.run.last), load_detector(exported)
    assert list(after.names.values()) == list(before.names.values()) and not after.training
    for name, tensor in before.state_dict().items():
        torch.testing.assert_close(after.state_dict()[name], tensor, rtol=1e-3, atol=1e-6)  # rounded to half precision
    assert exported.stat().st_size < 6_000_000


def test_predicts_and_validates_like_the_checkpoint(trained, exported, dataset):
    images = dataset.parent / "images" / "val"
    for a, b in zip(
        *(predict(w, images, conf=0.0, imgsz=64, device="cpu") for w in (trained.run.last, exported)), strict=True
    ):
        assert a.names == b.names and len(a) == len(b)
        torch.testing.assert_close(torch.tensor(a.scores), torch.tensor(b.scores), rtol=0.02, atol=2e-4)
    a, b = (validate(w, dataset, imgsz=64, device="cpu") for w in (trained.run.last, exported))
    assert a.map50 == pytest.approx(b.map50, abs=0.05)


def test_refuses_what_is_no_detector(tmp_path, exported):
    save_file({"weight": torch.zeros(2)}, tmp_path / "encoder.safetensors")
    with pytest.raises(CourseError, match=r"encoder\.safetensors.*--backbone"):
        load_detector(tmp_path / "encoder.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    with pytest.raises(CourseError, match=r"text\.safetensors"):
        load_detector(tmp_path / "text.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(exported.read_bytes()[:-1000])
    with pytest.raises(CourseError, match=r"cut\.safetensors"):
        import_detector(tmp_path / "cut.safetensors")
