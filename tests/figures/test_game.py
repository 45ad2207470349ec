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


def sample(n: int) -> list[int]:
    return torch.randperm(n, generator=torch.Generator().manual_seed(0)).tolist()


def test_right_picks_are_counted_and_framed():
    a, b = pixels(), pixels().flip(3)
    picks = {"before": torch.tensor([1, 4, 0, 4, 1, 0]), "after": [3, 4, 5, 0, 1, 3]}
    fig = figures.partner_picks(a, b, picks)
    assert "before: 2 of 6" in alt_text(fig) and "after: 5 of 6" in alt_text(fig)
    axes = fig.axes
    assert len(axes) == 4 * 3
    right = [int(picks["before"][i]) == i + 3 for i in sample(3)]
    frames = zip(axes[6:9], right, strict=True)
    assert all(same_color(ax.spines["left"].get_edgecolor(), GREEN if ok else RED) for ax, ok in frames)
    assert [ax.get_xlabel() for ax in axes[6:9]] == ["✓" if ok else "✗" for ok in right]


def test_a_random_sample_is_shown_the_same_every_time_and_all_are_counted():
    picks = [1, 4, 5, 0, 1, 3]
    fig = figures.partner_picks(pixels(), pixels(), {"after": picks}, show=2, seed=7)
    assert (
        len(fig.axes) == 3 * 2 and "2 of 6 views" in alt_text(fig) and "after: 4 of 6 partners found" in alt_text(fig)
    )
    again = figures.partner_picks(pixels(), pixels(), {"after": picks}, show=2, seed=7)
    same = zip(fig.axes, again.axes, strict=True)
    assert all((x.images[0].get_array() == y.images[0].get_array()).all() for x, y in same)


def test_what_is_shown_is_what_was_picked():
    a, b = pixels(), pixels().flip(3)
    picks = [4, 0, 5, 1, 2, 0]
    fig = figures.partner_picks(a, b, {"after": picks}, show=3)
    shown = [torch.from_numpy(ax.images[0].get_array().data) for ax in fig.axes]
    views = torch.cat([a, b]).permute(0, 2, 3, 1)
    for column, i in enumerate(sample(3)):
        for row, want in enumerate((i, i + 3, picks[i])):
            assert torch.equal(shown[3 * row + column], views[want])


@pytest.mark.parametrize(
    "picks", [{"x": [0, 4, 5, 0, 1, 2]}, {"x": [3, 4, 5]}, {"x": [3, 4, 6, 0, 1, 2]}, {"x": [-1, 4, 5, 0, 1, 2]}, {}]
)
def test_picks_that_make_no_sense(picks):
    with pytest.raises(ValueError, match="picks"):
        figures.partner_picks(pixels(), pixels(), picks)


def test_a_played_game_says_who_is_picked_and_colours_it():
    h = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 0.1], [-1.0, 0.0]])
    fig = figures.game_scores(
        pixels(4), {"before": h, "after": -h + 2 * h[[0, 1, 2, 0]]}, partner=3, titles=["?", "1", "2", "3"]
    )
    text = alt_text(fig)
    assert "before: picks 2, similarities 0.00, 1.00, -1.00" in text and "after: picks 3" in text
    bars = [ax.patches[0].get_facecolor() for ax in fig.axes if ax.patches]
    assert len(bars) == 6 and same_color(bars[1], RED) and same_color(bars[5], GREEN)


@pytest.mark.parametrize("partner, n", [(0, 4), (4, 4), (1, 3)])
def test_a_game_that_makes_no_sense(partner, n):
    with pytest.raises(ValueError, match="partner from 1 to 3"):
        figures.game_scores(pixels(4), {"x": torch.ones(n, 2)}, partner, ["?", "1", "2", "3"])


def test_views_in_unequal_numbers():
    with pytest.raises(ValueError, match="same number"):
        figures.partner_picks(pixels(3), pixels(2), {"x": [3, 4, 5, 0, 1, 2]})
