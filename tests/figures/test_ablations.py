"""Bars of recorded ablations: the means of the seeds, in %, with their intervals and levels."""

from coursekit import figures
from coursekit.figures.style import alt_text
from coursekit.recipes.recorded import Recorded


def test_bars_are_the_means_of_the_group_that_was_asked_for():
    rows = [
        {"group": "head", "variant": name, "knn": value}
        for name, value in (("none", 0.2), ("none", 0.3), ("two", 0.5), ("two", 0.5))
    ]
    rows.append({"group": "other", "variant": "none", "knn": 0.9})
    fig = figures.ablation(Recorded("about", {}, {}, rows, {"raw pixels": 0.25}), "head")
    assert [text.get_text() for text in fig.axes[0].texts][:2] == ["25.0", "50.0"]
    assert fig.axes[0].get_title() == "head" and "raw pixels" in alt_text(fig)


def test_two_columns_stand_side_by_side():
    rows = [
        {"group": "head", "variant": name, "knn": value, "after": value / 2}
        for name, value in (("none", 0.2), ("none", 0.3), ("two", 0.5), ("two", 0.5))
    ]
    fig = figures.ablation_by(Recorded("about", {}, {}, rows), "head", {"h": "knn", "z": "after"})
    assert sorted(text.get_text() for text in fig.axes[0].texts) == ["12.5", "25.0", "25.0", "50.0"]
    assert [text.get_text() for text in fig.axes[0].get_legend().get_texts()] == ["h", "z"]


def test_a_single_seed_has_no_interval_and_says_so():
    rows = [{"group": "head", "variant": name, "knn": value} for name, value in (("none", 0.2), ("two", 0.5))]
    fig = figures.ablation(Recorded("about", {}, {}, rows), "head")
    assert "(one seed)" in fig.axes[0].get_xlabel() and "to" not in alt_text(fig).split(":")[1]
    assert [text.get_text() for text in fig.axes[0].texts] == ["20.0", "50.0"]
