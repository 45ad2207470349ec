"""A decoder for the shipped MAE encoder: the encoder stays as it is, and both come back as one MAE."""

import re

from coursekit import recipes
from coursekit.data.images import ImageSet
from coursekit.methods import MAE
from coursekit.recipes import lesson_08
from tests.recipes.conftest import squares


def test_a_decoder_is_fitted_and_the_encoder_keeps_every_bit(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSEKIT_SMOKE", "1")
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(ImageSet, "road_scenes", classmethod(squares))
    weights, card = recipes.make("mae-decoder", tmp_path / "data")
    whole = MAE.load(weights)
    shipped = recipes.shipped_encoder(lesson_08.MASKED["mae"]).state_dict()
    assert all(value.equal(shipped[name]) for name, value in whole.encoder.state_dict().items())
    assert re.search(r"4 steps of 8 images.*last loss \d\.\d{3}", card.read_text())


def test_the_shipped_mae_is_whole_and_paints_with_the_shipped_encoder():
    whole = lesson_08.shipped_mae()
    shipped = recipes.shipped_encoder(lesson_08.MASKED["mae"]).state_dict()
    assert all(value.equal(shipped[name]) for name, value in whole.encoder.state_dict().items())
    assert whole.view_maker.patch == whole.encoder.stride == 8
