"""Checkpoints and exported encoders: whole, verified, and never more trusted than they deserve."""

import json
import os
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from coursekit.data.images import ImageSet
from coursekit.data.tensor_file import checksum, read_safetensors
from coursekit.files import write_atomically
from coursekit.models import build_encoder, pretrained
from coursekit.runtime import CourseError
from coursekit.training import export_encoder, load_encoder, load_run, pretrain
from coursekit.training.checkpoints import CHECKPOINT, FORMAT
from tests.training.worlds import images, method

QUIET = {"progress": False, "device": "cpu"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of two steps."""
    folder = tmp_path_factory.mktemp("run")
    pretrain(method("simclr"), images(), steps=2, batch_size=8, out=folder, **QUIET)
    return folder


def rewritten(run, to, change):
    """The run's checkpoint, changed and written again with a checksum that fits: a forgery, not damage."""
    contents = load_run(run)
    change(contents)
    torch.save({"format": FORMAT, "checksum": checksum(contents), **contents}, to / CHECKPOINT)
    return to / CHECKPOINT


def put(*path, value):
    def change(contents):
        for key in path[:-1]:
            contents = contents[key]
        contents[path[-1]] = value

    return change


def test_a_disk_that_fills_up_leaves_the_file_of_before(tmp_path):
    def full(file):
        file.write(b"half")
        raise RuntimeError(
            "[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0\nmore"
        )  # as torch.save does

    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(CourseError, match="Could not write .*unexpected pos"):
        write_atomically(tmp_path / "a", full)
    assert [p.name for p in tmp_path.iterdir()] == ["a"] and (tmp_path / "a").read_bytes() == b"old"


def test_a_checkpoint_that_lacks_a_part_names_it(tmp_path):
    pretrain(method("simclr"), images(), steps=1, batch_size=8, out=tmp_path, **QUIET)
    contents = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    torch.save({k: v for k, v in contents.items() if k not in ("encoder", "history")}, tmp_path / "checkpoint.pt")
    with pytest.raises(CourseError, match="lacks history, encoder"):
        load_encoder(tmp_path)


def test_no_random_file_gets_past_as_a_checkpoint(tmp_path):
    numbers = np.random.default_rng(0)
    for _ in range(300):
        (tmp_path / "x.pt").write_bytes(numbers.integers(0, 256, 40, dtype=np.uint8).tobytes())
        with pytest.raises(CourseError, match="x.pt"):
            load_encoder(tmp_path / "x.pt")


def test_the_encoder_of_a_run_and_of_an_export(tmp_path):
    trained = method("simclr")
    pretrain(trained, ImageSet(images()), steps=2, batch_size=8, out=tmp_path / "run", **QUIET)
    x = torch.randn(2, 3, 16, 16)
    expected = trained.encoder.eval()(x)
    assert torch.equal(load_encoder(tmp_path / "run")(x), expected)
    path = export_encoder(tmp_path / "run", tmp_path / "encoder.safetensors")
    torch.testing.assert_close(load_encoder(path)(x), expected, atol=2e-2, rtol=1e-2)
    assert torch.equal(
        load_encoder(export_encoder(tmp_path / "run", tmp_path / "f.safetensors", half=False))(x), expected
    )


def test_files_that_are_not_a_run_are_named_with_a_way_out(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "trapped"),))

    (tmp_path / "pickle.pt").write_bytes(pickle.dumps(Trap()))
    (tmp_path / "text.pt").write_text("hello")
    (tmp_path / "empty.pt").touch()
    torch.save({"model": torch.zeros(2)}, tmp_path / "other.pt")
    (tmp_path / "bad.safetensors").write_text("hello")
    for name in ("pickle.pt", "text.pt", "empty.pt", "other.pt", "bad.safetensors", "absent.pt", "absent.safetensors"):
        with pytest.raises(CourseError, match=name):
            load_encoder(tmp_path / name)
    assert not (tmp_path / "trapped").exists()  # nothing in the pickle was run


def test_a_checkpoint_of_another_encoder_is_refused(tmp_path):
    pretrain(method("simclr"), images(), steps=1, batch_size=8, out=tmp_path, **QUIET)
    wider = build_encoder("vit_micro", image_size=16, dim=32, depth=1, heads=2)
    with pytest.raises(
        CourseError, match=r"another network than this ViT.*cls_token: file \(1, 1, 16\), here \(1, 1, 32\)"
    ):
        load_encoder(tmp_path, wider)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("step", value="two"), "step is of the type str, not int"),
        (put("step", value=-1), "-1 of 2 steps"),
        (put("step", value=7), "7 of 2 steps"),
        (put("recipe", value=[1, 2]), "recipe is of the type list"),
        (put("state", value=None), "state is of the type NoneType"),
        (put("state", "encoder.norm.bias", value=[0.0] * 16), "encoder.norm.bias in its state is not a tensor"),
        (put("optimizer", value=3), "optimizer is of the type int"),
        (put("scaler", value="x"), "scaler is of the type str"),
        (put("history", 0, value={"loss": 1.0}), "no step or no loss"),
        (put("history", 0, "loss", value="low"), "'loss' in its history"),
        (put("encoder", value={"name": 3}), "description of the encoder"),
        (put("encoder", "image_size", value=-16), "image size of -16"),
        (put("encoder", "options", value={"dim": "wide"}), "dim is 'wide'"),
        (put("encoder", "options", value={"color": "red"}), "no setting 'color'"),
        (put("encoder", "name", value="resnet999"), "no encoder 'resnet999'"),
        (put("state", "encoder.cls_token", value=torch.full((1, 1, 16), torch.nan)), "NaN .*cls_token"),
    ],
)
def test_a_forged_checkpoint_is_told_by_name_and_left_as_it_is(run, tmp_path, change, words):
    forged = rewritten(run, tmp_path, change)
    before = forged.read_bytes()
    with pytest.raises(CourseError, match=f"{tmp_path.name}.*{words}"):
        load_encoder(tmp_path)
    with pytest.raises(CourseError, match="checkpoint.pt|other settings|" + words):
        pretrain(method("simclr"), images(), steps=2, batch_size=8, out=tmp_path, **QUIET)
    assert forged.read_bytes() == before


def test_an_optimizer_of_another_method_is_told(run, tmp_path):
    rewritten(run, tmp_path, lambda contents: contents["optimizer"]["param_groups"].pop())
    with pytest.raises(CourseError, match="checkpoint.pt: the state of its optimizer"):
        pretrain(method("simclr"), images(), steps=2, batch_size=8, out=tmp_path, **QUIET)


def test_a_changed_byte_is_told(run, tmp_path):
    """Past every check of the file's form: one number of one tensor differs."""
    contents = torch.load(run / "checkpoint.pt", weights_only=True)
    contents["state"]["encoder.cls_token"][0, 0, 3] += 1
    torch.save(contents, tmp_path / "checkpoint.pt")
    with pytest.raises(CourseError, match="checkpoint.pt is damaged.*checksum"):
        load_run(tmp_path)
    exported = export_encoder(run, tmp_path / "e.safetensors")
    data = bytearray(exported.read_bytes())
    data[-3] ^= 1
    exported.write_bytes(data)
    with pytest.raises(CourseError, match="e.safetensors is damaged"):
        load_encoder(exported)


def test_a_header_builds_a_network_and_never_fetches(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained.TorchvisionViT, "_download", lambda name: pytest.fail(f"it asked for {name}"))
    encoder = build_encoder("resnet_micro", width=4)
    spec = {"name": "vit_b_16", "image_size": 32, "options": {"weights": "IMAGENET1K_V1"}}
    save_file(encoder.state_dict(), tmp_path / "e.safetensors", metadata={"encoder": json.dumps(spec)})
    with pytest.raises(CourseError, match="another network than this TorchvisionViT"):
        load_encoder(tmp_path / "e.safetensors")


@pytest.mark.parametrize("header", ["[1, 2]", '"vit"', '{"name": "vit_micro"}', "{", "[" * 5000])
def test_odd_headers_are_told(tmp_path, header):
    save_file({"a": torch.zeros(2)}, tmp_path / "odd.safetensors", metadata={"encoder": header})
    with pytest.raises(CourseError, match="odd.safetensors"):
        load_encoder(tmp_path / "odd.safetensors")


def test_a_file_without_a_checksum_is_read(run, tmp_path):
    """What other tools wrote."""
    exported = export_encoder(run, tmp_path / "e.safetensors", half=False)
    save_file(load_file(exported), tmp_path / "plain.safetensors")
    state, told = read_safetensors(tmp_path / "plain.safetensors", "encoder")
    assert told is None and state.keys() == load_file(exported).keys()
