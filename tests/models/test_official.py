"""Official weights: the map of names gives timm's features, positions follow the authors' rule, bad files are told."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from coursekit.models import build_encoder, official
from coursekit.runtime import CourseError

TIMM = {  # ours -> timm's model of the same architecture
    "dinov2_vits14": "vit_small_patch14_dinov2",
    "dinov2_vits14_reg": "vit_small_patch14_reg4_dinov2",
    "dinov2_vitb14": "vit_base_patch14_dinov2",
    "dinov2_vitb14_reg": "vit_base_patch14_reg4_dinov2",
    "mae_vitb16": "vit_base_patch16_224.mae",
}


def timms(name: str, depth: int | None = None):
    """timm's network with random weights that all matter, with as many blocks as asked for."""
    torch.manual_seed(0)
    options = {} if depth is None else {"depth": depth}
    network = timm.create_model(TIMM[name], pretrained=False, num_classes=0, global_pool="token", **options).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return network


def as_published(network, name: str) -> dict[str, torch.Tensor]:
    """timm's tensors under the names of Meta's files, with what timm leaves out."""
    state = {key: value.clone() for key, value in network.state_dict().items()}
    dim = network.embed_dim
    if "reg_token" in state:  # timm folds the class token's position into the token
        state["register_tokens"] = state.pop("reg_token")
        state["pos_embed"] = torch.cat([torch.zeros(1, 1, dim), state["pos_embed"]], dim=1)
    if name.startswith("dinov2"):
        state["mask_token"] = torch.zeros(1, dim)
    return state


def shallow(name: str, depth: int, monkeypatch, path) -> None:
    """From now on `name` has so many blocks, and its published file is the one at `path`."""
    build = official.build_encoder
    monkeypatch.setattr(official, "build_encoder", lambda known, image_size: build(known, image_size, depth=depth))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(official.OFFICIAL, name, replace(official.OFFICIAL[name], sha256=digest, md5=None))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """(timm's ViT-S/14 of two blocks, its file as Meta would publish it)."""
    network, path = timms("dinov2_vits14", 2), tmp_path_factory.mktemp("weights") / "small.pth"
    torch.save(as_published(network, "dinov2_vits14"), path)
    return network, path


@pytest.mark.parametrize("name", TIMM)
def test_features_are_timms(name, monkeypatch, tmp_path):
    network, path = timms(name, 2), tmp_path / "weights.pth"
    state = as_published(network, name)
    torch.save({"model": state} if name.startswith("mae") else state, path)
    shallow(name, 2, monkeypatch, path)
    encoder = official.load(name, path)
    assert not encoder.training and encoder.spec["name"] == name
    pixels = torch.randn(1, 3, official.OFFICIAL[name].size, official.OFFICIAL[name].size)
    with torch.no_grad():
        cls, patches = encoder.tokens(pixels)
        theirs = network.forward_features(pixels)
    torch.testing.assert_close(cls, theirs[:, 0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(patches, theirs[:, 1 + encoder.registers :], atol=1e-5, rtol=1e-4)


def test_all_twelve_blocks_find_their_place():
    with torch.device("meta"):
        for name in TIMM:
            encoder = build_encoder(name, image_size=official.OFFICIAL[name].size)
            network = timm.create_model(TIMM[name], pretrained=False, num_classes=0)
            theirs = official.renamed(as_published(network, name))
            ours = {k: v.shape for k, v in encoder.state_dict().items() if k in theirs or k != "mask_token"}
            assert ours == {k: v.shape for k, v in theirs.items()}, name


# --- positions at other sizes ------------------------------------------------------------------------------------------


def cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution kernel with a = -0.75, as PyTorch and OpenCV have it."""
    x, a = np.abs(x), -0.75
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def resampling(n_in: int, n_out: int, scale: float) -> np.ndarray:
    """(n_out, n_in): weights of bicubic resampling without antialiasing, output pixel i looking at (i + 1/2) / scale - 1/2."""
    weights = np.zeros((n_out, n_in))
    for i in range(n_out):
        at = (i + 0.5) / scale - 0.5
        for j in range(int(np.floor(at)) - 1, int(np.floor(at)) + 3):
            weights[i, min(max(j, 0), n_in - 1)] += cubic(np.array(at - j))
    return weights


@pytest.mark.parametrize(("rows", "columns"), [(16, 16), (16, 20), (9, 37), (40, 45)])
def test_dinov2_positions_at_other_sizes_are_the_authors(rows, columns):
    encoder = build_encoder("dinov2_vits14", image_size=518, depth=1)
    own = encoder.pos_embed.detach().numpy().astype(np.float64)[0, 1:].reshape(37, 37, -1)
    down, across = (resampling(37, n, (n + 0.1) / 37) for n in (rows, columns))
    wanted = np.einsum("ri,cj,ijd->rcd", down, across, own).reshape(rows * columns, -1)
    found = encoder.positions(rows, columns)[0, 1:].detach().numpy()
    np.testing.assert_allclose(found, wanted, atol=2e-6)
    plain = np.einsum("ri,cj,ijd->rcd", resampling(37, rows, rows / 37), resampling(37, columns, columns / 37), own)
    assert np.abs(found - plain.reshape(rows * columns, -1)).max() > 1e-4, "the offset is seen"


def test_mae_resamples_without_an_offset_and_registers_with_antialiasing():
    mae = build_encoder("mae_vitb16", image_size=224, depth=1)
    own = mae.pos_embed.detach().numpy().astype(np.float64)[0, 1:].reshape(14, 14, -1)
    down, across = resampling(14, 8, 8 / 14), resampling(14, 20, 20 / 14)
    wanted = np.einsum("ri,cj,ijd->rcd", down, across, own).reshape(160, -1)
    np.testing.assert_allclose(mae.positions(8, 20)[0, 1:].detach().numpy(), wanted, atol=2e-6)
    reg = build_encoder("dinov2_vits14_reg", image_size=518, depth=1)
    smooth = reg.positions(16, 16)[0, 1:].detach()
    reg.position_antialias = False
    assert (smooth - reg.positions(16, 16)[0, 1:]).abs().max() > 1e-3
    assert smooth.std() < reg.positions(16, 16)[0, 1:].std(), "shrinking with antialiasing averages"


# --- what can be wrong -------------------------------------------------------------------------------------------------


def test_a_truncated_and_a_tampered_file_are_told(small, monkeypatch, tmp_path):
    _, whole = small
    shallow("dinov2_vits14", 2, monkeypatch, whole)
    data, path = whole.read_bytes(), tmp_path / "weights.pth"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(
        CourseError, match=r"weights\.pth is not the file that Meta published: its sha256.*verify=False"
    ):
        official.load("dinov2_vits14", path)
    with pytest.raises(CourseError, match=r"weights\.pth cannot be read as a file of weights.*cut short"):
        official.load("dinov2_vits14", path, verify=False)
    changed = bytearray(data)
    changed[len(data) // 2] ^= 1
    path.write_bytes(changed)
    with pytest.raises(CourseError, match="not the file that Meta published"):
        official.load("dinov2_vits14", path)
    for wrong in (b"", b"hello", b"\x80\x05junk"):
        path.write_bytes(wrong)
        with pytest.raises(CourseError, match="cannot be read"):
            official.load("dinov2_vits14", path, verify=False)


class Harmful:
    def __reduce__(self):
        return print, ("code from a file was run",)


def test_code_in_a_file_is_not_run(tmp_path, capsys):
    path = tmp_path / "weights.pth"
    torch.save({"cls_token": Harmful()}, path)
    with pytest.raises(CourseError, match="cannot be read"):
        official.load("dinov2_vits14", path, verify=False)
    torch.save({"epoch": 3}, path)
    with pytest.raises(CourseError, match="no tensors by name"):
        official.load("dinov2_vits14", path, verify=False)
    assert "was run" not in capsys.readouterr().out


def test_weights_of_another_network_are_told_by_tensor_and_shape(small, tmp_path):
    _, path = small
    with pytest.raises(CourseError, match=r"another network than dinov2_vits14:\n  \d+ tensors are missing: blocks.10"):
        official.load("dinov2_vits14", path, verify=False)  # two blocks instead of twelve
    with pytest.raises(CourseError, match=r"cls_token is \(1, 1, 384\) in the file and \(1, 1, 768\) in the network"):
        official.load("dinov2_vitb14", path, verify=False)
    with pytest.raises(CourseError, match=r"missing: .*register_tokens"):
        official.load("dinov2_vits14_reg", path, verify=False)


def test_safetensors_with_the_same_names_are_read(small, monkeypatch, tmp_path):
    network, _ = small
    path = tmp_path / "weights.safetensors"
    save_file(as_published(network, "dinov2_vits14"), path)
    shallow("dinov2_vits14", 2, monkeypatch, path)
    encoder = official.load("dinov2_vits14", path)
    assert encoder.blocks[1].mlp[0].weight.equal(network.blocks[1].mlp.fc1.weight)


def test_without_a_network_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path))
    monkeypatch.setenv("COURSEKIT_OFFLINE", "1")
    with pytest.raises(CourseError, match=r"COURSEKIT_OFFLINE(.|\n)*load\('dinov2_vits14', weights=PATH\)"):
        official.load("dinov2_vits14")
    assert list(tmp_path.rglob("*.pth")) == []
    with pytest.raises(CourseError, match="no official weights 'dinov3'.*dinov2_vits14"):
        official.load("dinov3")
    with pytest.raises(CourseError, match="is not there"):
        official.load("dinov2_vits14", tmp_path / "none.pth")


def test_they_are_fetched_once_and_checked(small, monkeypatch, tmp_path):
    import http.server
    import threading
    from functools import partial

    _, path = small
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=path.parent)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path))
    monkeypatch.delenv("COURSEKIT_OFFLINE", raising=False)
    shallow("dinov2_vits14", 2, monkeypatch, path)
    here = replace(official.OFFICIAL["dinov2_vits14"], url=f"http://127.0.0.1:{server.server_port}/small.pth")
    monkeypatch.setitem(official.OFFICIAL, "dinov2_vits14", here)
    try:
        first = official.load("dinov2_vits14")
    finally:
        server.shutdown()
    again = official.load("dinov2_vits14")  # nobody serves it any more
    assert first.norm.weight.equal(again.norm.weight) and (tmp_path / "weights" / "small.pth").is_file()
    monkeypatch.setitem(official.OFFICIAL, "dinov2_vits14", replace(here, sha256="0" * 64))
    with pytest.raises(CourseError, match="not the file that belongs there"):
        official.load("dinov2_vits14")


def test_a_lesson_goes_on_without_weights_and_takes_them_if_they_are_there(small, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path))
    monkeypatch.setenv("COURSEKIT_OFFLINE", "1")
    assert official.load_if_there("dinov2_vits14", fetch=True) is None
    assert "COURSEKIT_OFFLINE is set" in capsys.readouterr().out
    monkeypatch.setenv("COURSEKIT_OFFLINE", "0")
    assert official.load_if_there("dinov2_vits14") is None and "fetch=False" in capsys.readouterr().out
    with monkeypatch.context() as cut:
        cut.setattr(official, "download", lambda *_, **__: (_ for _ in ()).throw(CourseError("no network")))
        assert official.load_if_there("dinov2_vits14", fetch=True) is None
    assert "the network did not bring them" in capsys.readouterr().out
    with pytest.raises(CourseError, match="dinov3"):
        official.load_if_there("dinov3")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "dinov2_vits14_pretrain.pth").write_bytes(b"cut short")
    with pytest.raises(CourseError, match="not the file|is there, but"):
        official.load_if_there("dinov2_vits14")
