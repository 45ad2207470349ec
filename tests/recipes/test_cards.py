"""A card in a notebook is a table, not raw Markdown."""

from coursekit.recipes import card


def test_a_card_shows_itself_as_markdown():
    shown = card("simclr_road_objects")
    assert (
        isinstance(shown, str) and shown._repr_markdown_().startswith("#### ") and "\n|---|" in shown._repr_markdown_()
    )
