"""BEiT: hidden blocks, words that a frozen tokenizer says, a loss of hidden places alone, and nothing that leaks."""

import math

import pytest
import torch

from coursekit.draws import Draws
from coursekit.methods import build_method, method_class
from coursekit.methods.beit import BEiT, masked_token_loss
from coursekit.methods.mae import MAE
from coursekit.methods.masked_patches import HiddenPatches, pixel_mask
from coursekit.methods.masking import HiddenBlocks
from coursekit.methods.one_view import OneView
from coursekit.methods.visual_tokenizer import VisualTokenizer
from coursekit.models import build_encoder
from coursekit.runtime import CourseError
from coursekit.training import pretrain
from coursekit.training.loop import parameter_groups
from coursekit.views import RandomView

WHOLE = RandomView(32, (1, 1), (1, 1), flip=0.0, jitter=0.0, grayscale=0.0, blur=0.0)
QUIET = {"progress": False, "device": "cpu"}


def images(n=8, size=40):
    return torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def plain():
    """16 images, each of one of four colours: what is hidden follows from what is visible."""
    colors = torch.tensor([[230, 40, 40], [40, 200, 60], [40, 60, 220], [235, 235, 225]], dtype=torch.uint8)
    return colors.repeat(4, 1)[:, :, None, None].expand(-1, -1, 32, 32).contiguous()


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    """A tokenizer of 8 px, whose codes stand among those images, and its file."""
    torch.manual_seed(0)
    encoder = build_encoder("resnet_micro", image_size=32, width=8, blocks=(1, 1))
    tokenizer = VisualTokenizer(encoder, OneView(WHOLE), codes=8, code_dim=4, hidden_dim=8, momentum=0.5)
    pretrain(tokenizer, plain(), steps=12, batch_size=16, lr=1e-3, **QUIET)
    return str(tokenizer.save(tmp_path_factory.mktemp("words") / "words.safetensors"))


def made(words, maker=None, **options) -> BEiT:
    torch.manual_seed(0)
    encoder = build_encoder("vit_micro", image_size=32, **{"dim": 32, "depth": 2, "heads": 2, **options})
    return build_method("beit", encoder, maker or HiddenBlocks(WHOLE, 8, 0.4), tokenizer=words)


# --- masks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "share"), [(32, 0.4), (64, 0.4), (64, 0.75), (112, 0.4)])
def test_exactly_the_share_is_hidden_in_every_image(size, share):
    maker = HiddenBlocks(RandomView(size), 8, share)
    (view,) = maker(images(), Draws(0))
    assert view.mask.dtype == torch.bool and view.mask.shape == (8, (size // 8) ** 2)
    assert view.mask.sum(dim=1).tolist() == [round(share * (size // 8) ** 2)] * 8
    hidden = pixel_mask(view.mask, size).expand_as(view.pixels)
    assert not view.pixels[hidden].any() and view.pixels[~hidden].equal(view.target[~hidden])
    assert maker(images(), Draws(0))[0].mask.equal(view.mask), "the same draws, the same masks"
    halves = [maker(images()[4 * rank : 4 * rank + 4], Draws(0, 0, rank, 2))[0].mask for rank in (0, 1)]
    assert torch.cat(halves).equal(view.mask) and len(view.mask.unique(dim=0)) > 4


def components(mask) -> int:
    """How many connected parts a mask has, by a flood from patch to patch. mask: bool (n, n)."""
    left, count = {tuple(p) for p in mask.nonzero().tolist()}, 0
    while left:
        count, edge = count + 1, [left.pop()]
        while edge:
            row, column = edge.pop()
            near = {(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)} & left
            left -= near
            edge += near
    return count


def test_blocks_hang_together():
    of_view = {"size": 64, "scale": (1, 1)}
    parts = []
    for kind in (HiddenBlocks, HiddenPatches):
        (view,) = kind(RandomView(**of_view), 8, 0.4)(images(64), Draws(1))
        parts.append(sum(components(mask.view(8, 8)) for mask in view.mask) / 64)
    assert parts[0] < 4 < 6 < parts[1]


def test_other_methods_of_hidden_patches_take_blocks_too():
    encoder = build_encoder("vit_micro", image_size=32, dim=32, depth=1, heads=2)
    for name in ("mae", "masked_patches"):
        method = build_method(name, encoder, HiddenBlocks(WHOLE, 8, 0.5))
        assert method(method.views(images(), Draws(0)))["loss"].isfinite()
    assert method.recipe()["views"]["type"] == "HiddenBlocks" and method.recipe()["views"]["least"] == 4


# --- the objective -----------------------------------------------------------------------------------------------


def test_the_loss_is_the_formulas_value_and_gradient():
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(3, 6, 5, generator=generator, dtype=torch.float64).requires_grad_()
    tokens = torch.randint(5, (3, 6), generator=generator)
    mask = torch.rand(3, 6, generator=generator) < 0.5
    told = [
        -(scores[i, p, tokens[i, p]].exp() / sum(scores[i, p, k].exp() for k in range(5))).log()
        for i in range(3)
        for p in range(6)
        if mask[i, p]
    ]
    naive, ours = sum(told) / len(told), masked_token_loss(scores, tokens, mask)
    torch.testing.assert_close(ours, naive, rtol=1e-12, atol=0)
    (mine,), (theirs,) = (torch.autograd.grad(loss, scores) for loss in (ours, naive))
    torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-16)
    assert (mine[~mask] == 0).all() and (mine[mask] != 0).all()
    torch.testing.assert_close(masked_token_loss(torch.ones(3, 6, 5), tokens, mask).item(), math.log(5))
    assert masked_token_loss((scores.detach() * 1e4).half(), tokens, mask).isfinite()


def test_targets_are_the_tokenizers_codes_of_the_whole_view(words):
    method, tokenizer = made(words), VisualTokenizer.load(words)
    (view,) = method.views(images(), Draws(0))
    out = method([view])
    assert out["tokens"].equal(tokenizer.tokens(view.target)) and not out["tokens"].equal(tokenizer.tokens(view.pixels))
    assert out["scores"].shape == (8, 16, 8) and method.chance_level(8) == math.log(8)
    expected = torch.nn.functional.cross_entropy(out["scores"][view.mask], out["tokens"][view.mask])
    torch.testing.assert_close(out["loss"], expected)
    assert out["loss"].item() == pytest.approx(math.log(8), rel=0.1)
    numbers = method.diagnose(out)
    assert 0 <= numbers["accuracy"] <= 1 and 1 / 8 <= numbers["common"] <= 1


def test_what_is_hidden_never_enters(words):
    method = made(words).eval()
    (view,) = method.views(images(), Draws(0))
    hidden = pixel_mask(view.mask, 32)
    other = view._replace(pixels=torch.where(hidden, torch.randn_like(view.pixels), view.pixels))
    assert method([view])["scores"].equal(method([other])["scores"])
    seen = view._replace(pixels=view.pixels + ~hidden * 0.5)
    assert not method([view])["scores"].allclose(method([seen])["scores"])
    told = method([view])["scores"]
    with torch.no_grad():
        method.encoder.mask_token += 1
    assert not method([view])["scores"].allclose(told), "the mask token stands at hidden places"


def test_the_tokenizer_is_frozen_to_the_last_bit(words):
    method = made(words)
    before = {k: v.clone() for k, v in method.visual_tokenizer.state_dict().items()}
    assert any("running_mean" in key for key in before)
    in_optimizer = {id(p) for group in parameter_groups(method, 0.1) for p in group["params"]}
    assert not in_optimizer & {id(p) for p in method.visual_tokenizer.parameters()}
    pretrain(method, images(), steps=3, batch_size=8, lr=1e-2, **QUIET)
    assert method.train().training and not any(m.training for m in method.visual_tokenizer.modules())
    after = method.visual_tokenizer.state_dict()
    assert all(after[key].equal(before[key]) for key in before)


@pytest.mark.parametrize("kind", [HiddenBlocks, HiddenPatches])
def test_it_learns_words_that_follow_from_what_is_visible(words, kind):
    method = made(words, kind(WHOLE, 8, 0.4))
    history = pretrain(method, plain(), steps=40, batch_size=16, lr=5e-3, **QUIET)
    first, last = history[0], history[-1]
    assert last["common"] < 0.7 and last["accuracy"] > 0.9 > first["accuracy"]
    assert last["loss"] < 0.3 * last["chance"]
    (view,) = method.eval().views(plain(), Draws(0))
    whole = method.visual_tokenizer.reconstruct(view.target)
    assert method.reconstruct(view).shape == view.target.shape
    assert (method.reconstruct(view) - whole).square().mean() < 0.1 * whole.var()


def test_half_precision_guesses_the_same_words(words):
    method = made(words).eval()
    (view,) = method.views(images(), Draws(0))
    with torch.autocast("cpu", torch.bfloat16):
        out = method([view])
    assert out["loss"].isfinite() and out["loss"].dtype == torch.float32
    assert out["tokens"].equal(method([view])["tokens"])


def test_what_does_not_fit_is_told(words):
    with pytest.raises(CourseError, match=r"patches of 8 px.*patch=8.*not 16.*--set views.patch=8"):
        made(words, HiddenBlocks(WHOLE, 16, 0.5))
    with pytest.raises(CourseError, match="tokenizer .*words.* has patches of 8 px, the encoder and its views 4 px"):
        made(words, HiddenBlocks(WHOLE, 4, 0.5), patch_size=4)
    with pytest.raises(CourseError, match="There is no file .*absent"):
        made("absent.safetensors")
    with pytest.raises(CourseError, match="some patches are hidden, not all"):
        HiddenBlocks(WHOLE, 8, 0.0)
    with pytest.raises(CourseError, match="least is 0"):
        HiddenBlocks(WHOLE, 8, 0.4, least=0)
    without = build_encoder("vit_micro", image_size=32, dim=16, depth=1, heads=2)
    del without.mask_token
    with pytest.raises(CourseError, match="mask token at hidden places, and ViT has none"):
        BEiT(without, HiddenBlocks(WHOLE, 8, 0.4), words)
    assert method_class("beit").default_views(64).share == 0.4


def test_a_vit_tokenizes_too(tmp_path):
    encoder = build_encoder("vit_micro", image_size=32, patch_size=8, dim=16, depth=1, heads=2)
    tokenizer = VisualTokenizer(encoder, OneView(WHOLE), codes=4, code_dim=2, hidden_dim=4)
    method = made(str(tokenizer.save(tmp_path / "vit.safetensors")))
    assert method(method.views(images(), Draws(0)))["loss"].isfinite()


def test_a_beit_of_the_shipped_words_is_kept_whole_and_guesses_the_same(words, tmp_path):
    method = made(None).eval()
    (view,) = method.views(images(), Draws(0))
    path = method.save(tmp_path / "beit.safetensors")
    loaded = BEiT.load(path)
    assert loaded.settings["tokenizer"] is None and not any(p.requires_grad for p in loaded.parameters())
    scores = method.scores(view)[1]
    torch.testing.assert_close(loaded.scores(view)[1], scores, atol=2e-2, rtol=2e-2)  # float16 rounds
    assert scores.std() > 1e-3 and not loaded.training
    with pytest.raises(CourseError, match="BEiT.save keeps a BEiT that learned from the tokenizer that ships.*words"):
        made(words).save(tmp_path / "other.safetensors")
    with pytest.raises(CourseError, match="not written by `MAE.save`"):
        MAE.load(path)
    assert not (tmp_path / "other.safetensors").exists()
