"""The recipe of the visual tokenizer: what it ships loads, its card tells what was measured, and it goes on."""

import re

import pytest
import torch

from coursekit import recipes
from coursekit.data.images import ImageSet
from coursekit.methods.codebook import perplexity
from coursekit.methods.visual_tokenizer import VisualTokenizer
from coursekit.recipes import lesson_03, lesson_08, scene_vits
from coursekit.training import load_encoder
from coursekit.views import center_view
from tests.recipes.conftest import squares


def noise(n: int) -> ImageSet:
    pixels = torch.randint(0, 256, (n, 3, 64, 64), generator=torch.Generator().manual_seed(n), dtype=torch.uint8)
    return ImageSet(pixels, torch.arange(n) % 2, ("even", "odd"))


def test_the_recipe_ships_a_tokenizer_and_its_card(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSEKIT_SMOKE", "1")
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(lesson_03, "road_objects", lambda: (noise(64), noise(8)))
    weights, card = recipes.make("visual-tokenizer", tmp_path / "data")
    tokenizer, text = VisualTokenizer.load(weights), card.read_text()
    assert tokenizer.patch == 8 and tokenizer.codes == lesson_08.CODES and weights.stat().st_size < 1_000_000
    assert len(re.findall(r"\| views of \d\d px \|( \d+\.\d% \|){4}", text)) == 2 and "budget smoke" in text
    capsys.readouterr()
    recipes.make("visual-tokenizer", tmp_path / "data")
    again = VisualTokenizer.load(weights).state_dict()
    assert "already trained" in capsys.readouterr().out
    assert all(value.equal(again[name]) for name, value in tokenizer.state_dict().items())


def test_scores_are_of_all_images_whatever_the_batches():
    torch.manual_seed(0)
    tokenizer, images = lesson_08.tokenizer(codes=16).eval(), noise(250)
    scores, pixels = lesson_08.tokenizer_scores(tokenizer, images, 16), center_view(images.images, 16).pixels
    tokens = tokenizer.tokens(pixels)
    assert scores["codes_used"] == len(tokens.unique()) / 16
    assert scores["perplexity"] == pytest.approx(perplexity(tokens, 16).item())
    with torch.no_grad():
        assert scores["error"] == pytest.approx(
            (tokenizer.reconstruct(pixels) - pixels).square().mean().item(), rel=1e-4
        )
    assert scores["mean_color_error"] == pytest.approx(pixels.var(dim=(2, 3), correction=0).mean().item(), rel=1e-4)
    squares = pixels.unfold(2, 8, 8).unfold(3, 8, 8)
    assert scores["patch_color_error"] == pytest.approx(squares.var(dim=(4, 5), correction=0).mean().item(), rel=1e-4)
    assert scores["patch_color_error"] < scores["mean_color_error"]


def test_the_shipped_tokenizer_uses_its_codes():
    """On road objects that it has not seen, it beats every patch's own mean colour or is told not to, on its card."""
    tokenizer = lesson_08.shipped_tokenizer()
    assert tokenizer.patch == 8 and not tokenizer.training
    scores = lesson_08.tokenizer_scores(tokenizer, ImageSet.road_crops(40, 64, seed=77), 32)
    assert scores["codes_used"] > 0.4 and scores["perplexity"] > 30
    assert scores["error"] < 0.5 * scores["mean_color_error"]


@pytest.mark.parametrize(("name", "title"), [("mae", "MAE"), ("beit", "BEiT")])
def test_masked_methods_ship_an_encoder_that_the_dense_probe_has_judged(name, title, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSEKIT_SMOKE", "1")
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(ImageSet, "road_scenes", classmethod(squares))
    weights, card = recipes.make(name, tmp_path / "data")
    assert load_encoder(weights).spec["name"] == scene_vits.encoder().spec["name"]
    assert re.search(rf"\| {title} \| \d+\.\d% \[", card.read_text()) and "| random encoder |" in card.read_text()
