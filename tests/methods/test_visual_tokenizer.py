"""The visual tokenizer: an image as codes and back, what it learns, and a file that is judged before it is believed."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from coursekit.draws import Draws
from coursekit.methods.one_view import OneView
from coursekit.methods.visual_tokenizer import VisualTokenizer
from coursekit.models import ResNet, build_encoder
from coursekit.runtime import CourseError
from coursekit.training import pretrain
from coursekit.views import RandomView, View, center_view

WHOLE = RandomView(32, (1, 1), (1, 1), flip=0.0, jitter=0.0, grayscale=0.0, blur=0.0)
QUIET = {"progress": False, "device": "cpu"}


def made(view=WHOLE, **settings) -> VisualTokenizer:
    """A small one with patches of 8 px."""
    torch.manual_seed(0)
    encoder = build_encoder("resnet_micro", image_size=32, width=8, blocks=(1, 1))
    return VisualTokenizer(encoder, OneView(view), **{"codes": 16, "code_dim": 4, "hidden_dim": 16, **settings})


def mosaic(n=64, colors=6):
    """Images of 4 x 4 patches, each of one of a few colours."""
    generator = torch.Generator().manual_seed(0)
    palette = torch.randint(0, 256, (colors, 3), generator=generator)
    pick = torch.randint(colors, (n, 4, 4), generator=generator)
    return palette[pick].permute(0, 3, 1, 2).repeat_interleave(8, 2).repeat_interleave(8, 3).to(torch.uint8)


@pytest.fixture(scope="module")
def trained():
    tokenizer = made(momentum=0.9)
    history = pretrain(tokenizer, mosaic(), steps=80, batch_size=32, lr=1e-2, **QUIET)
    return tokenizer.eval(), history


def test_patches_become_codes_and_codes_an_image_of_any_shape():
    tokenizer = made().eval()
    pixels = torch.randn(2, 3, 24, 40)
    tokens = tokenizer.tokens(pixels)
    assert tokens.shape == (2, 15) and tokens.dtype == torch.int64 and 0 <= tokens.min() and tokens.max() < 16
    assert tokenizer.reconstruct(pixels).equal(tokenizer.decode(tokens, rows=3)) and tokenizer.patch == 8
    assert tokenizer.decode(tokens, rows=3).shape == pixels.shape
    lit = tokenizer.decode(torch.zeros(1, 81, dtype=torch.long).index_fill_(1, torch.tensor([40]), 5))
    apart = (lit - tokenizer.decode(torch.zeros(1, 81, dtype=torch.long))).abs().amax(dim=1)[0]
    changed = apart.unfold(0, 8, 8).unfold(1, 8, 8).amax(dim=(2, 3)) > 0
    assert changed.nonzero().amin(dim=0).tolist() == [2, 2] and changed.nonzero().amax(dim=0).tolist() == [6, 6]


def test_forward_paints_from_codes_alone_and_the_codes_move_after_the_step():
    tokenizer = made()
    (view,) = tokenizer.views(mosaic(8), Draws(0))
    before = tokenizer.codebook.vectors.clone()
    out = tokenizer([view])
    assert tokenizer.codebook.vectors.equal(before) and out["z"].shape == (128, 4)
    torch.testing.assert_close(out["code"], before[out["indices"]])
    places = out["code"].view(8, 4, 4, 4).permute(0, 3, 1, 2)
    torch.testing.assert_close(out["painted"], tokenizer.decoder(places))
    torch.testing.assert_close(out["z"].norm(dim=1), torch.ones(128))
    out["loss"].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in tokenizer.parameters())
    assert tokenizer.encoder.layers[0][0].weight.grad.abs().sum() > 0, "past the codes, straight through"
    tokenizer.after_step(out, 0.0)
    assert not tokenizer.codebook.vectors.equal(before)


def test_it_learns_a_mosaic_of_six_colours_and_uses_its_codes(trained):
    tokenizer, history = trained
    last = history[-1]
    assert last["reconstruction_error"] < 0.4 * last["mean_color_error"]
    assert last["codes_used"] > 0.8 and last["perplexity"] > 6
    pixels = center_view(mosaic(), 32).pixels
    tokens, colors = tokenizer.tokens(pixels).flatten(), pixels[:, :, 4::8, 4::8].permute(0, 2, 3, 1).flatten(0, 2)
    likeliest = torch.zeros(16, 3)  # the mean colour of a code's patches tells each of its patches
    for code in tokens.unique():
        likeliest[code] = colors[tokens == code].mean(dim=0)
    assert (likeliest[tokens] - colors).square().mean() < 0.15 * colors.var(dim=0).mean()


def test_without_revival_fewer_codes_are_used(trained):
    alone = pretrain(made(momentum=0.9, revive=0.0), mosaic(), steps=80, batch_size=32, lr=1e-2, **QUIET)
    assert alone[-1]["codes_used"] < trained[1][-1]["codes_used"]
    assert "revive=0" in made(revive=0.0).collapse_cause() and "learning rate" in made().collapse_cause()


def test_half_precision_is_finite_and_gives_the_same_tokens(trained):
    tokenizer, pixels = trained[0], center_view(mosaic(8), 32).pixels
    with torch.autocast("cpu", torch.bfloat16):
        out = tokenizer([View(pixels, torch.zeros(8, 2, 3))])
        tokens = tokenizer.tokens(pixels)
    assert out["loss"].isfinite() and out["loss"].dtype == out["z"].dtype == torch.float32
    assert tokens.equal(tokenizer.tokens(pixels)), "autocast is off inside"


# --- the file ----------------------------------------------------------------------------------------------------


@pytest.fixture
def path(trained, tmp_path):
    return trained[0].save(tmp_path / "tokenizer.safetensors")


def test_a_saved_tokenizer_comes_back_frozen_and_says_the_same(trained, path):
    state = torch.get_rng_state()
    loaded, pixels = VisualTokenizer.load(path), center_view(mosaic(), 32).pixels
    assert torch.get_rng_state().equal(state), "loading draws nothing"
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    assert {k: v for k, v in loaded.settings.items() if k != "views"} == {
        k: v for k, v in trained[0].settings.items() if k != "views"
    }
    assert (loaded.tokens(pixels) == trained[0].tokens(pixels)).float().mean() > 0.99  # float16 rounds
    again = VisualTokenizer.load(loaded.save(path.with_name("again.safetensors")))
    assert again.tokens(pixels).equal(loaded.tokens(pixels))
    codes = trained[0].tokens(pixels)  # the same ones for both: near a border, rounding may choose another
    torch.testing.assert_close(loaded.decode(codes), trained[0].decode(codes), atol=0.05, rtol=0.05)


def told(path):
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["tokenizer"])


def forged(path, change, state=None):
    header = change(told(path))
    save_file(state or load_file(path), path, metadata={"tokenizer": json.dumps(header)})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: None, "not written by `VisualTokenizer.save`"),
        (lambda t: [1, 2], "not written by `VisualTokenizer.save`"),
        (lambda t: {**t, "view": "wide"}, "not written by `VisualTokenizer.save`"),
        (lambda t: {**t, "view": True}, "not written by `VisualTokenizer.save`"),
        (lambda t: {**t, "encoder": {"name": 3}}, "not written by `VisualTokenizer.save`"),
        (lambda t: {**t, "view": 30}, "cannot be built.*30 px is no whole number.*8 px"),
        (lambda t: {**t, "encoder": {**t["encoder"], "name": "vgg"}}, "cannot be built.*no encoder 'vgg'"),
        (lambda t: {**t, "settings": {"colour": 1}}, "cannot be built.*no setting 'colour'"),
        (lambda t: {**t, "settings": {"codes": "many"}}, "cannot be built.*codes is 'many'"),
        (lambda t: {**t, "settings": {**t["settings"], "codes": 17}}, "holds another network.*codebook"),
    ],
)
def test_a_forged_header_is_told_by_name(path, change, words):
    forged(path, change)
    with pytest.raises(CourseError, match=f"tokenizer.safetensors.*{words}"):
        VisualTokenizer.load(path)


def test_a_file_that_is_cut_tampered_with_missing_or_of_another_kind_is_told(path, tmp_path):
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[-3] ^= 1
    (tmp_path / "text").write_text("hello")
    save_file({"a": torch.zeros(2)}, tmp_path / "other")
    for name, content in (("cut", whole[:-100]), ("short", whole[:20]), ("empty", b""), ("tampered", bytes(changed))):
        (tmp_path / name).write_bytes(content)
    says = {"tampered": "damaged", "absent": "no file", "other": "not written by `VisualTokenizer.save`"}
    for name in ("cut", "short", "empty", "text", "tampered", "absent", "other"):
        with pytest.raises(CourseError, match=f"{name}.*{says.get(name, 'cannot be read')}|no file .*{name}"):
            VisualTokenizer.load(tmp_path / name)


def test_numbers_that_are_none_and_an_encoder_without_a_name_are_told(path, tmp_path):
    state = load_file(path)
    state["codebook.vectors"][0] = torch.nan
    forged(path, lambda told: told, state)
    with pytest.raises(CourseError, match="NaN or infinite numbers in codebook.vectors"):
        VisualTokenizer.load(path)
    by_hand = VisualTokenizer(ResNet(32, width=4, blocks=(1, 1)), OneView(WHOLE))
    with pytest.raises(CourseError, match="would not say how to build the encoder, a ResNet"):
        by_hand.save(tmp_path / "new.safetensors")
    assert not (tmp_path / "new.safetensors").exists()


def test_what_cannot_be_is_told():
    with pytest.raises(CourseError, match="view of 20 px is no whole number of this ResNet's patches of 8 px"):
        made(RandomView(20))
    with pytest.raises(CourseError, match="2 codes or more, not 1"):
        made(codes=1)
