"""The partner game: the figure counts and frames right picks, and refuses picks that make no sense."""

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.colors import same_color

from coursekit import figures
from coursekit.figures.style import GREEN, RED, alt_text


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    yield
    plt.close("all")


def pixels(n: int = 3) -> torch.Tensor:
    return torch.randint(256, (n, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_right_picks_are_counted_and_framed():
    a, b = pixels(), pixels().flip(3)
    fig = figures.partner_picks(a, b, {"before": torch.tensor([1, 4, 0]), "after": [3, 4, 2 + 3]})
    assert "before: 1 of 3" in alt_text(fig) and "after: 3 of 3" in alt_text(fig)
    axes = fig.axes
    assert len(axes) == 4 * 3
    frames = [same_color(ax.spines["left"].get_edgecolor(), GREEN) for ax in axes[6:]]
    assert frames == [False, True, False, True, True, True]
    assert [ax.get_xlabel() for ax in axes[6:9]] == ["✗", "✓", "✗"]
    assert same_color(axes[6].spines["left"].get_edgecolor(), RED)


def test_what_is_not_shown_is_counted_all_the_same():
    fig = figures.partner_picks(pixels(), pixels(), {"after": [1, 4, 5]}, show=1)
    assert len(fig.axes) == 3 and "after: 2 of 3 partners found" in alt_text(fig)
    assert [ax.get_xlabel() for ax in fig.axes][-1] == "✓"  # what was found comes first


def test_what_is_shown_is_what_was_picked():
    a, b = pixels(), pixels().flip(3)
    fig = figures.partner_picks(a, b, {"after": [4, 0, 5]})
    shown = [torch.from_numpy(ax.images[0].get_array().data) for ax in fig.axes[6:]]
    for picture, pick in zip(shown, (4, 0, 5), strict=True):
        assert torch.equal(picture, torch.cat([a, b])[pick].permute(1, 2, 0))


@pytest.mark.parametrize("picks", [{"x": [0, 4, 5]}, {"x": [3, 4]}, {"x": [3, 4, 6]}, {"x": [-1, 4, 5]}, {}])
def test_picks_that_make_no_sense(picks):
    with pytest.raises(ValueError, match="picks"):
        figures.partner_picks(pixels(), pixels(), picks)


def test_views_in_unequal_numbers():
    with pytest.raises(ValueError, match="same number"):
        figures.partner_picks(pixels(3), pixels(2), {"x": [3, 4, 5]})
