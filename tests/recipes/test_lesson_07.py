"""The recipe of lesson 07: a small DINOv2 on scenes, its weights, and what the card says of them."""

import re

from coursekit import recipes
from coursekit.methods import DINOv2
from coursekit.recipes import lesson_07, scene_vits
from coursekit.training import load_encoder


def test_the_student_ships_with_a_card(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSEKIT_SMOKE", "1")
    monkeypatch.setenv("COURSEKIT_HOME", str(tmp_path / "home"))
    weights, card = recipes.make("dinov2", tmp_path / "data")
    assert load_encoder(weights).spec == scene_vits.encoder().spec
    text = card.read_text()
    assert re.search(r"\| DINOv2 \| \d+\.\d% \[.*\] \| \d+\.\d% \[.*\] \|", text) and "| random encoder |" in text
    assert "budget smoke" in text


def test_settings_that_the_lesson_changes_are_the_methods():
    method = lesson_07.method(centering="center", koleo_weight=0.0)
    assert (
        isinstance(method, DINOv2)
        and method.centering == "center"
        and method.momentum == lesson_07.SETTINGS["momentum"]
    )
    assert method.view_maker.sides == (64, 64, 32, 32, 32, 32)
