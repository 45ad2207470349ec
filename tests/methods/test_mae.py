"""MAE: hidden patches never enter, the order comes back, the loss is the formula's, and pictures are in true colours."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from coursekit.draws import Draws
from coursekit.methods import build_method, method_class
from coursekit.methods.mae import MAE, masked_patch_error, visible_first
from coursekit.methods.masked_patches import HiddenPatches, pixel_mask
from coursekit.methods.patches import grid_positions, in_one_color, patch_statistics, patchify, unpatchify
from coursekit.methods.visual_tokenizer import VisualTokenizer
from coursekit.models import ViT, build_encoder
from coursekit.runtime import CourseError
from coursekit.training import pretrain
from coursekit.views import RandomView


def images(n=8, size=40):
    return torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def made(share=0.75, size=32, **settings):
    torch.manual_seed(0)
    encoder = build_encoder("vit_micro", image_size=size, dim=32, depth=2, heads=2)
    plain = RandomView(size, jitter=0.0, grayscale=0.0, blur=0.0)
    return build_method("mae", encoder, HiddenPatches(plain, 8, share), decoder_dim=16, decoder_heads=2, **settings)


def test_patches_are_the_pictures_own_pixels_and_go_back():
    pixels = torch.rand(2, 3, 24, 40)
    patches = patchify(pixels, 8)
    assert patches.shape == (2, 15, 192)
    for row in range(3):
        for column in range(5):
            square = pixels[:, :, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            assert patches[:, 5 * row + column].equal(square.flatten(1))
    assert unpatchify(patches, 8, rows=3).equal(pixels)
    assert unpatchify(patchify(pixels[..., :24], 8), 8).equal(pixels[..., :24])


def test_a_patch_in_one_colour_keeps_its_three_means_and_nothing_else():
    flat = unpatchify(in_one_color(patchify(torch.rand(2, 3, 16, 16), 8)), 8)
    assert flat[:, :, :8, :8].flatten(2).std(dim=2).max() < 1e-6
    pixels = torch.rand(1, 3, 8, 8)
    painted = unpatchify(in_one_color(patchify(pixels, 8)), 8)
    assert torch.allclose(painted, pixels.mean(dim=(2, 3), keepdim=True).expand_as(pixels))


def test_visible_patches_come_first_in_their_order_and_everything_goes_back():
    mask = torch.rand(5, 16).argsort(dim=1).argsort(dim=1) < 12
    keep, restore = visible_first(mask)
    assert keep.shape == (5, 4) and keep.equal(torch.stack([(~row).nonzero()[:, 0] for row in mask]))
    place = torch.arange(16).expand(5, -1)
    hidden = torch.stack([row.nonzero()[:, 0] for row in mask])
    assert torch.cat([keep, hidden], dim=1).gather(1, restore).equal(place)


@pytest.mark.parametrize("share", [0.5, 0.75, 0.9])
def test_exactly_the_share_is_hidden_in_every_image(share):
    method = made(share)
    (view,) = method.views(images(), Draws(0))
    assert view.mask.sum(dim=1).tolist() == [round(share * 16)] * 8
    out = method([view])
    assert out["prediction"].shape == out["target"].shape == (8, 16, 192)


def test_loss_is_the_formulas():
    generator = torch.Generator().manual_seed(1)
    prediction, target = torch.rand(2, 3, 6, 12, generator=generator, dtype=torch.float64)
    mask = torch.rand(3, 6, generator=generator) < 0.5
    prediction.requires_grad_()
    errors = [((prediction[i, p] - target[i, p]) ** 2).sum() / 12 for i in range(3) for p in range(6) if mask[i, p]]
    naive = sum(errors) / len(errors)
    torch.testing.assert_close(masked_patch_error(prediction, target, mask), naive, rtol=1e-12, atol=0)
    (ours,) = torch.autograd.grad(masked_patch_error(prediction, target, mask), prediction)
    (theirs,) = torch.autograd.grad(naive, prediction)
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=0)
    assert (ours[~mask] == 0).all() and (ours[mask] != 0).all()
    half = [x.to(torch.bfloat16) * 1000 for x in (prediction.detach(), target)]
    assert masked_patch_error(*half, mask).isfinite()


def test_targets_are_each_patch_with_mean_0_and_variance_1():
    method = made()
    (view,) = method.views(images(), Draws(0))
    target = method([view])["target"]
    torch.testing.assert_close(target.mean(dim=2), torch.zeros(8, 16), atol=1e-5, rtol=0)
    torch.testing.assert_close(target.var(dim=2), torch.ones(8, 16), atol=1e-3, rtol=0)
    assert made(normalize=False)([view])["target"].equal(patchify(view.target, 8))
    mean, std = patch_statistics(torch.full((1, 2, 9), 3.0))
    assert mean.unique().tolist() == [3.0] and std.isfinite().all() and (std > 0).all()


def test_what_is_hidden_never_enters():
    method = made().eval()
    (view,) = method.views(images(), Draws(0))
    hidden = pixel_mask(view.mask, 32)
    other = view._replace(pixels=torch.where(hidden, torch.randn_like(view.pixels), view.pixels))
    assert method([view])["prediction"].equal(method([other])["prediction"])
    seen = view._replace(pixels=view.pixels + ~hidden * 0.5)
    assert not method([view])["prediction"].allclose(method([seen])["prediction"])


def test_the_decoder_knows_where_each_visible_patch_was():
    """Two visible patches that change places, with their positions, are another picture with the same tokens."""
    method = made().eval()
    (view,) = method.views(images(1), Draws(0))
    keep, restore = visible_first(view.mask)
    cls, tokens = method.encoder.tokens(view.pixels, keep=keep)
    painted = method.decoder(cls, tokens, restore)
    order = torch.tensor([1, 0, 2, 3])
    mixed = torch.cat([order, torch.arange(4, 16)])[None]
    again = method.decoder(cls, tokens[:, order], mixed.argsort(dim=1).gather(1, restore))
    torch.testing.assert_close(painted, again)
    assert not painted.allclose(method.decoder(cls, tokens[:, order], restore))
    positions = grid_positions(4, 16)
    assert positions.shape == (16, 16) and len(positions.unique(dim=0)) == 16
    assert positions[:4, :8].unique(dim=0).shape[0] == 1, "a row of patches shares the row's half"


@pytest.mark.parametrize("normalize", [True, False])
def test_a_reconstruction_is_in_the_views_own_pixels(normalize, monkeypatch):
    method = made(normalize=normalize).eval()
    (view,) = method.views(images(), Draws(0))
    hidden = pixel_mask(view.mask, 32).expand_as(view.target)
    painted = method.reconstruct(view)
    assert painted[~hidden].equal(view.target[~hidden]) and not painted[hidden].allclose(view.target[hidden])
    perfect = method([view])["target"]  # a decoder that answers the target itself paints the truth
    monkeypatch.setattr(method.decoder, "forward", lambda *args: perfect)
    torch.testing.assert_close(method.reconstruct(view), view.target, atol=1e-4, rtol=0)


def test_it_learns_to_paint_what_is_regular():
    """Stripes: what is hidden follows from what is visible, and the error falls far below that of one colour."""
    phase, width = torch.meshgrid(torch.arange(8), torch.arange(32), indexing="ij")
    stripes = ((width + phase) // 4 % 2 * 255).to(torch.uint8)[:, None, None].expand(-1, 3, 32, -1).contiguous()
    method = made(0.5)
    method.view_maker = HiddenPatches(RandomView(32, (1, 1), (1, 1), jitter=0.0, grayscale=0.0, blur=0.0), 8, 0.5)
    history = pretrain(method, stripes, steps=60, batch_size=8, lr=2e-2, progress=False, device="cpu")
    assert history[-1]["loss"] < 0.5 * history[-1]["mean_error"] and history[-1]["mean_error"] > 0.9


def test_what_does_not_fit_is_told():
    encoder = build_encoder("vit_micro", image_size=32, dim=32, depth=1, heads=2)
    view = RandomView(32)
    for share in (0.0, 1.0):
        with pytest.raises(CourseError, match="not all|share"):
            HiddenPatches(view, 8, share)
    with pytest.raises(CourseError, match=r"patches of 8 px.*patch=8.*not 16.*--set views.patch=8"):
        MAE(encoder, HiddenPatches(view, 16, 0.5))
    with pytest.raises(CourseError, match="divide the view"):
        HiddenPatches(view, 12)
    with pytest.raises(CourseError, match="decoder_dim 30.*decoder_heads"):
        MAE(encoder, HiddenPatches(view, 8, 0.5), decoder_dim=30)
    with pytest.raises(CourseError, match="tokens"):
        MAE(build_encoder("resnet_nano", image_size=32), HiddenPatches(view, 4, 0.5))
    assert method_class("mae").default_views(32).share == 0.75


# --- the file ----------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    return made(0.5).save(tmp_path / "mae.safetensors")


def test_a_saved_mae_comes_back_whole_and_paints_the_same(path):
    method, state = made(0.5).eval(), torch.get_rng_state()
    loaded = MAE.load(path)
    assert torch.get_rng_state().equal(state), "loading draws nothing"
    assert not loaded.training and not any(p.requires_grad for p in loaded.parameters())
    assert loaded.settings["decoder_dim"] == 16 and loaded.view_maker == MAE.default_views(32)
    (view,) = method.views(images(), Draws(0))
    painted = loaded.reconstruct(view)
    torch.testing.assert_close(painted, method.reconstruct(view), atol=2e-2, rtol=2e-2)  # float16 rounds
    assert not painted.equal(made(0.5).reconstruct(view)) and painted.dtype == torch.float32
    again = MAE.load(loaded.save(path.with_name("again.safetensors")))
    assert again.reconstruct(view).equal(painted)
    sizes = sum(p.numel() for p in method.parameters())
    assert path.stat().st_size < 2 * sizes + 20_000, "half precision"


def test_patches_of_another_size_come_back_too(tmp_path):
    encoder = build_encoder("vit_micro", image_size=28, patch_size=7, dim=32, depth=1, heads=2)
    method = MAE(encoder, HiddenPatches(RandomView(28), 7, 0.5), decoder_dim=16, normalize=False)
    loaded = MAE.load(method.save(tmp_path / "mae.safetensors"))
    assert loaded.view_maker.patch == 7 and loaded.normalize is False


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: None, "not written by `MAE.save`"),
        (lambda t: {**t, "view": 30}, "the MAE that it describes cannot be built.*30 px"),
        (lambda t: {**t, "encoder": {**t["encoder"], "name": "resnet_nano", "options": {}}}, "cannot be built.*tokens"),
        (lambda t: {**t, "settings": {"decoder_depth": -1}}, "cannot be built.*decoder_depth"),
        (lambda t: {**t, "settings": {**t["settings"], "decoder_dim": 32}}, "holds another network.*decoder"),
    ],
)
def test_a_forged_header_is_told_by_name(path, change, words):
    with safe_open(path, framework="pt") as file:
        told = change(json.loads(file.metadata()["mae"]))
    save_file(load_file(path), path, metadata={"mae": json.dumps(told)})
    with pytest.raises(CourseError, match=f"mae.safetensors.*{words}"):
        MAE.load(path)


def test_a_file_that_is_cut_tampered_with_or_another_methods_is_told(path, tmp_path):
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[-3] ^= 1
    for name, content, words in (("cut", whole[:-100], "cannot be read"), ("tampered", bytes(changed), "damaged")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CourseError, match=f"{name}.*{words}"):
            MAE.load(tmp_path / name)
    with pytest.raises(CourseError, match="not written by `VisualTokenizer.save`"):
        VisualTokenizer.load(path)
    torch.save(made().state_dict(), tmp_path / "pickled.safetensors")
    with pytest.raises(CourseError, match="pickled.safetensors cannot be read as safetensors"):
        MAE.load(tmp_path / "pickled.safetensors")
    state = load_file(path)
    state["decoder.mask_token"][:] = torch.inf
    with safe_open(path, framework="pt") as file:
        save_file(state, path, metadata={"mae": file.metadata()["mae"]})
    with pytest.raises(CourseError, match="NaN or infinite numbers in decoder.mask_token"):
        MAE.load(path)
    by_hand = MAE(ViT(32, 8, 32, 1, 2), HiddenPatches(RandomView(32), 8, 0.5))
    with pytest.raises(CourseError, match="would not say how to build the encoder, a ViT"):
        by_hand.save(tmp_path / "new.safetensors")
    assert not (tmp_path / "new.safetensors").exists()
